"""The local workspace: a stand-in for Slack on this machine, for people without a workspace and for tests.

It speaks Slack's Web API, Socket Mode and signed HTTP as Slack does and as strictly, and shows a page where one can
act as any of its members. It is not Slack; `docs/workspace.md` lists what differs. Nothing is written to disk.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.workspace.client import WorkspaceClient
    from bot.workspace.defaults import Credentials
    from bot.workspace.server import WorkspaceServer, run_workspace
    from bot.workspace.settings import WorkspaceSettings

__all__ = ["Credentials", "WorkspaceClient", "WorkspaceServer", "WorkspaceSettings", "run_workspace"]
# Imported when asked for: whoever reads the settings, as every command does, needs no web server.
_HOMES = {
    "Credentials": "defaults",
    "WorkspaceClient": "client",
    "WorkspaceServer": "server",
    "WorkspaceSettings": "settings",
    "run_workspace": "server",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
