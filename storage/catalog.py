"""The owner's catalog of published views, and the dictionary that says what every column means.

The views live in the in-memory database `memory`, schema `published`, so the database file itself holds
tables only: no path of this machine stands in it, and a backup opens under any name.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from storage.engine import Connection, name
from storage.published import (
    AUDIT_COLUMNS,
    BULK,
    DAY_COMMENT,
    TABLES,
    VIEWS,
    audit_sql,
    bulk_sql,
    public_columns,
)

SCHEMA = "memory.published"


class Entry(NamedTuple):
    """One row of the dictionary."""

    table_name: str
    column_name: str
    type: str
    unit: str
    meaning: str


def create_views(connection: Connection, segments: Path, epochs: list[int]) -> None:
    """Make every published name a view over `ops`, and the dictionary a table."""
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    columns = _ops_columns(connection)
    for table in TABLES:
        if table not in columns:  # of a later schema than the one that is opened
            continue
        chosen = public_columns(table, [column for column, _, _ in columns[table]])
        connection.execute(
            f"CREATE VIEW {SCHEMA}.{name(table)} AS SELECT {chosen} FROM ops.main.{name(table)}"
        )
    connection.execute(f"CREATE VIEW {SCHEMA}.audit_log AS {audit_sql('ops.main.audit_log')}")
    for bulk in BULK:
        sql = bulk_sql(bulk, f"ops.main.{name(bulk.table)}", "ops.main.segment", segments, epochs)
        connection.execute(f"CREATE VIEW {SCHEMA}.{name(bulk.table)} AS {sql}")
    for view in VIEWS:
        connection.execute(f"CREATE VIEW {SCHEMA}.{name(view.name)} AS {view.sql.format(at=SCHEMA + '.')}")
    entries = dictionary(connection)
    rows = pa.Table.from_pylist([entry._asdict() for entry in entries])
    connection.register("dictionary_rows", rows)
    connection.execute(f"CREATE TABLE {SCHEMA}.dictionary AS FROM dictionary_rows")
    connection.unregister("dictionary_rows")


def dictionary(connection: Connection) -> list[Entry]:
    """Return what every published column means, its type as DuckDB shows it."""
    columns = _ops_columns(connection)
    comments = {
        (table, column): comment or "" for table, rows in columns.items() for column, _, comment in rows
    }
    comments |= {("audit_log", column): comment for column, comment in AUDIT_COLUMNS}
    comments |= {(view.name, column): comment for view in VIEWS for column, comment in view.columns}
    comments |= {(bulk.table, "day"): DAY_COMMENT for bulk in BULK}
    shown = connection.execute(
        """SELECT table_name, column_name, data_type FROM duckdb_columns()
           WHERE database_name = 'memory' AND schema_name = 'published' AND table_name <> 'dictionary'
           ORDER BY table_name, column_index"""
    ).fetchall()
    entries = [
        Entry(table, column, kind, *split_comment(comments[table, column])) for table, column, kind in shown
    ]
    own = {
        "table_name": "Published table or view [name]",
        "column_name": "Its column [name]",
        "type": "DuckDB's type [name]",
        "unit": "Unit, or what values there are [text]",
        "meaning": "What it says [text]",
    }
    return entries + [Entry("dictionary", column, "VARCHAR", *split_comment(own[column])) for column in own]


def split_comment(comment: str) -> tuple[str, str]:
    """Return (unit, meaning) of a column's comment.

    >>> split_comment("How long it took [s]")
    ('s', 'How long it took')
    """
    meaning, _, unit = comment.removesuffix("]").rpartition(" [")
    return unit, meaning


def _ops_columns(connection: Connection) -> dict[str, list[tuple[str, str, str | None]]]:
    columns: dict[str, list[tuple[str, str, str | None]]] = {}
    for table, column, kind, comment in connection.execute(
        """SELECT table_name, column_name, data_type, comment FROM duckdb_columns()
           WHERE database_name = 'ops' AND NOT internal ORDER BY table_name, column_index"""
    ).fetchall():
        columns.setdefault(table, []).append((column, kind, comment))
    return columns


__all__ = ["SCHEMA", "Entry", "create_views", "dictionary", "split_comment"]
