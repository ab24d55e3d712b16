"""What several commands share: the two options everybody knows, the console, the store's client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from models.errors import BadInput
from storage.layout import Layout

MARKUP: Literal["markdown"] = "markdown"  # of help; typer's other one takes `[default: ...]` for a style
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file [default: ./mayday.toml if there is one]"),
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        readable=False,  # `Layout.check` says it better, wherever the path comes from
        help="State directory [default: state.directory of the configuration]",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts")]


def console(*, to_stderr: bool = False) -> Console:
    """Return a console that prints data as it is (no markup is read from values)."""
    return Console(stderr=to_stderr, markup=False, highlight=False)


def local_time(moment: datetime) -> str:
    """Return a time in this machine's zone with its offset; in UTC where its calendar ends in between.

    >>> local_time(datetime(2026, 6, 15, 12, tzinfo=UTC))[:8]
    '2026-06-'
    """
    try:
        moment = moment.astimezone()
    except (OverflowError, OSError, ValueError):
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S%z")


@dataclass(frozen=True)
class Setting:
    """The effective configuration and where its state stands."""

    config: Any  # bot.config.Config, imported only when needed
    layout: Layout
    arguments: tuple[str, ...]  # what to hand on to a child process


def setting(config: Path | None, state: Path | None) -> Setting:
    """Read the configuration; `--state` wins over the file. Raises `BadConfig` or `StateUnusable`."""
    from bot.config import read

    loaded, folder = read(config)
    layout = (Layout(state.absolute()) if state is not None else loaded.layout(folder)).check()
    arguments: list[str] = []
    if config is not None:
        arguments += ["--config", str(config.absolute())]
    arguments += ["--state", str(layout.root)]
    return Setting(loaded, layout, tuple(arguments))


def state_layout(config: Path | None, state: Path | None) -> Layout:
    """Return the state's layout without reading the rest of the configuration where `--state` is given."""
    return Layout(state.absolute()).check() if state is not None else setting(config, None).layout


def moment(text: str, option: str) -> datetime:
    """Return the time that ISO 8601 `text`, given as `option`, names; without a zone it is local time. Raises `BadInput`.

    >>> moment("2026-03-02T03:00:00Z", "--at").isoformat()
    '2026-03-02T03:00:00+00:00'
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{option} takes a time in ISO 8601", hint="For example 2026-03-02T03:00:00Z"
        ) from None
