"""How it stands with Slack, for `mayday doctor`: as the command center says while it runs, else by the tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.finding import Circumstances, Finding, State
from bot.readiness import SOON
from models.errors import MaydayError
from storage.client import StoreClient


def check_slack(at: Circumstances) -> Iterator[Finding]:
    """A command center that runs is connected; else there are tokens, of the right kinds."""
    if not at.config.slack.enabled:
        yield Finding(
            "slack",
            State.LOOK,
            "Slack is switched off (slack.enabled)",
            "Cards are posted nowhere while it is",
        )
        return
    try:
        said = StoreClient(at.layout.socket).status(within=SOON)
    except MaydayError:  # none runs, or it is too busy: the check of processes tells
        said = {}
    if "slack" in said:
        yield _connection(said)
        return
    finding = _tokens(at)
    if said and finding.state is State.GOOD:
        yield Finding(
            "slack",
            State.WRONG,
            "there are tokens, and the command center was started without them",
            "Start it again: it reads them at its start",
        )
        return
    yield finding


def _connection(said: Mapping[str, Any]) -> Finding:
    behind = said.get("cards_behind") or 0
    waiting = f"; {behind:,} {'card waits' if behind == 1 else 'cards wait'} until it is" if behind else ""
    if trouble := said.get("slack_trouble"):
        return Finding(
            "slack",
            State.WRONG,
            f"the command center is not connected as it should be: {trouble}{waiting}",
            "`mayday slack check` asks Slack step by step; cards are posted by themselves once Slack answers",
        )
    if said["slack"] == "connecting":
        return Finding(
            "slack",
            State.LOOK,
            f"the command center is connecting{waiting}",
            "Ask again in a few seconds; `mayday slack check` asks Slack step by step",
        )
    return Finding("slack", State.GOOD, f"the command center is {said['slack']}")


def _tokens(at: Circumstances) -> Finding:
    from bot.slack.tokens import read_tokens

    try:
        tokens = read_tokens(at.layout.tokens, at.environment)
    except MaydayError as error:
        return Finding("slack", State.LOOK, error.detail, "Run `mayday slack setup`")
    if not tokens.bot.get_secret_value().startswith("xoxb-"):
        return Finding(
            "slack",
            State.WRONG,
            "the bot token is of another kind",
            "A bot token begins with xoxb-: run `mayday slack setup`",
        )
    if at.config.slack.transport == "socket" and not (
        tokens.app and tokens.app.get_secret_value().startswith("xapp-")
    ):
        return Finding(
            "slack",
            State.WRONG,
            "Socket Mode needs an app-level token",
            "It begins with xapp-: run `mayday slack setup`",
        )
    return Finding(
        "slack", State.GOOD, "the tokens are of the right kinds; `mayday slack check` asks Slack itself"
    )
