"""Keeps one live card per incident equal to the incident: posted once, then updated in place.

Each card has an id of its own that travels in Slack's message metadata. Before a post its row says `posting`; when the outcome
is unknown (no answer, or a crash in between) the channel's history is read before anything is posted again. A card's first
update goes out at once, later ones in one channel at least `update_interval` seconds apart, always with the newest state.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from slack_sdk import WebClient

from bot.slack.api import EVENT_TYPE, call, find_card, find_channel
from bot.slack.blocks import context, escape
from bot.slack.buttons import Button, seal
from bot.slack.cards import CardFacts, incident_card, summary
from bot.slack.errors import ChannelNotFound, NotInChannel, OutcomeUnknown, RateLimited, SlackFailure
from bot.slack.settings import SlackSettings
from command_center.access.operators import Directory
from command_center.center import CommandCenter
from models.clock import Clock
from models.sanitizer import SafeText, phrase
from storage.database import Database
from storage.records import ChangeMarker
from storage.transaction import Transaction

LOG = logging.getLogger(__name__)


class Card(NamedTuple):
    """One row of `slack_message` whose incident has moved on."""

    outbox_id: str
    incident: str
    channel: str
    ts: str | None
    state: str
    attempts: int


class Outbox:
    """One thread that posts and updates; `wake` tells it that an incident has changed."""

    def __init__(
        self,
        database: Database,
        center: CommandCenter,
        directory: Directory,
        client: WebClient,
        settings: SlackSettings,
        secret: bytes,
        clock: Clock,
        rng: random.Random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._center, self._client = database, center, client
        self._settings, self._secret, self._clock, self._rng, self._monotonic = (
            settings,
            secret,
            clock,
            rng,
            monotonic,
        )
        self._people = {operator.id: operator.name for operator in directory.operators}
        self._channel: str | None = None
        self._last: dict[str, float] = {}
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="slack-outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        wait = 0.0
        while not self._stopping.is_set():
            self._wake.wait(wait)
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                wait = self.step()
            except SlackFailure as error:
                LOG.warning("Slack is out of reach for cards: %s", error)
                wait = self._settings.retry_first

    def step(self) -> float:
        """Show what has changed; returns the seconds after which to look again."""
        if self._channel is None:
            self._channel = self._find_channel()
        self._want(self._channel)
        now, wait = self._clock(), 1.0
        for card in self._due(now):
            pause = self._settings.update_interval - (
                self._monotonic() - self._last.get(card.channel, float("-inf"))
            )
            if card.ts is not None and pause > 0:
                wait = min(wait, pause)
                continue
            self._show(card, now)
        return wait

    def _find_channel(self) -> str:
        found = find_channel(self._client, self._settings.channel)
        if found is None:
            raise ChannelNotFound("conversations.list", "channel_not_found")
        return found

    def _want(self, channel: str) -> None:
        """Make a row for every incident without one, and note the version that each should show."""
        behind = self._database.read(
            lambda reader: reader.execute(
                """SELECT i.id, i.version FROM incident i LEFT JOIN slack_message m ON m.incident_id = i.id
                   WHERE m.outbox_id IS NULL OR m.wanted_version < i.version"""
            )
        )
        if not behind:
            return

        def work(tx: Transaction) -> None:
            for incident, version in behind:
                tx.execute(
                    """INSERT INTO slack_message(outbox_id, incident_id, channel, wanted_version, state) VALUES (?, ?, ?, ?, 'new')
                       ON CONFLICT (outbox_id) DO UPDATE SET wanted_version = greatest(wanted_version, excluded.wanted_version)""",
                    [f"card-{incident}", incident, channel, version],
                )

        self._database.write(work)

    def _due(self, now: datetime) -> list[Card]:
        rows = self._database.read(
            lambda reader: reader.execute(
                """SELECT outbox_id, incident_id, channel, ts, state, attempts FROM slack_message
                   WHERE (shown_version IS NULL OR shown_version < wanted_version) AND (next_try_at IS NULL OR next_try_at <= ?)
                   ORDER BY ts IS NOT NULL, outbox_id""",
                [now],
            )
        )
        return [Card(*row) for row in rows]

    def _show(self, card: Card, now: datetime) -> None:
        incident = self._center.incident(card.incident)
        if incident is None:
            return
        expires = int(now.timestamp()) + self._settings.button_days * 86_400
        told = self._center.timeline(incident.id)
        shown = told[-self._settings.timeline_lines :] if self._settings.timeline_lines else ()
        facts = CardFacts(
            incident,
            timeline=tuple(shown),
            earlier=len(told) - len(shown),
            suspect=self._suspect(incident.suspect_change),
            names=self._people,
        )
        blocks = incident_card(
            facts, lambda verb, drawn: seal(self._secret, Button(verb, drawn.id, drawn.version, expires))
        )
        blocks += (
            [context([f"⏰ {escape(hint, 280)}" for hint in hints])]
            if (hints := self._center.hints(incident.id)[:8])
            else []
        )
        text = summary(incident)
        try:
            if card.ts is None and card.state in ("posting", "unknown"):
                found = find_card(self._client, card.channel, card.outbox_id)
                if found is not None:
                    card = card._replace(ts=found)
            if card.ts is None:
                self._mark(card, "posting")
                metadata = {"event_type": EVENT_TYPE, "event_payload": {"outbox_id": card.outbox_id}}
                ts = str(
                    call(
                        self._client,
                        "chat.postMessage",
                        channel=card.channel,
                        text=text,
                        blocks=blocks,
                        metadata=metadata,
                    )["ts"]
                )
            else:
                ts = card.ts
                call(self._client, "chat.update", channel=card.channel, ts=ts, text=text, blocks=blocks)
                self._last[card.channel] = self._monotonic()
        except RateLimited as error:
            self._later(card, "new" if card.ts is None else "shown", error.retry_after)
        except OutcomeUnknown:
            self._later(card, "unknown" if card.ts is None else "shown", self._settings.unknown_grace)
        except NotInChannel as error:
            LOG.warning("the bot is not in its channel: %s", error)
            self._later(card, "new", self._settings.retry_most)
        except SlackFailure as error:
            LOG.warning("a card could not be shown: %s", error)
            self._later(card, card.state if card.ts is None else "shown", self._backoff(card.attempts))
        else:
            self._shown(card, ts, incident.version)

    def _suspect(self, change: str | None) -> SafeText | None:
        """Return what was changed just before, in words."""
        if change is None:
            return None
        marker = self._database.read(lambda reader: reader.get(ChangeMarker, change))
        return phrase("{} of {}", marker.version, marker.service) if marker else None

    def _backoff(self, attempts: int) -> float:
        longest: float = min(self._settings.retry_most, self._settings.retry_first * 2 ** min(attempts, 10))
        return longest * (0.5 + self._rng.random() / 2)

    def _mark(self, card: Card, state: str) -> None:
        self._database.write(
            lambda tx: tx.execute(
                "UPDATE slack_message SET state = ?, attempts = attempts + 1 WHERE outbox_id = ?",
                [state, card.outbox_id],
            )
        )

    def _later(self, card: Card, state: str, seconds: float) -> None:
        self._database.write(
            lambda tx: tx.execute(
                "UPDATE slack_message SET state = ?, ts = ?, attempts = attempts + 1, next_try_at = ? WHERE outbox_id = ?",
                [state, card.ts, tx.now + timedelta(seconds=seconds), card.outbox_id],
            )
        )

    def _shown(self, card: Card, ts: str, version: int) -> None:
        self._database.write(
            lambda tx: tx.execute(
                """UPDATE slack_message SET state = 'shown', ts = ?, shown_version = ?, attempts = 0, next_try_at = NULL,
                   posted_at = coalesce(posted_at, ?), updated_at = ? WHERE outbox_id = ?""",
                [ts, version, tx.now, tx.now, card.outbox_id],
            )
        )
