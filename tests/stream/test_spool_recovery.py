"""Promises over crashes: what was answered is there once, whatever moment the writer died at."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.clock import FrozenClock
from storage.seal import KeyRing
from stream.spool import Block, SpoolReader, SpoolWriter, Stored
from stream.spool.committed import path_of as committed_path
from stream.spool.committed import read_committed
from stream.spool.files import FileOperations
from stream.spool.recovery import recover
from stream.spool.segment import Found, Segment, header_of, numbers, path_of
from stream.spool.testing import numbered_entry, small_settings

RING = KeyRing(bytes(32))
CLOCK = FrozenClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
LONG = 20.0

# Sends numbers from the first on, tells each that was answered, and never ends by itself. It begins with a few that
# it had sent before, as a client does that did not see the answer.
CHILD = """
import os, sys, threading
from datetime import UTC, datetime
from pathlib import Path
from storage.seal import KeyRing
from stream.spool import SpoolWriter
from stream.spool.testing import numbered_entry, small_settings

directory, first, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
settings = small_settings(max_bytes=1 << 30)
writer = SpoolWriter.open(directory, KeyRing(bytes(32)), settings, lambda: datetime.now(UTC))

def send(start):
    number = start
    while True:
        entry = numbered_entry(number, raw=b"%d " % number + os.urandom(number * 7919 % size))
        writer.append(entry).result()
        os.write(1, b"%d\\n" % number)
        number += 4

for start in range(first, first + 4):
    threading.Thread(target=send, args=(start,)).start()
"""


def read_all(directory: Path) -> list[Block]:
    with SpoolReader(directory, RING) as reader:
        blocks: list[Block] = []
        while more := reader.read(50):
            blocks += more
        assert reader.damage == []
        return blocks


def open_writer(directory: Path) -> SpoolWriter:
    return SpoolWriter.open(directory, RING, small_settings(), CLOCK)


def leave(writer: SpoolWriter, directory: Path) -> None:
    """Let go of a spool as a killed process does: nothing is written any more, the lock is free.

    The writer object must not be closed afterwards; its directory is moved away from under it.
    """
    copy = directory.with_name("left")
    subprocess.run(["cp", "-a", str(directory), str(copy)], check=True)
    writer.close()
    subprocess.run(["rm", "-r", str(directory)], check=True)
    copy.rename(directory)


@pytest.mark.parametrize("size", [50, 40_000])
def test_killed_at_any_moment_what_was_answered_is_stored_once(tmp_path: Path, size: int) -> None:
    directory, seed = tmp_path / "spool", 20260302 + size
    moments, answered = random.Random(seed), set[int]()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for _ in range(4):
        first = max(0, max(answered, default=0) - 20)
        command = [sys.executable, "-c", CHILD, str(directory), str(first), str(size)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
            assert child.stdout is not None
            for _ in range(moments.randint(30, 150)):
                answered.add(int(child.stdout.readline()))
            child.kill()
            answered |= {int(line) for line in child.stdout.read().splitlines(keepends=True) if b"\n" in line}
    with open_writer(directory) as writer:
        assert all(writer.append(numbered_entry(n)).result(LONG).duplicate for n in sorted(answered)), seed
    blocks = read_all(directory)
    assert [block.seq for block in blocks] == list(range(len(blocks))), seed
    stored = Counter(int(entry.raw.split()[0]) for block in blocks for entry in block.entries)
    assert len(answered) > 120
    assert answered <= stored.keys(), seed
    assert set(stored.values()) == {1}, seed


def test_a_restart_begins_a_new_segment_that_says_where_the_last_one_ended(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    ends = []
    for number in range(3):
        with open_writer(directory) as writer:
            writer.append(numbered_entry(number)).result(LONG)
            ends.append(writer.info().committed)
    headers = [header_of(directory, number) for number in numbers(directory)]
    assert [header.number for header in headers if header] == [1, 2, 3]
    links = [(header.previous, header.previous_end, header.first_seq) for header in headers if header]
    assert links == [(0, 0, 0), *[(end.segment, end.offset, end.seq) for end in ends[:2] if end]]


def test_a_cut_tail_stays_behind_in_a_closed_segment(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    with open_writer(directory) as writer:
        for number in range(3):
            writer.append(numbered_entry(number)).result(LONG)
    last = path_of(directory, 1)
    whole = last.read_bytes()
    last.write_bytes(whole + whole[-60:-1] + b"half a frame")
    with open_writer(directory) as writer:
        assert writer.append(numbered_entry(3)).result(LONG) == Stored(3, duplicate=False)
    assert last.read_bytes()[: len(whole)] == whole
    assert last.stat().st_size > len(whole)
    assert [block.entries[0].raw for block in read_all(directory)] == [b"line %d" % n for n in range(4)]


def test_whole_blocks_beyond_the_published_length_become_committed_with_their_keys(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    writer = open_writer(directory)
    writer.append(numbered_entry(0)).result(LONG)
    early = committed_path(directory).read_bytes()
    for number in (1, 2):
        writer.append(numbered_entry(number)).result(LONG)
    leave(writer, directory)
    committed_path(directory).write_bytes(early)
    assert [block.seq for block in read_all(directory)] == [0]
    recovered = recover(directory, RING, FileOperations())
    assert (recovered.next_seq, recovered.resumed_blocks) == (3, 2)
    with open_writer(directory) as again:
        assert again.append(numbered_entry(2)).result(LONG) == Stored(2, duplicate=True)
        assert again.append(numbered_entry(3)).result(LONG) == Stored(3, duplicate=False)
    assert [block.seq for block in read_all(directory)] == [0, 1, 2, 3]


def test_blocks_that_recovery_confirms_are_written_again_and_synced_before_they_count(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    writer = open_writer(directory)
    early = committed_path(directory).read_bytes()
    writer.append(numbered_entry(0, raw=bytes(5000))).result(LONG)
    leave(writer, directory)
    committed_path(directory).write_bytes(early)
    published = read_committed(directory)
    assert published is not None

    class Recorder(FileOperations):
        done: list[tuple[str, int, int]] = []  # noqa: RUF012 - one test, one list

        def write(self, descriptor, parts, offset) -> None:  # type: ignore[no-untyped-def]
            self.done.append(("write", offset, offset + sum(map(len, parts))))
            super().write(descriptor, parts, offset)

        def sync(self, descriptor: int) -> None:
            self.done.append(("sync", 0, 0))
            super().sync(descriptor)

    size = path_of(directory, 1).stat().st_size
    before = path_of(directory, 1).read_bytes()
    recover(directory, RING, Recorder())
    assert Recorder.done == [("write", published.position.offset, size), ("sync", 0, 0)]
    assert path_of(directory, 1).read_bytes() == before


def test_without_the_published_length_the_segments_themselves_tell_everything(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    with open_writer(directory) as writer:
        for number in range(3):
            writer.append(numbered_entry(number)).result(LONG)
    committed_path(directory).unlink()
    assert SpoolReader(directory, RING).read(10) == []
    with open_writer(directory) as writer:
        assert writer.append(numbered_entry(1)).result(LONG) == Stored(1, duplicate=True)
        assert writer.append(numbered_entry(3)).result(LONG) == Stored(3, duplicate=False)
    assert [block.seq for block in read_all(directory)] == [0, 1, 2, 3]


def test_a_damaged_block_beyond_the_published_length_does_not_hide_those_behind_it(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    writer = open_writer(directory)
    early = committed_path(directory).read_bytes()
    for number in range(4):
        writer.append(numbered_entry(number)).result(LONG)
    leave(writer, directory)
    committed_path(directory).write_bytes(early)
    segment = Segment.open(path_of(directory, 1), RING)
    assert segment is not None
    ends = [item.end for item in segment.walk(8192, segment.size()) if isinstance(item, Found)]
    segment.close()
    with path_of(directory, 1).open("r+b") as file:
        file.seek(ends[1] - 5)
        file.write(b"?????")
    with open_writer(directory) as writer:
        assert writer.append(numbered_entry(9)).result(LONG).seq == 4
        assert len(writer.info().damage or ()) == 1
        assert not writer.append(numbered_entry(1)).result(LONG).duplicate  # lost, so it is taken again
        assert writer.append(numbered_entry(3)).result(LONG).duplicate


def test_numbers_go_on_even_when_the_last_segments_header_is_lost(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    for number in range(3):
        with open_writer(directory) as writer:
            writer.append(numbered_entry(number)).result(LONG)
    committed_path(directory).unlink()
    with path_of(directory, 3).open("r+b") as file:
        file.write(bytes(8192))
    with open_writer(directory) as writer:
        assert writer.append(numbered_entry(3)).result(LONG).seq == 3
    with SpoolReader(directory, RING) as reader:
        assert [block.seq for block in reader.read(10)] == [0, 1, 3]
        assert [place.segment for place in reader.damage] == [3]


def test_what_a_crash_left_half_made_or_half_removed_is_cleaned_up(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    with open_writer(directory) as writer:
        writer.append(numbered_entry(0)).result(LONG)
    (directory / "segment-0000000002.new").write_bytes(b"half")
    (directory / "segment-0000000000.removed").write_bytes(bytes(9000))
    with open_writer(directory) as writer:
        assert writer.append(numbered_entry(1)).result(LONG).seq == 1
    assert sorted(path.name for path in directory.glob("segment-*")) == [
        "segment-0000000001",
        "segment-0000000002",
    ]
