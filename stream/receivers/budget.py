"""Bytes in flight over all connections, and who may be read from.

Above the limit reading stops, and TCP makes the clients wait. When nothing is on its way to the disk that would free room,
one connection goes on all the same: the one that has waited longest with part of a message, because otherwise
many half messages could hold each other up for ever.
So at most `limit` plus one message plus one read per connection is held.

Whoever stops in the middle of a message must not stop the others with it: when reading has paused for a while and nothing is on
its way to the disk, `shed` lets go of the parts that have stood still longest. None of them was acknowledged; they come again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Source(Protocol):
    """A connection that can be told to be read from or not."""

    waits_for_room: bool  # False: it answers "not now" itself when the spool has no room

    def let_read(self, allowed: bool) -> None: ...

    def shed(self) -> None:
        """Drop the part that is held, say so, and end the connection."""


class Budget:
    """Counts what is held in part (by connection) and what is on its way to the disk (`pending`).

    Used from one thread. `limit` in bytes; once above it, reading starts again below three quarters of it.
    `on_tight(tight)` is called when that begins and ends.
    """

    def __init__(self, limit: int, on_tight: Callable[[bool], None] = lambda _tight: None) -> None:
        self.limit = limit
        self._on_tight = on_tight
        self.pending = 0
        self.highest = 0
        self._partial: dict[Source, int] = {}  # in the order in which they began their message
        self._moved: dict[Source, None] = {}  # the same ones, in the order of their last bytes
        self._held = 0
        self._sources: set[Source] = set()
        self._tight = False
        self._first: Source | None = None  # the one that may go on while it is tight
        self._room = True

    @property
    def used(self) -> int:
        """Bytes held now, in part or pending."""
        return self._held + self.pending

    @property
    def held(self) -> int:
        """Bytes held of messages that are not whole."""
        return self._held

    @property
    def tight(self) -> bool:
        """Whether reading has paused because too much is held."""
        return self._tight

    def add(self, source: Source) -> None:
        """Know a new connection."""
        self._sources.add(source)
        if self._tight or not self._room:
            source.let_read(self._may_read(source))

    def remove(self, source: Source) -> None:
        """Forget a connection and what it held in part."""
        self._sources.discard(source)
        self._held -= self._partial.get(source, 0)
        self._forget(source)
        self._look()

    def hold(self, source: Source, size: int) -> None:
        """Say that `source` holds `size` bytes of an unfinished message (0: none)."""
        self._held += size - self._partial.get(source, 0)
        if size:
            self._partial[source] = size
            self._moved.pop(source, None)
            self._moved[source] = None
        else:
            self._forget(source)
        self._look()

    def shed(self) -> int:
        """Let go of parts, the one that has stood still longest first, until half the limit is left; return how many."""
        count = 0
        for source in tuple(self._moved):
            if self._held <= self.limit // 2:
                break
            if source in self._partial:
                count += 1
                source.shed()
                self.hold(source, 0)
        return count

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

    def _forget(self, source: Source) -> None:
        self._partial.pop(source, None)
        self._moved.pop(source, None)

    def _look(self) -> None:
        used = self.used
        self.highest = max(self.highest, used)
        if not self._tight and used >= self.limit:
            self._set_tight(True)
        elif self._tight and used < self.limit * 3 // 4:
            self._set_tight(False)
        elif self._tight and self._longest() is not self._first:
            before, self._first = self._first, self._longest()
            for source in (before, self._first):
                if source in self._sources:
                    source.let_read(self._may_read(source))

    def _set_tight(self, tight: bool) -> None:
        self._tight = tight
        self._on_tight(tight)
        self._apply()

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
