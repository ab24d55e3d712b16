"""What comes up at the same hour of the day, or of the week."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from models.detectors.base import Detector, Features, against

DAY_S: Final = 86_400
_DAYS, _WEEKS = 5, 5
"""So many days, and weeks, back from now are looked at."""
_CROWDED: Final = 0.25
"""Share of a day that lies near some episode, above which chance alone makes a rhythm."""


class Episode(NamedTuple):
    """Something that came up: when it began, how long it lasted (both s), how strong it was, and what it was."""

    at_s: float
    lasts_s: float
    value: float
    tag: str


class Rhythm(Detector):
    """Score how unusual an episode is, given those at the same hour before.

    An episode is usual if one of the same `tag` began within `tolerance_s` of the same time of day on `times` of the last five
    days, or of the same time of the week in `times` of the last five weeks; where both do, the weeks count, since they
    know of week-ends. The score is the greater of value / (value + `factor` x the strongest of those) and lasts / (lasts +
    `factor` x the longest of those + tolerance): below 0.5 what comes as it always came. Without such episodes it is 1.

    What comes so often that any hour would do (a quarter of the day lies near an episode) has no rhythm. Days are of 86,400 s in
    UTC: a job that follows local time is new twice a year, until it came `times` times at its other hour.

    O(1) memory (`memory` episodes). `x` has `at_s`, the beginning since 1970, `value`, and may have `lasts_s` and `tag`.

    Examples
    --------
    >>> rhythm = Rhythm()
    >>> for day in range(3):
    ...     rhythm.learn_one({"at_s": day * 86_400 + 7200, "value": 40, "lasts_s": 600})
    >>> [round(rhythm.score_one({"at_s": 3 * 86_400 + at, "value": n}), 2) for at, n in ((7500, 40), (7500, 160), (9900, 40))]
    [0.33, 0.67, 1.0]
    """

    def __init__(
        self, times: int = 3, tolerance_s: float = 1200, factor: float = 2.0, memory: int = 128
    ) -> None:
        self.times = times
        self.tolerance_s = tolerance_s
        self.factor = factor
        self.memory = memory
        self._episodes: deque[Episode] = deque(maxlen=memory)

    def score_one(self, x: Features) -> float:
        usual = self.usual(x["at_s"], x.get("tag", ""))
        if not usual:
            return 1.0
        strength = against(float(x["value"]), self.factor * max(each.value for each in usual) + 1e-9)
        longest = self.factor * max(each.lasts_s for each in usual) + self.tolerance_s
        return max(strength, against(float(x.get("lasts_s", 0)), longest))

    def learn_one(self, x: Features) -> None:
        episode = Episode(
            float(x["at_s"]), float(x.get("lasts_s", 0)), float(x["value"]), str(x.get("tag", ""))
        )
        self._episodes.append(episode)

    def usual(self, at_s: float, tag: str = "") -> list[Episode]:
        """Return the episodes that make one that begins at `at_s` a usual one; none if it is not."""
        if len(self._episodes) < self.times or self._crowded(at_s, tag):
            return []
        for step, count in ((7 * DAY_S, _WEEKS), (DAY_S, _DAYS)):
            found = [self._near(at_s - number * step, tag) for number in range(1, count + 1)]
            if sum(map(bool, found)) >= self.times:
                return [each for some in found for each in some]
        return []

    def due(self, at_s: float, tag: str = "") -> list[Episode]:
        """Return the episodes that make one at `at_s` certain: of the same weekday too, so that no week-end is missed.

        That is six of the last seven days, the same weekday among them, or the last three weeks.
        """
        if len(self._episodes) < self.times or self._crowded(at_s, tag):
            return []
        days = [self._near(at_s - number * DAY_S, tag) for number in range(1, 8)]
        if days[-1] and sum(map(bool, days)) >= 6:
            return [each for some in days for each in some]
        weeks = [self._near(at_s - number * 7 * DAY_S, tag) for number in range(1, 4)]
        return [each for some in weeks for each in some] if all(weeks) else []

    def began_within(self, since_s: float, until_s: float, tag: str = "") -> bool:
        """Say whether an episode began between two times."""
        return any(each.tag == tag and since_s <= each.at_s <= until_s for each in self._episodes)

    def _near(self, at_s: float, tag: str) -> list[Episode]:
        return [
            each for each in self._episodes if abs(each.at_s - at_s) <= self.tolerance_s and each.tag == tag
        ]

    def _crowded(self, at_s: float, tag: str) -> bool:
        lately = sum(1 for each in self._episodes if each.tag == tag and 0 <= at_s - each.at_s <= 7 * DAY_S)
        return lately / 7 * 2 * self.tolerance_s > _CROWDED * DAY_S
