"""The database and its one owner: opens `ops.duckdb`, writes through one thread, reads on cursors of their
own.

Only the command center opens it. Creation happens under a temporary name, so that a kill leaves either no
database or a whole one; DDL runs only here, before the first work, and is checkpointed at once. At every
start the primary keys are compared with a full scan, because an index that lost rows answers wrongly without
an error.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from models.clock import Clock
from storage import anchors
from storage.anchors import Anchor, AuditReport
from storage.catalog import create_views
from storage.datakeys import data_key
from storage.engine import Connection, attach, lock_engine, name, open_engine, put_in_place, sync_file, typed
from storage.errors import DatabaseBusy, DatabaseClosed, DatabaseDamaged
from storage.housekeeping import Tidy
from storage.layout import Layout
from storage.migrate import Migration, pending, read_migrations, run
from storage.publish import Publisher
from storage.sandbox import Param, Sandbox
from storage.seal import KeyRing
from storage.segments import Segments, load_keys, prepare
from storage.settings import StorageSettings
from storage.transaction import Reader, Transaction
from storage.writer import Writer

T = TypeVar("T")
CHECKED_KEYS = 256  # keys of each table that are looked up through its index at start


class Database:
    """See the module's first lines. `close` finishes what is queued and leaves no write-ahead log behind."""

    def __init__(
        self,
        connection: Connection,
        layout: Layout,
        ring: KeyRing,
        clock: Clock,
        settings: StorageSettings,
        lock: int,
        epochs: list[int],
    ) -> None:
        self.layout, self.clock, self.settings = layout, clock, settings
        self._connection, self._lock = connection, lock
        self._cursors = threading.Lock()
        self._changes, self._published = 0, -1
        self._published_at: datetime | None = None
        self.urgent = threading.Event()  # an incident has changed since the last publication
        self._signing = anchors.signing_key(layout)
        self.segments = Segments(self, epochs)
        self._tidy = Tidy(self, self.segments, settings)
        self._publisher = Publisher(self, ring, epochs)
        self._sandbox = Sandbox(self)
        self._writer = Writer(self.cursor(), clock, self._committed)

    @classmethod
    def open(
        cls,
        layout: Layout,
        ring: KeyRing,
        clock: Clock,
        *,
        settings: StorageSettings | None = None,
        migrations: Sequence[Migration] | None = None,
    ) -> Database:
        """Open the database, making or migrating it first.

        Raises `DatabaseBusy`, `WrongKey`, `EncryptionUnavailable`, `MigrationAltered`, `DatabaseNewer` or
        `DatabaseDamaged`.
        """
        settings = settings or StorageSettings()
        migrations = read_migrations() if migrations is None else migrations
        layout.prepare()
        lock = _take_lock(layout)
        connection: Connection | None = None
        try:
            connection = open_engine(layout.temporary, threads=settings.threads, memory_mb=settings.memory_mb)
            _attach_ops(connection, layout, ring, migrations, clock)
            epochs = load_keys(connection, layout, ring)
            prepare(connection, layout, epochs)
            create_views(connection, layout.segments, epochs)
            lock_engine(connection, layout.store, layout.live.parent)
            return cls(connection, layout, ring, clock, settings, lock, epochs)
        except BaseException:
            if connection is not None:
                connection.close()
            os.close(lock)
            raise

    def cursor(self, use: str = "ops.main") -> Connection:
        """Return a new cursor on the instance whose names resolve in `use`."""
        with self._cursors:
            cursor = self._connection.cursor()
        cursor.execute(f"USE {use}")
        return cursor

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run work in the writer and return its result once it is durable. It may run twice: see
        `storage.writer`.
        """
        return self._writer.write(work)

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Queue work; the future resolves once it is durable."""
        return self._writer.submit(work)

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run work on one consistent snapshot of what is committed; it cannot change anything."""
        if not self._writer.alive:
            raise DatabaseClosed("the database is closed", hint=DatabaseClosed.remedy)
        cursor = self.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            return work(Reader(cursor))
        finally:
            cursor.close()  # ends the transaction too

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> pa.Table:
        """Run one ad-hoc SELECT over the published views, as fresh as the last commit; see `storage.sandbox`."""
        return self._sandbox.query(sql, params)

    def publish(self) -> bool:
        """Bring the live copy up to date; False when nothing was committed since the last time."""
        changes = self._changes  # before the snapshot: what comes in meanwhile is published next time
        if changes == self._published and self.layout.live.exists():
            return False
        self.urgent.clear()
        self._publisher.publish()
        self._published, self._published_at = changes, self.clock()
        return True

    def tidy(self, now: datetime) -> int:
        """Move settled rows to segments, merge and retire these, forget old deliveries, as far as it is due.

        Cheap when nothing is due: call it every second or so, from one thread. Returns the hot rows moved.
        """
        return self._tidy.step(now)

    def anchor(self) -> Anchor | None:
        """Sign the head of the audit chain and write it outside the database; None when it has not moved."""
        return self.write(lambda tx: anchors.make_anchor(tx, self.layout, self._signing))

    def verify_audit(self) -> AuditReport:
        """Check the audit chain and its anchors."""
        return self.read(lambda reader: anchors.verify(reader, self.layout, self._signing.public_key()))

    def status(self) -> dict[str, Any]:
        """Return figures about the store for `mayday status`; times are ISO 8601 in UTC."""
        open_incidents, blocks = self.read(
            lambda reader: (
                reader.execute("SELECT count(*) FROM incident WHERE status NOT IN ('resolved', 'closed')")[0][
                    0
                ],
                reader.execute(
                    "SELECT arg_max(block, applied_at), max(applied_at) FROM applied WHERE shard < 64"
                )[0],
            )
        )
        return {
            "open_incidents": int(open_incidents),
            "newest_block": blocks[0],
            "applied_at": blocks[1].isoformat() if blocks[1] else None,
            "published_at": self._published_at.isoformat() if self._published_at else None,
            "waiting_writes": self._writer.waiting,
            "database_bytes": self.layout.database.stat().st_size,
        }

    @property
    def changes(self) -> int:
        """Commits since the database was opened."""
        return self._changes

    @property
    def healthy(self) -> bool:
        """Whether the writer runs and a read answers."""
        if not self._writer.alive:
            return False
        return self.read(lambda reader: reader.execute("SELECT 1")) == [(1,)]

    def close(self) -> None:
        """Finish what is queued, fold in the write-ahead log and let go of the file."""
        if self._lock < 0:
            return
        self._writer.close()
        try:
            self._connection.execute("CHECKPOINT ops")
            self._connection.execute("DETACH ops")
        except duckdb.Error as error:
            raise typed(error, doing="closing the database") from None
        finally:
            self._connection.close()
            os.close(self._lock)
            self._lock = -1

    def _committed(self, tables: set[str]) -> None:
        self._changes += 1
        if not tables.isdisjoint(("incident", "incident_event")):
            self.urgent.set()


def _take_lock(layout: Layout) -> int:
    """Hold `ops.lock`: DuckDB's own lock does not keep a second owner in the same process out."""
    descriptor = os.open(layout.store / "ops.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DatabaseBusy("another command center owns the database", hint=DatabaseBusy.remedy) from None
    return descriptor


def _attach_ops(
    connection: Connection, layout: Layout, ring: KeyRing, migrations: Sequence[Migration], clock: Clock
) -> None:
    path = layout.database
    key_path = path.with_name(path.name + ".key")
    fresh = not path.exists()
    key = data_key(key_path, ring, create=fresh)
    if fresh:
        part = path.with_name(path.name + ".new")
        part.unlink(missing_ok=True)
        part.with_name(part.name + ".wal").unlink(missing_ok=True)
        attach(connection, part, "ops", key)
        connection.execute("USE ops.main")
        run(connection, pending(connection, migrations), clock())
        connection.execute("CHECKPOINT ops")
        connection.execute("USE memory")
        connection.execute("DETACH ops")
        put_in_place(part, path)
    attach(connection, path, "ops", key)
    connection.execute("USE ops.main")
    if todo := pending(connection, migrations):
        connection.execute("CHECKPOINT ops")
        _keep_copy(connection, layout, key, todo[0].version)
        run(connection, todo, clock())
    connection.execute("CHECKPOINT ops")
    check_keys(connection)
    connection.execute("USE memory")


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
