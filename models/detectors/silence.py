"""A service that has stopped saying anything."""

from __future__ import annotations

import math

from river import stats, utils

from models.detectors.base import Detector, Features, against


class Silence(Detector):
    """Score how long a service has been quiet against its own longest gaps.

    One gap per minute with lines is learnt, the longest that ended in it, so that a chatty minute counts no
    more than a quiet one. With mean m and deviation d of the last `memory` of them, the longest usual gap
    is m + 3 d. The limit is `factor` times that, never below `least_s`, and the score is gap / (gap +
    limit): 0.5 at the limit.

    Good at processes that die and at agents that stop sending. A batch job that ran once and ends looks the
    same. Before `least_gaps` were learnt nothing is called silent. A gap that was flagged is learnt only as
    far as the limit, so a service that pauses again and again is called silent less and less.

    O(1) time; memory for `memory` numbers (River's rolling window). `x` has `gap_s`.

    Examples
    --------
    >>> detector = Silence()
    >>> for gap in (4, 5, 3, 6, 4, 5):
    ...     detector.learn_one({"gap_s": gap})
    >>> [round(detector.score_one({"gap_s": gap}), 2) for gap in (6, 30, 60, 180)]
    [0.09, 0.33, 0.5, 0.75]
    """

    def __init__(
        self, least_s: float = 60.0, factor: float = 3.0, least_gaps: int = 5, memory: int = 120
    ) -> None:
        self.least_s = least_s
        self.factor = factor
        self.least_gaps = least_gaps
        self.memory = memory
        self._gaps = utils.Rolling(stats.Var, window_size=memory)

    @property
    def ready(self) -> bool:
        """Whether enough was learnt to call anything silent."""
        return bool(self._gaps.obj.mean.n >= self.least_gaps)

    @property
    def usual_s(self) -> float:
        """The longest usual gap."""
        return float(self._gaps.obj.mean.get() + 3 * math.sqrt(max(0.0, self._gaps.obj.get())))

    @property
    def limit_s(self) -> float:
        """The gap from which on the service is silent."""
        return max(self.least_s, self.factor * self.usual_s)

    def score_one(self, x: Features) -> float:
        return against(x["gap_s"], self.limit_s) if self.ready else 0.0

    def learn_one(self, x: Features) -> None:
        gap = float(x["gap_s"])
        self._gaps.update(min(gap, self.limit_s) if self.ready else gap)
