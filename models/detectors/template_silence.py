"""A sentence that a service says regularly, and has stopped saying while it goes on talking.

A heartbeat that is missing, a job that no longer ends, a record that is no longer stored. Weak by itself: a release that words
it differently looks the same. Regular is a template with many lines over ten minutes whose longest pause is known;
missing it is after a multiple of that pause, and of the time in which so many were expected that none is chance. What was said
like a clock for half an hour, and stays away for half as long again while nearly all else goes on, is told of a second time: a job
that has ended was not so regular for so long, and what a service does less of is not missing. Times are ns.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from models.detectors.base import Finding, against
from models.detectors.settings import DetectorSettings

_SECOND: Final = 10**9
_LINES: Final = 20
_SPAN_NS: Final = 600 * _SECOND
_EXPECTED: Final = 14.0
"""Lines that should have come: with so many expected, none comes once in a million times."""
_CLOCK_SPAN_NS: Final = 1800 * _SECOND
_CLOCK_PAUSES: Final = 3.0
"""Longest pause over mean pause, up to which a sentence comes like a clock; chance alone makes it 5 within 150 lines."""
_FEW: Final = 8
"""One in so many of the regular sentences may be missing beside it."""
_AGAIN: Final = 1.5


class _Said:
    __slots__ = ("count", "first", "last", "longest", "told")

    def __init__(self, at: int) -> None:
        self.first = self.last = at
        self.count = 0
        self.longest = 0
        self.told = 0  # times that its absence was told of

    @property
    def mean(self) -> float:
        """Mean time between two lines."""
        return (self.last - self.first) / self.count


class TemplateSilence:
    """Watches the templates of one service."""

    kind = "template_silence"

    def __init__(self, settings: DetectorSettings) -> None:
        self._most = settings.known_templates
        self._least_ns = settings.silence_least_seconds * _SECOND
        self._factor = settings.silence_factor
        self._said: OrderedDict[str, _Said] = OrderedDict()
        self._looked = 0

    def take(self, counts: Mapping[str, int], lasts: Mapping[str, int], now_ns: int) -> list[Finding]:
        """Take in the lines of a block by template; return the templates that have fallen silent."""
        for template_id, count in counts.items():
            at = min(lasts[template_id], now_ns)
            said = self._said.get(template_id)
            if said is None:
                if len(self._said) >= self._most:
                    self._said.popitem(last=False)
                said = self._said[template_id] = _Said(at)
            else:
                self._said.move_to_end(template_id)
            pause = at - said.last
            if said.told:  # it is back; the pause that was told of is no usual one
                said.told = 0
            else:
                said.longest = max(said.longest, pause)
            said.last = max(said.last, at)
            said.count += count
        if now_ns - self._looked < 10 * _SECOND:
            return []
        self._looked = now_ns
        regular = {
            template_id: (said, self._limit(said))
            for template_id, said in self._said.items()
            if said.count >= _LINES and said.last - said.first >= _SPAN_NS
        }
        missing = sum(now_ns - said.last >= limit for said, limit in regular.values())
        alone = missing <= max(1, len(regular) // _FEW)
        found = list[Finding]()
        for template_id, (said, limit) in regular.items():
            quiet = now_ns - said.last
            if said.told > 1 or (said.told and not (alone and _like_a_clock(said))):
                continue
            if quiet >= limit * (_AGAIN if said.told else 1):
                said.told += 1
                evidence: dict[str, int | float | str] = {
                    "quiet_s": round(quiet / _SECOND),
                    "usual_s": round(said.longest / _SECOND, 1),
                    "limit_s": round(limit / _SECOND, 1),
                }
                found.append(
                    Finding(self.kind, now_ns, against(quiet, limit), 0.5, template_id, evidence=evidence)
                )
        return found

    def _limit(self, said: _Said) -> float:
        return max(self._least_ns, self._factor * said.longest, _EXPECTED * said.mean)


def _like_a_clock(said: _Said) -> bool:
    return said.last - said.first >= _CLOCK_SPAN_NS and said.longest <= _CLOCK_PAUSES * said.mean
