"""Shapes of sessions, counted: which events a session has and how often, whatever their order.

Bounded by the number of cells (an event of a shape); the rarest shapes go first, of equals the oldest. Once
`memory` sessions are held all counts are halved, so what was usual long ago weighs ever less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from sys import intern
from typing import Final

from models.detectors.shape_index import ShapeIndex

Shape = tuple[tuple[str, int], ...]
"""Events with their counts, by name."""

_MOST_EVENTS: Final = 5000
_MOST_KINDS: Final = 100


def shape_of(events: Sequence[str]) -> Shape:
    """Return the shape of a session; of a giant one only the beginning counts.

    >>> shape_of(["open", "read", "read", "close"])
    (('close', 1), ('open', 1), ('read', 2))
    """
    counts = Counter(events[:_MOST_EVENTS])
    kinds = counts if len(counts) <= _MOST_KINDS else list(counts)[:_MOST_KINDS]
    return tuple(sorted((intern(name), counts[name]) for name in kinds))


class ShapeTable:
    """Counted shapes, and where in a session each event usually comes last (0 begin, 1 end)."""

    def __init__(self, cells: int, memory: int) -> None:
        self._most_cells = cells
        self._memory = memory
        self._counts: dict[Shape, int] = {}
        self._cells = 0
        self._support: dict[str, int] = {}
        self._places: dict[str, float] = {}
        self.sessions = 0
        self._index: ShapeIndex | None = None

    def __len__(self) -> int:
        return len(self._counts)

    def __iter__(self) -> Iterator[tuple[Shape, int]]:
        """Yield shapes with their counts."""
        return iter(self._counts.items())

    def count(self, shape: Shape) -> int:
        """Return how many of the sessions held had this shape."""
        return self._counts.get(shape, 0)

    def support(self, event: str) -> int:
        """Return how many of the sessions held had this event."""
        return self._support.get(event, 0)

    def supports(self) -> Iterator[tuple[str, int]]:
        """Yield events with the number of sessions that had them."""
        return iter(self._support.items())

    def place(self, event: str) -> float:
        """Return the mean place of the last `event` of a session, 0 to 1."""
        return self._places.get(event, 1.0)

    def index(self) -> ShapeIndex:
        """Return the distances between the shapes, in the order of the table."""
        if self._index is None:
            self._index = ShapeIndex(self._counts)
        return self._index

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_index": None}

    def without(self, shapes: Collection[Shape]) -> ShapeTable:
        """Return a table of the other shapes, to be read only."""
        if not shapes:
            return self
        rest = ShapeTable(self._most_cells, self._memory)
        rest._places = self._places
        for shape, n in self._counts.items():
            if shape not in shapes:
                rest._counts[shape] = n
                rest.sessions += n
                for name, _ in shape:
                    rest._support[name] = rest._support.get(name, 0) + n
        return rest

    def add(self, events: Sequence[str]) -> None:
        """Count a session."""
        shape = shape_of(events)
        if shape not in self._counts:
            self._counts[shape] = 0
            if self._index is not None:
                self._index.add(shape)
            self._cells += len(shape)
        self._counts[shape] += 1
        self.sessions += 1
        last = {name: at for at, name in enumerate(events[:_MOST_EVENTS])}
        end = max(1, min(len(events), _MOST_EVENTS) - 1)
        for name, _ in shape:
            n = self._support[name] = self._support.get(name, 0) + 1
            place = self._places.get(name, 0.0)
            self._places[name] = place + (last[name] / end - place) / n
        if self._cells > self._most_cells:
            self._forget(self._most_cells * 9 // 10)
        if self.sessions >= 2 * self._memory:
            self._fade()

    def _forget(self, cells: int) -> None:
        for shape, _ in sorted(self._counts.items(), key=lambda item: item[1]):  # stable: the oldest first
            if self._cells <= cells:
                break
            self._drop(shape)

    def _fade(self) -> None:
        for shape, n in list(self._counts.items()):
            if n == 1:
                self._drop(shape)
            else:
                self._take(shape, n - n // 2)

    def _drop(self, shape: Shape) -> None:
        self._take(shape, self._counts[shape])
        del self._counts[shape]
        self._index = None
        self._cells -= len(shape)

    def _take(self, shape: Shape, n: int) -> None:
        self._counts[shape] -= n
        self.sessions -= n
        for name, _ in shape:
            self._support[name] -= n
            if not self._support[name]:
                del self._support[name], self._places[name]
