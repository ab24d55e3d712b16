"""Disks fail, fill and are slow: everything that waits hears of it, and what was answered stays."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from spool_rig import LONG, RING, contents, read_all

from models.clock import FrozenClock
from stream.spool import (
    NoRoom,
    SpoolError,
    SpoolFull,
    SpoolWriter,
    Stored,
)
from stream.spool.segment import header_of, path_of
from stream.spool.testing import FragileDisk, numbered_entry, small_settings


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
