"""Time that never goes back, keys, owners and what a spool says of itself."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from spool_rig import BEGIN_NS, LONG, RING, contents, read_all

from models.clock import FrozenClock
from storage.seal import KeyRing, WrongKey
from stream.spool import (
    Entry,
    Kind,
    Position,
    SpoolClosed,
    SpoolLocked,
    SpoolReader,
    SpoolWriter,
    spool_info,
)
from stream.spool.testing import FragileDisk, numbered_entry, small_settings


def test_spool_time_never_goes_back_not_even_over_a_restart(directory: Path, clock: FrozenClock) -> None:
    for seconds in (0, 10, -3600, 1, 7200):
        clock.move(seconds)
        with SpoolWriter.open(directory, RING, small_settings(), clock) as writer:
            for number in range(3):
                at = int(clock().timestamp() * 10**9)
                entry = numbered_entry(number, received_ns=at)._replace(chunk=f"{seconds}-{number}")
                writer.append(entry).result(LONG)
                clock.move(-5)
    blocks = read_all(directory)
    times = [block.received_ns for block in blocks]
    assert len(times) == 15
    assert times == sorted(times)
    assert times[-3] > times[-4]
    entry_times = [entry.received_ns for block in blocks for entry in block.entries]
    assert entry_times == sorted(entry_times)
    assert all(entry.received_ns <= block.received_ns for block in blocks for entry in block.entries)


def test_an_entry_keeps_the_time_of_its_own_receipt(writer: SpoolWriter, directory: Path) -> None:
    writer.append(numbered_entry(1, received_ns=BEGIN_NS - 10**9)).result(LONG)
    (block,) = read_all(directory)
    assert block.received_ns == BEGIN_NS
    assert block.entries[0].received_ns in (BEGIN_NS - 10**9, BEGIN_NS)


def test_a_second_writer_is_refused_in_a_clear_sentence(
    writer: SpoolWriter, directory: Path, clock: FrozenClock
) -> None:
    with pytest.raises(SpoolLocked, match=r"already writes to this spool.*state directory of its own"):
        SpoolWriter.open(directory, RING, small_settings(), clock)
    assert writer.append(numbered_entry(1)).result(LONG).seq == 0


def test_another_master_key_is_named_and_changes_nothing(directory: Path, clock: FrozenClock) -> None:
    with SpoolWriter.open(directory, RING, small_settings(), clock) as writer:
        writer.append(numbered_entry(1)).result(LONG)
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    other = KeyRing(bytes(range(32)))
    with pytest.raises(WrongKey, match="another master key"):
        SpoolWriter.open(directory, other, small_settings(), clock)
    with pytest.raises(WrongKey, match="another master key"):
        SpoolReader(directory, other).read(1)
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before


def test_files_are_readable_by_their_owner_alone(directory: Path, clock: FrozenClock) -> None:
    with SpoolWriter.open(directory, RING, small_settings(), clock) as writer:
        for number in range(5):
            writer.append(numbered_entry(number, raw=bytes(30_000))).result(LONG)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.rglob("*")}
    assert len(modes) > 5
    assert all(modes[path.name] == (0o700 if path.is_dir() else 0o600) for path in directory.rglob("*"))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_nothing_that_was_sent_stands_on_the_disk_in_plain_text(writer: SpoolWriter, directory: Path) -> None:
    marks = [b"zebra-agent", b"zebra-tag", b"zebra-chunk", b"zebra-line", b"zebra-peer", b"zebra-header"]
    agent, tag, chunk, line, peer, header = (mark.decode() for mark in marks)
    writer.append(Entry(Kind.FORWARD, 0, agent, peer, tag, chunk, {header: header}, line.encode())).result(
        LONG
    )
    writer.close()
    for path in directory.rglob("*"):
        assert all(mark not in path.name.encode() for mark in marks)
        if path.is_file():
            assert b"zebra" not in path.read_bytes()


def test_after_closing_everything_that_waited_is_written_and_no_more_is_taken(
    writer: SpoolWriter, disk: FragileDisk, directory: Path
) -> None:
    disk.waiting.clear()
    disk.gate.clear()
    futures = [writer.append(numbered_entry(0))]
    assert disk.waiting.wait(LONG)
    futures += [writer.append(numbered_entry(number)) for number in range(1, 50)]
    disk.gate.set()
    writer.close()
    writer.close()
    assert all(future.result(0) for future in futures)
    assert len(contents(directory)) == 50
    assert isinstance(writer.append(numbered_entry(99)).exception(0), SpoolClosed)


def test_the_info_of_a_spool_counts_what_is_there(
    directory: Path, clock: FrozenClock, writer: SpoolWriter
) -> None:
    empty = spool_info(directory, RING)
    assert (empty.blocks, empty.oldest_ns, empty.newest_ns) == (0, None, None)
    for number in range(4):
        writer.append(numbered_entry(number)).result(LONG)
        clock.move(60)
    writer.append(numbered_entry(0)).result(LONG)
    known = writer.info()
    assert (known.blocks, known.first_seq, known.next_seq, known.waiting_blocks) == (4, 0, 4, 4)
    assert (known.duplicates, known.keys, known.has_room) == (1, 4, True)
    assert (known.oldest_ns, known.newest_ns) == (BEGIN_NS, BEGIN_NS + 180 * 10**9)
    writer.close()
    seen = spool_info(directory, RING, verify=True)
    assert (seen.blocks, seen.duplicates, seen.damage, seen.quarantined) == (4, 1, (), {})
    assert seen.bytes == sum(path.stat().st_size for path in directory.glob("segment-*"))
    assert isinstance(seen.committed, Position)
    assert spool_info(directory / "nowhere").segments == 0
