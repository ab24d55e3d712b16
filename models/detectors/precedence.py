"""A session in which events come before others that they always follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from sys import intern
from typing import ClassVar, Final

from models.detectors.base import ExplainingDetector, Features, Reason, against

_MOST_EVENTS: Final = 5000
_MOST_KINDS: Final = 40


class Precedence(ExplainingDetector):
    """Score how many pairs of events come the wrong way round.

    Which of two events first came first is counted for all pairs of a session. A pair has an order if
    all sessions with both had it but for a share of `exceptions`; so a failure that is among what was
    learnt now and then does not make its order usual. Where two threads race, one pair changes places: a
    finding needs `PAIRS` pairs, which is an event that comes past two others. The score is pairs / (pairs +
    the most that are no finding).

    Robust where new steps (`SequenceBreak`) are not, when what was learnt is contaminated; blind to order
    among repeated events. O(kinds squared) time, for the first 40 kinds of a session; memory for `pairs`
    pairs, the rarest go first. `x` has `events`, the ids in their order.

    Examples
    --------
    >>> detector = Precedence()
    >>> for _ in range(300):
    ...     detector.learn_one({"events": ("open", "lock", "write", "close")})
    >>> [round(detector.score_one({"events": e}), 2) for e in (("lock", "open", "write"), ("close", "write", "open"))]
    [0.29, 0.55]
    """

    PAIRS: ClassVar[int] = 3

    def __init__(self, exceptions: float = 0.01, pairs: int = 4000, memory: int = 20_000) -> None:
        self.exceptions = exceptions
        self.pairs = pairs
        self.memory = memory
        self._counts: dict[tuple[str, str], int] = {}
        self._sessions = 0

    def reasons(self, x: Features) -> list[Reason]:
        """Return at most one reason: the event that should have come first in most of the wrong pairs."""
        wrong = [pair for pair in _pairs(x["events"]) if self._is_wrong(pair)]
        if not wrong:
            return []
        late: dict[str, int] = {}
        for _, second in wrong:
            late[second] = late.get(second, 0) + 1
        first = max(late, key=lambda name: (late[name], name))
        before = tuple(sorted(name for name, second in wrong if second == first))
        return [Reason("wrong_order", (first, *before), against(len(wrong), self.PAIRS - 0.5))]

    def learn_one(self, x: Features) -> None:
        self._sessions += 1
        for pair in _pairs(x["events"]):
            self._counts[pair] = self._counts.get(pair, 0) + 1
        while len(self._counts) > self.pairs or self._sessions >= 2 * self.memory:
            self._counts = {pair: n // 2 for pair, n in self._counts.items() if n > 1}
            self._sessions //= 2

    def _is_wrong(self, pair: tuple[str, str]) -> bool:
        right = self._counts.get((pair[1], pair[0]), 0)
        seen = right + self._counts.get(pair, 0)
        return right >= (1 - self.exceptions) * seen and seen >= 2 / self.exceptions


def _pairs(events: Sequence[str]) -> Iterator[tuple[str, str]]:
    kinds = list(dict.fromkeys(map(intern, events[:_MOST_EVENTS])))[:_MOST_KINDS]
    return combinations(kinds, 2)
