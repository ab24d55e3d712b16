"""Silence in the stream of one service, told by the ticks that the receiver writes into the spool.

Time is the spool's: a quiet spell counts only as far as ticks or lines of others show that the receiver was
there to hear something. So an outage of our own is nobody's silence.

A silence that begins at its usual hour (the nightly job is done) is reported only when it lasts longer than it always does (the
job did not come), with the tolerance of its hour.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from models.detectors.rhythm import Rhythm
from models.detectors.settings import DetectorSettings
from models.detectors.silence import Silence

LONGEST_STEP_NS: Final = 15 * 10**9
"""Between two ticks lie 5 s; a longer gap means that the receiver was away, and counts as this much."""


class Quiet(NamedTuple):
    """A silence that is to be reported."""

    score: float
    quiet_s: float
    usual_s: float
    limit_s: float


class SilenceWatch:
    """Watches one service. Times are receive times of blocks, ns."""

    threshold = Silence.threshold

    def __init__(self, settings: DetectorSettings) -> None:
        self._detector = Silence(
            settings.silence_least_seconds, settings.silence_factor, settings.silence_minutes
        )
        self._now_ns: int | None = None
        self._quiet_ns = 0
        self._minute = 0
        self._longest_s = 0.0  # gap that ended in this minute
        self._reported = False
        self._rhythm = Rhythm(settings.season_times, settings.season_tolerance_seconds)
        self._heard_s = 0.0  # when the service was last heard
        self._longest_usual_s: float | None = None  # of a silence that begins now, once it is one

    def heard(self, received_ns: int) -> None:
        """The service has said something in a block received at `received_ns`."""
        first = self._now_ns is None
        self._step(received_ns)
        gap_s, self._quiet_ns, self._reported = self._quiet_ns / 1e9, 0, False
        usual, began_s, self._heard_s = self._longest_usual_s, self._heard_s, received_ns / 1e9
        self._longest_usual_s = None
        if not first and self._detector.flags({"gap_s": gap_s}):
            self._rhythm.learn_one({"at_s": began_s, "lasts_s": gap_s, "value": 1})
            if usual is not None and gap_s <= usual:
                gap_s = 0.0  # it says nothing of the gaps between
        minute = received_ns // (60 * 10**9)
        if first:
            self._minute = minute
            return
        self._longest_s = max(self._longest_s, gap_s)
        if minute > self._minute:
            self._detector.learn_one({"gap_s": self._longest_s})
            self._minute, self._longest_s = minute, 0.0

    def tick(self, received_ns: int) -> Quiet | None:
        """Time has passed; return a silence if one is to be reported, once per silence."""
        if self._now_ns is None:
            return None
        self._step(received_ns)
        gap_s = self._quiet_ns / 1e9
        if self._reported or not self._detector.flags({"gap_s": gap_s}):
            return None
        if self._longest_usual_s is None:
            usual = self._rhythm.usual(self._heard_s)
            longest = max((each.lasts_s for each in usual), default=0.0)
            self._longest_usual_s = longest + self._rhythm.tolerance_s if usual else 0.0
        if gap_s <= self._longest_usual_s:
            return None
        self._reported = True
        score = self._detector.score_one({"gap_s": gap_s})
        return Quiet(score, gap_s, self._detector.usual_s, self._detector.limit_s)

    def _step(self, received_ns: int) -> None:
        if self._now_ns is not None:
            self._quiet_ns += min(max(0, received_ns - self._now_ns), LONGEST_STEP_NS)
        self._now_ns = max(received_ns, self._now_ns or 0)
