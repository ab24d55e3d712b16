"""A spool whose files are removed, replaced or taken back to an older copy: nothing in it is passed over, nothing is
acknowledged that nobody would find, and what takes its place is not touched."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from spool_rig import BEGIN, LONG, RING, contents, read_all

from models.clock import FrozenClock
from stream.spool import (
    Block,
    Bookmark,
    Position,
    SpoolReader,
    SpoolReplaced,
    SpoolWriter,
)
from stream.spool.segment import numbers, path_of
from stream.spool.testing import numbered_entry, small_settings


def write(directory: Path, entries: range, size: int = 12_000) -> None:
    """Add one block per number, by a writer of its own; four fill a segment."""
    with SpoolWriter.open(directory, RING, small_settings(), FrozenClock(BEGIN)) as writer:
        for number in entries:
            writer.append(numbered_entry(number, raw=b"%06d" % number + bytes(size))).result(LONG)


def said(blocks: list[Block]) -> list[int]:
    return [int(entry.raw[:6]) for block in blocks for entry in block.entries]


def read_on(directory: Path, mark: Bookmark | None, *, told: bool = False) -> list[int]:
    with SpoolReader(directory, RING, mark) as reader:
        found = reader.read(1000)
        assert bool(reader.damage) is told
        return said(found)


def mark_after(directory: Path, count: int) -> Bookmark:
    with SpoolReader(directory, RING) as reader:
        assert len(reader.read(count)) == count
        assert reader.bookmark is not None
        return reader.bookmark


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Twelve blocks in three segments of one writer, then a fourth segment without any of another."""
    write(tmp_path / "spool", range(12))
    write(tmp_path / "spool", range(0))
    assert numbers(tmp_path / "spool") == [1, 2, 3, 4]
    return tmp_path / "spool"


def test_each_writer_numbers_its_blocks_in_a_series_of_its_own(directory: Path) -> None:
    write(directory, range(12, 14))
    blocks = read_all(directory)
    assert [block.seq for block in blocks] == list(range(14))
    assert len({block.series for block in blocks[:12]}) == len({block.series for block in blocks[12:]}) == 1
    assert len({block.series for block in blocks}) == 2


@pytest.mark.parametrize("count", range(1, 13))
def test_a_bookmark_goes_on_in_its_own_spool(directory: Path, count: int) -> None:
    assert read_on(directory, mark_after(directory, count)) == list(range(count, 12))


@pytest.mark.parametrize("count", [1, 4, 5, 12])
@pytest.mark.parametrize("blocks", [1, 5, 30])
def test_in_another_spool_everything_is_read(directory: Path, count: int, blocks: int) -> None:
    mark = mark_after(directory, count)
    shutil.rmtree(directory)
    write(directory, range(100, 100 + blocks))
    assert read_on(directory, mark, told=True) == list(range(100, 100 + blocks))


@pytest.mark.parametrize("then", [2, 12])
@pytest.mark.parametrize("copied", [0, 3, 8])
@pytest.mark.parametrize("new", [1, 20])
def test_in_an_older_copy_only_what_is_new_is_read(tmp_path: Path, copied: int, then: int, new: int) -> None:
    """Numbers of blocks and segments come again in the copy, with other content."""
    directory, copy = tmp_path / "spool", tmp_path / "copy"
    write(directory, range(copied))
    shutil.copytree(directory, copy)
    write(directory, range(50, 50 + then))
    mark = mark_after(directory, copied + then)
    shutil.rmtree(directory)
    copy.rename(directory)
    write(directory, range(100, 100 + new))
    found = read_on(directory, mark, told=True)
    assert found[-new:] == list(range(100, 100 + new))
    assert set(found[:-new]) <= set(range(copied))


def test_a_copy_from_within_a_segment_is_read_on_from_its_end(tmp_path: Path) -> None:
    directory, copy = tmp_path / "spool", tmp_path / "copy"
    with SpoolWriter.open(directory, RING, small_settings(), FrozenClock(BEGIN)) as writer:
        writer.append(numbered_entry(1, raw=b"000001")).result(LONG)
        shutil.copytree(directory, copy)
        for number in range(2, 5):
            writer.append(numbered_entry(number, raw=b"%06d" % number)).result(LONG)
    mark = mark_after(directory, 4)
    shutil.rmtree(directory)
    copy.rename(directory)
    assert read_on(directory, mark, told=True) == []
    write(directory, range(100, 103))
    assert read_on(directory, mark, told=True) == [100, 101, 102]


def test_segments_that_retention_removed_are_passed_by(directory: Path) -> None:
    mark = mark_after(directory, 2)
    path_of(directory, 1).unlink()
    assert read_on(directory, mark, told=True) == list(range(4, 12))


def test_after_a_power_loss_a_bookmark_ahead_of_what_was_published_waits(directory: Path) -> None:
    committed = (directory / "committed").read_bytes()
    with SpoolWriter.open(directory, RING, small_settings(), FrozenClock(BEGIN)) as writer:
        segment = writer.append(numbered_entry(20, raw=b"000020")).result(LONG)
        mark = mark_after(directory, 13)
    assert segment.seq == 12
    (directory / "committed").write_bytes(committed)
    with SpoolReader(directory, RING, mark) as reader:
        assert reader.read(10) == []
        assert reader.bookmark == mark
        write(directory, range(30, 31))
        assert said(reader.read(10)) == [30]
        assert reader.damage == []


# -- under a reader --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [1, 12, 40])
@pytest.mark.parametrize("count", [1, 12])
def test_a_reader_says_so_when_the_spool_is_replaced_while_it_reads(
    directory: Path, count: int, blocks: int
) -> None:
    with SpoolReader(directory, RING) as reader:
        reader.read(count)
        mark = reader.bookmark
        shutil.rmtree(directory)
        assert reader.read(10) == []  # nothing is there
        write(directory, range(100, 100 + blocks))
        with pytest.raises(SpoolReplaced):
            reader.read(1000)
    assert read_on(directory, mark, told=True) == list(range(100, 100 + blocks))


def test_a_reader_goes_on_to_the_end_of_a_segment_that_retention_removes(directory: Path) -> None:
    with SpoolReader(directory, RING) as reader:
        reader.read(2)
        path_of(directory, 1).unlink()
        assert said(reader.read(100)) == list(range(2, 12))


# -- under a writer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["removal", "another", "a move"])
def test_nothing_is_acknowledged_that_would_not_be_found(directory: Path, tmp_path: Path, by: str) -> None:
    write(tmp_path / "other", range(100, 101))
    settings = small_settings(look_seconds=60)
    with SpoolWriter.open(directory, RING, settings, FrozenClock(BEGIN)) as writer:
        writer.append(numbered_entry(20)).result(LONG)
        directory.rename(tmp_path / "away")
        if by == "removal":
            shutil.rmtree(tmp_path / "away")
        elif by == "another":
            (tmp_path / "other").rename(directory)
        with pytest.raises(SpoolReplaced):
            writer.append(numbered_entry(21)).result(LONG)
        assert isinstance(writer.failure, SpoolReplaced)
        assert not writer.room.has_room
        before = sorted((path.name, path.stat().st_mtime_ns) for path in directory.rglob("*"))
    assert sorted((path.name, path.stat().st_mtime_ns) for path in directory.rglob("*")) == before
    if by == "another":
        assert [content[:6] for content in contents(directory)] == [b"000100"]


def test_a_writer_with_nothing_to_write_notices_too(directory: Path) -> None:
    with SpoolWriter.open(directory, RING, small_settings(), FrozenClock(BEGIN)) as writer:
        gave_up = threading.Event()
        writer.room.on_change(lambda has_room: gave_up.set())
        shutil.rmtree(directory)
        assert gave_up.wait(LONG)
        assert not writer.room.has_room
        assert isinstance(writer.failure, SpoolReplaced)
    assert not directory.exists()


def test_a_position_that_names_no_series_is_taken_at_its_word(directory: Path) -> None:
    mark = mark_after(directory, 7)
    assert read_on(directory, mark) == list(range(7, 12))
    with SpoolReader(directory, RING, Position(*mark.position)) as reader:
        assert said(reader.read(100)) == list(range(7, 12))
