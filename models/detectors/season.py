"""Follows what comes up and passes, so that what comes at its usual hour is told from what does not.

A watch that has found something asks whether that is usual (`goes_on`), as often as it finds it. What has not been found for a
while is over, and is remembered with its strength and length (`models.detectors.rhythm`). Memory is bounded by the rhythm's, and by
the number of things that go on at once. Times are seconds since 1970.

>>> season = Season(DetectorSettings())
>>> [season.goes_on(day * 86_400 + 7200, 40.0) for day in range(5)]
[False, False, False, True, True]
"""

from __future__ import annotations

from typing import Final

from models.detectors.rhythm import DAY_S, Rhythm
from models.detectors.settings import DetectorSettings

_CALM_S: Final = 900
"""What was not found for so long is over."""
_AT_ONCE: Final = 8


class _Open:
    __slots__ = ("began", "last", "peak")

    def __init__(self, at_s: float) -> None:
        self.began = self.last = at_s
        self.peak = 0.0


class Season:
    """Follows one kind of finding of one service; `tag` tells apart what may come at different hours."""

    def __init__(self, settings: DetectorSettings, memory: int = 128) -> None:
        self._rhythm = Rhythm(
            settings.season_times, settings.season_tolerance_seconds, settings.season_factor, memory
        )
        self._open: dict[str, _Open] = {}
        self._looked: float | None = None
        self._blind_until = 0.0

    def goes_on(self, at_s: float, value: float, tag: str = "") -> bool:
        """Note that something is found at `at_s`; say whether it is as it always is at this hour."""
        known = self._open.get(tag)
        if known is not None and at_s - known.last > _CALM_S:
            self._end(tag)
            known = None
        if known is None:
            while len(self._open) >= _AT_ONCE:
                self._end(min(self._open, key=lambda each: self._open[each].last))
            known = self._open[tag] = _Open(at_s)
        known.last, known.peak = max(known.last, at_s), max(known.peak, value)
        lasts = known.last - known.began
        return not self._rhythm.flags(
            {"at_s": known.began, "value": known.peak, "lasts_s": lasts, "tag": tag}
        )

    def missing(self, at_s: float) -> float | None:
        """Return how strong what should have begun by now usually is, once; None if nothing is missing.

        Asked all the time: what was due while nobody asked is not missed.
        """
        tolerance = self._rhythm.tolerance_s
        if self._looked is None or at_s - self._looked > tolerance:
            self._blind_until = at_s + 2 * tolerance
        self._looked = at_s
        if at_s < self._blind_until:
            return None
        due = self._rhythm.due(at_s - tolerance)
        if not due or max(_after(each.at_s, at_s) for each in due) > -tolerance:
            return None  # nothing, or not yet
        if self._came(at_s - 3 * tolerance, at_s):
            return None
        self._blind_until = at_s + 3 * tolerance
        return max(each.value for each in due)

    def _came(self, since_s: float, until_s: float) -> bool:
        going = self._open.get("")
        return (going is not None and going.last >= since_s) or self._rhythm.began_within(since_s, until_s)

    def _end(self, tag: str) -> None:
        over = self._open.pop(tag)
        self._rhythm.learn_one(
            {"at_s": over.began, "lasts_s": over.last - over.began, "value": over.peak, "tag": tag}
        )


def _after(at_s: float, other_s: float) -> float:
    """Return by how much the time of day of one is later than that of the other, at most half a day."""
    apart = (at_s - other_s) % DAY_S
    return apart if apart <= DAY_S / 2 else apart - DAY_S
