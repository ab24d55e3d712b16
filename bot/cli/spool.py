"""`mayday spool`: offsets and health of the spool, and its records as JSON lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import to_jsonable_python
from rich.table import Table

from bot.cli.common import ConfigOption, JsonOption, StateOption, console, state_layout
from models.errors import BadInput

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Look into the spool.")


@app.command()
def info(as_json: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """Show segments, offsets, duplicates, damage and quarantine."""
    from storage.seal import KeyRing
    from stream.spool import spool_info

    layout = state_layout(config, state)
    found = to_jsonable_python(spool_info(layout.spool, KeyRing.load(layout, create=False)))
    if as_json:
        print(json.dumps(found))
        return
    table = Table("what", "value", box=None, pad_edge=False, header_style="bold")
    for name, value in found.items():
        table.add_row(
            name.replace("_", " "), json.dumps(value) if isinstance(value, list | dict) else str(value)
        )
    console().print(table)


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write [default: standard output]")
    ] = None,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Print the stored records as JSON lines. They are raw: the export is recorded, and a file is made with mode 0600."""
    from bot.processes import record_export
    from models.clock import system_clock
    from storage.seal import KeyRing
    from stream.export import export_records

    layout = state_layout(config, state)
    ring = KeyRing.load(layout, create=False)
    record_export(layout, system_clock())
    if out is None:
        for row in export_records(layout.spool, ring):
            sys.stdout.write(json.dumps(row, ensure_ascii=True) + "\n")
        return
    import os

    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadInput("that file is already there", hint="Give --out another name") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        for row in export_records(layout.spool, ring):
            file.write(json.dumps(row, ensure_ascii=True) + "\n")
