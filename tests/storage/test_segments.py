"""Old rows move to sealed files, and nobody who asks can tell from the answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from models.clock import FrozenClock
from storage.apply import apply_facts
from storage.database import Database
from storage.errors import SegmentDamaged
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.seal import KeyRing
from storage.segments import begin_epoch
from storage.settings import StorageSettings

Report = Callable[..., BlockFacts]
ASK = (
    "SELECT service, template_id, minute, day, level, count FROM pattern_minute ORDER BY ALL",
    "SELECT service, minute, day, lines, errors, last_ts FROM service_traffic ORDER BY ALL",
    "SELECT ts, service, host, day, count FROM error_event ORDER BY ALL",
    "SELECT minute, day, reports, late, quarantined, lag_max FROM ingest_minute ORDER BY ALL",
    "SELECT service, hour, day, count FROM pattern_hour ORDER BY ALL",
)


def _answers(database: Database) -> list[object]:
    return [database.query(sql).to_pylist() for sql in ASK]


def _fill(database: Database, report: Report, clock: FrozenClock, blocks: range, *, days: int = 1) -> None:
    facts = [
        report(shard, block, at=clock.at + timedelta(days=block % days, seconds=block), late=1)
        for block in blocks
        for shard in (0, 1)
    ]
    database.write(lambda tx: apply_facts(tx, facts))


def test_moving_rows_changes_no_answer(database: Database, report: Report, clock: FrozenClock) -> None:
    _fill(database, report, clock, range(1, 40), days=3)
    before = _answers(database)
    moved = database.segments.flush(clock.at, everything=True)
    assert moved > 0
    assert database.segments.hot_rows() == 0
    assert _answers(database) == before
    assert {segment.table for segment in database.segments.recorded()} == {
        "pattern_minute", "service_traffic", "error_event", "ingest_minute",
    }  # fmt: skip


def test_a_minute_in_both_places_is_added_up(database: Database, report: Report, clock: FrozenClock) -> None:
    _fill(database, report, clock, range(1, 5))
    database.segments.flush(clock.at, everything=True)
    _fill(database, report, clock, range(5, 7))
    rows = database.query("SELECT sum(count)::BIGINT AS n, count(*) AS r FROM pattern_minute").to_pylist()
    assert rows == [{"n": 6 * 2 * 4, "r": 4}]


def test_only_settled_minutes_move(database: Database, report: Report, clock: FrozenClock) -> None:
    _fill(database, report, clock, range(1, 5))
    assert database.segments.flush(clock.at) == 0
    assert database.segments.flush(clock.at + timedelta(seconds=600)) > 0


def test_merging_changes_no_answer_and_keeps_the_old_files_for_an_hour(
    database: Database, report: Report, clock: FrozenClock, layout: Layout
) -> None:
    for block in range(1, 10):
        _fill(database, report, clock, range(block, block + 1))
        database.segments.flush(clock.at, everything=True)
    before, old = _answers(database), database.segments.recorded()
    assert database.segments.compact(clock.at) == len(old) == 36
    assert _answers(database) == before
    assert len(database.segments.recorded()) == 4
    assert all(segment.path(layout).exists() for segment in old)
    database.segments.retire(clock.at + timedelta(minutes=59))
    assert all(segment.path(layout).exists() for segment in old)
    assert database.segments.retire(clock.at + timedelta(minutes=61)) == len(old)
    assert not any(segment.path(layout).exists() for segment in old)
    assert _answers(database) == before


def test_a_merged_file_is_not_merged_again_with_small_ones(
    layout: Layout, ring: KeyRing, clock: FrozenClock, report: Report
) -> None:
    database = Database.open(layout, ring, clock, settings=StorageSettings(flush_rows=1, compact_files=2))
    for block in range(1, 3):
        _fill(database, report, clock, range(block, block + 1))
        database.segments.flush(clock.at, everything=True)
    assert database.segments.compact(clock.at) > 0
    sizes = [segment.rows for segment in database.segments.recorded() if segment.table == "error_event"]
    assert sizes == [4]
    _fill(database, report, clock, range(3, 4))
    database.segments.flush(clock.at, everything=True)
    events = [segment for segment in database.segments.recorded() if segment.table == "error_event"]
    assert sorted(segment.rows for segment in events) == [2, 4]
    database.close()


def test_a_file_that_no_transaction_recorded_is_not_counted_and_goes_away(
    database: Database, report: Report, clock: FrozenClock, layout: Layout
) -> None:
    _fill(database, report, clock, range(1, 5))
    database.segments.flush(clock.at, everything=True)
    before = _answers(database)
    events = next(segment for segment in database.segments.recorded() if segment.table == "error_event")
    orphan = events.path(layout).with_name("20260302T030000-0000000000000000.parquet")
    orphan.write_bytes(events.path(layout).read_bytes())
    assert _answers(database) == before
    os.utime(orphan, (0, 0))
    assert database.segments.retire(clock.at) == 1
    assert not orphan.exists()
    assert _answers(database) == before


def test_days_past_their_time_go_away(database: Database, report: Report, clock: FrozenClock) -> None:
    _fill(database, report, clock, range(1, 5))
    database.segments.flush(clock.at, everything=True)
    database.segments.retire(clock.at + timedelta(days=91))
    assert database.segments.recorded() == []
    assert database.query("FROM error_event").num_rows == 0


def test_an_altered_or_missing_file_is_found(
    database: Database, report: Report, clock: FrozenClock, layout: Layout
) -> None:
    _fill(database, report, clock, range(1, 5))
    database.segments.flush(clock.at, everything=True)
    assert database.segments.verify() == 4
    path = database.segments.recorded()[0].path(layout)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(SegmentDamaged):
        database.segments.verify()
    path.unlink()
    with pytest.raises(SegmentDamaged):
        database.segments.verify()


def test_a_new_epoch_has_a_key_of_its_own_and_both_are_read(
    layout: Layout, ring: KeyRing, clock: FrozenClock, report: Report
) -> None:
    first = Database.open(layout, ring, clock)
    _fill(first, report, clock, range(1, 3))
    first.segments.flush(clock.at, everything=True)
    first.close()
    assert begin_epoch(layout, ring) == 2
    second = Database.open(layout, ring, clock)
    _fill(second, report, clock, range(3, 5))
    before = _answers(second)
    second.segments.flush(clock.at, everything=True)
    assert _answers(second) == before
    assert {segment.epoch for segment in second.segments.recorded()} == {1, 2}
    second.close()


def test_tidying_moves_a_full_table_at_once_and_the_rest_by_the_clock(
    layout: Layout, ring: KeyRing, clock: FrozenClock, report: Report
) -> None:
    database = Database.open(layout, ring, clock, settings=StorageSettings(flush_rows=10, settle_s=0))
    assert database.tidy(clock.at) == 0  # the first call starts the clocks
    _fill(database, report, clock, range(1, 3))
    clock.move(60)
    assert database.tidy(clock.at) == 0
    _fill(database, report, clock, range(3, 12))
    clock.move(60)
    assert database.tidy(clock.at) > 0
    _fill(database, report, clock, range(20, 21))
    clock.move(601)
    assert database.tidy(clock.at) > 0
    database.close()


def test_no_unfinished_file_survives_a_start(layout: Layout, ring: KeyRing, clock: FrozenClock) -> None:
    Database.open(layout, ring, clock).close()
    part: Path = next(layout.segments.glob("e1/error_event/day=*")) / "x.parquet.new"
    part.write_bytes(b"half")
    Database.open(layout, ring, clock).close()
    assert not part.exists()
