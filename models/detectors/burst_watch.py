"""Bursts of errors in the stream of one service: windows of event time, episodes, and what may be learnt.

Slots of some seconds are counted as lines come in, late ones into their own slot. At every block the
windows that end at the newest slot are scored, from one slot (a flood, seconds after it began) to five
minutes (a trickle): the open slot counts as far as it goes. A slot is learnt once event time has passed it
and the lateness, and only if no window over it was flagged.

A burst is reported at its beginning and then once per `repeat_seconds` of event time. A burst that goes on
for `accept_seconds` is taken for what is usual from then on: a constant level of harmless errors is
reported for a while and then never again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from models.detectors.error_burst import ErrorBurst
from models.detectors.settings import DetectorSettings

WINDOWS: Final = (1, 2, 6, 30)
"""Lengths of the windows that are scored, in slots."""
_EMPTY: Final = 60
"""Slots without a line that count as slots without errors, per gap; a longer gap says nothing more."""


class Burst(NamedTuple):
    """A burst that is to be reported: error lines in a window, and how many are usual there."""

    score: float
    errors: int
    lines: int
    usual: float
    window_s: int


@dataclass(slots=True)
class _Slot:
    errors: int = 0
    lines: int = 0
    flagged: bool = False


class BurstWatch:
    """Watches the errors of one service. Times are ns of event time; nothing here asks a clock."""

    threshold = ErrorBurst.threshold

    def __init__(self, settings: DetectorSettings) -> None:
        self._settings = settings
        self._slot_ns = settings.slot_seconds * 10**9
        self._detector = ErrorBurst(settings.memory_slots, settings.false_alarms, settings.least_errors)
        self._slots: dict[int, _Slot] = {}
        self._closed: int | None = None  # the newest slot that is closed
        self._newest = 0
        self._began: int | None = None  # slot in which the burst began that is going on
        self._last = 0  # newest slot that was flagged
        self._reported = 0  # slot of the last report

    def __len__(self) -> int:
        return len(self._slots)

    def slot_of(self, at_ns: int) -> int:
        """Return the number of the slot that `at_ns` belongs to."""
        return at_ns // self._slot_ns

    def observe(self, counts: Mapping[int, tuple[int, int]]) -> Burst | None:
        """Add (errors, lines) by slot and return a burst if one is to be reported now."""
        errors = 0
        for number, (more_errors, more_lines) in counts.items():
            if self._closed is not None and number <= self._closed:
                continue  # too late to be judged; it is counted elsewhere
            slot = self._slots.setdefault(number, _Slot())
            slot.errors += more_errors
            slot.lines += more_lines
            errors += more_errors
            self._newest = max(self._newest, number)
        return self._judge() if errors else None

    def advance(self, watermark_ns: int) -> None:
        """Close and learn the slots that end before `watermark_ns`."""
        until = self.slot_of(watermark_ns) - 1
        if not self._slots:
            return
        if self._closed is None:
            self._closed = min(self._slots) - 1
        if until <= self._closed:
            return
        first = max(self._closed + 1, until - _EMPTY)
        for number in sorted(
            {*range(first, until + 1), *(n for n in self._slots if self._closed < n <= until)}
        ):
            slot = self._slots.get(number, _Slot())
            if not slot.flagged:
                self._detector.learn_one({"errors": slot.errors, "lines": slot.lines, "slots": 1})
        self._closed = until
        for number in [n for n in self._slots if n <= until - WINDOWS[-1]]:
            del self._slots[number]

    def _judge(self) -> Burst | None:
        newest, best = self._newest, Burst(0.0, 0, 0, 0.0, 0)
        for length in WINDOWS:
            window = [self._slots[n] for n in range(newest - length + 1, newest + 1) if n in self._slots]
            errors, lines = sum(slot.errors for slot in window), sum(slot.lines for slot in window)
            score = self._detector.score_one({"errors": errors, "lines": lines, "slots": length})
            if score >= self.threshold:
                for slot in window:
                    slot.flagged = True
            if score > best.score:
                seconds = length * self._settings.slot_seconds
                best = Burst(score, errors, lines, self._detector.usual(length), seconds)
        if best.score < self.threshold:
            return None
        return best if self._report(newest) else None

    def _report(self, newest: int) -> bool:
        """Note that the newest slot is flagged; say whether that is to be reported."""
        seconds = self._settings.slot_seconds
        calm = (newest - self._last) * seconds > 2 * self._settings.repeat_seconds
        self._last = max(self._last, newest)
        if self._began is None or calm:
            self._began, self._reported = newest, newest
            return True
        if (newest - self._began) * seconds >= self._settings.accept_seconds:
            self._accept()
            return False
        if (newest - self._reported) * seconds >= self._settings.repeat_seconds:
            self._reported = newest
            return True
        return False

    def _accept(self) -> None:
        """Take the last minutes for what is usual from now on."""
        self._detector = self._detector.clone()
        for number, slot in self._slots.items():
            if self._closed is not None and number <= self._closed:
                self._detector.learn_one({"errors": slot.errors, "lines": slot.lines, "slots": 1})
            slot.flagged = False
        self._began = None
