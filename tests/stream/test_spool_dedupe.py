"""Promises about duplicates: known over restarts, crashes and removal of their segments, and forgotten in time."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clock import FrozenClock
from storage.seal import KeyRing
from stream.spool import Position, SpoolReader, SpoolWriter, mark_consumed
from stream.spool.dedupe import BUCKET_NS, HOUR_NS, DedupeIndex
from stream.spool.files import FileOperations
from stream.spool.segment import numbers, path_of
from stream.spool.testing import FragileDisk, numbered_entry, small_settings

RING = KeyRing(bytes(32))
LONG = 20.0
KEYS = st.binary(min_size=16, max_size=16)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def open_writer(directory: Path, clock: FrozenClock, **changes: float) -> SpoolWriter:
    return SpoolWriter.open(directory, RING, small_settings(**changes), clock)


def store(writer: SpoolWriter, wanted: Sequence[int]) -> list[bool]:
    """Append the numbered entries; tell for each whether it was a duplicate."""
    futures = [writer.append(numbered_entry(number)) for number in wanted]
    return [future.result(LONG).duplicate for future in futures]


def test_a_resend_after_a_restart_is_recognised_with_its_block(directory: Path, clock: FrozenClock) -> None:
    with open_writer(directory, clock) as writer:
        seqs = [writer.append(numbered_entry(number)).result(LONG).seq for number in range(20)]
    with open_writer(directory, clock) as writer:
        assert [writer.append(numbered_entry(number)).result(LONG) for number in range(20)] == [
            (seq, True) for seq in seqs
        ]
        assert store(writer, [20]) == [False]


def test_a_resend_is_recognised_when_its_segment_is_gone(directory: Path, clock: FrozenClock) -> None:
    with open_writer(directory, clock) as writer:
        store(writer, range(20))
        committed = writer.info().committed
    assert committed is not None
    mark_consumed(directory, committed)
    for number in numbers(directory):
        path_of(directory, number).unlink()
    with open_writer(directory, clock) as writer:
        assert store(writer, range(21)) == [True] * 20 + [False]


def test_keys_that_a_crash_lost_are_read_again_from_the_blocks(directory: Path, clock: FrozenClock) -> None:
    with open_writer(directory, clock) as writer:
        store(writer, range(10))
    before = directory.with_name("keys-before")
    shutil.copytree(directory / "keys", before)
    with open_writer(directory, clock) as writer:
        store(writer, range(10, 20))
    shutil.rmtree(directory / "keys")
    before.rename(directory / "keys")
    with (directory / "keys").joinpath(key_files(directory)[0]).open("ab") as file:
        file.write(b"half a rec")
    with open_writer(directory, clock) as writer:
        assert store(writer, range(21)) == [True] * 20 + [False]


def test_without_any_key_file_all_keys_are_read_from_the_blocks(directory: Path, clock: FrozenClock) -> None:
    with open_writer(directory, clock) as writer:
        store(writer, range(10))
    shutil.rmtree(directory / "keys")
    with open_writer(directory, clock) as writer:
        assert store(writer, range(10)) == [True] * 10


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"position": [9, 9, 9]}', b'{"position": [99, 8192, 4000]}']
)
def test_a_damaged_or_foreign_checkpoint_costs_only_time(
    directory: Path, clock: FrozenClock, content: bytes
) -> None:
    with open_writer(directory, clock) as writer:
        store(writer, range(10))
    (directory / "keys" / "checkpoint").write_bytes(content)
    with open_writer(directory, clock) as writer:
        assert store(writer, range(10)) == [True] * 10


def test_an_altered_key_costs_that_key_alone(directory: Path, clock: FrozenClock) -> None:
    with open_writer(directory, clock) as writer:
        for number in range(10):
            store(writer, [number])
    path = directory / "keys" / key_files(directory)[0]
    content = bytearray(path.read_bytes())
    content[8 + 3 * 28 + 5] ^= 1
    path.write_bytes(content)
    with open_writer(directory, clock) as writer:
        assert store(writer, range(10)) == [n != 3 for n in range(10)]


def test_keys_are_held_for_the_configured_time_and_then_forgotten(
    directory: Path, clock: FrozenClock
) -> None:
    with open_writer(directory, clock) as writer:
        store(writer, [1])
    for hours, duplicate in ((71, True), (9, False), (80, False)):
        clock.move(hours * 3600)
        with open_writer(directory, clock) as writer:
            store(writer, [1000 + hours])  # something else that tells the time
        with open_writer(directory, clock) as writer:
            assert store(writer, [1]) == [duplicate]
    assert len(key_files(directory)) <= 3


def test_many_restarts_within_one_hour_keep_one_key_file(directory: Path, clock: FrozenClock) -> None:
    for number in range(12):
        with open_writer(directory, clock, max_bytes=1 << 24) as writer:
            store(writer, [number])
    assert len(key_files(directory)) == 1
    with open_writer(directory, clock) as writer:
        assert store(writer, range(12)) == [True] * 12


def test_keys_on_disk_differ_from_ring_to_ring(tmp_path: Path, clock: FrozenClock) -> None:
    stored = []
    for name, ring in (("a", RING), ("b", KeyRing(bytes(range(32))))):
        with SpoolWriter.open(tmp_path / name, ring, small_settings(), clock) as writer:
            store(writer, [1])
        stored.append((tmp_path / name / "keys" / key_files(tmp_path / name)[0]).read_bytes())
    assert len(stored[0]) == len(stored[1]) == 8 + 28
    assert stored[0][8:24] != stored[1][8:24]


@given(first=st.lists(KEYS, unique=True, max_size=30), second=st.lists(KEYS, unique=True, max_size=30))
def test_an_index_finds_exactly_what_was_added_in_open_and_closed_buckets(
    first: list[bytes], second: list[bytes]
) -> None:
    index = DedupeIndex(Path("/nowhere"), FileOperations(), 72)
    index.add(first, 1, 0)
    index.add(second, 2, BUCKET_NS)
    expected = {**dict.fromkeys(second, 2), **dict.fromkeys(first, 1)}
    assert {key: index.find(key) for key in expected} == expected
    assert len(index) == len(expected)
    assert all(index.find(bytes(a ^ 255 for a in key)) in (None, 1, 2) for key in expected)
    assert index.find(b"\x00" * 15 + b"\x01") == expected.get(b"\x00" * 15 + b"\x01")


def test_keys_with_equal_beginnings_are_told_apart() -> None:
    index = DedupeIndex(Path("/nowhere"), FileOperations(), 72)
    keys = [bytes(8) + number.to_bytes(8, "big") for number in range(20)]
    for seq, key in enumerate(keys):
        index.add([key], seq, 0)
    index.add([b"x" * 16], 99, BUCKET_NS)
    assert [index.find(key) for key in keys] == list(range(20))
    assert index.find(bytes(8) + (20).to_bytes(8, "big")) is None


def test_a_checkpoint_that_fails_is_made_good_by_the_next(tmp_path: Path) -> None:
    disk = FragileDisk()
    index = DedupeIndex.open(tmp_path, disk, 72)
    index.add([b"a" * 16], 0, 0)
    index.checkpoint(Position(1, 9000, 1))
    index.add([b"b" * 16], 1, 0)
    disk.fail_sync = 5
    with pytest.raises(OSError, match="as told"):
        index.checkpoint(Position(1, 9100, 2))
    assert index.checkpointed == Position(1, 9000, 1)
    disk.fail_sync = None
    index.add([b"c" * 16], 2, 0)
    index.checkpoint(Position(1, 9200, 3))
    again = DedupeIndex.open(tmp_path, disk, 72)
    assert [again.find(bytes([letter]) * 16) for letter in b"abc"] == [0, 1, 2]
    assert (again.checkpointed, again.damaged) == (Position(1, 9200, 3), 0)


def test_expiry_forgets_whole_buckets_and_their_files(tmp_path: Path) -> None:
    index = DedupeIndex.open(tmp_path, FileOperations(), 12)
    for bucket in range(4):
        index.add([bytes([bucket]) * 16], bucket, bucket * BUCKET_NS)
        index.checkpoint(Position(1, 9000, bucket))
    index.expire(3 * BUCKET_NS + 12 * HOUR_NS)
    assert [index.find(bytes([bucket]) * 16) for bucket in range(4)] == [None, None, None, 3]
    assert len(list((tmp_path / "keys").glob("keys-*"))) == 1
    index.expire(9 * BUCKET_NS)
    assert len(index) == 0


def test_duplicates_add_no_block(directory: Path, clock: FrozenClock) -> None:
    with open_writer(directory, clock) as writer:
        store(writer, [1])
        store(writer, [1] * 50)
    with SpoolReader(directory, RING) as reader:
        assert len(reader.read(100)) == 1


def key_files(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "keys").glob("keys-*"))
