"""What `mayday slack setup` and `mayday slack check` look at, one after the other, as findings.

Each finding is one sentence, and where something is wrong one more that says what to do. Nothing here asks a person;
the only changes made in Slack are making or joining the channel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from slack_sdk import WebClient

from bot.slack.api import answer, call, find_channel, web_client
from bot.slack.errors import (
    BadToken,
    ChannelArchived,
    ChannelNotFound,
    MissingScope,
    NameTaken,
    SlackFailure,
    SlackRefused,
    UserNotFound,
    WrongTokenKind,
)
from bot.slack.manifest import APP_SCOPES, SCOPES
from bot.slack.places import SLACK, Places, places
from bot.slack.settings import SlackSettings
from bot.slack.tokens import Tokens
from command_center.access.operators import Operator

_KINDS = {
    "xoxb-": "a bot token",
    "xapp-": "an app-level token",
    "xoxp-": "a person's token",
    "xoxe.": "a configuration token",
    "xoxe-": "a refresh token",
    "xoxa-": "a workspace token",
    "xoxs-": "a browser's session token",
}


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is well, and if not what to do; `ends` when no look further makes sense."""

    good: bool
    sentence: str
    remedy: str = ""
    ends: bool = False


@dataclass
class Report:
    """The findings so far; `good` while nothing is wrong."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return all(finding.good for finding in self.findings)


def token_kind(token: str) -> str:
    """Return what kind of token this is, in words.

    >>> token_kind("xoxp-123")
    "a person's token"
    >>> token_kind("hello")
    'no Slack token at all'
    """
    return next(
        (words for start, words in _KINDS.items() if token.startswith(start)), "no Slack token at all"
    )


def wrong_kind(token: str, wanted: str, at: Places = SLACK) -> Finding | None:
    """Return what is wrong with a token that should begin with `wanted` (`xoxb-` or `xapp-`), or None."""
    if token.startswith(wanted):
        return None
    where = at.bot if wanted == "xoxb-" else at.app
    return Finding(
        False,
        f"That is {token_kind(token)}, where {_KINDS[wanted]} ({wanted}) is needed.",
        f"{where}.",
        ends=True,
    )


def check_tokens(tokens: Tokens, settings: SlackSettings) -> list[Finding]:
    """Look at kinds, then ask Slack whether it accepts the tokens and what it has granted."""
    bot, app = tokens.bot.get_secret_value(), tokens.app.get_secret_value() if tokens.app else ""
    at = places(settings)
    found = [wrong_kind(bot, "xoxb-", at)]
    if settings.transport == "socket":
        found.append(wrong_kind(app, "xapp-", at))
    elif tokens.signing is None:
        found.append(
            Finding(
                False,
                "The http transport needs the signing secret.",
                f"{at.signing}.",
                ends=True,
            )
        )
    if wrong := [finding for finding in found if finding is not None]:
        return wrong
    granted = [*check_scopes(web_client(bot, settings), at)]
    if settings.transport == "socket":
        granted.append(check_app_token(web_client(app, settings), at))
    return granted


def check_scopes(client: WebClient, at: Places) -> Iterable[Finding]:
    """Ask who the bot token belongs to and compare the scopes it was granted with those that are needed."""
    try:
        got = answer(client, "auth.test")
    except WrongTokenKind:
        yield Finding(False, "Slack says that this is not a bot token.", f"{at.bot}.", ends=True)
        return
    except BadToken:
        yield Finding(
            False,
            "Slack does not accept the bot token.",
            f"It may have been revoked. {at.bot}.",
            ends=True,
        )
        return
    except SlackFailure as error:
        yield Finding(
            False, f"Slack could not be asked: {error}.", "Check the network and slack.base_url.", ends=True
        )
        return
    headers = {name.lower(): value for name, value in got.headers.items()}
    given = headers.get("x-oauth-scopes", "")
    granted = {scope.strip() for scope in (given if isinstance(given, str) else ",".join(given)).split(",")}
    missing = [scope for scope in SCOPES if scope not in granted]
    for scope in missing:
        yield Finding(
            False, f"The scope {scope} is missing; it is needed to {SCOPES[scope]}.", f"{at.reinstall}."
        )
    if not missing:
        yield Finding(True, f"Slack accepts the bot token, and all {len(SCOPES)} scopes are granted.")


def check_app_token(client: WebClient, at: Places) -> Finding:
    """Ask for a Socket Mode address, which the app-level token alone can do; nothing is connected."""
    try:
        call(client, "apps.connections.open")
    except MissingScope:
        purpose = APP_SCOPES["connections:write"]
        sentence = f"The app-level token lacks the scope connections:write; it is needed to {purpose}."
        return Finding(False, sentence, f"{at.app}.")
    except (BadToken, WrongTokenKind):
        return Finding(False, "Slack does not accept the app-level token.", f"{at.app}.", ends=True)
    except SlackRefused as error:
        remedy = "Switch Socket Mode on in the app's settings."
        return Finding(False, f"Socket Mode cannot be opened ({error.refusal}).", remedy)
    except SlackFailure as error:
        return Finding(
            False, f"Slack could not be asked: {error}.", "Check the network and slack.base_url.", ends=True
        )
    return Finding(True, "Slack accepts the app-level token.")


def check_channel(client: WebClient, name: str, at: Places) -> tuple[Finding, str | None]:
    """Find the channel, or make it; join it where that is possible. Returns the finding and the channel's id."""
    shown = name.removeprefix("#")
    invite = f"In Slack, open #{shown} and type /invite @mayday."
    try:
        channel = find_channel(client, shown)
        if channel is None:
            return _make(client, shown, invite)
        return _join(client, channel, shown, invite)
    except MissingScope as error:
        needed = error.needed.split(",")[0] or "a scope"
        return Finding(
            False, f"The channel cannot be looked at: the scope {needed} is missing.", f"{at.reinstall}."
        ), None
    except SlackFailure as error:
        return Finding(
            False, f"The channel cannot be looked at: {error}.", "Run `mayday slack check` again."
        ), None


def _make(client: WebClient, name: str, invite: str) -> tuple[Finding, str | None]:
    try:
        made: dict[str, Any] = call(client, "conversations.create", name=name, is_private=False)
    except NameTaken:
        sentence = (
            f"There is a channel #{name} that the bot cannot see: it is private, and the bot was not invited."
        )
        return Finding(False, sentence, invite), None
    except SlackRefused as error:
        sentence = f"There is no channel #{name}, and it cannot be made ({error.refusal})."
        return Finding(False, sentence, f"Make it in Slack. {invite}"), None
    return Finding(True, f"There was no channel #{name}: it was made, and the bot is in it."), str(
        made["channel"]["id"]
    )


def _join(client: WebClient, channel: dict[str, Any], name: str, invite: str) -> tuple[Finding, str | None]:
    id = str(channel["id"])
    if channel.get("is_archived"):
        remedy = "Unarchive it in Slack, or choose another with slack.channel."
        return Finding(False, f"The channel #{name} is archived.", remedy), None
    if channel.get("is_member"):
        return Finding(True, f"The bot is in #{name}."), id
    try:
        call(client, "conversations.join", channel=id)
    except ChannelArchived:
        return Finding(False, f"The channel #{name} is archived.", "Unarchive it in Slack."), None
    except (SlackRefused, ChannelNotFound) as error:
        sentence = f"The bot was not invited to #{name} and cannot join by itself ({error.refusal})."
        return Finding(False, sentence, invite), None
    return Finding(True, f"The bot was not in #{name} and has joined it."), id


def find_people(
    client: WebClient, operators: Iterable[Operator], at: Places
) -> tuple[list[Finding], dict[str, str]]:
    """Look up the operators that have an e-mail address and no Slack id. Returns findings and operator -> user."""
    found: list[Finding] = []
    people: dict[str, str] = {}
    named = 0
    for operator in operators:
        named += operator.slack is not None
        if operator.slack is not None or operator.email is None:
            continue
        try:
            user = str(call(client, "users.lookupByEmail", email=operator.email)["user"]["id"])
        except UserNotFound:
            sentence = f"Nobody in Slack has the e-mail address of the operator {operator.id}."
            found.append(
                Finding(False, sentence, f"Correct it, or set slack = for {operator.id} in mayday.toml.")
            )
        except SlackFailure as error:
            found.append(
                Finding(
                    False, f"The operator {operator.id} could not be looked up: {error}.", f"{at.reinstall}."
                )
            )
        else:
            people[operator.id] = user
            found.append(Finding(True, f"The operator {operator.id} is {user} in Slack."))
    if not named and not people:
        sentence = "No operator has a Slack id or an e-mail address, so nobody could press a button."
        found.append(Finding(False, sentence, "Add email = to the [[operators]] in mayday.toml."))
    return found, people
