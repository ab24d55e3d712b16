"""Promises of the writer: an answer only after the sync, and a clear end to everything that waits when disks fail."""

from __future__ import annotations

import errno
import logging
import stat
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.clock import FrozenClock
from storage.seal import KeyRing, WrongKey
from stream.spool import (
    Block,
    Entry,
    Kind,
    NoRoom,
    Position,
    SpoolClosed,
    SpoolError,
    SpoolFull,
    SpoolLocked,
    SpoolReader,
    SpoolWriter,
    Stored,
    spool_info,
)
from stream.spool.segment import header_of, path_of
from stream.spool.testing import FragileDisk, numbered_entry, small_settings

RING = KeyRing(bytes(32))
BEGIN = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
BEGIN_NS = int(BEGIN.timestamp()) * 10**9
LONG = 20.0  # seconds: far above what anything here takes


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(BEGIN)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def disk() -> FragileDisk:
    return FragileDisk()


@pytest.fixture
def writer(directory: Path, clock: FrozenClock, disk: FragileDisk) -> Iterator[SpoolWriter]:
    with SpoolWriter.open(directory, RING, small_settings(), clock, disk) as writer:
        yield writer


def read_all(directory: Path) -> list[Block]:
    with SpoolReader(directory, RING) as reader:
        blocks: list[Block] = []
        while more := reader.read(5):
            blocks += more
        assert reader.damage == []
        return blocks


def contents(directory: Path) -> list[bytes]:
    return [entry.raw for block in read_all(directory) for entry in block.entries]


def test_an_answer_comes_only_after_the_sync(writer: SpoolWriter, disk: FragileDisk, directory: Path) -> None:
    disk.waiting.clear()
    disk.gate.clear()
    future = writer.append(numbered_entry(1))
    assert disk.waiting.wait(LONG)
    assert not future.done()
    assert contents(directory) == []
    disk.events.clear()
    disk.gate.set()
    assert future.result(LONG) == Stored(0, duplicate=False)
    assert disk.events[0] == "sync"
    assert contents(directory) == [b"line 1"]


def test_what_was_answered_can_be_read_at_once_by_another_reader(
    writer: SpoolWriter, directory: Path
) -> None:
    reader = SpoolReader(directory, RING)
    for number in range(30):
        stored = writer.append(numbered_entry(number)).result(LONG)
        (block,) = reader.read(10)
        assert (block.seq, block.entries[0].raw) == (stored.seq, b"line %d" % number)
    reader.close()


def test_what_gathers_during_a_sync_becomes_one_block(
    writer: SpoolWriter, disk: FragileDisk, directory: Path
) -> None:
    disk.waiting.clear()
    disk.gate.clear()
    first = writer.append(numbered_entry(0))
    assert disk.waiting.wait(LONG)
    rest = [writer.append(numbered_entry(number)) for number in range(1, 20)]
    disk.gate.set()
    assert first.result(LONG).seq == 0
    assert {future.result(LONG) for future in rest} == {Stored(1, duplicate=False)}
    assert [len(block.entries) for block in read_all(directory)] == [1, 19]


def test_a_group_ends_at_its_size_and_a_large_message_is_a_block_of_its_own(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(commit_bytes=1024), clock, disk) as writer:
        disk.waiting.clear()
        disk.gate.clear()
        futures = [writer.append(numbered_entry(0))]
        assert disk.waiting.wait(LONG)
        futures += [writer.append(numbered_entry(n, raw=bytes(400))) for n in range(1, 5)]
        futures.append(writer.append(numbered_entry(5, raw=bytes(300_000))))
        disk.gate.set()
        assert [future.result(LONG).seq for future in futures] == [0, 1, 1, 2, 2, 3]
    assert len(read_all(directory)[-1].entries[0].raw) == 300_000


def test_equal_messages_on_their_way_are_stored_once_and_answered_together(
    writer: SpoolWriter, disk: FragileDisk, directory: Path
) -> None:
    disk.waiting.clear()
    disk.gate.clear()
    first = writer.append(numbered_entry(1))
    assert disk.waiting.wait(LONG)
    again = writer.append(numbered_entry(1))
    queued = [writer.append(numbered_entry(2)) for _ in range(3)]
    assert not again.done()
    disk.gate.set()
    assert (first.result(LONG), again.result(LONG)) == (Stored(0, False), Stored(0, True))
    assert [future.result(LONG).duplicate for future in queued] == [False, True, True]
    assert contents(directory) == [b"line 1", b"line 2"]
    assert writer.info().duplicates == 3


def test_a_message_that_is_stored_already_is_answered_at_once(writer: SpoolWriter, disk: FragileDisk) -> None:
    stored = writer.append(numbered_entry(1)).result(LONG)
    disk.gate.clear()
    again = writer.append(numbered_entry(1))
    assert again.done()
    assert again.result() == Stored(stored.seq, duplicate=True)
    disk.gate.set()


def test_messages_without_an_id_stand_as_often_as_they_were_sent(
    writer: SpoolWriter, directory: Path
) -> None:
    plain = numbered_entry(1)._replace(chunk=None)
    control = Entry(Kind.CONTROL, 0, "", "", "", "tick", {}, b'{"control": "tick"}')
    for entry in (plain, plain, control, control):
        assert not writer.append(entry).result(LONG).duplicate
    assert len(contents(directory)) == 4


@pytest.mark.parametrize(
    ("change", "duplicate"),
    [
        ({"received_ns": 5, "peer": "10.9.9.9:1", "headers": {"a": "b"}}, True),
        ({"agent": "agent-2"}, False),
        ({"tag": "app.auth"}, False),
        ({"chunk": "chunk-2"}, False),
    ],
)
def test_a_forward_message_is_the_same_if_agent_tag_and_chunk_are(
    writer: SpoolWriter, change: dict[str, object], duplicate: bool
) -> None:
    entry = numbered_entry(1)
    writer.append(entry).result(LONG)
    assert writer.append(entry._replace(**change)).result(LONG).duplicate is duplicate


@pytest.mark.parametrize("kind", [Kind.HTTP, Kind.OTLP])
def test_a_body_is_the_same_if_agent_and_bytes_are(writer: SpoolWriter, kind: Kind) -> None:
    entry = Entry(kind, 0, "agent-1", "", "", None, {}, b"body")
    assert not writer.append(entry).result(LONG).duplicate
    assert writer.append(entry._replace(peer="elsewhere")).result(LONG).duplicate
    assert not writer.append(entry._replace(agent="agent-2")).result(LONG).duplicate
    assert not writer.append(entry._replace(raw=b"body ")).result(LONG).duplicate


def test_fields_of_a_key_cannot_run_into_each_other(writer: SpoolWriter) -> None:
    entry = numbered_entry(1)
    writer.append(entry._replace(agent="ab", tag="c")).result(LONG)
    assert not writer.append(entry._replace(agent="a", tag="bc")).result(LONG).duplicate


def test_a_client_that_went_away_does_not_disturb_the_others(writer: SpoolWriter) -> None:
    futures = [writer.append(numbered_entry(number)) for number in range(3)]
    assert not futures[1].cancel()
    assert [future.result(LONG).duplicate for future in futures] == [False] * 3


def test_many_producers_get_each_answer_exactly_once(writer: SpoolWriter, directory: Path) -> None:
    def produce(first: int) -> list[Stored]:
        return [writer.append(numbered_entry(first + n)).result(LONG) for n in range(50)]

    with ThreadPoolExecutor(8) as pool:
        answers = [stored for part in pool.map(produce, range(0, 400, 50)) for stored in part]
    assert not any(stored.duplicate for stored in answers)
    assert sorted(contents(directory)) == sorted(b"line %d" % n for n in range(400))
    blocks = read_all(directory)
    assert [block.seq for block in blocks] == list(range(len(blocks)))


# -- failures of the disk ------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", ["fail_sync", "fail_write"])
def test_after_a_failed_write_or_sync_everyone_who_waits_hears_of_it(
    writer: SpoolWriter, disk: FragileDisk, directory: Path, failure: str
) -> None:
    writer.append(numbered_entry(0)).result(LONG)
    disk.waiting.clear()
    disk.gate.clear()
    held = writer.append(numbered_entry(1))
    assert disk.waiting.wait(LONG)
    waiting = [writer.append(numbered_entry(number)) for number in (2, 3, 2)]
    setattr(disk, failure, errno.EIO)
    disk.gate.set()
    refused = waiting if failure == "fail_write" else [held, *waiting]
    for future in refused:
        with pytest.raises(SpoolError, match="could not write"):
            future.result(LONG)
    assert not any(raw in contents(directory) for raw in (b"line 2", b"line 3"))
    assert writer.room.reason is NoRoom.FAILED


def test_the_number_of_a_failed_block_is_used_again_and_its_bytes_are_never_read(
    writer: SpoolWriter, disk: FragileDisk, directory: Path
) -> None:
    first = writer.append(numbered_entry(0)).result(LONG)
    disk.fail_sync = errno.EIO
    with pytest.raises(SpoolError):
        writer.append(numbered_entry(1)).result(LONG)
    disk.fail_sync = None
    assert writer.room.wait_for_room(LONG)
    # The whole frame of block 1 stands in the first segment; the resend goes into the second.
    again = writer.append(numbered_entry(1)).result(LONG)
    assert (first.seq, again) == (0, Stored(1, duplicate=False))
    assert contents(directory) == [b"line 0", b"line 1"]
    header = header_of(directory, read_all(directory)[1].after.segment)
    assert header is not None
    assert path_of(directory, header.previous).stat().st_size > header.previous_end


def test_after_a_failure_no_more_is_taken_until_a_new_segment_has_begun(
    writer: SpoolWriter, disk: FragileDisk
) -> None:
    changes: list[bool] = []
    turned_back = threading.Event()

    def note(has_room: bool) -> None:
        changes.append(has_room)
        if has_room:
            turned_back.set()

    writer.room.on_change(note)
    disk.fail_sync = errno.EIO
    with pytest.raises(SpoolError):
        writer.append(numbered_entry(1)).result(LONG)
    assert not writer.room.has_room
    refused = writer.append(numbered_entry(2))
    assert refused.done()
    assert isinstance(refused.exception(), SpoolFull)
    disk.fail_sync = None
    assert turned_back.wait(LONG)
    assert changes == [False, True]
    assert not writer.append(numbered_entry(2)).result(LONG).duplicate


def test_a_block_that_could_not_be_published_is_refused_and_its_resend_recognised(
    directory: Path, clock: FrozenClock
) -> None:
    class Unpublishing(FragileDisk):
        failing = False

        def write(self, descriptor: int, parts: Sequence[bytes], offset: int) -> None:
            if self.failing and offset == 0:
                self.failing = False
                raise OSError(errno.EIO, "the disk fails as told")
            super().write(descriptor, parts, offset)

    disk = Unpublishing()
    with SpoolWriter.open(directory, RING, small_settings(checkpoint_seconds=1000), clock, disk) as writer:
        writer.append(numbered_entry(0)).result(LONG)
        disk.failing = True
        with pytest.raises(SpoolError, match="could not write"):
            writer.append(numbered_entry(1)).result(LONG)
        assert writer.room.wait_for_room(LONG)
        assert writer.append(numbered_entry(1)).result(LONG) == Stored(1, duplicate=True)
        assert writer.append(numbered_entry(2)).result(LONG) == Stored(2, duplicate=False)
    assert contents(directory) == [b"line 0", b"line 1", b"line 2"]


def test_what_was_stored_before_a_failure_is_still_known(writer: SpoolWriter, disk: FragileDisk) -> None:
    writer.append(numbered_entry(0)).result(LONG)
    disk.fail_sync = errno.EIO
    with pytest.raises(SpoolError):
        writer.append(numbered_entry(1)).result(LONG)
    assert writer.append(numbered_entry(0)).result(LONG) == Stored(0, duplicate=True)
    disk.fail_sync = None


def test_a_full_disk_stops_reading_loudly_and_loses_nothing_that_was_answered(
    writer: SpoolWriter, disk: FragileDisk, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk.space = 200_000
    answered: list[int] = []
    refused: list[int] = []
    with caplog.at_level(logging.WARNING, "stream.spool"):
        for number in range(40):
            future = writer.append(numbered_entry(number, raw=bytes(20_000)))
            (answered if future.exception(LONG) is None else refused).append(number)
        assert isinstance(future.exception(), SpoolFull)
        assert not writer.room.has_room
        assert answered == list(range(len(answered)))
        assert 5 < len(answered) < 10
        assert len(contents(directory)) == len(answered)
        assert any("ENOSPC" in record.getMessage() for record in caplog.records)
        disk.space = 10**9
        assert writer.room.wait_for_room(LONG)
        assert any("writing again" in record.getMessage() for record in caplog.records)
    for number in refused:
        assert not writer.append(numbered_entry(number, raw=bytes(20_000))).result(LONG).duplicate
    assert len(contents(directory)) == 40


def test_too_little_free_disk_stops_reading_before_it_is_full(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    disk.space = 300_000
    with SpoolWriter.open(directory, RING, small_settings(min_free_bytes=250_000), clock, disk) as writer:
        assert writer.room.has_room
        futures = [writer.append(numbered_entry(n, raw=bytes(20_000))) for n in range(5)]
        assert all(future.exception(LONG) is None for future in futures)
        writer.append(numbered_entry(9)).result(LONG)
        assert writer.room.reason is NoRoom.DISK
        disk.space = 10**9
        assert writer.room.wait_for_room(LONG)


def test_at_the_size_limit_reading_stops_and_says_why(directory: Path, clock: FrozenClock) -> None:
    with SpoolWriter.open(directory, RING, small_settings(), clock) as writer:
        for number in range(24):
            writer.append(numbered_entry(number, raw=bytes(50_000))).result(LONG)
        info = writer.info()
        assert (info.has_room, info.no_room) == (False, NoRoom.LIMIT.value)
    assert len(contents(directory)) == 24


def test_a_disk_that_is_full_from_the_beginning_is_named(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    disk.space = 1000
    with pytest.raises(SpoolFull, match="disk is full"):
        SpoolWriter.open(directory, RING, small_settings(), clock, disk)
    disk.space = None
    with SpoolWriter.open(directory, RING, small_settings(), clock, disk) as writer:
        assert writer.append(numbered_entry(1)).result(LONG).seq == 0


def test_too_many_bytes_that_wait_pause_reading_until_half_is_written(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    settings = small_settings(max_pending_bytes=100_000, commit_bytes=30_000)
    with SpoolWriter.open(directory, RING, settings, clock, disk) as writer:
        disk.waiting.clear()
        disk.gate.clear()
        futures: list[Future[Stored]] = [writer.append(numbered_entry(0))]
        assert disk.waiting.wait(LONG)
        futures += [writer.append(numbered_entry(n, raw=bytes(20_000))) for n in range(1, 8)]
        assert writer.room.reason is NoRoom.BUSY
        disk.gate.set()
        assert writer.room.wait_for_room(LONG)
        assert all(future.exception(LONG) is None for future in futures)


# -- time, keys, files ---------------------------------------------------------------------------------------


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
