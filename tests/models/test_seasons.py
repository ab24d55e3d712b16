"""What comes at the same hour every day, or every week, is usual; its absence is not, and neither is more than that."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable

import pytest

from models.detectors import DetectorSettings, Finding
from models.detectors.burst_watch import BurstWatch
from models.detectors.drop_watch import DropWatch
from models.detectors.gauge_watch import GaugeWatch
from models.detectors.rhythm import Rhythm
from models.detectors.season import Season
from models.detectors.silence_watch import SilenceWatch

SECOND = 10**9
HOUR, DAY = 3600, 86_400
MONDAY = 1_772_409_600  # 2026-03-02 00:00:00 UTC
SETTINGS = DetectorSettings(slot_seconds=60)
TOLERANCE = SETTINGS.season_tolerance_seconds
LAST = 9
"""The day that a test asks about; those before it are its history."""
At = Callable[[int], float | None]
"""The second of the day at which something comes on each day, None if it does not."""


def nightly(hour: float, seed: int, days: range = range(100)) -> At:
    """Comes every day at an hour, some minutes earlier or later."""
    rng = random.Random(seed)
    starts = {day: hour * HOUR + rng.uniform(-480, 480) for day in range(100)}
    return lambda day: starts[day] if day in days else None


def workdays(hour: float, seed: int) -> At:
    each = nightly(hour, seed)
    return lambda day: each(day) if day % 7 < 5 else None


def mondays(hour: float, seed: int) -> At:
    each = nightly(hour, seed)
    return lambda day: each(day) if day % 7 == 0 else None


# -- bursts -----------------------------------------------------------------------------------------------------------


class Bursts:
    """A service with a few errors; `run` lets days go by with bursts in them and returns (day, minute) of each report."""

    def __init__(self, seed: int = 1) -> None:
        self.watch = BurstWatch(SETTINGS)
        self._rng = random.Random(seed)

    def run(
        self, days: range, at: At, strength: float = 1.0, template: str = "job", minutes: int = 6
    ) -> list[tuple[int, int]]:
        found = list[tuple[int, int]]()
        for day in days:
            start = at(day)
            peak = self._rng.randint(40, 60) * strength
            for minute in range(1440):
                second = MONDAY + day * DAY + minute * 60
                errors = {"usual": 1} if self._rng.random() < 0.05 else {}
                if start is not None and 0 <= minute * 60 - start < 60 * minutes:
                    errors[template] = max(6, round(self._rng.gauss(peak, peak**0.5)))
                slot = self.watch.slot_of(second * SECOND)
                burst = self.watch.observe({slot: 200}, {slot: errors} if errors else {})
                self.watch.advance((second - 60) * SECOND)
                if burst is not None:
                    found.append((day, minute))
        return found


@pytest.mark.parametrize("seed", range(4))
def test_the_burst_of_a_nightly_job_is_reported_three_times_and_then_usual(seed: int) -> None:
    found = Bursts(seed).run(range(LAST + 1), nightly(2, seed))
    assert {day for day, _ in found} == {0, 1, 2}


@pytest.mark.parametrize(
    ("hour", "strength", "template"), [(14, 1, "job"), (2, 5, "job"), (2, 1, "payments")]
)
def test_a_burst_at_another_hour_or_a_stronger_one_or_of_something_else_is_reported(
    hour: float, strength: float, template: str
) -> None:
    bursts = Bursts()
    bursts.run(range(LAST), nightly(2, 1))
    found = bursts.run(range(LAST, LAST + 1), nightly(hour, 1), strength, template)
    assert found
    assert abs(found[0][1] - hour * 60) < 15


def test_a_burst_that_goes_on_for_longer_than_it_always_does_is_reported_then() -> None:
    bursts = Bursts()
    bursts.run(range(LAST), nightly(2, 1))
    long = DetectorSettings(slot_seconds=60, accept_seconds=4 * HOUR)
    bursts.watch._settings = long
    found = bursts.run(range(LAST, LAST + 1), nightly(2, 1), minutes=90)
    start = nightly(2, 1)(LAST)
    assert start is not None
    assert 10 * 60 + TOLERANCE <= found[0][1] * 60 - start <= 20 * 60 + TOLERANCE


def test_what_comes_on_mondays_is_usual_on_mondays_only() -> None:
    bursts = Bursts()
    days = range(22)
    assert {day for day, _ in bursts.run(days, mondays(6, 1))} == {0, 7, 14}
    assert bursts.run(range(22, 23), nightly(6, 1))  # a Tuesday


@pytest.mark.parametrize("seed", range(3))
def test_bursts_without_a_rhythm_are_reported_all_the_same(seed: int) -> None:
    rng = random.Random(seed)
    starts = [rng.uniform(0, 23) * HOUR for _ in range(30)]
    found = Bursts(seed).run(range(30), lambda day: starts[day])
    assert len({day for day, _ in found}) >= 29


def test_an_incident_on_two_days_does_not_make_the_third_usual() -> None:
    found = Bursts().run(range(LAST), nightly(11, 1, range(4, 7)))
    assert {day for day, _ in found} == {4, 5, 6}


# -- drops and rises --------------------------------------------------------------------------------------------------


class Lines:
    """A service with about 60 lines a minute; `run` multiplies them for a while each day; returns (day, finding)."""

    def __init__(self, seed: int = 1) -> None:
        self.watch = DropWatch(SETTINGS)
        self._rng = random.Random(seed)

    def run(self, days: range, at: At, factor: float, minutes: int = 20) -> list[tuple[int, Finding]]:
        found = list[tuple[int, Finding]]()
        for day in days:
            start = at(day)
            for minute in range(1440):
                usual = 60.0
                if start is not None and 0 <= minute * 60 - start < 60 * minutes:
                    usual *= factor
                slot = (MONDAY + day * DAY) // 60 + minute
                lines = max(0, round(self._rng.gauss(usual, usual**0.5)))
                found += [(day, each) for each in self.watch.take({slot: lines} if lines else {slot: 0})]
        return found


def test_the_lull_of_every_night_is_reported_three_times_and_then_usual() -> None:
    lines = Lines()
    assert {day for day, _ in lines.run(range(LAST), nightly(5, 1), 0.2)} == {0, 1, 2}
    outage = lines.run(range(LAST, LAST + 1), nightly(5, 1), 0.0)
    assert outage
    assert lines.run(range(LAST + 1, LAST + 2), nightly(13, 1), 0.2)


@pytest.mark.parametrize("seed", range(3))
def test_a_nightly_job_that_came_for_a_week_and_stays_away_is_missed_once(seed: int) -> None:
    lines = Lines(seed)
    history = lines.run(range(LAST), nightly(3, seed), 8, 10)
    assert not [day for day, _ in history if day > 3]
    ((_, missed),) = lines.run(range(LAST, LAST + 1), lambda day: None, 8)
    late = missed.at_ns / SECOND - MONDAY - LAST * DAY - 3 * HOUR
    assert 0 <= late <= TOLERANCE + 1200
    assert float(missed.evidence["usual"]) > 3 * float(missed.evidence["lines"])
    assert missed.score >= missed.threshold


def test_a_job_of_working_days_is_not_missed_at_week_ends_and_is_on_a_working_day() -> None:
    lines = Lines()
    history = lines.run(range(30), workdays(3, 1), 8, 10)
    assert not [day for day, _ in history if day > 3]
    missed = lines.run(range(30, 35), lambda day: None, 8)
    assert [day for day, _ in missed] == [30, 31, 32]  # the last two are Saturday and Sunday


def test_what_was_due_while_nobody_listened_is_not_missed() -> None:
    lines = Lines()
    lines.run(range(LAST), nightly(3, 1), 8, 10)
    found = list[Finding]()
    for minute in [*range(120), *range(195, 600)]:
        found += lines.watch.take({(MONDAY + LAST * DAY) // 60 + minute: 60})
    assert not [each for each in found if float(each.evidence["usual"]) > 3000]


# -- silence ----------------------------------------------------------------------------------------------------------


def silences(watch: SilenceWatch, days: range, at: At, minutes: int = 20) -> list[tuple[int, float]]:
    """Let a service speak for some minutes a day only; return day and hour of each silence that is reported."""
    found = list[tuple[int, float]]()
    for day in days:
        start = at(day)
        for second in range(0, DAY, 15):
            now = (MONDAY + day * DAY + second) * SECOND
            if start is not None and 0 <= second - start < 60 * minutes:
                watch.heard(now)
            if watch.tick(now) is not None:
                found.append((day, second / HOUR))
    return found


def test_a_service_that_speaks_at_night_only_is_silent_by_day_and_missed_at_night() -> None:
    watch = SilenceWatch(SETTINGS)
    learnt = silences(watch, range(7), nightly(2, 1))
    assert {day for day, _ in learnt} <= {0, 1, 2}
    ((day, hour),) = silences(watch, range(7, 8), lambda day: None)
    assert day == 7
    assert 2 < hour < 3
    assert silences(watch, range(8, 9), nightly(2, 1)) == []


def test_a_service_that_always_speaks_is_missed_within_minutes_whatever_it_did_before() -> None:
    watch = SilenceWatch(SETTINGS)
    silences(watch, range(1), lambda day: 0.0, 1440)
    ((_, hour),) = silences(watch, range(1, 2), lambda day: 0.0, 600)
    assert 10 < hour < 10.1


# -- figures ----------------------------------------------------------------------------------------------------------


def shifts(watch: GaugeWatch, days: range, at: At, factor: float, seed: int = 1) -> list[int]:
    rng = random.Random(seed)
    found = list[int]()
    for day in days:
        start = at(day)
        for second in range(0, DAY, 60):
            usual = rng.lognormvariate(4, 0.3)
            if start is not None and 0 <= second - start < 1200:
                usual *= factor
            now = (MONDAY + day * DAY + second) * SECOND
            found += [day for _ in watch.take([("t1", f"answered order 7 in {usual:.0f} ms", now)])]
    return found


def test_answers_that_are_slow_during_the_nightly_backup_are_usual_after_three_nights() -> None:
    watch = GaugeWatch(SETTINGS)
    assert set(shifts(watch, range(LAST), nightly(4, 1), 20)) == {0, 1, 2}
    assert shifts(watch, range(LAST, LAST + 1), nightly(4, 1), 200)
    assert shifts(watch, range(LAST + 1, LAST + 2), nightly(15, 1), 20)


# -- state ------------------------------------------------------------------------------------------------------------


def test_a_season_goes_on_after_it_was_pickled_as_if_nothing_had_been() -> None:
    rng = random.Random(3)
    straight = stopped = Season(SETTINGS)
    for step in range(4000):
        at, value, tag = step * 700.0, rng.uniform(1, 9), rng.choice(("", "a"))
        if step % 100 == 0:
            stopped = pickle.loads(pickle.dumps(straight))
        if rng.random() < 0.2:
            assert straight.goes_on(at, value, tag) == stopped.goes_on(at, value, tag)
        assert straight.missing(at) == stopped.missing(at)


def test_memory_is_bounded_whatever_comes() -> None:
    season, rng = Season(SETTINGS), random.Random(4)
    sizes = list[int]()
    for step in range(20_000):
        season.goes_on(step * 1000.0, 1.0, f"t{rng.randrange(500)}")
        if step % 5000 == 4999:
            sizes.append(len(pickle.dumps(season)))
    assert max(sizes) < 1.1 * min(sizes) < 16_384


def test_what_comes_many_times_a_day_has_no_rhythm() -> None:
    rhythm = Rhythm()
    for hour in range(24 * 5):
        rhythm.learn_one({"at_s": hour * HOUR, "value": 5})
    assert rhythm.flags({"at_s": 24 * 5 * HOUR, "value": 5})
