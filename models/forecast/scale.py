"""One figure seen in steps of some minutes: its forecast, and whether it rises steadily.

Fast fillings show minute by minute. Slow ones drown in the noise of minutes, and so do those under a sawtooth; in the
highest values of ten minutes they show, and those are what reaches the limit first.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from models.forecast.limit_forecast import LimitForecast, Outlook

_LEAST_RISE: Final = 0.25
_NOISE: Final = 0.8
"""Part of the usual difference between two steps that a median of a span may be off by."""


class Kind(NamedTuple):
    """Parameters of a scale. `step`, `skip` and `calm` are minutes, the others steps.

    `skip` is how far back a climb may have begun that does not count as usual; `confirm` is how often in a row the limit has to be
    foreseen, `calm` for how long no longer, before a warning is withdrawn.
    """

    step: int
    horizon: int
    warm_up: int
    span: int
    confirm: int
    skip: int
    calm: int


class Scale:
    """Follows one figure; values are parts of its limit. A step's value is the highest of its minutes."""

    def __init__(self, kind: Kind, band: float) -> None:
        self.kind = kind
        self.forecast = LimitForecast(kind.horizon, band, kind.warm_up)
        self.sure = 0
        self._last: deque[float] = deque(maxlen=3 * kind.span)
        self._number: int | None = None
        self._highest = 0.0

    def learn(self, minute: int, value: float) -> bool:
        """Learn the value of a minute; say whether a step has ended with it."""
        if self.kind.step == 1:
            self._end(value)
            return True
        number, ended = minute // self.kind.step, False
        if self._number is not None and number != self._number:
            self._end(self._highest)
            ended = True
        self._highest = value if ended or self._number is None else max(self._highest, value)
        self._number = number
        return ended

    def begin_anew(self) -> None:
        """Forget all: the figure was not seen for a while."""
        self.forecast = self.forecast.clone()
        self._last.clear()
        self._number, self.sure = None, 0

    def outlook(self) -> Outlook | None:
        """Return when the limit will be reached, in minutes; None if that is out of sight."""
        found = self.forecast.outlook(1.0)
        step = self.kind.step
        if found is None or step == 1:
            return found
        return Outlook(
            found.minutes * step,
            None if found.earliest is None else max(1, (found.earliest - 1) * step),
            None if found.latest is None else found.latest * step,
            found.slope / step,
            found.error,
        )

    def score(self) -> float:
        """Return the score of the forecast as it stands."""
        return float(self.forecast.score_one({"limit": 1.0}))

    def recent(self) -> float:
        """Return the mean of the last three steps; of one where steps are long."""
        values = list(self._last)[-3 if self.kind.step == 1 else -1 :]
        return sum(values) / len(values)

    def steady(self, slope: float) -> bool:
        """Say whether it rose from each of the last three spans to the next, by a quarter of `slope` (per minute) at least.

        Medians are compared, so a step rises once only; what noise may hide is allowed for.
        """
        span = self.kind.span
        if len(self._last) < 3 * span:
            return False
        values = list(self._last)
        first, second, third = (median(values[at : at + span]) for at in (0, span, 2 * span))
        # A step is one of many differences, and the median does not see it.
        noise = median(abs(after - before) for before, after in pairwise(values))
        least = _LEAST_RISE * span * self.kind.step * slope - _NOISE * noise
        return second - first >= least and third - second >= least

    def _end(self, value: float) -> None:
        self.forecast.learn_one({"value": value})
        self._last.append(value)
