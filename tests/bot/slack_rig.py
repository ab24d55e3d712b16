"""What the tests of the Slack side share: operators, a command center on a real store, and bots for a workspace."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from bot.slack.cards import ACK
from bot.slack.run import SlackBot
from bot.slack.settings import SlackSettings
from bot.slack.tokens import Tokens
from bot.workspace.fixture import RunningWorkspace
from command_center.access.operators import Directory, Operator, Role
from command_center.actions import Action, Declare
from command_center.center import CommandCenter
from command_center.settings import CenterSettings
from models.clock import system_clock
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.database import Database
from storage.layout import Layout
from storage.records import Incident, Severity
from storage.seal import KeyRing

OPERATORS = (
    Operator(id="oncall", name="On-call engineer", slack="U0ONCALL", roles=(Role.ENGINEER,)),
    Operator(id="lead", name="Technical lead", slack="U0LEAD", roles=(Role.TECHNICAL_LEAD,)),
    Operator(id="cto", name="CTO", slack="U0CTO", roles=(Role.VIEWER,)),
)
ONCALL, LEAD, VIEWER = OPERATORS
GATE = Gate(Vocabulary.base(), names=["billing", "api-gateway"])
KEY = b"k" * 32
CHANNEL = "#incidents"
Json = dict[str, Any]


def settings_for(workspace: RunningWorkspace, **changes: Any) -> SlackSettings:
    """Settings for tests: the workspace's address, and no patience."""
    given = {
        "base_url": workspace.api_url,
        "update_interval": 0.05,
        "unknown_grace": 0.05,
        "retry_first": 0.05,
        "retry_most": 0.2,
    }
    return SlackSettings.model_validate(given | changes)


def tokens_for(workspace: RunningWorkspace) -> Tokens:
    keys = workspace.keys
    return Tokens.model_validate(
        {"bot": keys.bot_token, "app": keys.app_token, "signing": keys.signing_secret}
    )


class Rig:
    """A command center on a real store below `root`, and at most one running bot."""

    def __init__(self, root: Path, workspace: RunningWorkspace) -> None:
        self.workspace, self.see = workspace, workspace.client
        self.layout = Layout(root).prepare()
        self.ring = KeyRing.load(self.layout, create=True, environ={})
        self.db = Database.open(self.layout, self.ring, system_clock)
        self.directory = Directory(OPERATORS)
        self.center = CommandCenter(self.db, GATE, self.directory, CenterSettings(), system_clock)
        self.bot: SlackBot | None = None

    def make_bot(self, **changes: Any) -> SlackBot:
        settings = settings_for(self.workspace, **changes)
        return SlackBot(
            self.center,
            self.db,
            GATE,
            self.directory,
            settings,
            tokens_for(self.workspace),
            KEY,
            system_clock,
            Random(3),
        )

    def start(self, **changes: Any) -> SlackBot:
        """Start a bot and wait until Slack can reach it."""
        self.bot = self.make_bot(**changes)
        self.bot.start()
        if self.bot.url:
            self.see.use_http(self.bot.url)
        else:
            self.see.wait_for_connections(1)
        return self.bot

    def stop(self) -> None:
        """Stop the bot; the workspace hangs up first, which ends the client's wait for the next frame."""
        if self.bot is not None:
            bot, self.bot = self.bot, None
            bot.stop()

    def close(self) -> None:
        self.stop()
        self.db.close()

    # what happened

    def do(self, action: Action, who: Operator = ONCALL) -> Incident:
        outcome = self.center.perform(action, who, cause="test")
        assert outcome.ok, outcome.message
        assert outcome.incident is not None
        return outcome.incident

    def declare(self, title: str = "checkout answers slowly") -> Incident:
        return self.do(Declare(title=GATE.text(title), severity=Severity.SEV2, service=GATE.name("billing")))

    def card(self, incident: str, wanted: Callable[[Json], bool] = lambda _: True) -> Json:
        """The incident's card as soon as it is there and `wanted` holds for it."""
        return self.see.wait_for(CHANNEL, lambda message: is_card(message, incident) and wanted(message))

    def cards(self) -> list[Json]:
        """All cards in the channel."""
        return [message for message in self.see.messages(CHANNEL) if is_card(message)]

    def answer(self, user: str, words: str) -> Json:
        """The ephemeral message with `words` that `user` gets."""
        return self.see.wait_for(
            CHANNEL,
            lambda m: bool(m.get("is_ephemeral")) and words in json.dumps(m, ensure_ascii=False),
            user=user,
        )

    def refused(self) -> list[str]:
        """The reasons of all refusals in the audit trail."""
        return [reason for _, reason in self.refusals()]

    def refusals(self) -> list[tuple[str, str]]:
        """Who was refused and why, from the audit trail."""
        rows = self.db.read(lambda reader: reader.execute("SELECT payload FROM audit_log ORDER BY seq"))
        entries = [json.loads(row[0]) for row in rows]
        return [(e["actor"], e["data"]["reason"]) for e in entries if e["action"] == "refused"]

    def wait_until(self, holds: Callable[[], bool], seconds: float = 10) -> None:
        """Wait for something in the database; it is looked for after each change and every 20 ms."""
        changed = threading.Event()
        for _ in range(int(seconds / 0.02)):
            if holds():
                return
            changed.wait(0.02)
        raise AssertionError("what was waited for did not happen")


def is_card(message: Json, incident: str = "INC-") -> bool:
    blocks = message.get("blocks") or [{}]
    header = blocks[0].get("text", {}).get("text", "") if blocks[0].get("type") == "header" else ""
    return incident in header.split(" ") if incident != "INC-" else "INC-" in header


def words(message: Json) -> str:
    """Everything a message says."""
    return json.dumps(message, ensure_ascii=False)


def has_button(message: Json, action: str = ACK) -> bool:
    return f'"{action}"' in words(message)
