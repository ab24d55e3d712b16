"""The one way in for every interaction: who is it, what do they want, a durable row; only then is Slack answered.

A listener calls one of these methods and acknowledges with what it returns. Nothing here talks to Slack. What a person typed
is parsed first and passes the gate; the row holds the resulting action and never the payload. A delivery that comes again
finds its row and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from bot.commands import Context, DeclareForm, GrammarError, Help, Parsed
from bot.grammar import COMMANDS, help_text, parse
from bot.slack.buttons import unseal
from bot.slack.errors import BadInteraction, ButtonRefused
from bot.slack.settings import SlackSettings
from command_center.access.operators import Directory, Operator
from command_center.actions import ACTION, Acknowledge, Close, Declare, Resolve, SetStatus
from command_center.center import CommandCenter
from models.clock import Clock
from models.sanitizer.gate import Gate
from storage.database import Database
from storage.records import IncidentStatus, Severity
from storage.transaction import Transaction

Body = dict[str, Any]
UNKNOWN = "Mayday does not know you, so it did nothing. Ask somebody to add your Slack id under [[operators]] in mayday.toml."
WORKING = "Working on it."


class Gateway:
    """See the module's first lines. `wake` is called after a new row stands in the inbox."""

    def __init__(
        self,
        database: Database,
        center: CommandCenter,
        gate: Gate,
        directory: Directory,
        settings: SlackSettings,
        secret: bytes,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._database, self._center, self._gate, self._directory = database, center, gate, directory
        self._settings, self._secret, self._clock, self._wake = settings, secret, clock, wake

    def command(self, body: Body) -> str:
        """Take a slash command; returns the words that its acknowledgement shows to that person alone."""
        operator = self._who(body.get("user_id"), "command")
        if operator is None:
            return UNKNOWN
        name = str(body.get("command", "")).removeprefix("/").removeprefix(self._settings.command_prefix)
        table = next((each for each in COMMANDS if each.name == name), None)
        if table is None:
            return help_text(f"/{self._settings.command_prefix}incident")
        called = f"/{self._settings.command_prefix}{table.name}"
        context = Context(gate=self._gate, here=self._open, forms=True, called=called)
        try:
            parsed = parse(str(body.get("text", "")), context, command=table)
        except GrammarError as error:
            return str(error)
        if isinstance(parsed, Help):
            return help_text(called, table, parsed.verb)
        place = {"channel": str(body.get("channel_id", "")), "user": str(body.get("user_id", ""))}
        if isinstance(parsed, DeclareForm):
            severity = (parsed.severity or Severity.SEV3).value
            self._put(
                body,
                "form",
                operator,
                {"severity": severity, "trigger_id": str(body.get("trigger_id", ""))},
                place,
            )
            return ""
        self._put(body, "action", operator, _plain(parsed), place)
        return WORKING

    def click(self, body: Body) -> None:
        """Take a click on a card, or a choice in its menu."""
        user = body.get("user", {}).get("id")
        place = {"channel": str(body.get("channel", {}).get("id", "")), "user": str(user or "")}
        operator = self._who(user, "click")
        if operator is None:
            self._put(body, "words", None, {"text": UNKNOWN}, place)
            return
        try:
            parsed = self._clicked(body)
        except (ButtonRefused, BadInteraction) as error:
            self._center.refuse("slack", error.code, operator.id)
            self._put(body, "words", operator, {"text": str(error)}, place)
            return
        self._put(body, "action", operator, _plain(parsed), place)

    def submission(self, body: Body) -> dict[str, str]:
        """Take a form; returns what is wrong by field, or nothing when it was taken."""
        user = body.get("user", {}).get("id")
        operator = self._who(user, "submission")
        if operator is None:
            return {"title": UNKNOWN}
        values = body.get("view", {}).get("state", {}).get("values", {})
        title = _typed(values, "title")
        if not title.strip():
            return {"title": "Say in a few words what is wrong."}
        service, summary = _typed(values, "service"), _typed(values, "summary")
        chosen = (values.get("severity", {}).get("value", {}).get("selected_option") or {}).get("value", "3")
        if chosen not in ("1", "2", "3", "4"):
            return {"severity": "Choose one of the four."}
        action = Declare(
            title=self._gate.text(title, 150),
            severity=Severity(int(chosen)),
            service=self._gate.name(service.strip()) if service.strip() else None,
            summary=self._gate.text(summary) if summary.strip() else None,
        )
        self._put(body, "action", operator, _plain(action), {"channel": "", "user": str(user)})
        return {}

    def _clicked(self, body: Body) -> Parsed:
        clicked = (body.get("actions") or [{}])[0]
        value = clicked.get("value") or (clicked.get("selected_option") or {}).get("value")
        button = unseal(self._secret, str(value or ""), self._clock().timestamp())
        verb, _, choice = button.verb.partition(".")
        if verb == "ack":
            return Acknowledge(incident=button.incident)
        if verb == "resolve":
            return Resolve(incident=button.incident)
        if verb == "close":
            return Close(incident=button.incident)
        if verb == "status" and choice in {status.value for status in IncidentStatus}:
            return SetStatus(incident=button.incident, status=IncidentStatus(choice))
        raise BadInteraction(
            "that button does nothing that Mayday knows", hint="Use the buttons of the newest card"
        )

    def _who(self, user: object, what: str) -> Operator | None:
        operator = self._directory.by_slack(user) if isinstance(user, str) else None
        if operator is None:
            self._center.refuse(f"slack-{what}", "unknown_person", "unknown")
        return operator

    def _open(self) -> list[str]:
        rows = self._database.read(
            lambda reader: reader.execute(
                "SELECT id FROM incident WHERE status NOT IN ('resolved', 'closed') ORDER BY detected_at DESC"
            )
        )
        return [str(row[0]) for row in rows]

    def _put(
        self, body: Body, kind: str, operator: Operator | None, action: Body, place: dict[str, str]
    ) -> None:
        key = delivery_id(body)
        content = json.dumps({"action": action, **place})

        def work(tx: Transaction) -> bool:
            fresh = tx.execute(
                """INSERT INTO inbox(id, received_at, source, kind, operator, action, state)
                   VALUES (?, ?, 'slack', ?, ?, ?, 'new') ON CONFLICT DO NOTHING RETURNING id""",
                [key, tx.now, kind, operator.id if operator else None, content],
            )
            return bool(fresh)

        if self._database.write(work):
            self._wake()


def delivery_id(body: Body) -> str:
    """Return the identity of a delivery: equal when Slack delivers the same interaction again."""
    trigger = body.get("event_id") or body.get("trigger_id")
    known = str(trigger) if trigger else json.dumps(body, sort_keys=True)
    return hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(action: Any) -> Body:
    plain: Body = ACTION.dump_python(action, mode="json")
    return plain


def _typed(values: Body, block: str) -> str:
    return str(values.get(block, {}).get("value", {}).get("value") or "")
