"""What each detector promises, and what each of them finds."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from typing import ClassVar

import pytest

from models.checks import BrokenPromise, check_detector, yield_checks
from models.detectors import (
    DETECTORS,
    Detector,
    DetectorSettings,
    ErrorBurst,
    ExplainingDetector,
    GaugeShift,
    NewErrorTemplate,
    Precedence,
    Rhythm,
    SequenceBreak,
    SessionShape,
    Silence,
    TrafficDrop,
)
from models.detectors.base import Features
from models.detectors.burst_watch import Burst, BurstWatch
from models.detectors.silence_watch import SilenceWatch

SECOND = 10**9
SETTINGS = DetectorSettings()


def observations(kind: type[Detector]) -> list[Features]:
    """A stream that a detector may be given; a new detector needs its line here."""
    rng = random.Random(7)
    streams: dict[type[Detector], Callable[[int], Features]] = {
        NewErrorTemplate: lambda i: {"template": f"t{rng.randrange(1 + i // 4)}", "minute": i // 10},
        ErrorBurst: lambda _: {"errors": rng.choice((0, 0, 1, 9)), "lines": rng.randrange(9, 99), "slots": 1},
        Silence: lambda _: {"gap_s": rng.uniform(1, 90)},
        TrafficDrop: lambda _: {"lines": rng.choice((40, 50, 45, 3)), "slots": 1},
        GaugeShift: lambda _: {"value": (n := rng.lognormvariate(4, 1)), "values": [n] * 4},
        Rhythm: lambda i: {
            "at_s": (i // 2 + i % 2 * 0.4) * 86_400 + rng.randrange(600),
            "value": rng.randrange(1, 99),
            "lasts_s": rng.randrange(3000),
            "tag": rng.choice("aab"),
        },
        SessionShape: lambda _: {"events": session(rng), "errors": ("e7",)},
        SequenceBreak: lambda _: {"events": session(rng)},
        Precedence: lambda _: {"events": session(rng)},
    }
    return [streams[kind](i) for i in range(2000 if issubclass(kind, ExplainingDetector) else 9000)]


def session(rng: random.Random) -> tuple[str, ...]:
    """Events in order, some left out, some again, and in one of three some that no other session has."""
    names = [f"e{n}" for n in range(9) for _ in range(rng.choice((0, 1, 1, 3)) if n % 3 == 2 else 1)]
    if rng.random() < 0.33:
        names[4:4] = [f"x{rng.randrange(10**6)}" for _ in range(4)]
    return tuple(names)


@pytest.mark.parametrize("kind", DETECTORS, ids=lambda kind: kind.__name__)
def test_every_detector_keeps_the_contract(kind: type[Detector]) -> None:
    check_detector(kind, observations(kind))


class Hoarder(Silence):
    def __init__(self) -> None:
        super().__init__()
        self.all: list[float] = []

    def learn_one(self, x: Features) -> None:
        super().learn_one(x)
        self.all.append(x["gap_s"])


class Talker(Silence):
    def score_one(self, x: Features) -> float:
        self.learn_one(x)
        return super().score_one(x)


class Gambler(Silence):
    def learn_one(self, x: Features) -> None:
        super().learn_one({"gap_s": x["gap_s"] + random.random()})


class Loud(Silence):
    threshold: ClassVar[float] = 0.5

    def score_one(self, x: Features) -> float:
        return 2.0


@pytest.mark.parametrize("kind", [Hoarder, Talker, Gambler, Loud])
def test_the_checks_find_a_detector_that_breaks_a_promise(kind: type[Silence]) -> None:
    with pytest.raises(BrokenPromise):
        check_detector(kind, observations(Silence)[:2000])


def test_the_checks_find_a_module_that_reaches_for_randomness() -> None:
    with pytest.raises(BrokenPromise, match="random"):  # as this module does
        list(yield_checks())[-1](Loud, [])


# -- new error template -----------------------------------------------------------------------------------------


def test_a_new_error_template_is_found_once_after_the_first_minutes() -> None:
    detector = NewErrorTemplate(least_minutes=3)
    for minute in range(10):
        detector.pass_minute(minute)
    new: Features = {"template": "a", "minute": 10}
    assert detector.flags(new)
    detector.learn_one(new)
    assert not detector.flags(new)


def test_errors_that_a_service_starts_with_are_learnt_in_silence() -> None:
    detector = NewErrorTemplate(least_minutes=3)
    for minute in range(3):
        for name in ("harmless", "harmless too"):
            x: Features = {"template": name, "minute": minute}
            assert not detector.flags(x)
            detector.learn_one(x)


def test_a_service_that_always_finds_new_words_stops_being_surprising() -> None:
    detector = NewErrorTemplate()
    flagged = []
    for minute in range(200):
        x: Features = {"template": f"t{minute}", "minute": minute}
        flagged.append(detector.flags(x))
        detector.learn_one(x)
    assert not any(flagged)


# -- error burst ------------------------------------------------------------------------------------------------


def seconds(
    watch: BurstWatch, first: int, count: int, errors: Callable[[int], int], lines: int = 20
) -> list[tuple[int, Burst]]:
    """Feed one block per second, as the flow does; return the bursts with their second."""
    found = []
    for at in range(first, first + count):
        slot, n = watch.slot_of(at * SECOND), errors(at)
        burst = watch.observe({slot: max(lines, n)}, {slot: {"t": n}} if n else {})
        watch.advance((at - 30) * SECOND)
        if burst is not None:
            found.append((at, burst))
    return found


def test_a_flood_is_found_within_seconds_in_a_service_that_was_seen_for_a_while() -> None:
    watch = BurstWatch(SETTINGS)
    assert seconds(watch, 0, 600, lambda _: 0) == []
    (first, burst), *_ = seconds(watch, 600, 20, lambda _: 3)
    assert first <= 602
    assert burst.errors >= 5
    assert burst.score >= watch.threshold


def test_half_a_minute_of_acquaintance_is_enough_to_find_a_flood_in_ten_seconds() -> None:
    watch = BurstWatch(SETTINGS)
    assert seconds(watch, 0, 60, lambda _: 0) == []
    (first, _), *_ = seconds(watch, 60, 20, lambda _: 4)
    assert first <= 70


def test_a_service_that_starts_by_failing_is_found_at_twenty_errors_in_a_slot() -> None:
    watch = BurstWatch(SETTINGS)
    (first, burst), *_ = seconds(watch, 0, 20, lambda _: 5, lines=6)
    assert first < 10
    assert burst.errors >= 20


def test_harmless_errors_from_the_start_are_learnt_and_never_reported() -> None:
    watch = BurstWatch(SETTINGS)
    rng = random.Random(4)
    assert seconds(watch, 0, 3600, lambda _: int(rng.random() < 0.3) * rng.choice((1, 2, 3))) == []


def test_usual_errors_of_ten_services_raise_no_alarm_in_a_day() -> None:
    """Errors at random, one in three minutes to two a second; one false alarm in a million is the promise."""
    alarms = 0
    for service in range(10):
        rng = random.Random(service)
        rate = 0.05 * 2**service
        detector = ErrorBurst()
        for _ in range(8640):
            n = _poisson(rng, rate)
            alarms += detector.flags({"errors": n, "lines": 1000, "slots": 1})
            detector.learn_one({"errors": n, "lines": 1000, "slots": 1})
    assert alarms <= 1


def test_a_trickle_is_found_by_the_longer_windows() -> None:
    watch = BurstWatch(SETTINGS)
    assert seconds(watch, 0, 1800, lambda at: int(at % 120 == 0)) == []
    (first, burst), *_ = seconds(watch, 1800, 300, lambda at: int(at % 4 == 0))
    assert first < 1860
    assert burst.window_s > 10


def test_a_burst_that_goes_on_is_repeated_once_a_minute_and_not_learnt() -> None:
    watch = BurstWatch(SETTINGS)
    seconds(watch, 0, 600, lambda _: 0)
    found = seconds(watch, 600, 900, lambda _: 4)
    assert 14 <= len(found) <= 16
    assert all(burst.usual < 1 for _, burst in found)  # what was flagged is not usual


def test_a_burst_is_over_soon_after_its_end_though_harmless_errors_go_on() -> None:
    watch = BurstWatch(SETTINGS)
    harmless = lambda at: int(at % 15 == 0)  # noqa: E731 - four a minute
    assert seconds(watch, 0, 1800, harmless) == []
    assert seconds(watch, 1800, 300, lambda _: 3)
    assert all(at < 2100 + 90 for at, _ in seconds(watch, 2100, 900, harmless))


def test_a_burst_that_is_over_makes_no_other_of_a_few_errors_more() -> None:
    watch = BurstWatch(SETTINGS)
    harmless = lambda at: int(at % 15 == 0)  # noqa: E731 - four a minute
    assert seconds(watch, 0, 1800, harmless) == []
    assert seconds(watch, 1800, 120, lambda _: 3)
    seconds(watch, 1920, 90, harmless)
    assert seconds(watch, 2010, 60, lambda at: int(at % 5 == 0)) == []


def test_the_commonest_template_of_the_window_stands_for_a_burst() -> None:
    watch = BurstWatch(SETTINGS)
    seconds(watch, 0, 600, lambda _: 0)
    slot = watch.slot_of(600 * SECOND)
    burst = watch.observe({slot: 30}, {slot: {"rare": 3, "common": 20}})
    assert burst is not None
    assert (burst.template_id, burst.of_template, burst.errors) == ("common", 20, 23)


def test_a_constant_level_of_errors_is_accepted_in_the_end() -> None:
    watch = BurstWatch(SETTINGS)
    found = seconds(watch, 0, 7200, lambda _: 5, lines=6)
    assert found
    assert max(at for at, _ in found) <= SETTINGS.accept_seconds + 120
    (again, _), *_ = seconds(watch, 7200, 60, lambda _: 60, lines=70)
    assert again <= 7230  # and a flood on top of it is found all the same


def test_lines_out_of_order_and_late_ones_do_not_make_a_burst_of_their_own() -> None:
    watch = BurstWatch(SETTINGS)
    seconds(watch, 0, 600, lambda _: 0)
    long_closed, open_still = watch.slot_of(100 * SECOND), watch.slot_of(590 * SECOND)
    assert watch.observe({long_closed: 50}, {long_closed: {"t": 50}}) is None
    assert watch.observe({open_still: 50}, {open_still: {"t": 50}}) is not None


def test_the_watch_is_bounded_and_pickles() -> None:
    watch = BurstWatch(SETTINGS)
    seconds(watch, 0, 600, lambda _: 1)
    small = len(pickle.dumps(watch))
    seconds(watch, 600, 9000, lambda _: 1)
    assert len(watch) < 50
    assert len(pickle.dumps(watch)) < small + 6000
    again = pickle.loads(pickle.dumps(watch))
    assert seconds(again, 9600, 60, lambda _: 9) == seconds(watch, 9600, 60, lambda _: 9)


def test_a_jump_of_time_by_years_costs_no_more_than_a_minute() -> None:
    watch = BurstWatch(SETTINGS)
    seconds(watch, 0, 60, lambda _: 0)
    watch.advance(10**9 * SECOND)
    assert len(watch) == 0


def _poisson(rng: random.Random, rate: float) -> int:
    n, at = 0, rng.expovariate(1)
    while at < rate:
        n, at = n + 1, at + rng.expovariate(1)
    return n


# -- silence ----------------------------------------------------------------------------------------------------


def spell(
    watch: SilenceWatch, first: int, count: int, every: int | None, tick: int = 5
) -> list[tuple[int, float]]:
    """Let a service speak `every` seconds (None: not at all) while ticks go on; return what was reported."""
    found = []
    for at in range(first, first + count):
        if every and at % every == 0:
            watch.heard(at * SECOND)
        if at % tick == 0 and (quiet := watch.tick(at * SECOND)) is not None:
            found.append((at, quiet.quiet_s))
    return found


def test_a_service_gone_silent_is_reported_once() -> None:
    watch = SilenceWatch(SETTINGS)
    assert spell(watch, 0, 600, every=3) == []
    found = spell(watch, 600, 1800, every=None)
    assert len(found) == 1
    at, quiet_s = found[0]
    assert 655 <= at <= 670
    assert quiet_s >= 60


def test_it_is_reported_again_after_lines_have_returned() -> None:
    watch = SilenceWatch(SETTINGS)
    spell(watch, 0, 600, every=3)
    assert len(spell(watch, 600, 300, every=None)) == 1
    assert spell(watch, 900, 600, every=3) == []
    assert len(spell(watch, 1500, 600, every=None)) == 1


def test_a_service_that_speaks_every_ten_minutes_is_not_silent_in_between() -> None:
    watch = SilenceWatch(SETTINGS)
    assert spell(watch, 0, 4 * 3600, every=600) == []
    assert len(spell(watch, 4 * 3600, 7200, every=None)) == 1


def test_a_service_hardly_seen_is_never_called_silent() -> None:
    watch = SilenceWatch(SETTINGS)
    spell(watch, 0, 120, every=3)
    assert spell(watch, 120, 7200, every=None) == []


def test_an_outage_of_our_own_is_nobodys_silence() -> None:
    watch = SilenceWatch(SETTINGS)
    spell(watch, 0, 600, every=3)
    assert spell(watch, 600 + 7200, 30, every=None) == []  # no tick for two hours, then they go on


def test_pauses_that_come_again_and_again_are_called_silence_less_and_less() -> None:
    watch = SilenceWatch(SETTINGS)
    spell(watch, 0, 600, every=3)
    reports = []
    for round_ in range(40):
        begin = 600 + round_ * 360
        spell(watch, begin, 120, every=3)
        reports.append(len(spell(watch, begin + 120, 240, every=None)))
    assert reports[0] == 1
    assert sum(reports[-10:]) == 0
