"""For tests of whatever uses the spool: entries made up from a number, and a disk that fails on demand."""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence
from pathlib import Path

from stream.spool.entry import Entry, Kind
from stream.spool.files import FileOperations
from stream.spool.settings import MIB, SpoolSettings


def numbered_entry(number: int, *, raw: bytes | None = None, received_ns: int = 0) -> Entry:
    """Return a Forward entry whose chunk id and content tell its `number`.

    >>> numbered_entry(3).raw
    b'line 3'
    """
    content = raw if raw is not None else b"line %d" % number
    return Entry(
        Kind.FORWARD, received_ns, "agent-1", "10.0.0.9:40000", "app.billing", f"chunk-{number}", {}, content
    )


def small_settings(**changes: float) -> SpoolSettings:
    """Return settings for small, quick spools: 64 kB segments, no waiting, any free disk will do."""
    small = {"segment_bytes": 64 * 1024, "max_bytes": MIB, "min_free_bytes": 0, "commit_ms": 0, "quiet_ms": 0}
    often = {"checkpoint_seconds": 0.001, "look_seconds": 0.02}
    return SpoolSettings.model_validate({**small, **often, **changes})


class FragileDisk(FileOperations):
    """A real disk that fails, fills or stops on demand.

    `fail_sync`, `fail_write`: the error number with which each such call fails while it is set. `space`:
    bytes that may still be written; a write beyond it puts down what fits and fails with ENOSPC, as disks
    do. `gate`: while cleared, syncs wait, and `waiting` tells that one does. `events` lists what was done.
    `looks` is released whenever somebody asks for the free space, as the writer does at each look.
    """

    def __init__(self) -> None:
        self.fail_sync: int | None = None
        self.fail_write: int | None = None
        self.space: int | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()
        self.looks = threading.Semaphore(0)
        self.events: list[str] = []

    def write(self, descriptor: int, parts: Sequence[bytes], offset: int) -> None:
        self.events.append("write")
        if self.fail_write is not None:
            raise OSError(self.fail_write, "the disk fails as told")
        total = sum(map(len, parts))
        if self.space is not None:
            if total > self.space:
                super().write(descriptor, (b"".join(parts)[: self.space],), offset)
                self.space = 0
                raise OSError(errno.ENOSPC, "the disk is full as told")
            self.space -= total
        super().write(descriptor, parts, offset)

    def sync(self, descriptor: int) -> None:
        self.waiting.set()
        self.gate.wait()
        self.events.append("sync")
        if self.fail_sync is not None:
            raise OSError(self.fail_sync, "the disk fails as told")
        super().sync(descriptor)

    def sync_directory(self, directory: Path) -> None:
        self.events.append("sync directory")
        super().sync_directory(directory)

    def free_bytes(self, directory: Path) -> int:
        self.looks.release()
        return super().free_bytes(directory) if self.space is None else self.space
