"""A session whose events come in an order that sessions here never have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from sys import intern
from typing import ClassVar, Final

from models.detectors.base import ExplainingDetector, Features, Reason, against

_MOST_EVENTS: Final = 5000
_BEGIN, _END = "\x02", "\x03"


class SequenceBreak(ExplainingDetector):
    """Score the steps of a session from one event to the next that were never seen.

    What a new step is worth depends on how often one was expected. After an event (and before one) the
    chance of a step never seen is estimated as the share of its steps that were seen once (Good and
    Turing); the greater of the two chances counts, so what may follow anything is no surprise anywhere. The
    limit calibrates itself: each step seen once is held against the others as if it had not been seen,
    and the limit is the chance below which no more than `false_alarms` of the sessions have one.

    Good at an order that is broken where order is kept. Says nothing where events are interleaved at
    random, about events it does not know, and before `least_sessions`. A new step is known once it was
    learnt; feed it with sessions that were not flagged.

    O(events) time; memory for `steps` different steps, the rarest go first. `x` has `events`, the ids in
    their order.

    Examples
    --------
    >>> detector = SequenceBreak()
    >>> for n in range(400):
    ...     detector.learn_one({"events": ("open", *["read"] * (1 + n % 3), "close")})
    >>> detector.flags({"events": ("open", "read", "close")}), detector.flags({"events": ("read", "open")})
    (False, True)
    """

    EXPECTED: ClassVar[float] = 0.002
    """Chance from which on a new step is no break, whatever was seen."""

    def __init__(
        self,
        false_alarms: float = 0.0005,
        least_sessions: int = 50,
        steps: int = 4000,
        memory: int = 20_000,
    ) -> None:
        self.false_alarms = false_alarms
        self.least_sessions = least_sessions
        self.steps = steps
        self.memory = memory
        self._sessions = 0
        self._counts: dict[tuple[str, str], int] = {}
        self._after: dict[str, list[int]] = {}  # event -> [sessions with a step from it, steps seen once]
        self._before: dict[str, list[int]] = {}
        self._limit = 0.0
        self._until_fit = 20

    def reasons(self, x: Features) -> list[Reason]:
        """Return the steps never seen that are surprising; from `threshold` on they are findings."""
        if self._sessions < self.least_sessions:
            return []
        found = []
        for step in _steps(x["events"]):
            if step not in self._counts and step[0] in self._after and step[1] in self._before:
                chance = self._chance(step, 0)
                score = 1 - against(chance, self._limit) if self._limit else 0.0
                found.append(Reason("new_step", step, min(score, 0.49) if chance >= self._limit else score))
        return found

    def learn_one(self, x: Features) -> None:
        self._sessions += 1
        for step in _steps(x["events"]):
            n = self._counts[step] = self._counts.get(step, 0) + 1
            for side, name in ((self._after, step[0]), (self._before, step[1])):
                tally = side.setdefault(name, [0, 0])
                tally[0] += 1
                tally[1] += (n == 1) - (n == 2)
        if len(self._counts) > self.steps or self._sessions >= 2 * self.memory:
            self._fade()
        self._until_fit -= 1
        if self._until_fit <= 0:
            self._fit()
            self._until_fit = max(20, min(500, self._sessions // 10))

    def _chance(self, step: tuple[str, str], own: int) -> float:
        """Return how likely a step never seen was here; `own` steps of those seen once are left out."""
        (after, once_after), (before, once_before) = self._after[step[0]], self._before[step[1]]
        return max((once_after - own + 0.5) / (after + 1), (once_before - own + 0.5) / (before + 1))

    def _fit(self) -> None:
        chances = sorted(self._chance(step, 1) for step, n in self._counts.items() if n == 1)
        budget = self.false_alarms * self._sessions
        allowed = math.floor(budget)
        self._limit = self.EXPECTED
        if allowed < len(chances):  # a budget below one session cannot be seen: go on in proportion
            self._limit = min(self.EXPECTED, chances[allowed] * min(1.0, budget))

    def _fade(self) -> None:
        """Halve the counts; as often as it takes, so that a tenth of the room is free."""
        while True:
            self._counts = {step: n // 2 for step, n in self._counts.items() if n > 1}
            self._sessions //= 2
            if len(self._counts) <= self.steps * 9 // 10:
                break
        self._after, self._before = {}, {}
        for step, n in self._counts.items():
            for side, name in ((self._after, step[0]), (self._before, step[1])):
                tally = side.setdefault(name, [0, 0])
                tally[0] += n
                tally[1] += n == 1


def _steps(events: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the different steps of a session, its begin and end included, in their order."""
    names = [_BEGIN, *map(intern, events[:_MOST_EVENTS]), _END]
    return iter(dict.fromkeys(pairwise(names)))
