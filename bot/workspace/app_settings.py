"""The settings page of an app: its keys, what it was granted, where its bot is, whose its commands are.

In Slack these stand on several pages of api.slack.com (Basic Information, OAuth & Permissions, App Manifest) and in
each channel's members. Everybody who can open the page may see them, keys too: they open nothing but this workspace
and are gone when it ends.
"""

from __future__ import annotations

import yaml

from bot.workspace import manifest as manifests
from bot.workspace.defaults import APP_SCOPES, BOT_SCOPES
from bot.workspace.errors import WorkspaceRefused
from bot.workspace.model import App, Json
from bot.workspace.state import State

MANIFEST_LENGTH = 100_000
MANIFEST_DEPTH = 50  # Slack's own manifests nest six deep; the reader of YAML calls itself for each level


def settings_of(state: State, app: App, base_url: str) -> Json:
    """Return everything that the settings page of `app` shows, tokens included.

    `scopes` and `app_scopes` map each scope that the app asks for or has to whether it is granted.
    """
    asked = manifests.scopes(app.manifest) if app.manifest is not None else BOT_SCOPES
    channels = [channel for channel in state.channels.values() if channel.kind != "im"]
    return {
        "id": app.id,
        "name": app.name,
        "bot_user": app.bot_user,
        "installed": app.installed,
        "transport": app.transport,
        "request_url": app.request_url,
        "api_url": f"{base_url}/api/",
        "tokens": {
            "bot": app.bot_token,
            "app": app.app_token,
            "signing_secret": app.signing_secret,
            "config": state.config_token,
        },
        "scopes": {scope: scope in app.scopes for scope in sorted(asked | app.scopes)},
        "app_scopes": {scope: scope in app.app_scopes for scope in sorted(APP_SCOPES | app.app_scopes)},
        "channels": [
            {
                "id": channel.id,
                "name": channel.name,
                "is_private": channel.kind == "private",
                "member": app.bot_user in channel.members,
            }
            for channel in channels
        ],
        "commands": [
            {"name": name, "taken": state.command_owner(name) not in ("", app.id)}
            for name in sorted(app.commands or {})
        ],
        "manifest": yaml.safe_dump(app.manifest, sort_keys=False) if app.manifest is not None else "",
    }


def read_manifest(text: str) -> Json:
    """Return a pasted manifest (YAML or JSON); raises `WorkspaceRefused` with what is wrong with it."""
    try:
        if _is_deep(text):
            raise WorkspaceRefused(
                f"the manifest is nested more than {MANIFEST_DEPTH} deep",
                hint="`mayday slack manifest` prints one",
            )
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise WorkspaceRefused(f"the manifest is not YAML{where}", hint="Paste all of it") from None
    if not isinstance(found, dict):
        raise WorkspaceRefused(
            "the manifest is not a table of keys", hint="`mayday slack manifest` prints one"
        )
    return found


def _is_deep(text: str) -> bool:
    """Look at the nesting before anything is built: events come one by one, however deep they lie."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MANIFEST_DEPTH:
            return True
    return False
