"""`mayday workspace`: the local stand-in for Slack, alone."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.common import console
from bot.cli.run import stop_event


def workspace(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one")] = 8065,
) -> None:
    """Run the local workspace alone and print its address. It keeps nothing on disk."""
    from bot.workspace.server import WorkspaceServer

    server = WorkspaceServer(port=port)
    server.start()
    try:
        console().print(f"The local workspace (a stand-in for Slack) is at {server.url}. Ctrl-C stops it.")
        stop_event().wait()
    finally:
        server.stop()
