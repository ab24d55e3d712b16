"""Bursts of errors in the stream of one service: windows of event time, episodes, and what may be learnt.

Slots of some seconds are counted as lines come in, late ones into their own slot. At every block the windows
that end at the newest slot are scored, from one slot (a flood, seconds after it began) to five minutes (a
trickle): the open slot counts as far as it goes. The longest window counts only while its last minute is
above the usual too, or a burst would seem to go on for minutes after its end. A slot is learnt once event
time has passed it and the lateness, and only if no window over it was flagged.

A burst is reported at its beginning and then once per `repeat_seconds` of event time, unless it comes at its usual hour, no
stronger and no longer than it always does (`models.detectors.season`). A burst that goes on
for `accept_seconds` is taken for what is usual from then on: a constant level of harmless errors is reported
for a while and then never again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from models.detectors.error_burst import ErrorBurst
from models.detectors.season import Season
from models.detectors.settings import DetectorSettings

WINDOWS: Final = (1, 2, 6, 30)
"""Lengths of the windows that are scored, in slots."""
_RECENT: Final = 6
"""Slots at the end of the longest window that have to be above the usual as well."""
_EMPTY: Final = 60
"""Slots without a line that count as slots without errors, per gap; a longer gap says nothing more."""
_TEMPLATES: Final = 32
"""Error templates per slot that are told apart; of the others only the number counts."""


class Burst(NamedTuple):
    """A burst that is to be reported: error lines in a window and how many are usual there.

    `template_id` is the commonest in the last minute of the window, with `of_template` lines there.
    """

    score: float
    errors: int
    lines: int
    usual: float
    window_s: int
    template_id: str | None
    of_template: int


@dataclass(slots=True)
class _Slot:
    errors: int = 0
    lines: int = 0
    flagged: bool = False
    spent: bool = False
    templates: dict[str, int] = field(default_factory=dict)

    def add(self, templates: Mapping[str, int]) -> None:
        for template_id, count in templates.items():
            self.errors += count
            if template_id in self.templates or len(self.templates) < _TEMPLATES:
                self.templates[template_id] = self.templates.get(template_id, 0) + count


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
        self._season = Season(settings)

    def __len__(self) -> int:
        return len(self._slots)

    def slot_of(self, at_ns: int) -> int:
        """Return the number of the slot that `at_ns` belongs to."""
        return at_ns // self._slot_ns

    def limit(self, seconds: int) -> int:
        """Return the number of errors within `seconds` from which on a window would be a burst, as of now."""
        slots = max(1, seconds // self._settings.slot_seconds)

        def flagged(errors: int) -> bool:
            return self._detector.flags({"errors": errors, "lines": errors, "slots": slots})

        high = 1
        while not flagged(high):
            high *= 2
        low = high // 2  # not flagged
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if flagged(middle) else (middle, high)
        return high

    def observe(self, lines: Mapping[int, int], errors: Mapping[int, Mapping[str, int]]) -> Burst | None:
        """Add lines by slot, and error lines by slot and template; return a burst if one is to be reported."""
        judged = False
        for number, count in lines.items():
            if self._closed is not None and number <= self._closed:
                continue  # too late to be judged; it is counted elsewhere
            slot = self._slots.setdefault(number, _Slot())
            slot.lines += count
            if number in errors:
                slot.add(errors[number])
                judged = True
            self._newest = max(self._newest, number)
        return self._judge() if judged else None

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
        best: tuple[float, int, list[_Slot]] = (0.0, 0, [])
        if self._last and not self._goes_on():
            for slot in self._slots.values():  # a burst that is over makes no other
                slot.spent = slot.spent or slot.flagged
        for length in WINDOWS:
            window = self._window(length)
            errors, lines = _errors(window), sum(slot.lines for slot in window)
            score = self._detector.score_one({"errors": errors, "lines": lines, "slots": length})
            if length == WINDOWS[-1] and not self._goes_on():
                score = 0.0
            if score >= self.threshold:
                for slot in window:
                    slot.flagged = True
            if score > best[0]:
                best = (score, length, window)
        score, length, window = best
        if score < self.threshold:
            return None
        usual = self._season.goes_on(
            self._newest * self._settings.slot_seconds,
            _errors(self._window(_RECENT)),
            _commonest(window)[0] or "",
        )
        if not self._report(self._newest):
            return None
        if usual:
            # Once it is more than that, it is reported at once.
            self._reported -= self._settings.repeat_seconds
            return None
        most = _commonest(self._window(min(length, _RECENT)))  # what fails now, not what failed minutes ago
        lines = sum(slot.lines for slot in window)
        seconds = length * self._settings.slot_seconds
        return Burst(score, _errors(window), lines, self._detector.usual(length), seconds, *most)

    def _window(self, length: int) -> list[_Slot]:
        numbers = range(self._newest - length + 1, self._newest + 1)
        return [self._slots[each] for each in numbers if each in self._slots and not self._slots[each].spent]

    def _goes_on(self) -> bool:
        """Whether the last minute is two deviations above the usual."""
        usual = self._detector.usual(_RECENT)
        last = range(self._newest - _RECENT + 1, self._newest + 1)
        errors = _errors([self._slots[each] for each in last if each in self._slots])
        return errors > usual + 2 * math.sqrt(usual)

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


def _errors(window: list[_Slot]) -> int:
    return sum(slot.errors for slot in window)


def _commonest(window: list[_Slot]) -> tuple[str | None, int]:
    """Return the template with the most errors in a window, and how many they are."""
    templates: Counter[str] = Counter()
    for slot in window:
        templates.update(slot.templates)
    return max(templates.items(), key=lambda each: (each[1], each[0]), default=(None, 0))
