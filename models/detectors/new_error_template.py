"""A sentence of level ERROR or above that this service has never said before."""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from models.detectors.base import Detector, Features


class NewErrorTemplate(Detector):
    """Score how surprising it is that a service says something new at error level.

    A template that is known scores 0. For another one the score is 1 - p, with p the chance that a minute
    brings a new error template, by Laplace's rule of succession: (n + 1) / (m + 2) after m minutes of which n
    brought one. Older minutes fade (a day weighs half), so a service that always finds new words for its
    errors stops being surprising, and one that has been quiet for long becomes so again.

    Good at the first line of a new kind of failure. Blind to a known error that becomes frequent: pair it
    with a burst detector. What is reported is known from then on, so it is reported once; a template
    that was forgotten because `capacity` others came after it is new again. Until `least_minutes` have passed
    nothing is surprising, so the harmless errors a service has always had are learnt in silence.

    O(1) time; memory for `capacity` template ids. `x` has `template`, an id, and `minute`, a number that
    grows.

    Examples
    --------
    >>> detector = NewErrorTemplate(least_minutes=3)
    >>> for minute in range(8):
    ...     detector.learn_one({"template": "a", "minute": minute})
    >>> detector.score_one({"template": "a", "minute": 9})
    0.0
    >>> round(detector.score_one({"template": "b", "minute": 9}), 2)
    0.78
    """

    threshold: ClassVar[float] = 0.75
    FADE: ClassVar[float] = 0.5 ** (1 / 1440)

    def __init__(self, least_minutes: int = 3, capacity: int = 2000) -> None:
        self.least_minutes = least_minutes
        self.capacity = capacity
        self._known: OrderedDict[str, None] = OrderedDict()
        self._minutes = 0.0
        self._novel = 0.0
        self._passed = 0  # minutes without fading
        self._minute: int | None = None
        self._counted = False  # whether this minute already counts as one with something new

    @property
    def minutes(self) -> int:
        """Minutes with lines of the service that were passed so far; old ones fade."""
        return round(self._minutes)

    def score_one(self, x: Features) -> float:
        if x["template"] in self._known or self._passed < self.least_minutes:
            return 0.0
        return 1 - (self._novel + 1) / (self._minutes + 2)

    def learn_one(self, x: Features) -> None:
        self.pass_minute(x["minute"])
        template = x["template"]
        if template in self._known:
            self._known.move_to_end(template)
            return
        if len(self._known) >= self.capacity:
            self._known.popitem(last=False)
        self._known[template] = None
        if not self._counted:
            self._novel += 1
            self._counted = True

    def pass_minute(self, minute: int) -> None:
        """Let time go on: `minute` has lines of the service, whatever their level."""
        if self._minute is None:
            self._minute = minute
        elif minute > self._minute:
            self._minutes = self._minutes * self.FADE + 1
            self._novel *= self.FADE
            self._passed = min(self._passed + 1, self.least_minutes)
            self._minute = minute
            self._counted = False
