"""The lines of one grade of one service, errors or warnings: sentences never said before, and bursts."""

from __future__ import annotations

from typing import Any

from models.detectors import DetectorSettings, Finding, NewErrorTemplate
from models.detectors.burst_watch import BurstWatch
from models.levels import Level
from storage.facts import SignalKind
from stream.moments import MINUTE_NS
from stream.seen import First, Noted, Seen


class GradeWatch:
    """Watches one grade; `novelty` and `burst` are what its findings are called."""

    def __init__(
        self, settings: DetectorSettings, novelty: SignalKind, burst: SignalKind, grade: Level
    ) -> None:
        self._kinds, self._grade = (novelty, burst), grade
        self._novelty = NewErrorTemplate(settings.novelty_minutes, settings.known_templates)
        self._bursts = BurstWatch(settings)

    def take(self, seen: Seen, noted: Noted) -> list[Finding]:
        """Return what the `noted` lines of a block say."""
        firsts = noted.firsts()
        minute = seen.known_ns // MINUTE_NS
        self._novelty.pass_minute(minute)
        found = list[Finding]()
        for template_id, first in firsts.items():
            x: dict[Any, Any] = {"template": template_id, "minute": minute}
            score = self._novelty.score_one(x)
            self._novelty.learn_one(x)
            if score >= self._novelty.threshold:
                evidence: dict[str, int | float | str] = {
                    "count": first.count,
                    "minutes": self._novelty.minutes,
                }
                found.append(
                    Finding(
                        self._kinds[0],
                        first.at,
                        score,
                        self._novelty.threshold,
                        template_id,
                        Level(first.level),
                        first.host,
                        evidence,
                    )
                )
        return found + self._burst(seen, noted, firsts)

    def limit(self, seconds: int) -> int:
        """Return the number of lines within `seconds` that would be a burst."""
        return self._bursts.limit(seconds)

    def advance(self, watermark_ns: int) -> None:
        """Close and learn what ended before `watermark_ns`."""
        self._bursts.advance(watermark_ns)

    def _burst(self, seen: Seen, noted: Noted, firsts: dict[str, First]) -> list[Finding]:
        burst = self._bursts.observe(seen.slots, noted.slots(self._bursts.slot_of, seen.received_ns))
        if burst is None or burst.template_id is None:
            return []
        begun = min(first.at for first in firsts.values())
        # The commonest template of the window stands for the burst; it may have no line in this very block.
        first = firsts.get(burst.template_id)
        evidence: dict[str, int | float | str] = {
            "count": burst.errors,
            "lines": burst.lines,
            "usual": round(burst.usual, 3),
            "window_s": burst.window_s,
            "of_template": burst.of_template,
        }
        return [
            Finding(
                self._kinds[1],
                begun,
                burst.score,
                self._bursts.threshold,
                burst.template_id,
                Level(first.level) if first else self._grade,
                first.host if first else None,
                evidence,
            )
        ]
