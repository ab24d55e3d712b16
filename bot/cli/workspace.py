"""`mayday workspace`: the local stand-in for Slack, alone."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.common import ConfigOption, console
from bot.signals import stop_event
from models.clock import system_clock
from models.errors import BadInput


def workspace(
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port; 0 takes a free one [default: workspace.port of the configuration]"
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            help="Write address and tokens into this file (mode 0600, removed at the end) as lines for a shell, "
            "instead of printing them"
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Run the local workspace alone and print its address and the tokens of its app. It keeps nothing else on disk."""
    from bot.config import read
    from bot.slack.manifest import manifest
    from bot.slack.tokens import APP, BOT, SIGNING
    from bot.workspace.server import WorkspaceServer

    loaded, _ = read(config)
    settings = loaded.workspace if port is None else loaded.workspace.model_copy(update={"port": port})
    stop, out = stop_event(), console()
    written = False
    app = manifest(loaded.slack.command_prefix)
    server = WorkspaceServer(settings, system_clock, random.SystemRandom(), manifest=app)
    made = server.credentials
    server.start()
    try:
        if keys is not None:
            values = {
                "MAYDAY__SLACK__BASE_URL": server.api_url,
                BOT: made.bot_token,
                APP: made.app_token,
                SIGNING: made.signing_secret,
            }
            _write(keys, values)
            written = True
        lines = [f"The local workspace (a stand-in for Slack) is at {server.url}. Ctrl-C stops it."]
        if keys is not None:
            source = keys if keys.is_absolute() else f"./{keys}"  # a shell looks for other names along PATH
            lines += [f"In another shell, `. {source}` lets Mayday find it and gives it the tokens."]
        else:
            lines += [
                "For `mayday slack setup`, put this into mayday.toml:",
                "    [slack]",
                f'    base_url = "{server.api_url}"',
                f"Bot token:        {made.bot_token}",
                f"App-level token:  {made.app_token}",
            ]
        lines += [
            f"The page shows keys and scopes too, and lets you take them away: {server.url}/#{server.app_id}/settings"
        ]
        for line in lines:
            out.print(line, soft_wrap=True)
        stop.wait()
    finally:
        server.stop()
        if keys is not None and written:
            keys.unlink(missing_ok=True)


def _write(path: Path, values: Mapping[str, str]) -> None:
    """Write the values as lines that a shell can read, for their owner alone, in one step."""
    aside = path.with_name(f"{path.name}.new")
    if path.exists() and not path.is_file():  # it would be replaced, and removed at the end
        raise BadInput(f"{path.name} is no plain file", hint="Give `--keys` another name")
    try:
        aside.unlink(missing_ok=True)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(f"export {name}='{value}'\n" for name, value in values.items())
        aside.replace(path)
    except OSError as error:
        raise BadInput(
            f"{path.name} cannot be written ({type(error).__name__})",
            hint="Give `--keys` a file in a directory that you may write to",
        ) from None
