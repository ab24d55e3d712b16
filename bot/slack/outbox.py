"""Keeps one live card per incident equal to the incident: posted once, then updated in place.

Each card has an id of its own that travels in Slack's message metadata. A row says `posting` before the post is sent.
When its outcome is unknown (no answer, or a crash in between) the channel's history is read, after a short wait for
whatever is still under way, before anything is posted again. In one channel there is at least `update_interval`
between two posts and between two updates; the first of either goes out at once, and always with the newest state, so
whatever happens in between is folded into one. Failures are retried with growing, jittered waits; Slack's own
`Retry-After` is kept to.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from slack_sdk import WebClient

from bot.slack.api import EVENT_TYPE, call, find_card, find_channel
from bot.slack.buttons import Button, seal
from bot.slack.cards import incident_card, summary
from bot.slack.errors import (
    ChannelNotFound,
    MessageNotFound,
    OutcomeUnknown,
    RateLimited,
    SlackAway,
    SlackFailure,
)
from bot.slack.gather import card_facts
from bot.slack.ledger import Card, Ledger
from bot.slack.settings import SlackSettings
from command_center.access.operators import Directory
from command_center.center import CommandCenter
from models.clock import Clock
from models.errors import MaydayError
from models.sanitizer.guard import guarded
from storage.database import Database
from storage.records import Incident

LOG = logging.getLogger(__name__)
IDLE = 30.0  # seconds after which the outbox looks by itself, should a wake-up ever be missed
SKEW = timedelta(minutes=10)  # by which this machine's clock and Slack's may differ


class Outbox:
    """One thread that posts and updates; `wake` tells it that an incident has changed, and never blocks."""

    def __init__(
        self,
        database: Database,
        center: CommandCenter,
        directory: Directory,
        client: WebClient,
        settings: SlackSettings,
        key: bytes,
        clock: Clock,
        rng: random.Random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = Ledger(database, rng)
        self._center, self._client, self._settings = center, client, settings
        self._key, self._clock, self._rng, self._monotonic = key, clock, rng, monotonic
        self._names = {operator.id: operator.name for operator in directory.operators}
        self._channel: str | None = None
        self._failures = 0
        self._last: dict[tuple[str, str], float] = {}  # (channel, method) -> when it was last called
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="slack-outbox", daemon=True)
        self.trouble = ""

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        """Finish the call at hand; what is not shown yet is shown after the next start."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    @property
    def behind(self) -> int:
        """How many cards do not show the newest version of their incident."""
        return self._ledger.behind()

    def _run(self) -> None:
        wait, begun = 0.0, False
        while True:
            self._wake.wait(wait)
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                with guarded("keeping cards up to date"):
                    if not begun:
                        self._ledger.doubt_posting(self._settings.unknown_grace)
                        begun = True
                    wait = self.step()
            except MaydayError as error:
                LOG.warning("cards cannot be brought up to date: %s", error)
                self.trouble = str(error)
                limited = error.retry_after if isinstance(error, RateLimited) else 0.0
                wait = max(limited, self._backoff(self._failures))
                self._failures += 1
            else:
                self._failures = 0

    def step(self) -> float:
        """Show what has changed and may be shown now; returns the seconds after which to look again."""
        if self._channel is None:
            self._channel, self.trouble = self._find_channel(), ""
        self._ledger.want(self._channel, self._clock())
        cards, wait = self._ledger.due(self._clock())
        wait = min(wait, IDLE)
        for card in cards:
            pause = self._pause(card)
            if pause > 0:
                wait = min(wait, pause)
            elif self._stopping.is_set():
                return 0.0
            else:
                wait = min(wait, self._show(card))
        return wait

    def _find_channel(self) -> str:
        found = find_channel(self._client, self._settings.channel)
        if found is None:
            raise ChannelNotFound("conversations.list", "channel_not_found")
        return str(found["id"])

    def _pause(self, card: Card) -> float:
        since = self._monotonic() - self._last.get((card.channel, card.method), float("-inf"))
        return self._settings.update_interval - since

    def _show(self, card: Card) -> float:
        """Post or update one card; returns after how many seconds to look at it again."""
        incident = self._center.incident(card.incident)
        if incident is None:
            return IDLE
        try:
            if card.state == "unknown":
                ts = find_card(self._client, card.channel, card.outbox_id, self._oldest(card))
                card = self._ledger.looked(card, ts)
                if ts is not None and self._pause(card) > 0:
                    return self._pause(card)
            if card.ts is None:
                self._ledger.posting(card)
            self._last[card.channel, card.method] = self._monotonic()
            ts = self._send(card, incident)
        except MessageNotFound as error:
            LOG.warning("the card of %s was deleted in Slack and is posted anew: %s", incident.id, error)
            self._ledger.replace(card)
            return 0.0
        except SlackFailure as error:
            return self._failed(card, error)
        self._ledger.shown(card, ts, incident.version)
        self.trouble = ""
        return IDLE if card.ts is not None else 0.0

    def _send(self, card: Card, incident: Incident) -> str:
        """Make the call; returns the message's `ts`."""
        facts = card_facts(self._center, incident, self._names, self._settings.timeline_lines)
        expires = int(self._clock().timestamp()) + self._settings.button_days * 86_400

        def sign(verb: str, drawn: Incident) -> str:
            return seal(self._key, Button(verb, drawn.id, drawn.version, expires))

        answer = call(
            self._client,
            card.method,
            channel=card.channel,
            text=summary(incident),
            blocks=incident_card(facts, sign),
            metadata={"event_type": EVENT_TYPE, "event_payload": {"outbox_id": card.outbox_id}},
            **({} if card.ts is None else {"ts": card.ts}),
        )
        return str(answer["ts"]) if card.ts is None else card.ts

    def _failed(self, card: Card, error: SlackFailure) -> float:
        """Note when to try again, and in what state the card is until then."""
        match error:
            case RateLimited():
                wait = error.retry_after + self._rng.random() * 0.2
                self._last[card.channel, card.method] = (
                    self._monotonic() + wait - self._settings.update_interval
                )
            case OutcomeUnknown() if card.ts is None:
                wait = self._settings.unknown_grace if error.in_flight else 0.0
            case SlackAway() | OutcomeUnknown():
                wait = self._backoff(card.attempts)
            case _:  # refused: somebody has to mend something first
                wait = max(self._backoff(card.attempts), self._settings.retry_first)
        if not isinstance(error, RateLimited):
            LOG.warning("the card of %s could not be shown: %s", card.incident, error)
            self.trouble = str(error)
        doubtful = card.state == "unknown" or isinstance(error, OutcomeUnknown)
        self._ledger.later(card, "unknown" if card.ts is None and doubtful else card.settled, wait)
        return wait

    def _oldest(self, card: Card) -> float:
        begun = card.posting_at or self._clock()
        return (begun - SKEW).timestamp()

    def _backoff(self, attempts: int) -> float:
        longest: float = min(self._settings.retry_most, self._settings.retry_first * 2.0 ** min(attempts, 10))
        return longest * (0.5 + self._rng.random() / 2)
