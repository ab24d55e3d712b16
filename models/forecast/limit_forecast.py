"""When a figure will reach its limit, with an error band made of the forecast's own errors."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final, NamedTuple

from river import stats

from models.detectors.base import Detector, Features, against

PACES: Final = ((0.25, 0.06), (0.12, 0.03), (0.06, 0.02))
"""Level and trend smoothing of the three forecasters: quick, middle, slow."""
_FADING: Final = 0.06
"""Weight of the newest error: about the last half hour speaks."""
_AHEAD: Final = 5
"""Minutes ahead at which the forecasters are held against each other."""
_MANY: Final = 10**6  # minutes after which counting on would only grow a number


class Outlook(NamedTuple):
    """Minutes until the limit is reached as expected, at the earliest and at the latest (None: not within twice the
    horizon), the slope per minute, and one deviation of a forecast that far ahead, both in the figure's unit."""

    minutes: float
    earliest: int | None
    latest: int | None
    slope: float
    error: float


def _holt(alpha: float, beta: float) -> Any:
    """Return a forecaster of level and trend. Imported here: River's time series bring SciPy's statistics, which takes
    longer than all the rest of the stream together, and most processes have nothing to forecast."""
    from river import time_series

    made: Any = time_series.HoltWinters  # River says nothing of its types
    return made(alpha, beta)


class _Pace:
    """One forecaster, what it foresees for the next minutes, and how far it was off lately."""

    def __init__(self, alpha: float, beta: float) -> None:
        self.alpha, self.beta = alpha, beta
        self.model = _holt(alpha, beta)
        self.squared = stats.EWMean(_FADING)  # error one minute ahead, squared
        self.far = stats.EWMean(_FADING)  # error `_AHEAD` minutes ahead
        self.foreseen: deque[float] = deque(maxlen=_AHEAD)

    def begin(self, value: float) -> None:
        """Start level, without a trend: what the first two values differ by says nothing."""
        self.model.learn_one(value)
        self.model.learn_one(value)

    def learn(self, value: float) -> None:
        """Compare `value` with what was foreseen, then learn it."""
        self.squared.update((value - self.model.forecast(1)[0]) ** 2)
        if len(self.foreseen) == _AHEAD:
            self.far.update(abs(value - self.foreseen[0]))
        self.model.learn_one(value)
        self.foreseen.append(self.model.forecast(_AHEAD)[-1])

    def deviation(self, minutes: int) -> float:
        """Return the deviation of a forecast so many minutes ahead."""
        a, b, n = self.alpha, self.alpha * self.beta, minutes - 1
        growth = n * a * a + a * b * n * (n + 1) + b * b * n * (n + 1) * (2 * n + 1) / 6
        return math.sqrt(max(0.0, float(self.squared.get())) * (1 + growth))


class LimitForecast(Detector):
    """Score how soon a figure will reach its limit, one value a minute.

    Three of River's Holt forecasters (level and trend) run side by side, from quick to slow; the one whose forecasts
    five minutes ahead were least off lately speaks. A forecast h minutes ahead has the deviation
    s * sqrt(1 + sum over j < h of (a + a b j)^2), with s from its own errors one minute ahead and a, b its smoothing
    (Hyndman and others, Forecasting with Exponential Smoothing, table 6.1). The band is `band` deviations to either
    side: 1 holds two in three, 1.28 eight in ten. With `late` the minutes until its slower edge reaches the limit, the score is
    horizon / (horizon + late), so 0.5 where the limit is reached within the horizon even if the forecast is that wrong.

    Good at leaks and fillings, steady or accelerating. A step, a restart or noise makes errors and thereby a wide
    band, so nothing is said for about half an hour after one. A sawtooth looks like a filling until it falls: what
    is usual for a figure is for `models.forecast.ceiling` to say.

    O(1) time and memory. `x` has `value`, and to be scored `limit`, in the same unit.

    Examples
    --------
    >>> forecast = LimitForecast()
    >>> for minute in range(60):
    ...     forecast.learn_one({"value": 30 + minute})
    >>> outlook = forecast.outlook(100)
    >>> round(outlook.minutes), outlook.earliest, outlook.latest, round(outlook.slope, 1)
    (11, 11, 13, 1.0)
    >>> round(forecast.score_one({"value": 89, "limit": 100}), 2), forecast.outlook(400) is None
    (0.82, True)
    """

    def __init__(self, horizon: int = 60, band: float = 1.0, warm_up: int = 30) -> None:
        self.horizon = horizon
        self.band = band
        self.warm_up = warm_up
        self._paces = [_Pace(*pace) for pace in PACES]
        self._seen = 0

    @property
    def seen(self) -> int:
        """Number of minutes that were learnt."""
        return self._seen

    def learn_one(self, x: Features) -> None:
        value = float(x["value"])
        for pace in self._paces:
            if self._seen:
                pace.learn(value)
            else:
                pace.begin(value)
        self._seen = min(self._seen + 1, _MANY)

    def score_one(self, x: Features) -> float:
        outlook = self.outlook(float(x["limit"]))
        if outlook is None or outlook.latest is None:
            return 0.0
        return against(self.horizon, outlook.latest)

    def outlook(self, limit: float) -> Outlook | None:
        """Return when `limit` will be reached; None if not within twice the horizon, or not known yet."""
        if self._seen < self.warm_up:
            return None
        pace = min(self._paces, key=lambda pace: float(pace.far.get()))
        path = pace.model.forecast(2 * self.horizon)
        slope = path[1] - path[0]
        if slope <= 0 or path[-1] < limit:
            return None
        minutes = max(1.0, 1 + (limit - path[0]) / slope)
        earliest = latest = None
        for ahead, value in enumerate(path, start=1):
            wide = self.band * pace.deviation(ahead)
            if earliest is None and value + wide >= limit:
                earliest = ahead
            if value - wide >= limit:
                latest = ahead
                break
        return Outlook(minutes, earliest, latest, slope, pace.deviation(round(minutes)))
