"""Slack's app manifest, made from the grammar: what is to be pasted when the app is made."""

from __future__ import annotations

from typing import Any

import yaml

from bot.grammar import COMMANDS

SCOPES = {
    "channels:history": "see whether a card was posted before posting it again",
    "channels:join": "join the channel of the cards",
    "channels:read": "find the channel of the cards by its name",
    "chat:write": "post and update cards, and answer the person who asked",
    "commands": "the slash commands",
    "im:write": "answer a person directly where there is no channel",
    "users:read": "know the names of operators",
    "users:read.email": "find operators by their e-mail address",
}


def manifest(prefix: str = "") -> dict[str, Any]:
    """Return the manifest; `prefix` stands before every command."""
    return {
        "display_information": {
            "name": "Mayday",
            "description": "Opens incidents from logs and drives them to their end",
        },
        "features": {
            "bot_user": {"display_name": "mayday", "always_online": True},
            "slash_commands": [
                {
                    "command": f"/{prefix}{command.name}",
                    "description": command.summary,
                    "usage_hint": "|".join(verb.name for verb in command.verbs),
                    "should_escape": False,
                }
                for command in COMMANDS
            ],
        },
        "oauth_config": {"scopes": {"bot": sorted(SCOPES)}},
        "settings": {
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }


def manifest_yaml(prefix: str = "") -> str:
    """Return the manifest as YAML, as it stands in `manifest.yaml`."""
    return "# Made by `make docs` from the table of commands.\n" + yaml.safe_dump(
        manifest(prefix), sort_keys=False
    )
