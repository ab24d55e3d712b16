"""The segment format under arbitrary damage: what is whole is read, what is not is reported, nothing is made up."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.clock import FrozenClock
from storage.seal import KeyRing
from stream.spool import Block, Damage, Entry, Kind, SpoolReader, SpoolWriter
from stream.spool.entry import pack_block, pack_entry, unpack_entries
from stream.spool.segment import FRAMES_AT, path_of
from stream.spool.testing import numbered_entry, small_settings

RING = KeyRing(bytes(32))
CLOCK = FrozenClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
ANY_TEXT = st.text(st.characters(), max_size=12) | st.sampled_from(["\udcff\udc80", "\ud800", "app.billing"])

ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(Kind),
    received_ns=st.integers(0, 2**62),
    agent=ANY_TEXT,
    peer=ANY_TEXT,
    tag=ANY_TEXT,
    chunk=ANY_TEXT | st.none(),
    headers=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=3),
    raw=st.binary(max_size=100),
)


class Original:
    """A spool of two segments, read once while whole."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for first in (0, 4):
            with SpoolWriter.open(directory, RING, small_settings(), CLOCK) as writer:
                for number in range(first, first + 4):
                    writer.append(numbered_entry(number, raw=b"x" * (37 * number))).result(10)
        self.blocks, damage = read_all(directory)
        assert [block.seq for block in self.blocks] == list(range(8))
        assert damage == []

    @contextmanager
    def copy(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as home:
            yield shutil.copytree(self.directory, Path(home) / "spool")


def read_all(directory: Path) -> tuple[list[Block], list[Damage]]:
    with SpoolReader(directory, RING) as reader:
        blocks: list[Block] = []
        while more := reader.read(3):
            blocks += more
        return blocks, reader.damage


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("original") / "spool")


@given(entries=st.lists(ENTRIES, max_size=5))
def test_entries_come_back_exactly_whatever_text_and_bytes_they_hold(entries: list[Entry]) -> None:
    packed = pack_block([entry.received_ns for entry in entries], [pack_entry(entry) for entry in entries])
    assert unpack_entries(packed) == tuple(entries)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_cut_at_any_byte_leaves_every_block_before_it_readable(
    original: Original, data: st.DataObject
) -> None:
    segment = data.draw(st.sampled_from([1, 2]))
    size = path_of(original.directory, segment).stat().st_size
    cut = data.draw(st.integers(0, size - 1))
    with original.copy() as directory:
        with path_of(directory, segment).open("r+b") as file:
            file.truncate(cut)
        blocks, damage = read_all(directory)
    expected = [b for b in original.blocks if b.after.segment != segment or b.after.offset <= cut]
    assert blocks == expected
    assert any(place.segment == segment for place in damage)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_one_flipped_byte_anywhere_costs_one_block_at_most_and_is_reported(
    original: Original, data: st.DataObject
) -> None:
    segment = data.draw(st.sampled_from([1, 2]))
    content = path_of(original.directory, segment).read_bytes()
    at = data.draw(st.integers(0, len(content) - 1) | st.integers(FRAMES_AT, len(content) - 1))
    with original.copy() as directory:
        with path_of(directory, segment).open("r+b") as file:
            file.seek(at)
            file.write(bytes([content[at] ^ data.draw(st.integers(1, 255))]))
        blocks, damage = read_all(directory)
    lost = [block for block in original.blocks if block not in blocks]
    assert [block for block in original.blocks if block not in lost] == blocks
    assert len(lost) <= 1
    assert [place.segment for place in damage] == [segment]
    for block in lost:
        (place,) = damage
        assert place.offset <= at < place.offset + place.length
        assert place.offset + place.length == block.after.offset
    assert bool(lost) == (at >= FRAMES_AT)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_after_a_cut_the_writer_goes_on_behind_it_with_numbers_never_used(
    original: Original, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(FRAMES_AT, path_of(original.directory, 2).stat().st_size - 1))
    with original.copy() as directory:
        with path_of(directory, 2).open("r+b") as file:
            file.truncate(cut)
        with SpoolWriter.open(directory, RING, small_settings(), CLOCK) as writer:
            assert writer.append(numbered_entry(100)).result(10).seq == 8
        blocks, damage = read_all(directory)
    whole = [b for b in original.blocks if b.after.segment != 2 or b.after.offset <= cut]
    assert blocks[:-1] == whole
    assert blocks[-1].entries == (numbered_entry(100, received_ns=blocks[-1].received_ns),)
    assert any(place.segment == 2 for place in damage)


def test_a_frame_moved_to_another_place_or_segment_does_not_open(original: Original) -> None:
    with original.copy() as directory:
        first, second = path_of(directory, 1).read_bytes(), path_of(directory, 2).read_bytes()
        length = original.blocks[4].after.offset - FRAMES_AT
        assert len(first) > FRAMES_AT + length
        moved = first[:FRAMES_AT] + second[FRAMES_AT : FRAMES_AT + length] + first[FRAMES_AT + length :]
        path_of(directory, 1).write_bytes(moved)
        blocks, damage = read_all(directory)
    assert [block.seq for block in blocks if block.after.segment == 2] == [4, 5, 6, 7]
    assert all(block in original.blocks for block in blocks)
    assert damage
