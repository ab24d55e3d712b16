"""One figure on its way to its limit: when to warn, once, and when to take it back.

A warning takes five things, all of them for `confirm_minutes` in a row: the forecast reaches the limit within the
horizon even at the slow edge of its band; the figure is beyond what is usual for it (`models.forecast.ceiling`); it
rose from each of the last three spans of five minutes to the next, by a quarter at least of what the forecast says (the
medians: a step rises once); it is below its limit; and no warning stands.

A warning ends in one of three ways. It comes true: the figure is at its limit. It is withdrawn: the forecast has not
reached the limit within twice the horizon for ten minutes, or the latest time has passed by half an hour and nothing
happened. After a withdrawal the height that was reached is usual, so the same climb does not warn again. After it came true that height
is forgotten as trouble, so the next filling is warned of; but a figure that is full for the third time within eight
days is one for which that is usual, and its heights are kept from then on.

Values are parts of the limit, one a minute. Gaps of up to half an hour are filled with a straight line; after a longer one
the forecast begins anew, what is usual stays.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from statistics import median
from typing import Final, NamedTuple

from models.forecast.ceiling import Ceiling
from models.forecast.limit_forecast import LimitForecast, Outlook
from models.forecast.settings import ForecastSettings

_GAP: Final = 30
_SPAN: Final = 5
_LEAST_RISE: Final = 0.25
_CALM: Final = 10
_GRACE: Final = 30
_BACK: Final = 0.9
"""Part of the limit below which a figure that was full is on a new way."""
_CLIMB: Final = 120
"""Minutes before a warning that belong to the climb it was about."""
_MEMORY: Final = 8 * 24 * 60


class State(StrEnum):
    """What stands between a figure and its limit."""

    WATCHED = "watched"
    WARNED = "warned"
    FULL = "full"


class Foreseen(NamedTuple):
    """A warning: the minute it was made in, the value then (a part of the limit), and the forecast."""

    minute: int
    value: float
    score: float
    outlook: Outlook


class Approach:
    """Follows one figure. Bounded; no clock: `minute` is event time in minutes since 1970."""

    threshold = LimitForecast.threshold

    def __init__(self, settings: ForecastSettings) -> None:
        self._forecast = LimitForecast(
            settings.horizon_minutes, settings.band_width, settings.warm_up_minutes
        )
        self._confirm = settings.confirm_minutes
        self._ceiling = Ceiling()
        self._last: deque[float] = deque(maxlen=3 * _SPAN)
        self._minute: int | None = None
        self._sure = 0  # minutes in a row that foresee it
        self._calm = 0  # minutes in a row in which a warning has no longer a reason
        self._warned = self._until = 0  # minute of the warning, and the one in which it ends by itself
        self._fulls: deque[int] = deque(maxlen=2)  # minutes in which it was full the last two times
        self.state = State.WATCHED
        self.withdrawn = 0

    @property
    def seen(self) -> int:
        """Minutes that the forecast is made from."""
        return self._forecast.seen

    def learn(self, minute: int, value: float) -> Foreseen | None:
        """Learn the value of a minute after the last one; return a warning if one is to be given."""
        if self._minute is not None:
            if minute - self._minute > _GAP:
                self._forecast = self._forecast.clone()
                self._last.clear()
                self._sure = 0
            elif self._last:
                before, gap = self._last[-1], minute - self._minute
                for step in range(1, gap):
                    self._note(before + (value - before) * step / gap)
        self._note(value)
        self._minute = minute
        if self.state is not State.FULL:
            self._ceiling.add(minute, value)
        return self._judge(minute, value)

    def _note(self, value: float) -> None:
        self._forecast.learn_one({"value": value})
        self._last.append(value)

    def _judge(self, minute: int, value: float) -> Foreseen | None:
        if self.state is State.FULL:
            if value < _BACK:
                self.state = State.WATCHED
            return None
        if value >= 1:
            self._is_full(minute)
            return None
        outlook = self._forecast.outlook(1.0)
        if self.state is State.WARNED:
            self._calm = 0 if outlook is not None else self._calm + 1
            if self._calm >= _CALM or minute > self._until:
                self.state = State.WATCHED
                self.withdrawn += 1
            return None
        score = self._forecast.score_one({"value": value, "limit": 1.0})
        foreseen = outlook is not None and score >= self.threshold and self._steady(outlook.slope)
        if not foreseen or not self._ceiling.beyond(minute, self._recent(3), 1.0):
            self._sure = 0
            return None
        self._sure += 1
        if outlook is None or outlook.latest is None or self._sure < self._confirm:
            return None
        self.state, self._sure, self._calm = State.WARNED, 0, 0
        self._warned, self._until = minute, minute + outlook.latest + _GRACE
        return Foreseen(minute, value, score, outlook)

    def _is_full(self, minute: int) -> None:
        since = self._warned - _CLIMB if self.state is State.WARNED else minute - _CLIMB
        often = len(self._fulls) == 2 and minute - self._fulls[0] < _MEMORY
        self._fulls.append(minute)
        if not often:
            self._ceiling.forget(since)
        self.state, self._sure = State.FULL, 0

    def _steady(self, slope: float) -> bool:
        if len(self._last) < 3 * _SPAN:
            return False
        values = list(self._last)
        first, second, third = (median(values[at : at + _SPAN]) for at in (0, _SPAN, 2 * _SPAN))
        least = _LEAST_RISE * _SPAN * slope
        return second - first >= least and third - second >= least

    def _recent(self, minutes: int) -> float:
        values = list(self._last)[-minutes:]
        return sum(values) / len(values)
