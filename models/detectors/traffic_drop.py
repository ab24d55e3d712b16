"""Far fewer lines in a window than this service always has."""

from __future__ import annotations

import math
from typing import ClassVar

from river import stats, utils

from models.detectors.base import Detector, Features, against


class TrafficDrop(Detector):
    """Score how improbable so few lines are, given the slots seen so far.

    Lines per slot are taken as Poisson, widened by their dispersion (variance over mean, never under 1): with m expected in a
    window and n seen, the surprise is Chernoff's bound (m - n + n ln(n / m)) / dispersion. The score is s / (s +
    ln(1 / `false_alarms`)): a usual window is that empty once in 1 / `false_alarms`. What keeps at least `share` of the
    usual is no drop. A service that talks in batches has a dispersion that hides it; nothing is said before `least_slots`.

    O(1) time; memory for `memory` numbers (River's rolling window). `x` has `lines` and the length of the window in `slots`;
    only windows of one slot can be learnt.

    Examples
    --------
    >>> detector = TrafficDrop()
    >>> for n in [50, 47, 55, 49] * 20:
    ...     detector.learn_one({"lines": n, "slots": 1})
    >>> [round(detector.score_one({"lines": n, "slots": 6}), 2) for n in (280, 200, 100, 10)]
    [0.05, 0.49, 0.87, 0.95]
    """

    threshold: ClassVar[float] = 0.5

    def __init__(
        self, memory: int = 360, false_alarms: float = 1e-6, share: float = 0.4, least_slots: int = 60
    ) -> None:
        self.memory = memory
        self.false_alarms = false_alarms
        self.share = share
        self.least_slots = least_slots
        self._slots = utils.Rolling(stats.Var, window_size=memory)

    def usual(self, slots: int = 1) -> float:
        """Return the usual number of lines in a window of `slots`."""
        return max(0.0, float(self._slots.obj.mean.get())) * slots

    def rises(self, x: Features) -> bool:
        """Say whether a window has twice the usual lines, and by far more than chance."""
        expected, lines = self.usual(x["slots"]), float(x["lines"])
        if self._slots.obj.mean.n < self.least_slots or lines < 2 * expected or lines <= 0:
            return False
        if expected <= 0:
            return lines >= -math.log(self.false_alarms)
        surprise = expected - lines + lines * math.log(lines / expected)
        dispersion = max(1.0, float(self._slots.obj.get()) / self.usual())
        return surprise / dispersion >= -math.log(self.false_alarms)

    def score_one(self, x: Features) -> float:
        expected, lines = self.usual(x["slots"]), float(x["lines"])
        if self._slots.obj.mean.n < self.least_slots or lines >= expected or expected <= 0:
            return 0.0
        dispersion = max(1.0, float(self._slots.obj.get()) / self.usual())
        surprise = (expected - lines + (lines * math.log(lines / expected) if lines else 0.0)) / dispersion
        score = against(surprise, -math.log(self.false_alarms))
        return score if lines < self.share * expected else min(score, 0.49)

    def learn_one(self, x: Features) -> None:
        if x["slots"] != 1:
            raise ValueError("only windows of one slot can be learnt")
        self._slots.update(float(x["lines"]))
