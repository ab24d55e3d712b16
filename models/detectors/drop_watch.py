"""The number of lines of one service, watched for drops.

Counts per slot of event time, the slot that is still open left aside. Windows of one minute and of five are held against the
slots before them; a slot is learnt once no window over it was flagged. A drop is reported at its beginning and once per
`repeat_seconds`, and is the usual after `accept_seconds`. A service that says nothing at all is told of by its silence.

A drop at its usual hour, no deeper and no longer than it always is, is not reported. What is: a rise (the burst of a nightly job)
that came at its hour for a week and stays away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from models.detectors.base import Finding, against
from models.detectors.season import Season
from models.detectors.settings import DetectorSettings
from models.detectors.traffic_drop import TrafficDrop

_WINDOWS: Final = (6, 30)
_GAP: Final = 60
"""Slots without lines that are taken in, per gap."""


class DropWatch:
    """Watches one service."""

    kind = "traffic_drop"

    def __init__(self, settings: DetectorSettings) -> None:
        self._settings = settings
        self._slot_ns = settings.slot_seconds * 10**9
        self._detector = TrafficDrop(settings.memory_slots, settings.false_alarms)
        self._slots: dict[int, int] = {}
        self._judged: int | None = None  # newest slot that was judged
        self._learnt: int | None = None
        self._began: int | None = None
        self._last = 0
        self._reported = 0
        self._drops, self._rises = Season(settings), Season(settings)

    def take(self, slots: Mapping[int, int]) -> list[Finding]:
        """Take in lines by slot (time // length of a slot); return a drop if one is to be reported."""
        for number, count in slots.items():
            if self._learnt is None or number > self._learnt:
                self._slots[number] = self._slots.get(number, 0) + count
        if not self._slots:
            return []
        newest = max(self._slots)
        if self._judged is None:
            self._judged = self._learnt = newest  # the first slot is met in the middle
            return []
        found = list[Finding]()
        for number in range(max(self._judged + 1, newest - _GAP), newest):
            found += self._judge(number)
        self._judged = max(self._judged, newest - 1)
        return found

    def _judge(self, number: int) -> list[Finding]:
        """Judge the windows that end with slot `number`, which is over."""
        missing = self._missing(number)
        if missing:
            return missing
        best, expected, seen, window = 0.0, 0.0, 0, 0
        for length in _WINDOWS:
            lines = sum(self._slots.get(each, 0) for each in range(number - length + 1, number + 1))
            score = self._detector.score_one({"lines": lines, "slots": length})
            recent = sum(self._slots.get(each, 0) for each in range(number - 2, number + 1))
            if recent > 0.6 * self._detector.usual(3):
                score = 0.0  # it is over already
            if score > best:
                best, expected, seen, window = score, self._detector.usual(length), lines, length
        if best < TrafficDrop.threshold:
            if self._began is not None and number - self._last > _WINDOWS[0]:
                self._began = None
            if self._began is None:
                self._learn(number - _WINDOWS[-1])
            return []
        self._last = number
        seconds = self._settings.slot_seconds
        if self._drops.goes_on(number * seconds, expected / (seen + 1)):
            if self._began is None:
                self._began = number
            elif (number - self._began) * seconds >= self._settings.accept_seconds:
                self._accept(number)
            self._reported = 0  # once it is more than that, it is reported at once
            return []
        if self._began is None:
            self._began = number
        elif (number - self._began) * seconds >= self._settings.accept_seconds:
            self._accept(number)
            return []
        elif (number - self._reported) * seconds < self._settings.repeat_seconds:
            return []
        self._reported = number
        return [
            Finding(
                self.kind,
                (number + 1) * self._slot_ns,
                best,
                TrafficDrop.threshold,
                evidence={"lines": seen, "usual": round(expected, 1), "window_s": window * seconds},
            )
        ]

    def _missing(self, number: int) -> list[Finding]:
        """Follow the rises; return one that was due and did not come while the service went on talking."""
        if not self._slots.get(number):
            return []
        length = _WINDOWS[-1]
        lines = sum(self._slots.get(each, 0) for each in range(number - length + 1, number + 1))
        usual = self._detector.usual(length)
        at_s = number * self._settings.slot_seconds
        if self._detector.rises({"lines": lines, "slots": length}):
            self._rises.goes_on(at_s, lines)
        due = self._rises.missing(at_s)
        if due is None:
            return []
        evidence: dict[str, int | float | str] = {
            "lines": lines,
            "usual": round(due, 1),
            "window_s": length * self._settings.slot_seconds,
        }
        score = against(max(due - lines, 0.0), max(usual, 1.0))
        if score < TrafficDrop.threshold:
            return []
        return [
            Finding(self.kind, (number + 1) * self._slot_ns, score, TrafficDrop.threshold, evidence=evidence)
        ]

    def _learn(self, until: int) -> None:
        """Learn the slots up to and with `until`."""
        assert self._learnt is not None
        for number in range(max(self._learnt + 1, until - _GAP), until + 1):
            self._detector.learn_one({"lines": self._slots.get(number, 0), "slots": 1})
        self._learnt = max(self._learnt, until)
        for number in [each for each in self._slots if each <= self._learnt]:
            del self._slots[number]

    def _accept(self, number: int) -> None:
        self._detector = self._detector.clone()
        self._began = None
        self._learn(number)
