"""SIGKILL at any moment: what was acknowledged is there once, and sending everything again changes nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from models.clock import FrozenClock
from storage.apply import apply_facts
from storage.database import Database
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.publish import attach_lines
from storage.seal import KeyRing

ROOT = Path(__file__).parents[2]
CHILD = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from models.clock import system_clock
from models.levels import Level
from models.sanitizer.safe_text import stored
from storage.apply import apply_facts
from storage.database import Database
from storage.facts import BlockFacts, MinuteCount
from storage.layout import Layout
from storage.records import ErrorEvent, Incident
from storage.seal import KeyRing

root, key, first = Path(sys.argv[1]), bytes.fromhex(sys.argv[2]), int(sys.argv[3])
database = Database.open(Layout(root), KeyRing(key), system_clock)
at = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
name, host = stored("billing"), stored("host-1")

def report(block):
    counts = (MinuteCount(service=name, template_id="t", minute=at, level=Level.ERROR, count=3),)
    errors = (ErrorEvent(ts=at, last_ts=at, service=name, host=host, level=Level.ERROR, template_id="t",
                         count=3, shard=0, block=block),)
    return BlockFacts(shard=0, block=block, received_at=at, counts=counts, errors=errors)

def work(block, tx):
    apply_facts(tx, [report(block)])
    incident = Incident(id=tx.next_id("INC"), title=stored(f"block {block}"), severity=3, service=name,
                        detected_at=tx.now, updated_at=tx.now)
    tx.insert(incident)
    tx.audit("incident.open", "stream", incident=incident.id, block=block)
    return incident.id

def housekeeping():
    while True:
        database.publish()
        database.segments.flush(system_clock(), everything=True)
        database.segments.compact(system_clock())
        database.anchor()

print("open", flush=True)
threading.Thread(target=housekeeping, daemon=True).start()
block = first
while True:
    print(block, database.write(lambda tx: work(block, tx)), flush=True)
    block += 1
"""


def _killed_after(root: Path, key: bytes, first: int, acks: int) -> list[tuple[int, str]]:
    """Run the child until it has acknowledged `acks` blocks, kill it, and return what it acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), key.hex(), str(first)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    acked = []
    for line in child.stdout:
        block, incident = line.split()
        acked.append((int(block), incident))
        if len(acked) == acks:
            child.send_signal(signal.SIGKILL)  # what is in the pipe by then was acknowledged too
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    return acked


@pytest.mark.timeout(110)
def test_what_was_acknowledged_before_a_kill_is_there_exactly_once(
    layout: Layout, clock: FrozenClock
) -> None:
    rng = random.Random(20260302)
    key = rng.randbytes(32)
    ring = KeyRing(key)
    acked: list[tuple[int, str]] = []
    first = 0
    for _ in range(4):
        acked += _killed_after(layout.root, key, first, rng.randint(1, 40))
        database = Database.open(layout, ring, clock)
        rows = database.query(
            "SELECT title, id, count(*) OVER (PARTITION BY title) AS times FROM incident ORDER BY detected_at"
        ).to_pylist()
        assert all(row["times"] == 1 for row in rows)
        there = {(int(row["title"].split()[1]), row["id"]) for row in rows}
        assert there >= set(acked)
        assert len(there) - len(acked) <= 5  # at most one commit per kill was durable and not yet told
        head = max(block for block, _ in there)
        _counts_are(database, 3 * len(there))
        assert database.verify_audit().broken_at is None
        assert database.segments.verify() == len(database.segments.recorded())
        database.close()
        first = head + 1
    assert len(acked) > 20


def test_sending_everything_again_after_a_kill_changes_nothing(
    layout: Layout, clock: FrozenClock, report: Callable[..., BlockFacts]
) -> None:
    key = random.Random(5).randbytes(32)
    acked = _killed_after(layout.root, key, 0, 20)
    database = Database.open(layout, KeyRing(key), clock)
    before = database.query("SELECT sum(count)::BIGINT AS n FROM pattern_minute").to_pylist()
    again = [report(0, block) for block, _ in acked]
    assert database.write(lambda tx: apply_facts(tx, again)) == []
    assert database.query("SELECT sum(count)::BIGINT AS n FROM pattern_minute").to_pylist() == before
    database.publish()
    live = duckdb.connect()
    live.execute(attach_lines(layout, KeyRing(key)))
    assert live.execute("SELECT sum(count)::BIGINT FROM pattern_minute").fetchone() == (before[0]["n"],)
    live.close()
    database.close()


def _counts_are(database: Database, expected: int) -> None:
    (row,) = database.query(
        """SELECT (SELECT coalesce(sum(count), 0)::BIGINT FROM pattern_minute) AS minutes,
           (SELECT coalesce(sum(count), 0)::BIGINT FROM error_event) AS events"""
    ).to_pylist()
    assert row == {"minutes": expected, "events": expected}
