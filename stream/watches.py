"""All that watches one service, and its state. A new watch is a file in `models/detectors/` and a line here.

A watch is given a block and returns findings; ticks let time go on for those that wait for what does not come. Which templates
speak of failure is remembered, and lines of them count as warnings whatever level they have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from models.detectors import DetectorSettings, Finding
from models.detectors.clock_watch import ClockWatch
from models.detectors.drop_watch import DropWatch
from models.detectors.failure_words import speaks_of_failure
from models.detectors.gauge_watch import GaugeWatch
from models.detectors.host_silence import HostSilence
from models.detectors.personal_watch import PersonalWatch
from models.detectors.session_breaks import SessionBreaks, Templates
from models.detectors.silence_watch import SilenceWatch
from models.detectors.template_silence import TemplateSilence
from models.forecast.watch import ForecastWatch, LimitAhead
from models.levels import Level
from models.recent import Recent
from storage.facts import SignalKind
from stream.fields import Lines
from stream.grade_watch import GradeWatch
from stream.seen import Seen

_SECOND: Final = 10**9
_MINUTE_S: Final = 60
Joined = tuple[Sequence[str], Sequence[str]]
"""Template ids and texts."""
NO_MORE: Final[Joined] = ((), ())


class Watches:
    """Watches one service."""

    def __init__(self, settings: DetectorSettings, service: str = "") -> None:
        self._slot_seconds = settings.slot_seconds
        self._errors = GradeWatch(
            settings, SignalKind.NEW_ERROR_TEMPLATE, SignalKind.ERROR_BURST, Level.ERROR
        )
        self._warnings = GradeWatch(
            settings, SignalKind.NEW_WARNING_TEMPLATE, SignalKind.WARNING_BURST, Level.WARN
        )
        self._silence = SilenceWatch(settings)
        self._drops = DropWatch(settings)
        self._templates = TemplateSilence(settings)
        self._hosts = HostSilence(settings)
        self._sessions = SessionBreaks(settings)
        self._gauges = GaugeWatch(settings)
        self._personal = PersonalWatch(settings)
        self._clocks = ClockWatch(settings)
        self._forecast = ForecastWatch(service, settings.forecast)
        self._fails = Recent[str, bool](settings.known_templates)
        self._sampled = Recent[str, int](settings.known_templates)

    def see(
        self, lines: Lines, ids: Sequence[str], received_ns: int, template_of: Callable[[str], str]
    ) -> Seen:
        """Return a block as the watches see it."""

        def fails(template_id: str) -> bool:
            known = self._fails.get(template_id)
            if known is None:
                known = speaks_of_failure(template_of(template_id))
                self._fails.put(template_id, known)
            return known

        return Seen(lines, ids, fails, received_ns, self._slot_seconds)

    def take(self, seen: Seen, templates: Templates, more: Joined = NO_MORE) -> list[Finding]:
        """Return what a block says. `more` are lines that were joined to others, which are searched for personal data only."""
        self._silence.heard(seen.received_ns)
        lines = seen.lines
        self._forecast.take(lines.text, seen.ids, lines.ts, lines.host, lines.level, seen.received_ns)
        return [
            *self._errors.take(seen, seen.errors),
            *self._warnings.take(seen, seen.warnings),
            *self._drops.take(seen.slots),
            *self._templates.take(seen.usual_counts(), seen.lasts(), seen.known_ns),
            *self._hosts.take(seen.host_counts(), seen.known_ns),
            *self._sessions.take(lines.text, seen.ids, list(seen.times()), templates),
            *self._gauges.take(seen.samples(self._due)),
            *self._personal.take(*_behind(seen, more), seen.known_ns),
            *self._clocks.take(seen.hosts().items(), seen.received_ns),
        ]

    def take_more(self, more: Joined, known_ns: int, received_ns: int) -> list[Finding]:
        """The same for a block of which every line was joined to one of before, or waits."""
        self._silence.heard(received_ns)
        return self._personal.take(*more, known_ns)

    def tick(self, newest_ns: int, received_ns: int) -> list[Finding]:
        """Let time go on; return a silence if one is to be reported. `newest_ns` is the newest time of a line."""
        quiet = self._silence.tick(received_ns)
        if quiet is None:
            return []
        evidence: dict[str, int | float | str] = {
            "quiet_s": round(quiet.quiet_s, 1),
            "usual_s": round(quiet.usual_s, 1),
            "limit_s": round(quiet.limit_s, 1),
        }
        return [
            Finding(SignalKind.SILENCE, newest_ns, quiet.score, self._silence.threshold, evidence=evidence)
        ]

    def advance(self, watermark_ns: int) -> list[Finding]:
        """Close what ended before `watermark_ns`; return what is foreseen then."""
        self._errors.advance(watermark_ns)
        self._warnings.advance(watermark_ns)
        ahead = self._forecast.advance(watermark_ns, lambda: self._errors.limit(_MINUTE_S))
        return [_forecast(each) for each in ahead]

    def _due(self, template_id: str, at: int) -> bool:
        """Say whether a line of a template is to be looked at: one a second."""
        last = self._sampled.get(template_id)
        if last is not None and at - last < _SECOND:
            return False
        self._sampled.put(template_id, max(at, 1))
        return True


def _behind(seen: Seen, more: Joined) -> Joined:
    return ([*seen.ids, *more[0]], [*seen.lines.text, *more[1]]) if more[0] else (seen.ids, seen.lines.text)


def _forecast(found: LimitAhead) -> Finding:
    evidence: dict[str, int | float | str] = {"figure": found.name, **found.evidence}
    return Finding(
        SignalKind.FORECAST,
        found.at_ns,
        found.score,
        found.threshold,
        found.template_id,
        Level.WARN,
        found.host,
        evidence,
    )
