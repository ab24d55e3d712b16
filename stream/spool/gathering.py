"""What waits to be written: entries from many threads, gathered into the groups of which each becomes one block.

A group ends when nothing more comes for `quiet_ms`, after `commit_ms`, or at `commit_bytes`. All is guarded by the one
condition that is passed in; methods say whether their caller holds it. Waiting is measured by the monotonic clock.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

from stream.spool.entry import Stored
from stream.spool.settings import SpoolSettings


class Waiting:
    """An entry on its way to the disk, and everyone who waits for it."""

    __slots__ = ("futures", "key", "packed", "received_ns")

    def __init__(self, packed: bytes, received_ns: int, key: bytes | None, future: Future[Stored]) -> None:
        self.packed, self.received_ns, self.key = packed, received_ns, key
        self.futures = [future]


class Gathering:
    """The queue of the writer. An entry is under way, and known by its key, until it is stored or has failed."""

    def __init__(self, guard: threading.Condition, settings: SpoolSettings) -> None:
        self._guard, self._settings = guard, settings
        self._queue: deque[Waiting] = deque()
        self._bytes = 0
        self._under_way: dict[bytes, Waiting] = {}
        self._idle = False
        self._ending = False

    @property
    def pending_bytes(self) -> int:
        """Bytes that no group has taken yet; without the guard, as of a moment ago."""
        return self._bytes

    @property
    def ending(self) -> bool:
        """Whether no more is to be added."""
        return self._ending

    def end(self) -> None:
        """Take what waits as it is, and then no more. The guard is held."""
        self._ending = True
        self._guard.notify_all()

    def find(self, key: bytes) -> Waiting | None:
        """Return what is under way with this key. The guard is held."""
        return self._under_way.get(key)

    def add(self, waiting: Waiting) -> None:
        """Queue an entry. The guard is held."""
        self._queue.append(waiting)
        self._bytes += len(waiting.packed)
        if waiting.key is not None:
            self._under_way[waiting.key] = waiting
        if self._idle:
            self._guard.notify_all()

    def next_group(self, due: float) -> list[Waiting] | None:
        """Wait for the next group: empty when other things are `due`, None when it ends and all was taken.

        The guard is not held. Only the writer's thread calls this.
        """
        settings = self._settings
        with self._guard:
            while not self._queue:
                if self._ending:
                    return None
                left = due - time.monotonic()
                if left <= 0:
                    return []
                self._idle = True
                self._guard.wait(left)
                self._idle = False
            until = time.monotonic() + settings.commit_ms / 1000
            while self._bytes < settings.commit_bytes and not self._ending:
                wait = min(settings.quiet_ms / 1000, until - time.monotonic())
                before = len(self._queue)
                if wait <= 0:
                    break
                self._guard.wait(wait)
                if len(self._queue) == before:
                    break
            group: list[Waiting] = []
            size = 0
            while self._queue and (not group or size + len(self._queue[0].packed) <= settings.commit_bytes):
                group.append(self._queue.popleft())
                size += len(group[-1].packed)
            self._bytes -= size
        return group

    def arrived(self, group: Sequence[Waiting]) -> None:
        """`group` is no longer under way. The guard is held."""
        for waiting in group:
            if waiting.key is not None:
                self._under_way.pop(waiting.key, None)

    def empty(self) -> list[Waiting]:
        """Give up all that is queued, and return it. The guard is held."""
        left = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        self.arrived(left)
        return left
