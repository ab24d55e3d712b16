"""How high a figure usually goes: the reason why a sawtooth, a daily wave or a nightly batch is no filling.

The highest value of each ten minutes is kept for three hours and of each hour for eight days, so last week's batch is
remembered. The last values do not count: a climb is not usual because it has begun.

A figure leaves the usual where it stands above the highest of those by a margin: what the third highest
is below it (peaks that differ much may differ more next time), at least a twentieth and at most a fifth of the room
up to the limit.

>>> ceiling = Ceiling()
>>> for minute in range(180):
...     ceiling.add(minute, 0.4 + 0.01 * (minute % 30))
>>> round(ceiling.height(180), 3), ceiling.beyond(180, 0.69, 1.0), ceiling.beyond(180, 0.72, 1.0)
(0.69, False, True)
"""

from __future__ import annotations

from typing import Final

_SHORT: Final = 10
_LONG: Final = 60
_SHORTS: Final = 18
_LONGS: Final = 192
_LEAST, _MOST = 0.05, 0.2


class Ceiling:
    """Remembers the highest values of one figure; at most 210 numbers. Times are minutes."""

    def __init__(self) -> None:
        self._short: dict[int, float] = {}  # number of ten minutes -> highest value
        self._long: dict[int, float] = {}  # number of an hour -> highest value

    def add(self, minute: int, value: float) -> None:
        """Add the value of a minute."""
        for kept, length, most in ((self._short, _SHORT, _SHORTS), (self._long, _LONG, _LONGS)):
            number = minute // length
            kept[number] = max(kept.get(number, value), value)
            if len(kept) > most or (kept and number - next(iter(kept)) > most):
                for old in [each for each in kept if each <= number - most]:
                    del kept[old]

    def height(self, minute: int) -> float | None:
        """Return the highest value that counts at `minute`; None if none does."""
        return max(self._counted(minute), default=None)

    def beyond(self, minute: int, value: float, limit: float, skip: int = _SHORT) -> bool:
        """Say whether `value` is beyond what is usual, on the way to `limit`; the last `skip` minutes and what is left of
        their ten do not count."""
        counted = sorted(self._counted(minute, skip), reverse=True)
        if not counted:
            return True
        room = max(0.0, limit - counted[0])
        spread = counted[0] - counted[2] if len(counted) > 2 else room
        return value >= counted[0] + min(max(spread, _LEAST * room), _MOST * room)

    def forget(self, since: int) -> None:
        """Forget what was added from the minute `since` on: it was trouble."""
        for kept, length in ((self._short, _SHORT), (self._long, _LONG)):
            for number in [each for each in kept if (each + 1) * length > since]:
                del kept[number]

    def _counted(self, minute: int, skip: int = _SHORT) -> list[float]:
        short, long = (minute - skip) // _SHORT, (minute - skip) // _LONG - 1
        return [
            *(value for number, value in self._short.items() if number < short),
            *(value for number, value in self._long.items() if number < long),
        ]
