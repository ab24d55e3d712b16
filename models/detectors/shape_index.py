"""How far shapes of sessions are from each other. Costs are shares of a session: 0 equal, 1 nothing in common.

Kept beside a `ShapeTable` and never stored: it can be made anew at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.detectors.shape_table import Shape

_EXTRA: Final = 0.5
"""Weight of an event too many against a missing one: a retry still does its work, a stop does not."""
_REPEAT: Final = 0.5
"""Weight of an event that only comes another number of times, per doubling, up to two of them."""


class ShapeIndex:
    """1 + log2 of the counts (0 for none) by shape and event, as a matrix that grows."""

    def __init__(self, shapes: Iterable[Shape] = ()) -> None:
        self.shapes: list[Shape] = []
        self._kinds: list[int] = []
        self._column: dict[str, int] = {}
        self._room = np.zeros((64, 32), dtype=np.float32)
        for shape in shapes:
            self.add(shape)

    def add(self, shape: Shape) -> None:
        """Add a shape that is not there yet."""
        row = len(self.shapes)
        self.shapes.append(shape)
        self._kinds.append(len(shape))
        for name, _ in shape:
            self._column.setdefault(name, len(self._column))
        rows, columns = self._room.shape
        if row >= rows or len(self._column) > columns:
            grown = np.zeros((max(rows, 2 * row), max(columns, 2 * len(self._column))), dtype=np.float32)
            grown[:rows, :columns] = self._room
            self._room = grown
        for name, count in shape:
            self._room[row, self._column[name]] = 1 + math.log2(count)

    def together(self, weights: Sequence[int], events: Sequence[str]) -> NDArray[np.float64]:
        """Return in how many sessions each two of `events` are, where shape n stands for `weights[n]` of them."""
        columns = [self._column[name] for name in events]
        there = (self._room[: len(self.shapes), columns] > 0).astype(np.float64)
        both: NDArray[np.float64] = (there * np.array(weights, dtype=np.float64)[:, None]).T @ there
        return both

    def costs(self, shape: Shape) -> NDArray[np.float32]:
        """Return the cost of `shape` against each of `shapes`.

        >>> index = ShapeIndex([(("a", 1), ("b", 1)), (("a", 4), ("c", 1))])
        >>> [round(float(c), 2) for c in index.costs((("a", 1), ("b", 1), ("new", 1)))], index.costs((("a", 1),)).tolist()
        ([0.17, 0.75], [0.5, 1.0])
        """
        known = [(self._column[name], 1 + math.log2(count)) for name, count in shape if name in self._column]
        there = self._room[: len(self.shapes), [column for column, _ in known]]
        own = np.array([value for _, value in known], dtype=np.float32)
        shared = (there > 0).sum(axis=1)
        lacking = np.array(self._kinds) - shared
        extra = len(shape) - shared
        doublings = np.where(there > 0, np.abs(there - own), 0)
        repeats = np.minimum(doublings * _REPEAT, 1.0).sum(axis=1)
        union = np.maximum(lacking + len(shape), 1)
        cost: NDArray[np.float32] = ((lacking + _EXTRA * extra + repeats) / union).astype(np.float32)
        return cost
