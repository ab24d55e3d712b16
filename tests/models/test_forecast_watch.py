"""When a limit is foreseen, once, and when it is not."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable

import pytest

from models.checks import check_detector
from models.detectors.base import Features
from models.forecast.approach import Approach, Foreseen, State
from models.forecast.ceiling import Ceiling
from models.forecast.limit_forecast import LimitForecast
from models.forecast.settings import FigureLimit, ForecastSettings
from models.forecast.watch import MINUTE_NS, ForecastWatch, LimitAhead

SETTINGS = ForecastSettings()
INFO, ERROR = 9, 17


def follow(approach: Approach, values: Iterable[float], begin: int = 0) -> list[Foreseen]:
    found = [approach.learn(begin + minute, value) for minute, value in enumerate(values)]
    return [each for each in found if each is not None]


def flat(minutes: int, at: float = 0.3, noise: float = 0.005, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [at + rng.gauss(0, noise) for _ in range(minutes)]


def leak(begin: float, per_minute: float, noise: float = 0.005, seed: int = 2) -> list[float]:
    rng = random.Random(seed)
    values: list[float] = []
    while (value := begin + per_minute * len(values)) < 1.02:
        values.append(min(1.0, value + rng.gauss(0, noise)))
    return values


def play(
    watch: ForecastWatch, said: Callable[[int], list[str]], minutes: Iterable[int], level: int = INFO
) -> list[LimitAhead]:
    """Let a service say lines every minute, each of a template of its own, and return the warnings."""
    found = []
    for minute in minutes:
        texts = said(minute)
        ids = [f"t{place}" for place in range(len(texts))]
        if texts:
            watch.take(
                texts, ids, [minute * MINUTE_NS] * len(texts), ["db-1"] * len(texts), [level] * len(texts)
            )
        found += watch.advance(minute * MINUTE_NS)
    return found


# -- the forecast ---------------------------------------------------------------------------------------------------


def test_the_forecast_keeps_the_contract_of_detectors() -> None:
    rng = random.Random(7)
    stream: list[Features] = [
        {"value": 20 * rng.random() + (minute % 300) / 4, "limit": 100.0} for minute in range(4000)
    ]
    check_detector(LimitForecast, stream)


def test_the_limit_lies_within_the_band_of_most_forecasts() -> None:
    inside = 0
    for seed in range(40):
        forecast = LimitForecast(band=1.28)
        for value in flat(60, seed=seed):
            forecast.learn_one({"value": value})
        for minute in range(40):  # full in minute 70
            forecast.learn_one(
                {"value": 0.3 + 0.01 * minute + random.Random(f"{seed} {minute}").gauss(0, 0.01)}
            )
        outlook = forecast.outlook(1.0)
        assert outlook is not None
        assert outlook.earliest is not None
        assert outlook.latest is not None
        inside += outlook.earliest <= 31 <= outlook.latest
    assert inside >= 28  # eight in ten by theory


def test_a_slow_filling_beneath_noise_shows_in_steps_of_ten_minutes() -> None:
    approach = Approach(SETTINGS)
    values = [*flat(400, noise=0.03), *leak(0.3, 0.0012, noise=0.03)]
    (warning,) = follow(approach, values)
    assert len(values) - warning.minute >= 30
    assert approach.state is State.FULL


# -- warnings -------------------------------------------------------------------------------------------------------


def test_a_leak_is_warned_of_once_and_in_time() -> None:
    approach = Approach(SETTINGS)
    values = [*flat(90), *leak(0.3, 0.01)]
    (warning,) = follow(approach, values)
    left = len(values) - warning.minute
    assert left >= 15
    assert warning.outlook.minutes == pytest.approx(left, abs=8)
    assert approach.state is State.FULL


@pytest.mark.parametrize("seed", range(5))
def test_noise_steps_and_what_returns_every_hour_are_no_leak(seed: int) -> None:
    rng = random.Random(seed)
    steps = [0.2 + 0.6 * (minute // 90 % 2) + rng.gauss(0, 0.01) for minute in range(900)]
    teeth = [0.3 + 0.55 * (minute % 60) / 60 + rng.gauss(0, 0.01) for minute in range(900)]
    assert follow(Approach(SETTINGS), flat(900, 0.7, 0.05, seed)) == []
    assert follow(Approach(SETTINGS), steps) == []
    assert len(follow(Approach(SETTINGS), teeth)) <= 1  # the first tooth cannot be told from a leak


def test_a_warning_that_does_not_come_true_is_withdrawn_and_the_same_height_does_not_warn_again() -> None:
    approach = Approach(SETTINGS)
    climb = [0.3 + 0.01 * minute for minute in range(55)]  # up to 0.84, and back
    assert len(follow(approach, [*flat(90), *climb, *flat(60)])) == 1
    assert (approach.state, approach.withdrawn) == (State.WATCHED, 1)
    assert follow(approach, [*climb, *flat(60)], begin=205) == []


def test_after_it_came_true_the_next_filling_is_warned_of_until_being_full_is_usual() -> None:
    approach = Approach(SETTINGS)
    day = [*flat(120), *leak(0.3, 0.01), *flat(120)]
    told = [len(follow(approach, day, begin=len(day) * n)) for n in range(5)]
    assert told == [1, 1, 1, 0, 0]


def test_a_long_pause_begins_the_forecast_anew() -> None:
    approach = Approach(SETTINGS)
    follow(approach, flat(100))
    follow(approach, flat(5), begin=1000)
    assert approach.seen == 5


def test_a_ceiling_is_bounded_and_forgets_after_eight_days() -> None:
    ceiling = Ceiling()
    ceiling.add(0, 0.9)
    for minute in range(1, 20 * 24 * 60, 7):
        ceiling.add(minute, 0.5)
    assert ceiling.height(20 * 24 * 60) == 0.5
    assert len(pickle.dumps(ceiling)) < 8000


# -- the watch ------------------------------------------------------------------------------------------------------


def test_lines_are_followed_to_the_limit_that_they_state() -> None:
    watch = ForecastWatch("db", SETTINGS)
    (warning,) = play(watch, lambda m: ["ready", f"disk /var is {40 + max(0, m - 60)}% full"], range(120))
    assert (warning.name, warning.host, warning.template_id) == ("disk", "db-1", "t1")
    assert warning.percent
    assert warning.full
    assert warning.limit == 100
    left = 120 - warning.at_ns / MINUTE_NS
    assert left >= 30
    assert warning.minutes == pytest.approx(left, rel=0.3)
    assert warning.score >= warning.threshold
    assert warning.evidence["full_percent"] == round(warning.value, 1)


def test_without_a_limit_there_is_no_warning_and_with_a_configured_one_there_is() -> None:
    def said(minute: int) -> list[str]:
        return [f"open orders: {100 + 5 * max(0, minute - 60)}"]

    assert play(ForecastWatch("shop", SETTINGS), said, range(150)) == []
    settings = ForecastSettings(limits=(FigureLimit(service="shop", name="open orders", limit=500),))
    assert play(ForecastWatch("other", settings), said, range(150)) == []
    (warning,) = play(ForecastWatch("shop", settings), said, range(150))
    assert (warning.name, warning.limit) == ("open orders", 500)


def test_volume_and_share_of_errors_are_followed_where_a_limit_is_given() -> None:
    settings = ForecastSettings(limits=(FigureLimit(service="shop", name="lines per minute", limit=200),))
    (warning,) = play(
        ForecastWatch("shop", settings), lambda m: ["ready"] * (50 + 2 * max(0, m - 60)), range(130)
    )
    assert (warning.name, warning.full, warning.template_id) == ("lines per minute", False, None)


def test_error_lines_are_followed_to_what_would_be_a_burst() -> None:
    watch, found = ForecastWatch("shop", SETTINGS), []
    for minute in range(160):
        errors = 3 + max(0, minute - 60) // 3
        watch.take(
            ["no"] * errors, ["t"] * errors, [minute * MINUTE_NS] * errors, ["a"] * errors, [ERROR] * errors
        )
        found += watch.advance(minute * MINUTE_NS, lambda: 40.0)
    assert [(each.name, each.limit) for each in found] == [("error lines per minute", 40.0)]


def test_hosts_are_followed_apart() -> None:
    watch, found = ForecastWatch("db", SETTINGS), []
    for minute in range(150):
        texts = ["disk 95% full", f"disk {40 + max(0, minute - 60) // 2}% full"]
        watch.take(texts, ["t", "t"], [minute * MINUTE_NS] * 2, ["db-1", "db-2"], [INFO, INFO])
        found += watch.advance(minute * MINUTE_NS)
    assert len(watch) == 2
    assert [each.host for each in found] == ["db-2"]


def test_the_same_lines_warn_the_same_whatever_the_blocks_and_restarts() -> None:
    rng = random.Random(3)
    lines = [
        (f"pool {min(200, 60 + max(0, minute - 60) + rng.randint(-2, 2))}/200", minute * MINUTE_NS + part)
        for minute in range(190)
        for part in range(0, MINUTE_NS, MINUTE_NS // 3 + 1)
    ]

    def run(seed: int) -> list[LimitAhead]:
        cut, at, found = random.Random(seed), 0, []
        watch = ForecastWatch("db", SETTINGS)
        while at < len(lines):
            some = lines[at : (at := at + cut.randint(1, 40))]
            texts, times = [each[0] for each in some], [each[1] for each in some]
            watch.take(texts, ["t"] * len(some), times, ["a"] * len(some), [INFO] * len(some))
            found += watch.advance(times[-1])
            if cut.random() < 0.1:
                watch = pickle.loads(pickle.dumps(watch))
        return found

    first = run(1)
    assert len(first) == 1
    assert all(run(seed) == first for seed in range(2, 7))


def test_templates_without_figures_are_read_three_times_and_never_again() -> None:
    class Counted(str):
        looks = 0

        def __getitem__(self, key: object) -> str:  # figures are looked for in a slice of the line
            Counted.looks += 1
            return str.__getitem__(self, key)  # type: ignore[index]

    watch = ForecastWatch("db", SETTINGS)
    for minute in range(10):
        watch.take(
            [Counted("ready 3/5")] * 50, ["t"] * 50, [minute * MINUTE_NS] * 50, ["a"] * 50, [INFO] * 50
        )
    assert Counted.looks == 3


def test_a_flood_of_lines_with_figures_is_read_in_part() -> None:
    watch = ForecastWatch("db", SETTINGS)
    texts = [f"pool {n % 200}/200" for n in range(3000)]
    watch.take(texts, ["t"] * 3000, [MINUTE_NS] * 3000, ["a"] * 3000, [INFO] * 3000)
    (series,) = watch._series.values()
    assert series.open[1].count == 240


def test_late_errors_are_counted_in_no_minute_again() -> None:
    watch, found = ForecastWatch("shop", SETTINGS), []
    for minute in range(200):
        times = [minute * MINUTE_NS] * 5 + [max(0, minute - 20) * MINUTE_NS] * minute
        size = len(times)
        watch.take(["no"] * size, ["t"] * size, times, ["a"] * size, [ERROR] * size)
        found += watch.advance(minute * MINUTE_NS, lambda: 40.0)
    assert found == []
    assert watch._series["\0error lines per minute"].approach.seen == 199


def test_memory_is_bounded_whatever_the_lines_name() -> None:
    watch = ForecastWatch("db", ForecastSettings(max_figures=8))
    for minute in range(300):
        texts = [f"disk /mnt/a{minute * 7 + n:x} is 50% full" for n in range(7)] + ["heap 50% full"]
        watch.take(
            texts, [f"t{minute}-{n}" for n in range(8)], [minute * MINUTE_NS] * 8, ["a"] * 8, [INFO] * 8
        )
        watch.advance(minute * MINUTE_NS)
    assert len(watch) == 8
    assert "a\0% heap heap" in watch._series  # what is known stays, what is new makes room
    assert len(pickle.dumps(watch)) < 100_000


def test_late_lines_and_times_from_the_future_change_nothing() -> None:
    def said(minute: int) -> list[str]:
        return [f"disk is {40 + max(0, minute - 60)}% full"]

    plain = play(ForecastWatch("db", SETTINGS), said, range(115))
    watch, found = ForecastWatch("db", SETTINGS), []
    for minute in range(115):
        watch.take(said(minute), ["t0"], [minute * MINUTE_NS], ["db-1"], [INFO])
        found += watch.advance(minute * MINUTE_NS)
        watch.take(
            ["disk is 99% full"], ["t0"], [(minute - 5) * MINUTE_NS], ["db-1"], [INFO], minute * MINUTE_NS
        )
    assert found == plain != []


def test_it_can_be_switched_off() -> None:
    watch = ForecastWatch("db", ForecastSettings(enabled=False))
    assert play(watch, lambda m: [f"disk is {min(99, 40 + m)}% full"], range(70)) == []
    assert len(watch) == 0
