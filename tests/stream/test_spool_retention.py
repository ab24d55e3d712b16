"""Promises of retention: what nobody has consumed stays, whatever its age; what goes cannot be opened any more."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.clock import FrozenClock
from storage.seal import KeyRing
from stream.spool import (
    NoRoom,
    Position,
    SpoolFull,
    SpoolReader,
    SpoolSettings,
    SpoolWriter,
    mark_consumed,
    read_consumed,
)
from stream.spool.retention import Kept, removable
from stream.spool.segment import numbers, path_of
from stream.spool.testing import FragileDisk, numbered_entry, small_settings

RING = KeyRing(bytes(32))
LONG = 20.0
SEGMENTS = st.lists(st.integers(0, 100), max_size=8).map(
    lambda sizes: [Kept(number, size, 10 * number) for number, size in enumerate(sizes, 1)]
)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))


@pytest.fixture
def disk() -> FragileDisk:
    return FragileDisk()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def fill(writer: SpoolWriter, first: int, count: int) -> None:
    for number in range(first, first + count):
        writer.append(numbered_entry(number, raw=bytes(25_000))).result(LONG)


def wait_until(disk: FragileDisk, condition: Callable[[], bool]) -> None:
    """Let the writer look at its disk until `condition` holds."""
    for _ in range(400):
        if condition():
            return
        assert disk.looks.acquire(timeout=LONG)
    raise AssertionError("the writer looked and did nothing")


def let_it_look(disk: FragileDisk) -> None:
    """Return when the writer has looked at everything at least once from now on."""
    while disk.looks.acquire(blocking=False):
        pass
    for _ in range(4):  # two questions in one look
        assert disk.looks.acquire(timeout=LONG)


def consume(directory: Path) -> None:
    with SpoolReader(directory, RING) as reader:
        while reader.read(10):
            pass
        assert reader.position is not None
        mark_consumed(directory, reader.position)


@given(kept=SEGMENTS, below=st.integers(0, 9), old=st.integers(0, 90), excess=st.integers(-50, 500))
def test_only_the_oldest_go_and_only_what_was_consumed(
    kept: list[Kept], below: int, old: int, excess: int
) -> None:
    chosen = removable(kept, below=below, older_than_ns=old, excess_bytes=excess, shortage_bytes=0)
    assert chosen == kept[: len(chosen)]
    assert all(segment.number < below for segment in chosen)
    for place, segment in enumerate(chosen):
        freed = sum(earlier.bytes for earlier in chosen[:place])
        assert segment.ended_ns < old or freed < excess


def test_old_segments_stay_until_they_are_consumed_and_then_go(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(keep_hours=1), clock, disk) as writer:
        fill(writer, 0, 6)
        kept = numbers(directory)
        assert len(kept) == 3
        clock.move(10 * 3600)
        fill(writer, 6, 1)
        assert numbers(directory)[:3] == kept
        with SpoolReader(directory, RING) as reader:
            (block,) = reader.read(1)
            mark_consumed(directory, block.after)
            *_, last = reader.read(3)
            assert last.after.segment == kept[1]
        mark_consumed(directory, last.after)
        wait_until(disk, lambda: numbers(directory)[0] == kept[1])
        consume(directory)
        wait_until(disk, lambda: len(numbers(directory)) == 1)


def test_young_segments_stay_although_they_are_consumed(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(keep_hours=1), clock, disk) as writer:
        fill(writer, 0, 6)
        before = numbers(directory)
        consume(directory)
        clock.move(1800)
        let_it_look(disk)
        assert numbers(directory) == before


def test_at_the_size_limit_consumed_segments_go_first_and_reading_goes_on(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(), clock, disk) as writer:
        fill(writer, 0, 40)
        assert writer.room.reason is NoRoom.LIMIT
        held = numbers(directory)
        consume(directory)
        assert writer.room.wait_for_room(LONG)
        assert len(numbers(directory)) < len(held)
        assert numbers(directory)[-1] == held[-1]
        fill(writer, 40, 1)
    with SpoolReader(directory, RING) as reader:
        assert reader.read(100)[-1].seq == 40


def test_when_the_disk_runs_low_consumed_segments_go(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    disk.space = 10**9
    settings = small_settings(min_free_bytes=100_000)
    with SpoolWriter.open(directory, RING, settings, clock, disk) as writer:
        fill(writer, 0, 8)
        before = numbers(directory)
        consume(directory)
        let_it_look(disk)
        assert numbers(directory) == before
        disk.space = 50_000
        wait_until(disk, lambda: numbers(directory)[0] > before[0])
        let_it_look(disk)
        assert writer.room.reason is NoRoom.DISK
        disk.space = 10**9
        assert writer.room.wait_for_room(LONG)


def test_marking_what_is_consumed_takes_no_space_on_a_full_disk(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(keep_hours=1), clock, disk):
        before = {path.name: (path.stat().st_ino, path.stat().st_size) for path in directory.iterdir()}
        mark_consumed(directory, Position(1, 9000, 3))
        assert read_consumed(directory) == Position(1, 9000, 3)
        after = {path.name: (path.stat().st_ino, path.stat().st_size) for path in directory.iterdir()}
    assert after == before


def test_on_a_full_disk_opening_removes_what_was_consumed_before_it_writes(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(), clock) as writer:
        fill(writer, 0, 8)
        consume(directory)
    before = numbers(directory)
    disk.space = 0
    with pytest.raises(SpoolFull):
        SpoolWriter.open(directory, RING, small_settings(min_free_bytes=100_000), clock, disk)
    assert before[0] not in numbers(directory)
    assert before[-1] in numbers(directory)
    disk.space = None
    with SpoolWriter.open(directory, RING, small_settings(), clock, disk) as writer:
        assert writer.append(numbered_entry(0)).result(LONG).duplicate


def test_a_removed_segment_cannot_be_opened_from_what_the_disk_keeps(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(keep_hours=1), clock, disk) as writer:
        fill(writer, 0, 3)
        first = path_of(directory, numbers(directory)[0])
        assert first.read_bytes()[:6] == b"MAYDAY"
        with first.open("rb") as held:  # the file itself, not its name
            consume(directory)
            clock.move(7200)
            fill(writer, 3, 1)
            gone = first.with_suffix(
                ".removed"
            )  # between the rename and the unlink its header is overwritten
            wait_until(disk, lambda: not first.exists() and not gone.exists())
            assert held.read()[:8192] == bytes(8192)


def test_a_reader_inside_a_segment_that_is_removed_reads_it_to_its_end(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(keep_hours=1), clock, disk) as writer:
        fill(writer, 0, 8)
        reader = SpoolReader(directory, RING)
        assert [block.seq for block in reader.read(1)] == [0]
        consume(directory)
        clock.move(7200)
        fill(writer, 8, 1)
        wait_until(disk, lambda: len(numbers(directory)) <= 2)
        blocks = reader.read(100)
        assert blocks[0].seq == 1
        assert blocks[-1].seq == 8
        assert reader.damage
        reader.close()


def test_segments_whose_keys_are_not_synced_stay(directory: Path, clock: FrozenClock) -> None:
    class Stuck(FragileDisk):
        stuck = False
        tries = threading.Semaphore(0)

        def replace(self, path: Path, content: bytes) -> None:
            if self.stuck:
                self.tries.release()
                raise OSError(errno.EIO, "the disk fails as told")
            super().replace(path, content)

    disk = Stuck()
    with SpoolWriter.open(directory, RING, small_settings(keep_hours=1), clock, disk) as writer:
        disk.stuck = True
        fill(writer, 0, 6)
        held = numbers(directory)
        consume(directory)
        clock.move(7200)
        fill(writer, 6, 1)
        for _ in range(3):
            assert disk.tries.acquire(timeout=LONG)
        assert numbers(directory)[: len(held)] == held
        disk.stuck = False
        wait_until(disk, lambda: numbers(directory)[0] > held[0])
        assert writer.append(numbered_entry(0)).result(LONG).duplicate


def test_a_segment_ends_by_age_so_that_the_age_limit_can_work(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(segment_minutes=10), clock, disk) as writer:
        for number in range(4):
            writer.append(numbered_entry(number)).result(LONG)
            clock.move(360)
        assert len(numbers(directory)) == 2


def test_a_limit_that_could_never_work_is_refused_with_what_to_change() -> None:
    with pytest.raises(ValidationError, match="raise it or lower segment_bytes"):
        SpoolSettings(max_bytes=1 << 20)
