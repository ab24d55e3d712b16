"""Parquet segments: the older rows of the bulk tables, by day, sealed, never changed once they stand.

A segment is written under a temporary name, synced and renamed; then one transaction deletes the hot rows and
records the file. A crash in between leaves a file that nobody counts and that is removed an hour later.
Compaction merges files of similar size, so that a row is rewritten a few times at most; a merged file stays
for an hour, for readers of older live copies. Every epoch has one key (DuckDB takes one key for all files
that a view reads); why stands in docs/decisions/0011-one-key-per-epoch.md.

Layout: `segments/e<epoch>/<table>/day=<YYYY-MM-DD>/<time>-<random>.parquet`. Times are UTC.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import duckdb

from models.clock import Clock
from storage.datakeys import data_key
from storage.engine import Connection, key_text, literal, name, put_in_place, sync_file, typed
from storage.errors import SegmentDamaged
from storage.layout import Layout
from storage.published import BULK, Bulk, key_name
from storage.seal import KeyRing
from storage.settings import StorageSettings
from storage.transaction import Reader, Transaction

T = TypeVar("T")
EMPTY_DAY = date(1970, 1, 1)
TIER = 8  # files whose row counts differ by less than this factor are merged with each other


class Store(Protocol):
    """What segments need of the database."""

    layout: Layout
    clock: Clock
    settings: StorageSettings

    def cursor(self, use: str = ...) -> Connection: ...
    def write(self, work: Callable[[Transaction], T]) -> T: ...
    def read(self, work: Callable[[Reader], T]) -> T: ...


class Segment(NamedTuple):
    """One recorded file."""

    name: str
    table: str
    epoch: int
    day: date
    rows: int
    bytes: int
    sha256: str

    def path(self, layout: Layout) -> Path:
        return segment_path(layout, self.epoch, self.table, self.day, self.name)


def segment_path(layout: Layout, epoch: int, table: str, day: date, file: str) -> Path:
    """Return where a segment stands."""
    return layout.segments / f"e{epoch}" / table / f"day={day.isoformat()}" / file


def key_path(layout: Layout, epoch: int) -> Path:
    """Return where the wrapped key of an epoch stands."""
    return layout.store / f"segments-e{epoch}.key"


def epochs(layout: Layout) -> list[int]:
    """Return the epochs that have a key, oldest first."""
    return sorted(int(path.stem.removeprefix("segments-e")) for path in layout.store.glob("segments-e*.key"))


def load_keys(connection: Connection, layout: Layout, ring: KeyRing) -> list[int]:
    """Give DuckDB the key of every epoch, making the first; returns the epochs, oldest first."""
    known = epochs(layout) or [1]
    for epoch in known:
        key = data_key(key_path(layout, epoch), ring, create=epoch == 1)
        connection.execute(f"PRAGMA add_parquet_key({literal(key_name(epoch))}, {literal(key_text(key))})")
    return known


def begin_epoch(layout: Layout, ring: KeyRing) -> int:
    """Make a new key for the segments to come; it is used from the next start on. Returns its epoch."""
    epoch = max(epochs(layout), default=0) + 1
    data_key(key_path(layout, epoch), ring, create=True)
    return epoch


def prepare(connection: Connection, layout: Layout, known: list[int]) -> None:
    """Leave one empty segment per table and epoch (a view over no file cannot be made) and no unfinished
    file.
    """
    for part in layout.segments.glob("e*/*/day=*/*.new"):
        part.unlink()
    for epoch in known:
        for bulk in BULK:
            path = segment_path(layout, epoch, bulk.table, EMPTY_DAY, "empty.parquet")
            if not path.exists():
                part = _part(path)
                connection.execute(
                    copy_sql(
                        f"SELECT {_columns(bulk)} FROM ops.main.{name(bulk.table)} WHERE false", part, epoch
                    )
                )
                put_in_place(part, path)


class Segments:
    """Moves, merges, retires and checks segments. Called from one thread at a time."""

    def __init__(self, store: Store, known: list[int]) -> None:
        self._store, self.epochs = store, known

    def flush(self, now: datetime, *, everything: bool = False) -> int:
        """Move hot rows that have settled into segments; returns how many hot rows were moved.

        A table with more than four times `flush_rows` is emptied whether its rows have settled or not.
        """
        moved = 0
        for bulk in BULK:
            settled = now - timedelta(seconds=self._store.settings.settle_s)

            def work(tx: Transaction, bulk: Bulk = bulk, settled: datetime = settled) -> int:
                (count,) = tx.execute(f"SELECT count(*) FROM {name(bulk.table)}")[0]
                full = everything or count > 4 * self._store.settings.flush_rows
                return self._flush(tx, bulk, None if full else settled)

            moved += self._store.write(work)
        return moved

    def hot_rows(self) -> int:
        """Return the rows of the largest hot table."""
        counts = " UNION ALL ".join(f"SELECT count(*) FROM {name(bulk.table)}" for bulk in BULK)
        return max(int(count) for (count,) in self._store.read(lambda reader: reader.execute(counts)))

    def _flush(self, tx: Transaction, bulk: Bulk, before: datetime | None) -> int:
        condition = f" AND {name(bulk.time)} < ?" if before is not None else ""
        bound = [before] if before is not None else []
        days = tx.execute(
            f"SELECT {bulk.day} AS day, count(*) FROM {name(bulk.table)} WHERE true{condition} "
            "GROUP BY day ORDER BY day",
            bound,
        )
        for day, _ in days:
            chosen = f"{bulk.day} = {literal(day.isoformat())}{condition}"
            hot = f"(SELECT * FROM {name(bulk.table)} WHERE {chosen}) AS hot"
            _record(tx, self._write(tx, bulk, day, hot, bound))
            tx.execute(f"DELETE FROM {name(bulk.table)} WHERE {chosen}", bound)
            tx.changed.add("segment")
        return sum(int(count) for _, count in days)

    def compact(self, now: datetime) -> int:
        """Merge files of similar size of one table and day; returns how many files were merged."""
        merged = 0
        groups: dict[tuple[str, date, int], list[Segment]] = defaultdict(list)
        for segment in self.recorded():
            groups[segment.table, segment.day, self._tier(segment.rows)].append(segment)
        tables = {bulk.table: bulk for bulk in BULK}
        for (table, day, _), group in sorted(groups.items()):
            if len(group) >= self._store.settings.compact_files:
                self._merge(tables[table], day, group, now)
                merged += len(group)
        return merged

    def _tier(self, rows: int) -> int:
        tier, size = 0, max(1, self._store.settings.flush_rows)
        while rows > size:
            tier, size = tier + 1, size * TIER
        return tier

    def _merge(self, bulk: Bulk, day: date, group: list[Segment], now: datetime) -> None:
        """Write the merged file beside the writer, then exchange the records in one transaction."""
        cursor = self._store.cursor()
        try:
            by_epoch: dict[int, list[str]] = defaultdict(list)
            for segment in group:
                by_epoch[segment.epoch].append(literal(str(segment.path(self._store.layout))))
            source = " UNION ALL ".join(
                f"SELECT {_columns(bulk)} FROM read_parquet([{', '.join(files)}], hive_partitioning = false, "
                f"encryption_config = {{footer_key: {literal(key_name(epoch))}}})"
                for epoch, files in sorted(by_epoch.items())
            )
            new = self._write(Reader(cursor), bulk, day, f"({source}) AS old", [])
        finally:
            cursor.close()

        def exchange(tx: Transaction) -> None:
            for segment in group:
                gone = tx.execute("DELETE FROM segment WHERE name = ? RETURNING name", [segment.name])
                if not gone:
                    raise SegmentDamaged(
                        "a segment went away while it was being merged", hint="Run one compaction at a time"
                    )
                _replace(tx, segment, now)
            _record(tx, new)

        self._store.write(exchange)

    def retire(self, now: datetime) -> int:
        """Take days out of use that are older than `keep_days`, remove files nobody needs; returns files
        removed.
        """
        oldest = (now - timedelta(days=self._store.settings.keep_days)).astimezone(UTC).date()

        def take(tx: Transaction) -> None:
            for segment in _segments(tx, "day < ?", [oldest]):
                tx.execute("DELETE FROM segment WHERE name = ?", [segment.name])
                _replace(tx, segment, now)

        due = now - timedelta(seconds=self._store.settings.keep_replaced_s)

        def forget(tx: Transaction) -> list[tuple[str, str, int, date]]:
            return [
                (row[0], row[1], row[2], row[3])
                for row in tx.execute(
                    "DELETE FROM segment_replaced WHERE replaced_at < ? RETURNING name, bulk_table, epoch, day",
                    [due],
                )
            ]

        self._store.write(take)
        removed = 0
        for file, table, epoch, day in self._store.write(forget):
            segment_path(self._store.layout, epoch, table, day, file).unlink(missing_ok=True)
            removed += 1
        return removed + self._remove_orphans(due)

    def _remove_orphans(self, due: datetime) -> int:
        """Remove files that no transaction ever recorded and that are older than the time readers are given."""
        known = {
            str(file)
            for (file,) in self._store.read(
                lambda reader: reader.execute(
                    "SELECT name FROM segment UNION SELECT name FROM segment_replaced"
                )
            )
        }
        removed = 0
        for path in self._store.layout.segments.glob("e*/*/day=*/*.parquet"):
            old = datetime.fromtimestamp(path.stat().st_mtime, UTC) < due
            if old and path.name not in known and path.name != "empty.parquet":
                path.unlink()
                removed += 1
        return removed

    def recorded(self) -> list[Segment]:
        """Return all segments that count."""
        return self._store.read(lambda reader: _segments(reader, "true", []))

    def verify(self) -> int:
        """Compare every recorded file with its SHA-256; returns how many, raises `SegmentDamaged`."""
        segments = self.recorded()
        for segment in segments:
            path = segment.path(self._store.layout)
            if not path.is_file() or _sha256(path) != segment.sha256:
                raise SegmentDamaged(
                    f"segment {segment.name} is missing or altered", hint=SegmentDamaged.remedy
                )
        return len(segments)

    def _write(self, reader: Reader, bulk: Bulk, day: date, source: str, params: list[datetime]) -> Segment:
        """Write one file, durable under its final name; nothing counts it yet."""
        epoch = self.epochs[-1]
        stamp = self._store.clock().astimezone(UTC).strftime("%Y%m%dT%H%M%S")
        file = f"{stamp}-{secrets.token_hex(8)}.parquet"
        path = segment_path(self._store.layout, epoch, bulk.table, day, file)
        part = _part(path)
        order = ", ".join(name(column) for column in bulk.order)
        with _removed_on_failure(part):
            reader.execute(
                copy_sql(
                    f"SELECT {_columns(bulk)} FROM ({bulk.merged(source)}) ORDER BY {order}", part, epoch
                ),
                params,
            )
            ((rows,),) = reader.execute(
                f"SELECT count(*) FROM read_parquet({literal(str(part))}, hive_partitioning = false, "
                f"encryption_config = {{footer_key: {literal(key_name(epoch))}}})"
            )
            size, digest = part.stat().st_size, _sha256(part)
            put_in_place(part, path)
        return Segment(file, bulk.table, epoch, day, int(rows), size, digest)


def copy_sql(select: str, part: Path, epoch: int) -> str:
    """Return the COPY that writes a sealed Parquet file."""
    return (
        f"COPY ({select}) TO {literal(str(part))} (FORMAT parquet, COMPRESSION zstd, "
        f"ENCRYPTION_CONFIG {{footer_key: {literal(key_name(epoch))}}})"
    )


def _columns(bulk: Bulk) -> str:
    return ", ".join(name(column) for column in bulk.columns)


def _part(path: Path) -> Path:
    for folder in (path.parent.parent.parent, path.parent.parent, path.parent):
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            sync_file(folder.parent)
    return path.with_name(path.name + ".new")


def _record(tx: Transaction, segment: Segment) -> None:
    tx.execute("INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [*segment, tx.now])
    tx.changed.add("segment")


def _replace(tx: Transaction, segment: Segment, now: datetime) -> None:
    tx.execute(
        "INSERT INTO segment_replaced VALUES (?, ?, ?, ?, ?)",
        [segment.name, segment.table, segment.epoch, segment.day, now],
    )
    tx.changed.add("segment")


def _segments(reader: Reader, where: str, params: list[date]) -> list[Segment]:
    rows = reader.execute(
        f"SELECT name, bulk_table, epoch, day, rows, bytes, sha256 FROM segment WHERE {where} ORDER BY name",
        params,
    )
    return [Segment(*row) for row in rows]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _removed_on_failure(part: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        part.unlink(missing_ok=True)
        raise typed(error, doing="writing a segment") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
