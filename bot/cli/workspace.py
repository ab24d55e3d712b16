"""`mayday workspace`: the local stand-in for Slack, alone."""

from __future__ import annotations

import os
import random
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.common import ConfigOption, console
from bot.signals import stop_event
from models.clock import system_clock
from models.errors import BadInput

LONGEST = 4096  # bytes of a file of keys, at most
KEYS = re.compile(rb"export MAYDAY__SLACK__BASE_URL='[^'\n]*'\n(export MAYDAY_SLACK_[A-Z_]+='[^'\n]*'\n)+")


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
            help="Write address and tokens into this file (new, mode 0600, removed at the end) as lines for a shell, "
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
    written: tuple[int, int] | None = None
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
            written = _write(keys, values)
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
        if keys is not None and written is not None:
            _remove(keys, written)


def _write(path: Path, values: Mapping[str, str]) -> tuple[int, int]:
    """Write the values as lines that a shell can read, for their owner alone, in one step, over nothing but keys
    that a workspace left behind; returns device and inode of the file.
    """
    try:
        if _is_left_behind(path):
            path.unlink()
        handle, aside = tempfile.mkstemp(prefix=".", suffix=".keys", dir=path.parent)  # of mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(f"export {name}='{value}'\n" for name, value in values.items())
                found = os.fstat(file.fileno())
            os.link(aside, path)  # whole at once, and never in the place of something
        finally:
            Path(aside).unlink()
    except FileExistsError:
        raise BadInput(
            f"{path.name} exists and holds something else than a workspace's keys",
            hint="Give `--keys` another name",
        ) from None
    except OSError as error:
        raise BadInput(
            f"{path.name} cannot be written ({type(error).__name__})",
            hint="Give `--keys` a file in a directory that you may write to",
        ) from None
    return found.st_dev, found.st_ino


def _is_left_behind(path: Path) -> bool:
    """Whether there is a file of keys, and of nothing else, as it stays when a workspace is killed."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_size > LONGEST:
        return False
    return KEYS.fullmatch(path.read_bytes()) is not None


def _remove(path: Path, written: tuple[int, int]) -> None:
    """Remove the file of keys, unless something else has taken its name since."""
    try:
        found = path.lstat()
    except OSError:
        return
    if (found.st_dev, found.st_ino) == written:
        path.unlink(missing_ok=True)
