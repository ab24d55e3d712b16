"""The database and its one owner: opens `ops.duckdb`, writes through one thread, reads on cursors of their
own.

Only the command center opens it; how it is opened, made and migrated stands in `storage.opening`. A database that was
there and is gone is not made anew unless somebody says so (`storage.predecessor`).
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from models.clock import Clock
from models.errors import BadInput
from storage import anchors, audit_key
from storage.anchors import Anchor
from storage.catalog import create_views
from storage.engine import Connection, lock_engine, open_engine, typed
from storage.errors import DatabaseClosed, DatabaseDamaged, DatabaseMissing, DiskFull
from storage.housekeeping import Tidy
from storage.layout import Layout
from storage.migrate import Migration, read_migrations
from storage.opening import attach_ops, opening, take_lock
from storage.predecessor import Predecessor, begun_anew, missing, retire, traces
from storage.publish import Publisher
from storage.sandbox import Param, Sandbox
from storage.seal import KeyRing
from storage.segments import Segments, load_keys, prepare
from storage.settings import StorageSettings
from storage.transaction import Reader, Transaction
from storage.verify import AuditReport, verify
from storage.writer import Writer

T = TypeVar("T")


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
        free: Callable[[Path], int],
    ) -> None:
        self.layout, self.clock, self.settings = layout, clock, settings
        self._connection, self._lock, self._free = connection, lock, free
        self._cursors = threading.Lock()
        self._changes, self._published = 0, -1
        self._published_at: datetime | None = None
        self.urgent = threading.Event()  # an incident has changed since the last publication
        self._signing = audit_key.load(layout)
        self.segments = Segments(self, epochs)
        self._tidy = Tidy(self, self.segments, settings)
        self._publisher = Publisher(self, ring, epochs)
        self._sandbox = Sandbox(self)
        self._writer = Writer(self.cursor(), clock, self._committed, self._check_room)
        if self._signing.changed:
            self.write(lambda tx: audit_key.record(tx, self._signing))
        audit_key.put_public(layout, self._signing)

    @classmethod
    def open(
        cls,
        layout: Layout,
        ring: KeyRing,
        clock: Clock,
        *,
        settings: StorageSettings | None = None,
        migrations: Sequence[Migration] | None = None,
        predecessor: Predecessor | None = None,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> Database:
        """Open the database, making or migrating it first.

        `free` returns the free bytes of the disk that holds a path. `predecessor` says that a new one may take the
        place of one that is gone; see `begin_anew`.

        Raises `DatabaseMissing`, `DatabaseBusy`, `WrongKey`, `EncryptionUnavailable`, `MigrationAltered`,
        `DatabaseNewer`, `DatabaseDamaged`, `AuditKeyUnusable` or `DiskFull`.
        """
        settings = settings or StorageSettings()
        migrations = read_migrations() if migrations is None else migrations
        layout.prepare()
        lock = take_lock(layout)
        connection: Connection | None = None
        try:
            connection = open_engine(layout.temporary, threads=settings.threads, memory_mb=settings.memory_mb)
            attach_ops(connection, layout, ring, migrations, clock, predecessor)
            epochs = load_keys(connection, layout, ring)
            prepare(connection, layout, epochs)
            create_views(connection, layout.segments, epochs)
            lock_engine(connection, layout.store, layout.live.parent)
            return cls(connection, layout, ring, clock, settings, lock, epochs, free)
        except BaseException as error:
            if connection is not None:
                connection.close()
            os.close(lock)
            if isinstance(error, duckdb.Error):
                raise opening(error) from None
            raise

    def cursor(self, use: str = "ops.main") -> Connection:
        """Return a new cursor on the instance whose names resolve in `use`."""
        with self._cursors:
            cursor = self._connection.cursor()
        try:
            cursor.execute(f"USE {use}")
        except duckdb.Error as error:
            raise typed(error, doing="opening a cursor") from None
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
        except duckdb.Error as error:
            raise typed(error, doing="reading the database") from None
        finally:
            cursor.close()  # ends the transaction too

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> pa.Table:
        """Run one ad-hoc SELECT over the published views, as fresh as the last commit; see `storage.sandbox`."""
        return self._sandbox.query(sql, params)

    def end_queries(self, within: float) -> bool:
        """Interrupt the ad-hoc queries that run.

        False if one has not ended `within` seconds: a step that does not look up. It only reads, so the database may be
        closed under it, but its thread goes on and the process has to be ended without waiting for it.
        """
        return self._sandbox.end(within)

    def publish(self) -> bool:
        """Bring the live copy up to date; False when nothing was committed since the last time."""
        changes = self._changes  # before the snapshot: what comes in meanwhile is published next time
        if changes == self._published and self.layout.live.exists():
            return False
        self._check_room()
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
        return self.write(lambda tx: anchors.make_anchor(tx, self.layout, self._signing.private))

    def verify_audit(self) -> AuditReport:
        """Check the audit chain and its anchors."""
        return self.read(lambda reader: verify(reader, self.layout, self._signing.name))

    def status(self) -> dict[str, Any]:
        """Return figures about the store for `mayday status`; times are ISO 8601 in UTC."""
        open_incidents, blocks, begun = self.read(
            lambda reader: (
                reader.execute("SELECT count(*) FROM incident WHERE status NOT IN ('resolved', 'closed')")[0][
                    0
                ],
                reader.execute(
                    "SELECT arg_max(block, applied_at), max(applied_at) FROM applied WHERE shard < 64"
                )[0],
                begun_anew(reader),
            )
        )
        return {
            "open_incidents": int(open_incidents),
            "newest_block": blocks[0],
            "applied_at": blocks[1].isoformat() if blocks[1] else None,
            "published_at": self._published_at.isoformat() if self._published_at else None,
            "waiting_writes": self._writer.waiting,
            "begun_anew_at": begun,
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

    def _check_room(self) -> None:
        """Raise `DiskFull` while the disk has less than is kept free.

        DuckDB may end the whole process when a commit cannot be written, so none is begun that would not fit.
        """
        if self._free(self.layout.store) < self.settings.min_free_mb * 1_000_000:
            raise DiskFull("there is no room to write", hint=DiskFull.remedy)

    def _committed(self, tables: set[str]) -> None:
        self._changes += 1
        if not tables.isdisjoint(("incident", "incident_event")):
            self.urgent.set()


def begin_anew(layout: Layout, ring: KeyRing, clock: Clock) -> Predecessor:
    """Make a new, empty database in place of one that is missing or damaged; returns what became of that one.

    Nothing is destroyed: the rest of the old store is moved beside the new one. Raises `BadInput` where nothing is wrong
    with the database, and what `Database.open` raises where the reason is another (a wrong key, another owner).
    """
    if not layout.database.exists() and not traces(layout):
        raise BadInput(
            "there has been no database here yet", hint="Start Mayday: the first start makes one by itself"
        )
    if missing(layout) is None:
        try:
            Database.open(layout, ring, clock).close()
        except (DatabaseDamaged, DatabaseMissing):
            pass
        else:
            raise BadInput(
                "the database is there and opens, so no new one was made", hint="Start Mayday as always"
            )
    lock = take_lock(layout.prepare())
    try:
        past = retire(layout, clock())
    finally:
        os.close(lock)
    Database.open(layout, ring, clock, predecessor=past).close()
    return past
