"""`mayday config`: what is set and where it comes from, what could be set, and a first file to start with."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bot.cli.common import MARKUP, ConfigOption, JsonOption, console
from bot.cli.rows import GAP, PROSE, natural_widths, show_rows, wrapping
from bot.config import DEFAULT_FILE, Config, keys, read, read_values
from bot.config_words import written
from models.errors import BadInput

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=MARKUP,
    no_args_is_help=True,
    help="Show, explain or write the configuration.",
)

STARTER = """# Mayday's configuration. Every key has a default; `mayday config schema` lists them all.
# Secrets never stand here: sections name a file or an environment variable that holds them.

[state]
directory = "mayday-state"

# The people who may act. At the terminal a person is known by the Unix user id, in Slack by the Slack id
# (`mayday slack setup` finds it by e-mail).
[[operators]]
id = "oncall"
name = "On-call engineer"
# email = "oncall@clinic.example"
uid = {uid}
roles = ["engineer"]
"""


def _value(config: BaseModel, path: str) -> Any:
    value: Any = config
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _source(path: str, values: dict[str, Any]) -> str:
    if "MAYDAY__" + path.upper().replace(".", "__") in {name.upper() for name in os.environ}:
        return "environment"
    found: Any = values
    for part in path.split("."):
        if not isinstance(found, dict) or part not in found:
            return "default"
        found = found[part]
    return "file"


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every key with its effective value, where that comes from and what it means."""
    loaded, _ = read(config)
    if as_json:
        print(json.dumps(to_jsonable_python(loaded), indent=2))
        return
    file = config or DEFAULT_FILE
    given = read_values(file) if file.exists() else {}
    rows: list[list[str]] = []
    for path, field in keys():
        value = _value(loaded, path)
        if not isinstance(value, BaseModel):
            rows.append([path, written(value), _source(path, given), field.description or ""])
    _show(console(), rows)


def _show(out: Console, rows: Sequence[Sequence[str]]) -> None:
    """Print keys that can be copied, whatever the width; values and meanings wrap.

    A terminal too narrow for a table gets what is said of a key below it.
    """
    names = ("key", "value", "from", "meaning")
    if not out.is_terminal:
        show_rows(out, names, rows)
        return
    widths = natural_widths(names, rows)
    left = out.width - widths[0] - widths[2] - 3 * GAP
    if left < 2 * PROSE:
        _below(out, rows)
        return
    widths[1] = min(widths[1], left // 2)
    widths[3] = left - widths[1]
    out.print(wrapping(names, widths, rows))


def _below(out: Console, rows: Sequence[Sequence[str]]) -> None:
    for key, value, source, meaning in rows:
        told = [f"{value} ({source})", meaning]
        line = f"{key} = {told[0]}"
        if cell_len(line) <= out.width:
            key, told = line, [meaning]
        out.print(Text(key), soft_wrap=True)
        for each in filter(None, told):
            out.print(Padding(Text(each, overflow="fold"), (0, 0, 0, 2 * GAP)))


@app.command()
def schema() -> None:
    """Print the JSON schema of mayday.toml: every key, its type, default and meaning."""
    print(json.dumps(Config.model_json_schema(), indent=2))


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="File to write")] = DEFAULT_FILE,
) -> None:
    """Write a first mayday.toml with you as the on-call engineer."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(STARTER.format(uid=os.getuid()))
    except FileExistsError:
        raise BadInput(f"{path.name} is already there", hint="Edit it, or give another path") from None
    except OSError as error:
        raise BadInput(
            f"{path.name} cannot be written there ({os.strerror(error.errno or 0)})",
            hint="Give a path in a directory that exists and that you may write to",
        ) from None
    console().print(
        f"Wrote {path}. Give it your e-mail address (`email`): `mayday slack setup` finds you in Slack by it. "
        "Next: `mayday doctor`, then `mayday up`.",
        soft_wrap=True,
    )
