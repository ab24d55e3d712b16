"""Watches the sessions of one kind as they end: scores, gates what is learnt, and says why.

A session is what belongs to one id (a request, a trace, a block, an instance); it is judged once, when it
has ended, by what ended before it. The first `warm_up` sessions are learnt without a word, whatever they
are. From then on a flagged session is not learnt, until the reason for its flag is excused (`way_back`).
Times are ns of event time; nothing here asks a clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from models.detectors.base import Detector, Features, Reason
from models.detectors.precedence import Precedence
from models.detectors.sequence_break import SequenceBreak
from models.detectors.session_shape import SessionShape
from models.detectors.settings import DetectorSettings
from models.detectors.way_back import Key, WayBack

_HARMLESS: Final = frozenset({"new_event", "rare_event", "new_shape", "new_step"})
"""Reasons with which a session may still have done all it should."""


class SessionVerdict(NamedTuple):
    """What is to be said of a session that has ended.

    `missing` and `extra` are events with their numbers, against the nearest shape known; empty for a session
    that is not flagged.
    """

    score: float
    flag: bool
    reasons: tuple[Reason, ...] = ()
    missing: tuple[tuple[str, int], ...] = ()
    extra: tuple[tuple[str, int], ...] = ()


class SessionWatch:
    """Bounded and picklable; see the module. Kinds of reasons that are `muted` are never given."""

    threshold = Detector.threshold

    def __init__(self, settings: DetectorSettings, muted: Collection[str] = ()) -> None:
        alarms, least = settings.session_false_alarms, settings.session_warm_up
        self._shape = SessionShape(alarms, settings.session_contamination, least_sessions=min(50, least))
        self._steps = SequenceBreak(alarms, least_sessions=min(50, least))
        self._order = Precedence(settings.session_contamination / 2)
        self._way_back = WayBack(settings.session_accept_hours, settings.session_accept_span_hours)
        self._muted = frozenset(muted)
        self._warm_up = least
        self._learnt = 0
        self._ended = 0

    def learn(self, events: Sequence[str]) -> None:
        """Learn a session without judging it."""
        x: Features = {"events": events}
        broken = any(reason.score >= self.threshold for reason in self._shape.broken(x))
        self._shape.learn_one(x)
        if not broken:  # the order of what broke off teaches nothing
            self._steps.learn_one(x)
            self._order.learn_one(x)
        self._learnt += 1

    def ended(self, events: Sequence[str], at_ns: int, errors: Collection[str] = ()) -> SessionVerdict:
        """Judge a session that has ended at `at_ns`, and learn it if nothing speaks against it."""
        self._ended += 1
        if self._learnt < self._warm_up:
            self.learn(events)
            return SessionVerdict(0.0, flag=False)
        x: Features = {"events": events, "errors": errors}
        reasons = [
            reason
            for reason in (*self._shape.reasons(x), *self._steps.reasons(x), *self._order.reasons(x))
            if reason.kind not in self._muted and not self._way_back.excuses(_key(reason))
        ]
        score = max((reason.score for reason in reasons), default=0.0)
        if score < self.threshold:
            self.learn(events)
            return SessionVerdict(score, flag=False)
        given = tuple(reason for reason in reasons if reason.score >= self.threshold)
        harmless = not errors and all(reason.kind in _HARMLESS for reason in given)
        self._way_back.note((_key(reason) for reason in given), at_ns, self._ended, harmless=harmless)
        near = self._shape.nearest(x)
        known = dict(near.shape) if near else {}
        own = Counter(events)
        return SessionVerdict(score, True, given, _more(known, own), _more(own, known))

    def excuse(self, reason: Reason) -> None:
        """Take `reason` for usual from now on."""
        self._way_back.excuse(_key(reason))


def _key(reason: Reason) -> Key:
    return reason.kind, reason.events


def _more(a: Mapping[str, int], b: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((name, n - b.get(name, 0)) for name, n in a.items() if n > b.get(name, 0)))
