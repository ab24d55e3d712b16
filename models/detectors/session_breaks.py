"""Sessions of one service that lack a step, repeat it or turn the order round, more of them than usual.

Cuts the sessions out of the lines (`session_cut`), has each judged when it is over (`session_watch`), and reports when so many of a
minute are broken that the rate of before explains it no more: once a minute, with one session as the example. Only what is
missing, repeated or out of order counts: new and rare sentences rest on lines that other watches see.

Where sessions end faster than they can be judged, a part of them is, whichever they are. A broken session that lacks a template
which has become a part of another one since was learnt under a name that is gone: then all is learnt anew. Times are ns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from models.detectors.base import Finding, Reason, against
from models.detectors.session_cut import Ended, SessionCutter
from models.detectors.session_watch import SessionVerdict, SessionWatch
from models.detectors.settings import DetectorSettings

_SECOND: Final = 10**9
_WINDOW_NS: Final = 60 * _SECOND
_SLOW_NS: Final = 600 * _SECOND
_FEW: Final = 20
"""Sessions below which a window goes on for longer."""
_LEAST: Final = 3
"""Broken sessions of a window below which nothing is reported."""
_LINES_PER_SESSION: Final = 100
_PER_SECOND: Final = 2
"""A session may be judged for each so many lines, and so many each second."""
_SAVED: Final = 200.0
"""Sessions that may be judged at once after a time in which few ended."""
_PRIOR: Final = (1.0, 100.0)
"""Broken and judged sessions that count as seen before the first."""
_MEMORY: Final = 20_000
"""Judged sessions beyond which what was seen counts half."""
_PEAK: Final = 1.5
_FADES: Final = 0.98
"""A window is reported from so many times the worst one that was usual, which fades by this factor with each window."""
_ACCEPTED: Final = 30
"""Windows in a row after which so many broken sessions are usual."""
_SHOWN, _CHARS = 3, 160
"""Templates of the example that are shown, and characters of each."""
_MANY: Final = 200.0
"""Mean from which on a normal distribution stands for Poisson's."""
_MUTED: Final = ("new_event", "rare_event", "rare_error", "new_shape", "new_step")
_LACKING: Final = frozenset(("missing_event", "incomplete", "too_few"))


class Templates(NamedTuple):
    """What is known of a template by its id: the id under which it goes on if it has become a part of another, and its text."""

    goes_on_as: Callable[[str], str]
    text: Callable[[str], str]


class _Window:
    """The sessions that ended within a minute or so."""

    __slots__ = ("began", "broken", "judged", "lacking", "reasons", "told")

    def __init__(self, began: int) -> None:
        self.began = began
        self.judged = self.broken = self.lacking = 0
        self.reasons: Counter[str] = Counter()
        self.told = False


class SessionBreaks:
    """Bounded and picklable; see the module."""

    kind = "sequence_break"

    def __init__(self, settings: DetectorSettings) -> None:
        self._settings = settings
        self._cutter = SessionCutter()
        self._lead = ""
        self._line = self._at = 0
        self._credit = _SAVED
        self._anew()

    def _anew(self) -> None:
        self._watch = SessionWatch(self._settings, _MUTED)
        self._window: _Window | None = None
        self._broken, self._judged = _PRIOR
        self._peak = 0.0
        self._in_a_row = 0
        self._learnt = 0

    def take(
        self,
        texts: Sequence[str],
        ids: Sequence[str],
        times: Sequence[int],
        templates: Templates,
    ) -> list[Finding]:
        """Take in the lines of a block; return what is to be reported."""
        found = []
        for ended in self._cutter.take(texts, ids, times):
            if ended.lead != self._lead:
                self._lead = ended.lead
                self._anew()
            if self._affords(ended) and (finding := self._judge(ended, templates)) is not None:
                found.append(finding)
        return found

    def _affords(self, ended: Ended) -> bool:
        """Say whether there is time for a session: some each second, and one for a number of lines."""
        passed = max(0, ended.at_ns - self._at) / _SECOND
        gained = passed * _PER_SECOND + (ended.line - self._line) / _LINES_PER_SESSION
        self._credit = min(_SAVED, self._credit + gained)
        self._at, self._line = max(self._at, ended.at_ns), ended.line
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def _judge(self, ended: Ended, templates: Templates) -> Finding | None:
        events = [templates.goes_on_as(event) for event in ended.events]
        verdict = self._watch.ended(events, ended.at_ns)
        self._learnt += 1
        if self._learnt <= 2 * self._settings.session_warm_up:
            return None
        if verdict.flag and any(
            templates.goes_on_as(name) != name for name, _ in (*verdict.missing, *_named(verdict.reasons))
        ):
            self._anew()
            return None
        window = self._window
        if window is None or self._over(window, ended.at_ns):
            if window is not None:
                self._close(window)
            window = self._window = _Window(ended.at_ns)
        window.judged += 1
        if not verdict.flag:
            return None
        window.broken += 1
        window.lacking += any(reason.kind in _LACKING for reason in verdict.reasons)
        window.reasons[_worst(verdict.reasons).kind] += 1
        limit = self._limit(window.judged)
        if window.told or window.broken < limit:
            return None
        window.told = True
        return self._finding(window, limit, ended, verdict, templates)

    def _over(self, window: _Window, at_ns: int) -> bool:
        passed = at_ns - window.began
        return passed >= _SLOW_NS or (passed >= _WINDOW_NS and window.judged >= _FEW)

    def _limit(self, judged: int) -> int:
        """Return from how many broken ones on chance and the past do not explain them."""
        mean = judged * self._broken / self._judged
        return max(_LEAST, math.ceil(_PEAK * self._peak), beyond(mean, self._settings.false_alarms))

    def _close(self, window: _Window) -> None:
        self._in_a_row = self._in_a_row + 1 if window.told else 0
        self._peak *= _FADES
        if window.told and self._in_a_row < _ACCEPTED:
            return
        self._peak = max(self._peak, float(window.broken))
        self._broken += window.broken
        self._judged += window.judged
        if self._judged > _MEMORY:
            self._broken, self._judged = self._broken / 2, self._judged / 2

    def _finding(
        self,
        window: _Window,
        limit: int,
        ended: Ended,
        verdict: SessionVerdict,
        templates: Templates,
    ) -> Finding:
        def said(events: Sequence[tuple[str, int]]) -> str:
            return " | ".join(templates.text(event)[:_CHARS] for event, _ in events[:_SHOWN])

        evidence: dict[str, int | float | str] = {
            "broken": window.broken,
            "sessions": window.judged,
            "lacking": window.lacking,
            "usual": round(window.judged * self._broken / self._judged, 2),
            "window_s": round((ended.at_ns - window.began) / _SECOND, 1),
            "reason": window.reasons.most_common(1)[0][0],
            "lines": len(ended.events),
        }
        for name, events in (("missing", verdict.missing), ("extra", verdict.extra)):
            if events:
                evidence[name] = said(events)
        return Finding(self.kind, ended.at_ns, against(window.broken, limit), 0.5, evidence=evidence)


def beyond(mean: float, chance: float) -> int:
    """Return the least number that a count of this mean reaches with less than `chance` (Poisson).

    >>> beyond(0.1, 1e-6), beyond(5.0, 1e-6)
    (5, 20)
    """
    if mean > _MANY:
        return math.ceil(mean + 6 * math.sqrt(mean))
    term = math.exp(-mean)
    below, count = 0.0, 0
    while 1 - below >= chance and count < 2 * _MANY:
        below += term
        count += 1
        term *= mean / count
    return count


def _worst(reasons: Sequence[Reason]) -> Reason:
    return max(reasons, key=lambda each: (each.kind in _LACKING, each.score, each.kind, each.events))


def _named(reasons: Sequence[Reason]) -> list[tuple[str, int]]:
    return [(event.lstrip("+-"), 1) for reason in reasons for event in reason.events]
