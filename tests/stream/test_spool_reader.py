"""Promises of the reader: any position, many readers, never past the synced length, damage told and passed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.clock import FrozenClock
from storage.seal import KeyRing
from stream.spool import (
    Block,
    Position,
    PositionUnknown,
    SpoolReader,
    SpoolWriter,
    mark_consumed,
    read_consumed,
    spool_info,
)
from stream.spool.committed import path_of as committed_path
from stream.spool.consumed import path_of as consumed_path
from stream.spool.segment import numbers, path_of
from stream.spool.testing import numbered_entry, small_settings

RING = KeyRing(bytes(32))
CLOCK = FrozenClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
LONG = 20.0


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A spool of 24 blocks in seven segments, the last of them without any block."""
    directory = tmp_path / "spool"
    for first in (0, 12, 12):
        with SpoolWriter.open(directory, RING, small_settings(), CLOCK) as writer:
            for number in range(first, first + 12):
                writer.append(numbered_entry(number, raw=bytes(12_000))).result(LONG)
    assert len(numbers(directory)) == 7
    return directory


def read_from(directory: Path, at: Position | None, step: int = 5) -> list[Block]:
    with SpoolReader(directory, RING, at) as reader:
        blocks: list[Block] = []
        while more := reader.read(step):
            blocks += more
        assert reader.damage == []
        return blocks


@pytest.mark.parametrize("step", [1, 7, 100])
def test_a_reader_goes_on_from_any_position_that_a_block_gave(directory: Path, step: int) -> None:
    blocks = read_from(directory, None)
    assert [block.seq for block in blocks] == list(range(24))
    for place, block in enumerate(blocks):
        assert read_from(directory, block.after, step) == blocks[place + 1 :]


def test_a_readers_own_position_is_where_another_reader_goes_on(directory: Path) -> None:
    with SpoolReader(directory, RING) as first:
        start = first.read(9)
        rest = read_from(directory, first.position)
    assert [block.seq for block in (*start, *rest)] == list(range(24))


def test_readers_do_not_disturb_each_other_or_the_writer(directory: Path) -> None:
    done = threading.Event()
    seen: dict[int, list[int]] = {1: [], 3: []}

    def follow(step: int) -> None:
        with SpoolReader(directory, RING) as reader:
            while not (done.is_set() and reader.position == last):
                seen[step] += [block.seq for block in reader.read(step)]

    last: Position | None = None
    threads = [threading.Thread(target=follow, args=(step,)) for step in seen]
    with SpoolWriter.open(directory, RING, small_settings(max_bytes=1 << 24), CLOCK) as writer:
        for thread in threads:
            thread.start()
        for number in range(100, 160):
            writer.append(numbered_entry(number, raw=bytes(5000))).result(LONG)
        last = writer.info().committed
        done.set()
        for thread in threads:
            thread.join(LONG)
    assert seen[1] == seen[3] == list(range(84))


def test_one_read_gives_no_more_blocks_or_bytes_than_asked_for(directory: Path) -> None:
    with SpoolReader(directory, RING) as reader:
        assert len(reader.read(3)) == 3
        assert len(reader.read(100, max_bytes=30_000)) == 3
        assert len(reader.read(100, max_bytes=1)) == 1


def test_a_reader_that_comes_before_the_first_writer_waits(tmp_path: Path) -> None:
    reader = SpoolReader(tmp_path / "spool", RING)
    assert reader.read(5) == []
    with SpoolWriter.open(tmp_path / "spool", RING, small_settings(), CLOCK) as writer:
        assert reader.read(5) == []
        writer.append(numbered_entry(1)).result(LONG)
        assert [block.seq for block in reader.read(5)] == [0]
        assert reader.read(5) == []
    reader.close()


def test_bytes_behind_the_synced_length_are_not_seen(directory: Path) -> None:
    committed = committed_path(directory).read_bytes()
    with SpoolWriter.open(directory, RING, small_settings(max_bytes=1 << 24), CLOCK) as writer:
        writer.append(numbered_entry(200)).result(LONG)
    assert [block.seq for block in read_from(directory, None)] == list(range(25))
    committed_path(directory).write_bytes(committed)
    assert [block.seq for block in read_from(directory, None)] == list(range(24))


@pytest.mark.parametrize(
    "at", [Position(99, 8192, 30), Position(8, 8192, 24), Position(3, 8192, 2), Position(1, 8192, 500)]
)
def test_a_position_that_this_spool_never_had_is_refused(directory: Path, at: Position) -> None:
    with pytest.raises(PositionUnknown, match="does not have"):
        read_from(directory, at)


def test_a_removed_segment_is_told_and_the_next_one_read(directory: Path) -> None:
    blocks = read_from(directory, None)
    at = blocks[2].after
    path_of(directory, 1).unlink()
    with SpoolReader(directory, RING, at) as reader:
        assert reader.read(100) == [block for block in blocks if block.after.segment > 1]
        assert [(place.segment, place.reason) for place in reader.damage] == [(1, "the segment was removed")]
    assert read_from(directory, None) == [block for block in blocks if block.after.segment > 1]


def test_a_segment_missing_in_the_middle_is_told(directory: Path) -> None:
    blocks = read_from(directory, None)
    path_of(directory, 2).unlink()
    with SpoolReader(directory, RING) as reader:
        assert reader.read(100) == [block for block in blocks if block.after.segment != 2]
        assert [(place.segment, place.reason) for place in reader.damage] == [(2, "segments are missing")]


def test_a_segment_without_a_whole_header_is_told_and_passed(directory: Path) -> None:
    blocks = read_from(directory, None)
    with path_of(directory, 2).open("r+b") as file:
        file.write(bytes(8192))
    with SpoolReader(directory, RING) as reader:
        assert reader.read(100) == [block for block in blocks if block.after.segment != 2]
        assert [place.segment for place in reader.damage] == [2]


def test_damage_found_by_verifying_shows_in_the_info(directory: Path) -> None:
    end = read_from(directory, None)[3].after.offset
    with path_of(directory, 1).open("r+b") as file:
        file.seek(end - 1)
        file.write(b"?")
    assert spool_info(directory, RING).damage is None
    (place,) = spool_info(directory, RING, verify=True).damage or ()
    assert (place.segment, place.offset + place.length) == (1, end)


def test_the_consumed_position_is_kept_as_it_was_marked_even_lower(directory: Path) -> None:
    assert read_consumed(directory) is None
    positions = [Position(2, 9000, 7), Position(1, 8192, 0)]
    for position in positions:
        mark_consumed(directory, position)
        assert read_consumed(directory) == position
        assert spool_info(directory).consumed == position


@pytest.mark.parametrize("content", [b"", b"{", b"MDYCONS1", bytes(36), b"\xff" * 400])
def test_a_damaged_consumed_file_counts_as_nothing_consumed(directory: Path, content: bytes) -> None:
    mark_consumed(directory, Position(2, 9000, 7))
    consumed_path(directory).write_bytes(content)
    assert read_consumed(directory) is None
    mark_consumed(directory, Position(2, 9000, 8))
    assert read_consumed(directory) == Position(2, 9000, 8)
