"""The reference of tables and views: read from the comments in a database made for the purpose."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from models.clock import system_clock
from storage.database import Database
from storage.layout import Layout
from storage.published import BULK, NAMES, VIEWS
from storage.seal import KeyRing, new_data_key


class DescribedColumn(NamedTuple):
    """A column: its name, DuckDB's type, and its meaning with the unit in square brackets."""

    name: str
    type: str
    comment: str


class Described(NamedTuple):
    """A table or view."""

    name: str
    comment: str
    columns: tuple[DescribedColumn, ...]


def describe() -> list[Described]:
    """Return every table and view with its columns, by name; what is not published says so."""
    with tempfile.TemporaryDirectory(prefix="mayday-reference-") as directory:
        database = Database.open(Layout(Path(directory)), KeyRing(new_data_key()), system_clock)
        try:
            meanings = {
                str(table): str(comment)
                for table, comment in database.read(
                    lambda reader: reader.execute(
                        "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'ops'"
                    )
                )
            }
            entries = database.read(
                lambda reader: reader.execute(
                    "SELECT table_name, column_name, type, unit, meaning FROM memory.published.dictionary"
                )
            )
            kept_back = database.read(
                lambda reader: reader.execute(
                    """SELECT table_name, column_name, data_type, comment FROM duckdb_columns()
                       WHERE database_name = 'ops' ORDER BY table_name, column_index"""
                )
            )
        finally:
            database.close()
    meanings |= {view.name: view.meaning for view in VIEWS}
    meanings |= {
        bulk.table: meanings[bulk.table].removeprefix(f"Hot tail of {bulk.table}: ").split(" Older rows")[0]
        for bulk in BULK
    }
    meanings = {table: meaning[:1].upper() + meaning[1:] for table, meaning in meanings.items()}
    meanings["dictionary"] = "What every published column means."
    tables: dict[str, list[DescribedColumn]] = {}
    for table, column, kind, unit, meaning in entries:
        tables.setdefault(table, []).append(DescribedColumn(column, kind, f"{meaning} [{unit}]"))
    for table, column, kind, comment in kept_back:
        if table not in NAMES:
            tables.setdefault(table, []).append(DescribedColumn(column, kind, comment))
            meanings[table] = meanings[table].removesuffix(" Not published.") + " Not published."
    return [Described(table, meanings[table], tuple(columns)) for table, columns in sorted(tables.items())]
