"""`mayday workspace`: the local stand-in for Slack, alone."""

from __future__ import annotations

import random
from typing import Annotated

import typer

from bot.cli.common import console
from bot.cli.run import stop_event
from models.clock import system_clock


def workspace(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one")] = 8065,
) -> None:
    """Run the local workspace alone and print its address. It keeps nothing on disk."""
    from bot.slack.manifest import manifest
    from bot.workspace.server import WorkspaceServer
    from bot.workspace.settings import WorkspaceSettings

    settings = WorkspaceSettings(port=port)
    server = WorkspaceServer(settings, system_clock, random.SystemRandom(), manifest=manifest())
    server.start()
    try:
        console().print(f"The local workspace (a stand-in for Slack) is at {server.url}. Ctrl-C stops it.")
        stop_event().wait()
    finally:
        server.stop()
