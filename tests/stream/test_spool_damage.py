"""Damage is named by whoever can see it, and a message that was lost with it is taken again; one that was counted is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from spool_rig import BEGIN, LONG, RING

from models.clock import FrozenClock
from stream.spool import (
    Damage,
    Lost,
    Position,
    SpoolReader,
    SpoolWriter,
    mark_consumed,
    noted,
    read_damage,
    record_damage,
    spool_info,
)
from stream.spool.committed import path_of as committed_path
from stream.spool.consumed import path_of as consumed_path
from stream.spool.damage import forget_damage
from stream.spool.damage import path_of as damage_path
from stream.spool.files import FileOperations
from stream.spool.reasons import BLOCK_ALTERED, SEGMENTS_MISSING
from stream.spool.segment import FRAMES_AT, numbers, path_of
from stream.spool.testing import FragileDisk, numbered_entry, small_settings

MANY = 40
MIDDLE = 3
Harm = Callable[[Path], object]


def open_writer(directory: Path) -> SpoolWriter:
    return SpoolWriter.open(directory, RING, small_settings(max_bytes=1 << 24), FrozenClock(BEGIN))


def store(writer: SpoolWriter, wanted: range) -> list[bool]:
    """Append numbered messages of 9 kB, six to a segment, and return which were duplicates."""
    made = (numbered_entry(number, raw=b"%04d" % number * 2250) for number in wanted)
    return [writer.append(entry).result(LONG).duplicate for entry in made]


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("whole") / "spool"
    with open_writer(directory) as writer:
        assert store(writer, range(MANY)) == [False] * MANY
    assert len(numbers(directory)) == 7
    return directory


@pytest.fixture
def directory(spool: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(spool, tmp_path / "spool"))


def held(directory: Path) -> set[int]:
    """The numbers of the messages that are there."""
    with SpoolReader(directory, RING) as reader:
        found: set[int] = set()
        while blocks := reader.read(16):
            found |= {int(entry.raw[:4]) for block in blocks for entry in block.entries}
        return found


def remove(*places: int) -> Harm:
    def harm(directory: Path) -> None:
        present = numbers(directory)
        for number in {present[at] for at in places}:
            path_of(directory, number).unlink()

    return harm


def cut(at: int, size: int) -> Harm:
    return lambda directory: os.truncate(path_of(directory, numbers(directory)[at]), size)


def without_committed(harm: Harm) -> Harm:
    def both(directory: Path) -> None:
        harm(directory)
        committed_path(directory).unlink()

    return both


def flip(offset: int) -> Harm:
    def harm(directory: Path) -> None:
        with path_of(directory, MIDDLE).open("r+b") as file:
            file.seek(offset)
            (byte,) = file.read(1)
            file.seek(offset)
            file.write(bytes((byte ^ 0xFF,)))

    return harm


def zero_header(directory: Path) -> None:
    with path_of(directory, MIDDLE).open("r+b") as file:
        file.write(bytes(FRAMES_AT))


def swap(directory: Path) -> None:
    first, second, aside = path_of(directory, 2), path_of(directory, MIDDLE), directory / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


SEEN_AT_START = {
    "last removed": remove(-1),
    "two last removed": remove(-2, -1),
    "middle removed": remove(2),
    "first removed": remove(0),
    "all removed": remove(*range(7)),
    "last cut": cut(-1, 20_000),
    "last cut, published place lost": without_committed(cut(-1, 20_000)),
    "middle cut": cut(2, 30_000),
    "middle emptied": cut(2, 0),
    "header of a middle one lost": zero_header,
    "two swapped": swap,
}


@pytest.mark.parametrize("harm", SEEN_AT_START.values(), ids=SEEN_AT_START)
def test_what_headers_and_sizes_tell_is_named_at_the_start_and_what_was_lost_is_taken_again(
    directory: Path, harm: Harm, caplog: pytest.LogCaptureFixture
) -> None:
    harm(directory)
    with open_writer(directory) as writer:
        lost = set(range(MANY)) - held(directory)
        assert lost
        assert writer.info().damage
        assert "spool: segment" in caplog.text
        assert store(writer, range(MANY)) == [number not in lost for number in range(MANY)]
        assert store(writer, range(MANY)) == [True] * MANY
    assert held(directory) == set(range(MANY))
    with open_writer(directory) as writer:  # what was decided stands
        assert store(writer, range(MANY)) == [True] * MANY
    assert spool_info(directory).damage


@pytest.mark.parametrize("offset", [30_000, FRAMES_AT + 10], ids=["in a block", "in a block's header"])
def test_what_only_a_reader_sees_is_taken_in_by_the_writer_while_it_runs(
    directory: Path, offset: int, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FragileDisk()
    flip(offset)(directory)
    settings = small_settings(max_bytes=1 << 24)
    with SpoolWriter.open(directory, RING, settings, FrozenClock(BEGIN), disk) as writer:
        assert not writer.info().damage
        (lost,) = set(range(MANY)) - held(directory)
        assert store(writer, range(lost, lost + 1)) == [True]  # nobody knows yet
        with SpoolReader(directory, RING) as reader:
            while reader.read(16):
                pass
            reader.record_damage()
        for _ in range(3):  # a whole look begins and ends after this
            while disk.looks.acquire(blocking=False):
                pass
            assert disk.looks.acquire(timeout=LONG)
        assert store(writer, range(MANY)) == [number != lost for number in range(MANY)]
        assert "messages are lost with damaged blocks" in caplog.text
    assert held(directory) == set(range(MANY))


@pytest.mark.parametrize("harm", [remove(2), cut(2, 30_000), remove(0)], ids=["removed", "cut", "first"])
def test_what_was_consumed_is_never_taken_again(directory: Path, harm: Harm) -> None:
    committed = spool_info(directory).committed
    assert committed is not None
    mark_consumed(directory, committed)
    harm(directory)
    with open_writer(directory) as writer:
        assert store(writer, range(MANY)) == [True] * MANY


def test_of_a_lost_segment_only_what_was_not_consumed_is_taken_again(directory: Path) -> None:
    with SpoolReader(directory, RING) as reader:
        half = reader.read(17)[-1].after  # in the middle of the third segment
    assert half.segment == MIDDLE
    mark_consumed(directory, half)
    remove(2)(directory)
    with open_writer(directory) as writer:
        again = [number for number, known in enumerate(store(writer, range(MANY))) if not known]
    assert again
    assert min(again) == half.seq


@pytest.mark.parametrize("left", [None, b"x" * 36], ids=["missing", "damaged"])
def test_while_nobody_knows_what_was_consumed_no_key_is_forgotten(
    directory: Path, left: bytes | None
) -> None:
    if left is None:
        consumed_path(directory).unlink()
    else:
        consumed_path(directory).write_bytes(left)
    remove(0)(directory)
    for _ in range(2):
        with open_writer(directory) as writer:
            assert store(writer, range(MANY)) == [True] * MANY


def test_what_retention_removed_is_no_damage(directory: Path) -> None:
    with SpoolReader(directory, RING) as reader:
        after = reader.read(30)[-1].after
    mark_consumed(directory, after)
    with SpoolWriter.open(
        directory, RING, small_settings(max_bytes=1 << 24, keep_hours=1), FrozenClock(BEGIN.replace(hour=9))
    ) as writer:
        assert writer.info().first_seq > 0
        assert not writer.info().damage
    assert noted(directory, (), ()) == ()
    assert not damage_path(directory).exists()


def test_a_whole_spool_has_no_damage_for_anybody(directory: Path) -> None:
    assert spool_info(directory, RING, verify=True).damage == ()
    assert read_damage(directory) == ((), (), ())


def test_damage_found_twice_is_written_down_once_and_the_first_decision_stands(directory: Path) -> None:
    place = Damage(3, 30_000, 90, BLOCK_ALTERED)
    mark_consumed(directory, Position(3, 9000, 16))
    for _ in range(2):
        record_damage(directory, [place, place], [Lost(15, 18)])
        mark_consumed(directory, Position(1, FRAMES_AT, 0))
    known = read_damage(directory)
    assert known == ((place,), (Lost(15, 18),), (Lost(16, 18),))
    assert len(damage_path(directory).read_bytes().splitlines()) == 2


def test_lines_that_are_damaged_themselves_are_passed_over_and_never_repeated(directory: Path) -> None:
    damage_path(directory).write_bytes(
        b'{"at": 1\n\xff\n{"at":1,"damage":[1,2,3,"somebody wrote this"]}\n{"at":1,"lost":[1]}'
    )
    record_damage(directory, [Damage(7, 0, 0, SEGMENTS_MISSING)], [])
    assert [(place.segment, place.reason) for place in read_damage(directory).damage] == [
        (1, "it was found damaged"),
        (7, "segments are missing"),
    ]


def test_what_is_older_than_any_key_is_named_no_more(directory: Path) -> None:
    record_damage(directory, [Damage(7, 0, 0, SEGMENTS_MISSING)], [Lost(1, 2)])
    committed = spool_info(directory).newest_ns
    assert committed is not None
    forget_damage(directory, committed, FileOperations())
    assert read_damage(directory).damage
    forget_damage(directory, committed + 1, FileOperations())
    assert read_damage(directory) == ((), (), ())


def test_a_disk_that_refuses_the_record_does_not_keep_the_spool_from_opening(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remove(2)(directory)
    damage_path(directory).mkdir()
    with open_writer(directory) as writer:
        assert "segments are missing" in caplog.text
        assert store(writer, range(MANY, MANY + 1)) == [False]
