"""`mayday sql`: ask the database, at once through the command center, or get the lines for any DuckDB client."""

from __future__ import annotations

import csv
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from pydantic_core import to_jsonable_python

from bot.cli.common import ConfigOption, JsonOption, StateOption, console, local_time, setting, state_layout
from bot.cli.rows import show_rows
from command_center.access.operators import Directory, Permission, may
from models.errors import BadInput
from storage.client import StoreClient
from storage.errors import NotAllowed, StoreUnavailable
from storage.published import NAMES
from storage.questions import QUESTIONS

OPENS = (
    "Keep these lines to yourself: they hold keys. Whoever has them and can read the state's files reads all that is published, "
    "in this live copy, in those to come and in the segments, and nothing refuses or records what they ask."
)


def sql(
    query: Annotated[str | None, typer.Argument(help="One SELECT over the published views")] = None,
    question: Annotated[
        str | None, typer.Option("--question", "-q", help="Run a named question instead (see --list)")
    ] = None,
    list_questions: Annotated[
        bool, typer.Option("--list", help="List the named questions and the views")
    ] = False,
    attach: Annotated[
        bool, typer.Option("--attach", help="Print the lines that open the live copy in any DuckDB client")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Ask the database. Answers are as fresh as the last commit; times are UTC in JSON and CSV, local in tables.

    A table is as wide as it needs where it goes to a file or pipe; on a terminal too narrow for it each row is a block.
    """
    if query is not None:
        query = query.strip()
        _one_word(query)
    if sum((bool(query), question is not None, list_questions, attach)) != 1:
        raise BadInput(
            "give exactly one of a query, --question NAME, --list or --attach",
            hint='For example `mayday sql "FROM incident"`',
        )
    if list_questions:
        _list(as_json)
        return
    if attach:
        _attach(config, state)
        return
    layout = state_layout(config, state)
    if question is not None:
        known = {q.name: q for q in QUESTIONS}
        if question not in known:
            raise BadInput("there is no question of that name", hint="`mayday sql --list` shows them all")
        query = known[question].sql
    assert query is not None
    rows = readable(StoreClient(layout.socket).query(query))
    if as_json:
        for row in rows.to_pylist():
            print(json.dumps(to_jsonable_python(row)))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(rows.column_names)
        writer.writerows(row.values() for row in rows.to_pylist())
    else:
        out = console()
        exact = not out.is_terminal
        cells = [[_cell(value, exact=exact) for value in row.values()] for row in rows.to_pylist()]
        show_rows(out, rows.column_names, cells)
        console(to_stderr=True).print(
            f"{rows.num_rows} {'row' if rows.num_rows == 1 else 'rows'}", style="dim"
        )


def _one_word(query: str) -> None:
    """Refuse the name of a question or of a view that was given as the query, and say how it is asked."""
    if query in {each.name for each in QUESTIONS}:
        raise BadInput(
            "that is the name of a question, and no query", hint=f"`mayday sql --question {query}` asks it"
        )
    if query in NAMES:
        raise BadInput(
            "that is the name of a view, and no query", hint=f'`mayday sql "FROM {query}"` shows all of it'
        )


def _attach(config: Path | None, state: Path | None) -> None:
    """Print the lines that open the live copy, for who may read.

    The command center is asked first, and records whom it turns away. Where none answers this configuration decides;
    one that names no operators lets everybody through who can read the key.
    """
    from storage.publish import attach_lines
    from storage.seal import KeyRing

    known, uid = setting(config, state), os.getuid()
    try:
        allowed = bool(StoreClient(known.layout.socket).perform({"action": "list", "which": "open"})["ok"])
    except StoreUnavailable:
        operators = known.config.operators
        allowed = not operators or may(Directory(operators).by_uid(uid), Permission.READ).allowed
    if not allowed:
        raise NotAllowed(f"the Unix user {uid} may not read the database", hint=NotAllowed.remedy)
    print(attach_lines(known.layout, KeyRing.load(known.layout, create=False)))
    note = console(to_stderr=True)
    note.print(f"\n{OPENS}", soft_wrap=True)
    note.print("\nThe same in Python, in one line that keeps the keys out of your files:", style="dim")
    note.print(python_line(config, known.layout.root), soft_wrap=True)


def python_line(config: Path | None, root: Path) -> str:
    """Return one line of Python that opens the live copy of the state at `root` as `db`, with DuckDB's own package.

    >>> print(python_line(None, Path("/var/lib/mayday")).partition("execute(")[0])
    import duckdb, subprocess; db = duckdb.connect(); db.
    """
    command = [str(Path(sys.executable).with_name("mayday")), "sql", "--attach", "--state", str(root)]
    if config is not None:
        command += ["--config", str(config.absolute())]
    return (
        "import duckdb, subprocess; db = duckdb.connect(); "
        f"db.execute(subprocess.check_output({command!r}, stderr=subprocess.DEVNULL, text=True))"
    )


def readable(table: pa.Table) -> pa.Table:
    """Return the table with every value one that Python can hold: a column with times outside its calendar becomes
    their numbers, microseconds since 1970.
    """
    for at, column in enumerate(table.columns):
        try:
            column.to_pylist()
        except (ValueError, OverflowError):
            table = table.set_column(at, table.column_names[at], column.cast(pa.int64()))
    return table


def _cell(value: Any, *, exact: bool) -> str:
    """Return one value as text; numbers are rounded for eyes alone."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return local_time(value)
    return f"{value:.4g}" if isinstance(value, float) and not exact else str(value)


def _list(as_json: bool) -> None:
    if as_json:
        print(json.dumps([{"name": q.name, "asks": q.asks, "sql": q.sql} for q in QUESTIONS], indent=2))
        return
    show_rows(console(), ["name", "what it answers"], [[q.name, q.asks] for q in QUESTIONS])
    console().print("\n`mayday sql --question NAME` asks one of them.", soft_wrap=True)
    console().print(f"\nThe views that a query may read: {', '.join(sorted(NAMES))}.", soft_wrap=True)
