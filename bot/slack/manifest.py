"""Slack's app manifest, made from the table of commands: what is pasted where a new app is made."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import yaml

from bot.grammar import COMMANDS

SCOPES: dict[str, str] = {
    "channels:history": "see whether a card has arrived before posting it again",
    "channels:join": "join the channel of the cards",
    "channels:manage": "make the channel of the cards where there is none",
    "channels:read": "find the channel of the cards by its name",
    "chat:write": "post and update cards, and answer the person who asked",
    "commands": "take the slash commands",
    "groups:history": "see whether a card has arrived where the channel is private",
    "groups:read": "find the channel of the cards where it is private",
    "im:write": "answer a person directly where the bot is not in the channel",
    "users:read": "look people up by e-mail, for which Slack wants it beside users:read.email",
    "users:read.email": "find the operators by their e-mail addresses during the set-up",
}
"""Every bot scope, and what it is for."""

APP_SCOPES: dict[str, str] = {"connections:write": "open the Socket Mode connection"}
EVENTS = ("app_home_opened",)
NEW_APP = "https://api.slack.com/apps?new_app=1"


def manifest(prefix: str = "", request_url: str | None = None) -> dict[str, Any]:
    """Return the manifest; `prefix` stands before every command, `request_url` switches from Socket Mode to HTTP."""
    url = {} if request_url is None else {"request_url": request_url}
    commands = [
        {
            "command": command.slash(prefix),
            **({} if request_url is None else {"url": request_url}),
            "description": command.summary,
            "usage_hint": "|".join(verb.name for verb in command.verbs),
            "should_escape": False,
        }
        for command in COMMANDS
    ]
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": "Mayday",
            "description": "Opens incidents from logs and drives them to their end",
            "background_color": "#7a1f1f",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "mayday", "always_online": True},
            "slash_commands": commands,
        },
        "oauth_config": {"scopes": {"bot": sorted(SCOPES)}},
        "settings": {
            "event_subscriptions": {**url, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": request_url is None,
            "token_rotation_enabled": False,
        },
    }


def manifest_yaml(prefix: str = "", request_url: str | None = None) -> str:
    """Return the manifest as YAML, as it stands in `manifest.yaml`."""
    first = "# Made from the table of commands (bot/grammar.py); a test compares the two.\n"
    return first + yaml.safe_dump(manifest(prefix, request_url), sort_keys=False)


def new_app_link(prefix: str = "") -> str:
    """Return an address that opens Slack's form for a new app with the manifest filled in."""
    return f"{NEW_APP}&manifest_yaml={quote(yaml.safe_dump(manifest(prefix), sort_keys=False), safe='')}"
