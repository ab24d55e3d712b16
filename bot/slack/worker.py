"""Carries out what stands in the inbox, in the order in which it came, and answers the person who asked.

The row is claimed, the action is authorised again and carried out by the command center under the delivery's id, so a row
that a crash left half done is carried out once. Answers go out on a few threads of their own, because Slack may be slow.
"""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from slack_sdk import WebClient

from bot.slack.api import call
from bot.slack.blocks import Block, escape
from bot.slack.cards import CardFacts, list_card, show_card
from bot.slack.errors import SlackFailure
from bot.slack.modals import declare_form
from bot.slack.settings import SlackSettings
from command_center.access.operators import Directory
from command_center.actions import ACTION, ListIncidents, ShowIncident
from command_center.center import CommandCenter
from models.errors import MaydayError
from models.sanitizer.gate import Gate
from storage.database import Database
from storage.records import Severity
from storage.transaction import Transaction

LOG = logging.getLogger(__name__)


class Asked(NamedTuple):
    """One claimed row."""

    id: str
    kind: str
    operator: str | None
    content: dict[str, Any]


class Worker:
    """One thread that acts, and `answerers` threads that reply."""

    def __init__(
        self,
        database: Database,
        center: CommandCenter,
        gate: Gate,
        directory: Directory,
        client: WebClient,
        settings: SlackSettings,
    ) -> None:
        self._database, self._center, self._gate, self._directory, self._client = (
            database,
            center,
            gate,
            directory,
            client,
        )
        self._answerers = ThreadPoolExecutor(settings.workers, thread_name_prefix="slack-answer")
        self._called = f"/{settings.command_prefix}incident"
        self._people = {operator.id: operator.name for operator in directory.operators}
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="slack-inbox", daemon=True)

    def start(self) -> None:
        """Take up again what a crash left behind, then wait for more."""
        self._database.write(lambda tx: tx.execute("UPDATE inbox SET state = 'new' WHERE state = 'started'"))
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        """Finish the row at hand and the answers under way."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()
        self._answerers.shutdown()

    def _run(self) -> None:
        while not self._stopping.is_set():
            asked = self._claim()
            if asked is None:
                self._wake.wait(1.0)
                self._wake.clear()
                continue
            try:
                outcome = self._do(asked)
            except MaydayError as error:
                outcome = error.code
                self._say(asked, str(error))
            self._finish(asked.id, outcome)

    def _claim(self) -> Asked | None:
        def work(tx: Transaction) -> Asked | None:
            rows = tx.execute(
                """UPDATE inbox SET state = 'started', attempts = attempts + 1, started_at = ?
                   WHERE id = (SELECT id FROM inbox WHERE state = 'new' ORDER BY received_at, id LIMIT 1)
                   RETURNING id, kind, operator, action""",
                [tx.now],
            )
            return Asked(rows[0][0], rows[0][1], rows[0][2], json.loads(rows[0][3])) if rows else None

        waiting = self._database.read(
            lambda reader: reader.execute("SELECT 1 FROM inbox WHERE state = 'new' LIMIT 1")
        )
        return self._database.write(work) if waiting else None

    def _do(self, asked: Asked) -> str:
        action = asked.content["action"]
        if asked.kind == "words":
            self._say(asked, action["text"])
            return "told"
        if asked.kind == "form":
            self._answerers.submit(self._open_form, asked)
            return "form"
        parsed = ACTION.validate_python(action, context={"admit": self._gate.text})
        operator = self._directory.by_id(asked.operator or "")
        outcome = self._center.perform(parsed, operator, cause=f"slack:{asked.id}")
        if isinstance(parsed, ListIncidents) and outcome.ok:
            self._say(asked, outcome.message, list_card(outcome.incidents, parsed.which, self._called))
        elif isinstance(parsed, ShowIncident) and outcome.ok and outcome.incident is not None:
            facts = CardFacts(outcome.incident, timeline=tuple(outcome.timeline[-20:]), names=self._people)
            self._say(asked, outcome.message, show_card(facts, self._called))
        else:
            self._say(asked, outcome.message)
        return "done" if outcome.ok else ",".join(outcome.reasons) or "refused"

    def _say(self, asked: Asked, text: str, blocks: list[Block] | None = None) -> None:
        self._answerers.submit(self._answer, asked, escape(text), blocks)

    def _answer(self, asked: Asked, text: str, blocks: list[Block] | None) -> None:
        channel, user = asked.content["channel"], asked.content["user"]
        more = {"blocks": blocks} if blocks else {}
        try:
            if channel:
                call(self._client, "chat.postEphemeral", channel=channel, user=user, text=text, **more)
            else:
                direct = call(self._client, "conversations.open", users=user)["channel"]["id"]
                call(self._client, "chat.postMessage", channel=direct, text=text, **more)
        except SlackFailure as error:  # the action stands whether or not its answer could be shown
            LOG.warning("an answer could not be shown: %s", error)

    def _open_form(self, asked: Asked) -> None:
        action = asked.content["action"]
        try:
            call(
                self._client,
                "views.open",
                trigger_id=action["trigger_id"],
                view=declare_form(Severity(action["severity"])),
            )
        except SlackFailure as error:
            self._answer(asked, escape(f"The form could not be opened: {error}"), None)

    def _finish(self, row: str, outcome: str) -> None:
        self._database.write(
            lambda tx: tx.execute(
                "UPDATE inbox SET state = 'done', outcome = ?, finished_at = ? WHERE id = ?",
                [outcome, tx.now, row],
            )
        )
