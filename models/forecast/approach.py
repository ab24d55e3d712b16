"""One figure on its way to its limit: when to warn, once, and when to take it back.

A figure is seen on two scales (`models.forecast.scale`), minutes and ten minutes, and a warning may come from either. It takes
five things, for as long as the scale asks: the forecast reaches the limit within the horizon even at the slow edge of
its band; the figure is beyond what is usual for it (`models.forecast.ceiling`); it rises steadily; it is below its
limit; and no warning stands.

A warning ends in one of three ways. It comes true: the figure is at its limit. It is withdrawn: the forecast has not
reached the limit within twice the horizon for a while, or the latest time has passed by half an hour and nothing
happened. After a withdrawal the height that was reached is usual, so the same climb does not warn again. After it came true that height
is forgotten as trouble, so the next filling is warned of; but a figure that is full for the third time within eight
days is one for which that is usual, and its heights are kept from then on.

Values are parts of the limit, one a minute. Gaps of up to half an hour are filled with a straight line; after a longer one
the forecast begins anew, what is usual stays.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Final, NamedTuple

from models.forecast.ceiling import Ceiling
from models.forecast.limit_forecast import LimitForecast, Outlook
from models.forecast.scale import Kind, Scale
from models.forecast.settings import ForecastSettings

_GAP: Final = 30
_GRACE: Final = 30
_BACK: Final = 0.9
"""Part of the limit below which a figure that was full is on a new way, after ten minutes there."""
_CLIMB: Final = 120
"""Minutes before a warning that belong to the climb it was about."""
_MEMORY: Final = 8 * 24 * 60
_TEN: Final = 10


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
        slow = settings.slow_horizon_minutes // _TEN
        warm = settings.slow_warm_up_minutes // _TEN
        self._scales = (
            Scale(
                Kind(
                    1, settings.horizon_minutes, settings.warm_up_minutes, 5, settings.confirm_minutes, 10, 10
                ),
                settings.band_width,
            ),
            Scale(Kind(_TEN, slow, warm, 2, 1, _CLIMB, 3 * _TEN), settings.band_width),
        )
        self._ceiling = Ceiling()
        self._minute: int | None = None
        self._value = 0.0
        self._warner = self._scales[0]  # the scale that the standing warning came from
        self._calm = 0  # minutes in a row in which it has no longer a reason, or the figure is no longer full
        self._warned = self._until = 0  # minute of the warning, and the one in which it ends by itself
        self._fulls: deque[int] = deque(maxlen=2)  # minutes in which it was full the last two times
        self.state = State.WATCHED
        self.withdrawn = 0

    @property
    def seen(self) -> int:
        """Minutes that the forecast is made from."""
        return self._scales[0].forecast.seen

    def learn(self, minute: int, value: float) -> Foreseen | None:
        """Learn the value of a minute after the last one; return a warning if one is to be given."""
        if self._minute is not None:
            before, gap = self._value, minute - self._minute
            if gap > _GAP:
                for scale in self._scales:
                    scale.begin_anew()
            else:
                for step in range(1, gap):
                    self._note(self._minute + step, before + (value - before) * step / gap)
        self._minute, self._value = minute, value
        ended = self._note(minute, value)
        if self.state is not State.FULL:
            self._ceiling.add(minute, value)
        return self._judge(minute, value, ended)

    def _note(self, minute: int, value: float) -> list[Scale]:
        return [scale for scale in self._scales if scale.learn(minute, value)]

    def _judge(self, minute: int, value: float, ended: list[Scale]) -> Foreseen | None:
        if self.state is State.FULL:
            self._calm = self._calm + 1 if value < _BACK else 0
            if self._calm >= _TEN:
                self.state = State.WATCHED
            return None
        if value >= 1:
            self._is_full(minute)
            return None
        if self.state is State.WARNED:
            self._calm = 0 if self._warner.outlook() is not None else self._calm + 1
            if self._calm >= self._warner.kind.calm or minute > self._until:
                self.state = State.WATCHED
                self.withdrawn += 1
            return None
        for scale in ended:
            outlook = self._foresees(scale, minute)
            scale.sure = 0 if outlook is None else scale.sure + 1
            if outlook is not None and outlook.latest is not None and scale.sure >= scale.kind.confirm:
                return self._warn(scale, minute, value, outlook)
        return None

    def _foresees(self, scale: Scale, minute: int) -> Outlook | None:
        outlook = scale.outlook()
        if outlook is None or scale.score() < self.threshold or not scale.steady(outlook.slope):
            return None
        return outlook if self._ceiling.beyond(minute, scale.recent(), 1.0, scale.kind.skip) else None

    def _warn(self, scale: Scale, minute: int, value: float, outlook: Outlook) -> Foreseen:
        score = scale.score()
        for each in self._scales:
            each.sure = 0
        self.state, self._warner, self._calm = State.WARNED, scale, 0
        self._warned, self._until = minute, minute + (outlook.latest or 0) + _GRACE
        return Foreseen(minute, value, score, outlook)

    def _is_full(self, minute: int) -> None:
        since = self._warned - _CLIMB if self.state is State.WARNED else minute - _CLIMB
        often = len(self._fulls) == 2 and minute - self._fulls[0] < _MEMORY
        self._fulls.append(minute)
        if not often:
            self._ceiling.forget(since)
        self.state, self._calm = State.FULL, 0
        for scale in self._scales:
            scale.sure = 0
