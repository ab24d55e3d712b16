"""Bytes in flight over all connections, and who may be read from.

Above the limit reading stops, and TCP makes the clients wait. When nothing is on its way to the disk that would free room,
one connection goes on all the same: the one that has waited longest with part of a message, because otherwise
many half messages could hold each other up for ever.
So at most `limit` plus one message plus one read per connection is held.
"""

from __future__ import annotations

from typing import Protocol


class Source(Protocol):
    """A connection that can be told to be read from or not."""

    waits_for_room: bool  # False: it answers "not now" itself when the spool has no room

    def let_read(self, allowed: bool) -> None: ...


class Budget:
    """Counts what is held in part (by connection) and what is on its way to the disk (`pending`).

    Used from one thread. `limit` in bytes; once above it, reading starts again below three quarters of it.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pending = 0
        self.highest = 0
        self._partial: dict[Source, int] = {}  # in the order in which they began their message
        self._held = 0
        self._sources: set[Source] = set()
        self._tight = False
        self._first: Source | None = None  # the one that may go on while it is tight
        self._room = True

    @property
    def used(self) -> int:
        """Bytes held now, in part or pending."""
        return self._held + self.pending

    def add(self, source: Source) -> None:
        """Know a new connection."""
        self._sources.add(source)
        if self._tight or not self._room:
            source.let_read(self._may_read(source))

    def remove(self, source: Source) -> None:
        """Forget a connection and what it held in part."""
        self._sources.discard(source)
        self._held -= self._partial.pop(source, 0)
        self._look()

    def hold(self, source: Source, size: int) -> None:
        """Say that `source` holds `size` bytes of an unfinished message (0: none)."""
        self._held += size - self._partial.get(source, 0)
        if size:
            self._partial[source] = size
        else:
            self._partial.pop(source, None)
        self._look()

    def began(self, size: int) -> None:
        """Count a whole message that waits for the disk."""
        self.pending += size
        self._look()

    def ended(self, size: int) -> None:
        """Take it off again: it is durable, or was refused."""
        self.pending -= size
        self._look()

    def set_room(self, room: bool) -> None:
        """Say whether the spool has room at all."""
        if room is not self._room:
            self._room = room
            self._apply()

    def _look(self) -> None:
        used = self.used
        self.highest = max(self.highest, used)
        if not self._tight and used >= self.limit:
            self._tight = True
            self._apply()
        elif self._tight and used < self.limit * 3 // 4:
            self._tight = False
            self._apply()
        elif self._tight and self._longest() is not self._first:
            before, self._first = self._first, self._longest()
            for source in (before, self._first):
                if source in self._sources:
                    source.let_read(self._may_read(source))

    def _longest(self) -> Source | None:
        """The one that has held part of a message longest; none while bytes on their way to the disk will free room."""
        return None if self.pending else next(iter(self._partial), None)

    def _may_read(self, source: Source) -> bool:
        if not self._room and source.waits_for_room:
            return False
        return not self._tight or source is self._first

    def _apply(self) -> None:
        self._first = self._longest()
        for source in tuple(self._sources):
            source.let_read(self._may_read(source))
