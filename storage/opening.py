"""Opening the one database file: its lock, its creation, its migrations, and whether it agrees with itself.

Creation happens under a temporary name, so that a kill leaves either no database or a whole one. The key is put down
just before the file gets its name: from then on a missing file is a loss and not a first start
(`storage.predecessor`). DDL runs only here, before the first work, and is checkpointed at once. At every start the
primary keys are compared with a full scan, because an index that lost rows answers wrongly without an error.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import duckdb

from models.clock import Clock
from models.errors import MaydayError
from storage import audit
from storage.datakeys import data_key
from storage.engine import Connection, attach, name, put_in_place, sync_file, typed, write_in_place
from storage.errors import DatabaseBusy, DatabaseDamaged
from storage.layout import Layout
from storage.migrate import Migration, pending, run
from storage.predecessor import NEW_DATABASE, Predecessor, key_path, missing, unfinished
from storage.seal import KeyRing, new_data_key

CHECKED_KEYS = 256  # keys of each table that are looked up through its index at start


def take_lock(layout: Layout) -> int:
    """Hold `ops.lock`: DuckDB's own lock does not keep a second owner in the same process out."""
    descriptor = os.open(layout.store / "ops.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DatabaseBusy("another command center owns the database", hint=DatabaseBusy.remedy) from None
    return descriptor


def attach_ops(
    connection: Connection,
    layout: Layout,
    ring: KeyRing,
    migrations: Sequence[Migration],
    clock: Clock,
    predecessor: Predecessor | None,
) -> None:
    """Attach the database as `ops`, made or migrated first.

    Raises `DatabaseMissing` where there was one and `predecessor` does not say that a new one is wanted.
    """
    if predecessor is None and (loss := missing(layout)) is not None:
        raise loss
    if not layout.database.exists():
        _create(connection, layout, ring, migrations, clock(), predecessor)
    key = data_key(key_path(layout), ring, create=False)
    attach(connection, layout.database, "ops", key)
    connection.execute("USE ops.main")
    check_keys(connection)  # before anything is written: a damaged file stays as it was found
    if todo := pending(connection, migrations):
        connection.execute("CHECKPOINT ops")
        _keep_copy(connection, layout, key, todo[0].version)
        run(connection, todo, clock())
    connection.execute("CHECKPOINT ops")
    check_keys(connection)
    connection.execute("USE memory")


def _create(
    connection: Connection,
    layout: Layout,
    ring: KeyRing,
    migrations: Sequence[Migration],
    now: datetime,
    predecessor: Predecessor | None,
) -> None:
    part, key = unfinished(layout), new_data_key()
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".wal").unlink(missing_ok=True)
    attach(connection, part, "ops", key)
    connection.execute("USE ops.main")
    run(connection, pending(connection, migrations), now)
    if predecessor is not None:
        audit.append(_Rows(connection), now, "mayday", NEW_DATABASE, predecessor.entry())
    connection.execute("CHECKPOINT ops")
    connection.execute("USE memory")
    connection.execute("DETACH ops")
    sync_file(part)
    write_in_place(key_path(layout), ring.wrap(key))
    put_in_place(part, layout.database)


class _Rows:
    """A connection as the audit chain wants it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: list[object], /) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, params or None).fetchall()


def _keep_copy(connection: Connection, layout: Layout, key: bytes, version: int) -> None:
    """Keep the database as it was before migration `version`; the copy opens with the same key."""
    copy = layout.store / f"before-{version:04}.duckdb"
    part = copy.with_name(copy.name + ".new")
    part.unlink(missing_ok=True)
    attach(connection, part, "copy", key)
    connection.execute("COPY FROM DATABASE ops TO copy")
    connection.execute("CHECKPOINT copy")
    connection.execute("DETACH copy")
    put_in_place(part, copy)
    sync_file(layout.store)


def check_keys(connection: Connection) -> None:
    """Look keys up through each primary key and compare with the full scan; raises `DatabaseDamaged`.

    The newest and the oldest keys of every table are looked up one by one, which goes through the index.
    """
    tables = connection.execute(
        """SELECT table_name, constraint_column_names FROM duckdb_constraints()
           WHERE database_name = 'ops' AND constraint_type = 'PRIMARY KEY' ORDER BY table_name"""
    ).fetchall()
    for table, columns in tables:
        keys = ", ".join(name(column) for column in columns)
        half = CHECKED_KEYS // 2
        rows = connection.execute(
            f"SELECT {keys} FROM {name(table)} ORDER BY rowid DESC LIMIT {half}"
        ).fetchall()
        rows += connection.execute(f"SELECT {keys} FROM {name(table)} ORDER BY rowid LIMIT {half}").fetchall()
        condition = " AND ".join(f"{name(column)} = ?" for column in columns)
        lookup = f"SELECT count(*) FROM {name(table)} WHERE {condition}"
        for row in rows:
            if connection.execute(lookup, row).fetchone() != (1,):
                raise DatabaseDamaged(
                    f"the index of table {table} does not find a row that is there",
                    hint=DatabaseDamaged.remedy,
                )


def opening(error: duckdb.Error) -> MaydayError:
    """Return the typed error for what DuckDB says while a store is opened: the files are damaged, or the disk is full."""
    found = typed(error, doing="opening the store")
    if found.code != "internal":
        return found
    return DatabaseDamaged(
        f"the store cannot be opened ({type(error).__name__})", hint=DatabaseDamaged.remedy
    )
