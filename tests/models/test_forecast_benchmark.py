"""The benchmark of the forecast: its worlds, its logs, and what it counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.forecast import Case, figure, play_filling, play_healthy
from benchmarks.forecast_logs import Service, Voice, blocks
from benchmarks.forecast_worlds import DEVELOPMENT, FILLINGS, HEALTHY, SCORED, filling, healthy
from benchmarks.prove import PARTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", FILLINGS)
def test_a_filling_is_full_in_its_last_minute_only_and_the_same_for_its_seed(kind: str) -> None:
    for seed in range(5):
        world = filling(seed, SCORED, kind)
        assert world == filling(seed, SCORED, kind) != filling(seed, DEVELOPMENT, kind)
        assert world.full_at == len(world.values) - 1
        assert world.values[-1] >= 1 > max(world.values[:-1])


@pytest.mark.parametrize("kind", HEALTHY)
def test_a_healthy_figure_is_never_full(kind: str) -> None:
    values = healthy(3, SCORED, kind, 1440).values
    assert len(values) == 1440
    assert 0 <= min(values) <= max(values) < 1


def test_a_healthy_figure_never_says_that_it_is_full() -> None:
    assert Voice("pool {n}/{m}", 20.0, 1).say(0.99) == "pool 19/20"
    assert Voice("pool {n}/{m}", 20.0, 1).say(1.0) == "pool 20/20"


def test_a_log_has_a_block_a_minute_with_the_figure_among_other_lines() -> None:
    service = Service("a", healthy(1, SCORED, "steps", 10), Voice("pool {n}/{m}", 100.0, 5), 3)
    found = [each.entries[0].raw.decode() for each in blocks([service], 1)]
    assert len(found) == 10
    assert [text.count("pool ") for text in found] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_a_leak_is_announced_and_a_healthy_morning_is_quiet() -> None:
    case = play_filling(7001, "linear", DEVELOPMENT)
    assert case.announced
    assert case.false == 0
    assert play_healthy(7002, 3, DEVELOPMENT).total() == 0


def test_fillings_of_other_seeds_are_announced_and_healthy_hours_are_all_but_quiet() -> None:
    cases = [play_filling(7101 + n, kind, DEVELOPMENT) for n, kind in enumerate(FILLINGS)]
    hours = 2
    rate = play_healthy(7101, hours, DEVELOPMENT).total() / hours
    assert sum(case.announced for case in cases) >= 0.8 * len(cases)
    assert (
        rate * hours <= 1
    )  # at the rate that is allowed every fifth such log has one; the full count is for `make prove`
    assert figure(cases, [rate], 7101).startswith(
        f"announced {sum(case.announced for case in cases)}/{len(cases)} ("
    )


def test_the_proof_of_the_forecast_ends_with_its_figure() -> None:
    small = ["--cases", "1", "--logs", "1", "--hours", "0.5", "--seed", "3", "--development"]
    done = subprocess.run(
        [sys.executable, *PARTS["forecast"], *small], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    last = done.stdout.splitlines()[-1]
    assert last.endswith("seeds from 7003")
    assert "/1 (" in last
    assert " an hour in 1 healthy logs" in last


def test_a_warning_that_comes_late_is_none() -> None:
    assert not Case("linear", 9.9, 1.0, 0).announced
    assert not Case("linear", None, None, 0).announced
    assert Case("linear", 10.0, 1.0, 0).announced


def test_a_wrong_number_of_cases_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.forecast", "--cases", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "--cases" in done.stderr
