"""The live copy: a small database file that any DuckDB client opens read-only while everything runs.

It is built beside the old one from one read snapshot, so the writer never waits, and takes the old one's
place in one step: a reader has the old file or the new one, never a mixture. It has a key of its own and
holds only what `storage.published` names. What is published is at most as old as the last call; when nothing
was committed since, nothing is done.
"""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb

from storage.datakeys import data_key
from storage.engine import Connection, attach, key_text, literal, name, put_in_place, typed
from storage.layout import Layout
from storage.published import BULK, TABLES, VIEWS, audit_sql, bulk_sql, key_name, public_columns
from storage.seal import KeyRing
from storage.segments import Store, epochs, key_path


class Publisher:
    """Builds the live copy. `publish` may be called from any thread; calls do not overlap."""

    def __init__(self, store: Store, ring: KeyRing, known: list[int]) -> None:
        self._store, self._epochs = store, known
        self._key = ring.secret("live")
        self._one = threading.Lock()

    def publish(self) -> None:
        """Build the copy and put it in place; raises a typed error and leaves the old one when that fails."""
        with self._one:
            target = self._store.layout.live
            part = target.with_name(target.name + ".new")
            for left_over in (part, Path(f"{part}.wal")):
                left_over.unlink(missing_ok=True)
            cursor = self._store.cursor("memory.main")
            try:
                attach(cursor, part, "fresh", self._key)
                try:
                    self._fill(cursor)
                finally:
                    cursor.execute("USE memory.main")
                    cursor.execute("DETACH fresh")
            except duckdb.Error as error:
                part.unlink(missing_ok=True)
                raise typed(error, doing="building the live copy") from None
            finally:
                cursor.close()
            put_in_place(part, target)

    def _fill(self, cursor: Connection) -> None:
        cursor.execute("USE fresh.main")
        cursor.execute("BEGIN TRANSACTION")  # every table is read from one snapshot of `ops`
        try:
            for statement in fill_statements(cursor, self._store.layout.segments, self._epochs):
                cursor.execute(statement)
            cursor.execute("COMMIT")
        except duckdb.Error:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("CHECKPOINT fresh")


def fill_statements(cursor: Connection, segments: Path, known: list[int]) -> list[str]:
    """Return the statements that fill the live copy, the database in use, from `ops` and `memory.published`."""
    columns: dict[str, list[str]] = {}
    for table, column in cursor.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'ops' ORDER BY column_index"
    ).fetchall():
        columns.setdefault(table, []).append(column)
    statements = [
        f"CREATE TABLE {name(table)} AS SELECT {public_columns(table, columns[table])} FROM ops.main.{name(table)}"
        for table in TABLES
    ]
    statements += [
        f"CREATE TABLE {name(bulk.hot)} AS {bulk.merged(f'ops.main.{name(bulk.table)}')}" for bulk in BULK
    ]
    statements.append("CREATE TABLE audit_chain AS FROM ops.main.audit_log")
    statements.append("CREATE TABLE dictionary AS FROM memory.published.dictionary")
    statements.append(f"CREATE VIEW audit_log AS {audit_sql('audit_chain')}")
    statements += [
        f"CREATE VIEW {name(bulk.table)} AS {bulk_sql(bulk, name(bulk.hot), 'segment', segments, known)}"
        for bulk in BULK
    ]
    statements += [f"CREATE VIEW {name(view.name)} AS {view.sql.format(at='')}" for view in VIEWS]
    return statements


def attach_lines(layout: Layout, ring: KeyRing) -> str:
    """Return the lines that open the live copy in any DuckDB client, of this version or later.

    They hold the keys of the live copy and of the segments: whoever has them can read what is published. The copy
    is replaced every few seconds and an open one stays as it was; the same lines again open the newest.
    """
    lines = [
        "ATTACH IF NOT EXISTS ':memory:' AS memory;",  # somewhere to be while the copy in use is let go
        "USE memory;",
        "DETACH DATABASE IF EXISTS mayday;",
        f"ATTACH {literal(str(layout.live.resolve()))} AS mayday "
        f"(READ_ONLY, ENCRYPTION_KEY {literal(key_text(ring.secret('live')))});",
    ]
    for epoch in epochs(layout):
        key = data_key(key_path(layout, epoch), ring, create=False)
        lines.append(f"PRAGMA add_parquet_key({literal(key_name(epoch))}, {literal(key_text(key))});")
    lines += ["SET TimeZone = 'UTC';", "USE mayday;"]
    return "\n".join(lines)
