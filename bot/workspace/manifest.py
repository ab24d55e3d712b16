"""An app's manifest, as far as a workspace acts on it: commands, shortcuts, events, scopes and request URLs.

`faults` says what Slack would refuse, with JSON pointers, and one thing that Slack would not say: that a
command name already belongs to another app. (In Slack the app installed last silently takes the name.)
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.workspace.model import App, Command, Json, Shortcut
from bot.workspace.schema import fault

_COMMAND = re.compile(r"/[a-z0-9_-]{1,31}")
NAME, COMMANDS, SHORTCUTS = 35, 50, 10


def _list(manifest: Json, *path: str) -> list[Json]:
    part: object = manifest
    for step in path:
        part = part.get(step) if isinstance(part, dict) else None
    return [each for each in part if isinstance(each, dict)] if isinstance(part, list) else []


def _get(manifest: Json, *path: str) -> object:
    part: object = manifest
    for step in path:
        part = part.get(step) if isinstance(part, dict) else None
    return part


def faults(manifest: Json, owner_of: Callable[[str], str], app_id: str = "") -> list[Json]:
    """What is wrong: `{message, pointer}` each. `owner_of(command)` names who has a command."""
    found: list[Json] = []

    def say(message: str, pointer: str) -> None:
        found.append({"message": message, "pointer": pointer})

    name = _get(manifest, "display_information", "name")
    if not isinstance(name, str) or not 1 <= len(name) <= NAME:
        say(f"must be a name of 1 to {NAME} characters", "/display_information/name")
    commands = _list(manifest, "features", "slash_commands")
    if len(commands) > COMMANDS:
        say(f"no more than {COMMANDS} items allowed", "/features/slash_commands")
    for index, command in enumerate(commands):
        pointer = f"/features/slash_commands/{index}"
        word = command.get("command")
        if not isinstance(word, str) or not _COMMAND.fullmatch(word):
            say("must begin with / and have at most 32 lower-case characters", f"{pointer}/command")
        elif owner_of(word) not in ("", app_id):
            say(f"{word} is already used by another app in this workspace", f"{pointer}/command")
        if not command.get("description"):
            say("missing required field: description", pointer)
    for index, shortcut in enumerate(_list(manifest, "features", "shortcuts")):
        for key in ("name", "callback_id", "description", "type"):
            if not shortcut.get(key):
                say(f"missing required field: {key}", f"/features/shortcuts/{index}")
    if commands and "commands" not in scopes(manifest):
        say("slash commands need the scope commands", "/oauth_config/scopes/bot")
    return found


def scopes(manifest: Json) -> set[str]:
    """The scopes that the bot asks for."""
    found = _get(manifest, "oauth_config", "scopes", "bot")
    return {str(scope) for scope in found} if isinstance(found, list) else set()


def as_messages(found: list[Json]) -> tuple[str, ...]:
    return tuple(fault(each["message"], each["pointer"]) for each in found)


def install(app: App, manifest: Json) -> None:
    """Make an app what its manifest says. The manifest has no faults."""
    app.manifest = manifest
    app.name = str(_get(manifest, "display_information", "name"))
    app.scopes = scopes(manifest)
    app.commands = {
        each["command"]: Command(
            each["command"],
            str(each.get("description", "")),
            str(each.get("usage_hint", "")),
            should_escape=each.get("should_escape") is True,
        )
        for each in _list(manifest, "features", "slash_commands")
    }
    app.shortcuts = {
        each["callback_id"]: Shortcut(
            each["callback_id"],
            each["name"],
            each["description"],
            "message" if each["type"] == "message" else "global",
        )
        for each in _list(manifest, "features", "shortcuts")
    }
    events = _get(manifest, "settings", "event_subscriptions", "bot_events")
    app.events = {str(event) for event in events} if isinstance(events, list) else set()
    app.home_tab = bool(_get(manifest, "features", "app_home", "home_tab_enabled"))
    domains = _get(manifest, "features", "unfurl_domains")
    app.unfurl_domains = {str(domain) for domain in domains} if isinstance(domains, list) else set()
    if _get(manifest, "settings", "socket_mode_enabled"):
        app.transport = "socket"
    elif isinstance(url := _get(manifest, "settings", "interactivity", "request_url"), str):
        app.transport, app.request_url = "http", url
