"""How a flag that never ends comes to its end: a reason that keeps coming is excused in the end.

Two ways, whichever comes first:

- time: a failure is noticed, or passes. What is there for a day and a night and nobody minds is how the
  thing works now: a reason given in at least `hours` different hours of event time that span at least
  `span_hours`. A pause longer than the span begins anew, and a burst, however large, excuses nothing;
- number: a quarter of the latest sessions (a moving average over some 200) have the reason, and in those that
  count nothing is missing and nothing speaks of failure. Then it is what a deploy has changed.

What is excused is learnt from then on, and so becomes usual by its numbers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_HOUR_NS: Final = 3600 * 10**9
_WINDOW: Final = 200
_COMMON: Final = 1 / 4
_NEW: Final = "new_event"

Key = tuple[str, tuple[str, ...]]
"""Kind and events of a reason."""


@dataclass(slots=True)
class _Given:
    first: int  # hour
    last: int
    hours: int = 0
    share: float = 0.0  # of the latest sessions, as of `session`
    session: int = 0


class WayBack:
    """Remembers reasons that were given, the latest `capacity` of them.

    >>> way, reason = WayBack(), ("new_step", ("a", "b"))
    >>> for hour in range(30):
    ...     if not way.excuses(reason):
    ...         way.note([reason], hour * 3600 * 10**9, session=hour * 1000, harmless=False)
    >>> way.excuses(reason)
    True
    """

    def __init__(self, hours: int = 12, span_hours: int = 24, capacity: int = 500) -> None:
        self._hours = hours
        self._span = span_hours
        self._capacity = capacity
        self._given: OrderedDict[Key, _Given] = OrderedDict()
        self._excused: OrderedDict[Key, None] = OrderedDict()

    def excuses(self, reason: Key) -> bool:
        """Whether `reason` is none any more, itself or because it is about events that are excused as new."""
        if reason in self._excused:
            return True
        kind, events = reason
        new = [(_NEW, (name.lstrip("+-"),)) in self._excused for name in events]
        return (kind == "new_step" and any(new)) or (kind == "new_shape" and all(new))

    def excuse(self, reason: Key) -> None:
        """Take `reason` for usual: what people say when they have looked at it."""
        self._given.pop(reason, None)
        self._excused[reason] = None
        self._excused.move_to_end(reason)
        if len(self._excused) > self._capacity:
            self._excused.popitem(last=False)

    def note(self, reasons: Iterable[Key], at_ns: int, session: int, *, harmless: bool) -> None:
        """Note that a session was flagged for `reasons` at `at_ns` of event time; `session` counts sessions."""
        hour = at_ns // _HOUR_NS
        for reason in reasons:
            given = self._given.setdefault(reason, _Given(hour, hour, session=session))
            self._given.move_to_end(reason)
            if hour - given.last > self._span:
                given.first, given.hours = hour, 0
            if not given.hours or hour > given.last:
                given.last, given.hours = max(hour, given.last), given.hours + 1
            if harmless:
                faded = given.share * (1 - 1 / _WINDOW) ** (session - given.session)
                given.share, given.session = faded + 1 / _WINDOW, session
            long = given.hours >= self._hours and given.last - given.first >= self._span
            if long or given.share >= _COMMON:
                self.excuse(reason)
        while len(self._given) > self._capacity:
            self._given.popitem(last=False)
