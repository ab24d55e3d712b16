"""Nothing that is stored stands on the disk in the clear: the bytes of every file are searched."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from models.clock import FrozenClock
from models.sanitizer.safe_text import stored
from storage.apply import apply_facts
from storage.columns import arrow_table
from storage.database import Database
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.records import ErrorPattern, Incident
from storage.seal import KeyRing
from storage.settings import StorageSettings

CANARY = "zq7canary"  # made up


def _files_with_canary(root: Path) -> list[str]:
    found = []
    for path in root.rglob("*"):
        if path.is_file():
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue  # a temporary file that has just gone
            if CANARY.encode() in data or CANARY.encode("utf-16-le") in data:
                found.append(path.name)
    return found


def test_no_stored_text_is_readable_in_any_file(
    database: Database, declare: Callable[..., Incident], report: Callable[..., BlockFacts], layout: Layout
) -> None:
    marked = report(0, 1)
    marked = marked.model_copy(
        update={
            "counts": tuple(
                fact.model_copy(update={"service": stored(f"{CANARY}-svc")}) for fact in marked.counts
            ),
            "errors": tuple(
                fact.model_copy(update={"host": stored(f"{CANARY}-host")}) for fact in marked.errors
            ),
            "patterns": tuple(
                fact.model_copy(update={"template": stored(f"{CANARY} failed")}) for fact in marked.patterns
            ),
        }
    )
    database.write(lambda tx: declare(tx, title=f"{CANARY} is down"))
    database.write(lambda tx: tx.audit("note", "oncall", text=stored(f"{CANARY} was here")))
    database.write(lambda tx: apply_facts(tx, [marked]))
    wal = layout.database.with_name("ops.duckdb.wal")
    assert wal.stat().st_size > 0
    assert _files_with_canary(layout.root) == []  # the log of what was just committed
    database.publish()
    database.segments.flush(database.clock(), everything=True)
    database.publish()
    database.anchor()
    assert _files_with_canary(layout.root) == []
    files = {path.suffix for path in layout.root.rglob("*") if path.is_file()}
    assert files >= {".duckdb", ".parquet", ".wal", ".key", ".jsonl"}
    stands = database.query(
        "SELECT count(*) AS n FROM incident WHERE starts_with(title, $mark)", {"mark": CANARY}
    )
    assert stands.to_pylist() == [{"n": 1}]  # it is there, for whoever has the key
    database.close()
    assert _files_with_canary(layout.root) == []


def test_what_spills_to_disk_is_not_readable(layout: Layout, ring: KeyRing, clock: FrozenClock) -> None:
    """Telling more texts apart than memory holds spills; the temporary files are searched while they exist."""
    settings = StorageSettings(memory_mb=256, query_s=60, query_memory_mb=4096, query_rows=10)
    database = Database.open(layout, ring, clock, settings=settings)
    rows = 300_000
    table: pa.Table = arrow_table(
        {
            "service": ("VARCHAR", [f"{CANARY}-{number % 977}-{number}" for number in range(rows)]),
            "template_id": ("VARCHAR", ["t"] * rows),
            "minute": ("TIMESTAMP WITH TIME ZONE", [clock.at] * rows),
            "level": ("UTINYINT", [9] * rows),
            "count": ("BIGINT", [1] * rows),
        }
    )
    database.write(lambda tx: tx.insert_arrow("pattern_minute", table))
    spilled: set[str] = set()
    readable: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            spilled.update(path.name for path in layout.temporary.rglob("*") if path.is_file())
            readable.extend(_files_with_canary(layout.temporary))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        database.read(
            lambda reader: reader.execute(
                """SELECT count(DISTINCT text) FROM (
                     SELECT a.service || b.range AS text FROM pattern_minute a, range(12) b)"""
            )
        )
    finally:
        done.set()
        looking.join()
    database.close()
    assert spilled, "nothing spilled, so nothing was tested"
    assert readable == []
    assert _files_with_canary(layout.root) == []


def test_samples_never_leave_for_the_live_copy(
    database: Database, report: Callable[..., BlockFacts], layout: Layout
) -> None:
    database.write(lambda tx: apply_facts(tx, [report(0, 1)]))
    (kept,) = database.read(lambda reader: reader.rows(ErrorPattern))
    assert kept.samples
    database.publish()
    assert (
        "samples"
        not in database.query("FROM dictionary WHERE table_name = 'error_pattern'").to_pydict()["column_name"]
    )
