"""A figure that is far above what it usually is: a latency, a lag, a queue."""

from __future__ import annotations

import math
from statistics import median
from typing import ClassVar

from river import stats

from models.detectors.base import Detector, Features, against


class GaugeShift(Detector):
    """Score how far the latest values of one figure lie above its usual ones, on a logarithmic scale.

    Figures such as durations and queue lengths vary by factors rather than by amounts, so the logarithm of
    (1 + value) is what is compared: the median of the latest values with the mean of the usual ones, in their deviations
    (never taken to be under `least_deviation`). The score is z / (z + `deviations`), 0.5 at the limit, and stays below
    0.5 unless the median is at least `factor` times the usual.

    Good at slow answers and at what fills up. Blind to figures that fall, and to what has always been erratic. Nothing is
    said before `least_values` were learnt. What was flagged is not learnt; the watch that uses it takes a shift that lasts
    for the usual.

    O(1) time and memory. `x` has `values`, the latest few, for scoring; `value` for learning.

    Examples
    --------
    >>> detector = GaugeShift(least_values=20)
    >>> for value in [40, 55, 48, 60, 51] * 6:
    ...     detector.learn_one({"value": value})
    >>> [round(detector.score_one({"values": [n, n, n]}), 2) for n in (50, 90, 400)]
    [0.0, 0.41, 0.71]
    """

    threshold: ClassVar[float] = 0.5
    FADE: ClassVar[float] = 0.002
    """Weight of the newest value once that many others are known: about the last thousand count."""

    def __init__(
        self,
        deviations: float = 6.0,
        factor: float = 2.0,
        least_values: int = 30,
        least_deviation: float = 0.1,
    ) -> None:
        self.deviations = deviations
        self.factor = factor
        self.least_values = least_values
        self.least_deviation = least_deviation
        self._seen = 0
        self._warm = stats.Var()
        self._mean = 0.0
        self._var = 0.0

    @property
    def usual(self) -> float:
        """The usual value."""
        return math.expm1(self._mean)

    def score_one(self, x: Features) -> float:
        if self._seen < self.least_values or not x["values"]:
            return 0.0
        now = median(math.log1p(value) for value in x["values"])
        z = (now - self._mean) / max(self.least_deviation, math.sqrt(max(0.0, self._var)))
        if z <= 0:
            return 0.0
        score = against(z, self.deviations)
        big = math.expm1(now) >= self.factor * max(self.usual, 1e-9)
        return score if big else min(score, 0.49)

    def learn_one(self, x: Features) -> None:
        value = math.log1p(max(0.0, x["value"]))
        self._seen += 1
        if self._seen * self.FADE <= 1:
            self._warm.update(value)
            self._mean, self._var = float(self._warm.mean.get()), float(self._warm.get())
            return
        step = value - self._mean
        self._mean += self.FADE * step
        self._var = (1 - self.FADE) * (self._var + self.FADE * step * step)
