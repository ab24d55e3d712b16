"""Whether there is room for more, for those who read from clients.

Reading stops while there is none: the bytes wait in the clients, and nothing acknowledged is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum


class NoRoom(StrEnum):
    """Why reading from clients has to stop."""

    FAILED = "the disk refuses writes"
    DISK = "the disk has less free space than min_free_bytes"
    LIMIT = "the spool has reached max_bytes and the stream has not consumed enough to remove any of it"
    BUSY = "too many bytes wait for their sync"


class Room:
    """A flag with a reason. Safe to share between threads.

    >>> room = Room()
    >>> room.update(NoRoom.DISK)
    True
    >>> room.has_room, room.wait_for_room(0)
    (False, False)
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reason: NoRoom | None = None
        self._callbacks: list[Callable[[bool], None]] = []

    @property
    def has_room(self) -> bool:
        """Whether clients may be read from."""
        return self._reason is None

    @property
    def reason(self) -> NoRoom | None:
        """Why not, None if they may."""
        return self._reason

    def wait_for_room(self, timeout: float | None = None) -> bool:
        """Wait up to `timeout` seconds (None: for ever) and return whether there is room."""
        with self._changed:
            return self._changed.wait_for(lambda: self._reason is None, timeout)

    def on_change(self, callback: Callable[[bool], None]) -> None:
        """Call `callback(has_room)` at each change, from the thread that noticed; it must return at once."""
        with self._changed:
            self._callbacks.append(callback)

    def update(self, reason: NoRoom | None) -> bool:
        """Set the reason (the writer alone does); return whether that changed it."""
        with self._changed:
            if reason is self._reason:
                return False
            turned = (reason is None) is not (self._reason is None)
            self._reason = reason
            self._changed.notify_all()
            callbacks = tuple(self._callbacks) if turned else ()
        for callback in callbacks:
            callback(reason is None)
        return True
