"""Made-up figures over time for the forecast: leaks and fillings, and what looks like them and is healthy.

A `World` is one figure of one service, a value a minute in parts of its limit (1 is full). `fills` end above 1
and say in which minute; `healthy` ones never reach it. Two sets of parameters, `DEVELOPMENT` and `SCORED`, differ in
how fast, how noisy and how regular things are, so that what was chosen with one is scored with the other.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple


class Parameters(NamedTuple):
    """Ranges that worlds are drawn from; minutes and parts of the limit."""

    history: tuple[int, int]  # healthy minutes before a filling begins
    duration: tuple[int, int]  # of a filling, from its beginning to full
    base: tuple[float, float]  # where a figure usually stands
    noise: tuple[float, float]  # deviation of one minute
    power: tuple[float, float]  # how much an accelerating filling bends
    tooth: tuple[int, int]  # minutes from one collection of garbage to the next
    peak: tuple[float, float]  # where teeth end
    day: tuple[float, float]  # height of the daily wave


DEVELOPMENT = Parameters(
    history=(120, 400),
    duration=(40, 240),
    base=(0.15, 0.55),
    noise=(0.002, 0.03),
    power=(1.5, 2.5),
    tooth=(15, 150),
    peak=(0.6, 0.85),
    day=(0.05, 0.2),
)
SCORED = Parameters(
    history=(90, 600),
    duration=(35, 300),
    base=(0.1, 0.6),
    noise=(0.001, 0.04),
    power=(1.3, 3.0),
    tooth=(12, 220),
    peak=(0.55, 0.9),
    day=(0.04, 0.25),
)


class World(NamedTuple):
    """One figure. `values` has one entry a minute; `full_at` is the minute in which it is first at its limit, None for a
    healthy one."""

    kind: str
    values: list[float]
    full_at: int | None


def filling(seed: int, parameters: Parameters, kind: str) -> World:
    """Return a figure that is healthy for a while and then fills up until it is full."""
    rng = random.Random(f"filling {seed} {kind}")
    base, noise = rng.uniform(*parameters.base), rng.uniform(*parameters.noise)
    duration, history = rng.randint(*parameters.duration), rng.randint(*parameters.history)
    shape = _shape(rng, parameters, kind, base)
    values: list[float] = []
    for minute in range(history + 3 * duration):
        done = max(0.0, (minute - history) / duration)
        value = base + shape.usual(minute) + (1 - base) * done**shape.power + rng.gauss(0, noise)
        if done > shape.restart:
            value -= (1 - base) * shape.restart * shape.back
        values.append(min(1.0, max(0.0, value)))
        if value >= 1:
            break
    return World(kind, values, len(values) - 1)


def healthy(seed: int, parameters: Parameters, kind: str, minutes: int) -> World:
    """Return a figure that never reaches its limit."""
    rng = random.Random(f"healthy {seed} {kind}")
    source = _HEALTHY[kind](rng, parameters)
    return World(kind, [min(0.97, max(0.0, source(minute))) for minute in range(minutes)], None)


class _Shape(NamedTuple):
    """How a figure fills: how much it bends, what is usual beneath, and a restart that takes a part of it back."""

    usual: Callable[[int], float]
    power: float = 1.0
    restart: float = math.inf
    back: float = 0.0


def _flat(_: int) -> float:
    return 0.0


def _shape(rng: random.Random, parameters: Parameters, kind: str, base: float) -> _Shape:
    match kind:
        case "accelerating":
            return _Shape(_flat, rng.uniform(*parameters.power))
        case "on a daily wave":
            height, phase = min(base, rng.uniform(*parameters.day)), rng.random()
            return _Shape(lambda minute: height / 2 * math.sin(2 * math.pi * (minute / 1440 + phase)))
        case "under a sawtooth":
            length = rng.randint(parameters.tooth[0], max(parameters.tooth[0], parameters.tooth[1] // 3))
            height = rng.uniform(0.05, 0.15)
            return _Shape(lambda minute: height * (minute % length) / length)
        case "with a restart":
            return _Shape(_flat, restart=rng.uniform(0.2, 0.5), back=rng.uniform(0.3, 0.8))
        case _:
            return _Shape(_flat)


FILLINGS = ("linear", "accelerating", "on a daily wave", "under a sawtooth", "with a restart")


def _sawtooth(rng: random.Random, parameters: Parameters) -> Callable[[int], float]:
    base, length = rng.uniform(*parameters.base), rng.randint(*parameters.tooth)
    usual_peak, noise = rng.uniform(*parameters.peak), rng.uniform(*parameters.noise) / 3
    state = {"begin": 0, "end": length, "peak": usual_peak}

    def value(minute: int) -> float:
        if minute >= state["end"]:
            state["begin"] = minute
            state["end"] = minute + max(5, round(length * rng.uniform(0.8, 1.2)))
            state["peak"] = usual_peak + rng.gauss(0, 0.02)
        done = (minute - state["begin"]) / (state["end"] - state["begin"])
        return base + (max(base, state["peak"]) - base) * done + rng.gauss(0, noise)

    return value


def _wave(rng: random.Random, parameters: Parameters) -> Callable[[int], float]:
    base, noise = rng.uniform(*parameters.base), rng.uniform(*parameters.noise)
    height, phase = rng.uniform(*parameters.day), rng.random()
    return lambda minute: (
        base + height * (1 + math.sin(2 * math.pi * (minute / 1440 + phase))) / 2 + rng.gauss(0, noise)
    )


def _wandering(rng: random.Random, parameters: Parameters) -> Callable[[int], float]:
    """Autocorrelated: wanders around its base and comes back."""
    base, noise, back = rng.uniform(*parameters.base), rng.uniform(*parameters.noise), rng.uniform(0.02, 0.2)
    state = {"off": 0.0}

    def value(_: int) -> float:
        state["off"] += -back * state["off"] + rng.gauss(0, noise)
        return base + state["off"]

    return value


def _steps(rng: random.Random, parameters: Parameters) -> Callable[[int], float]:
    """Stands still, then jumps to another level, as after a deploy or with a new tenant."""
    noise = rng.uniform(*parameters.noise)
    state = {"level": rng.uniform(*parameters.base), "until": 0.0}

    def value(minute: int) -> float:
        if minute >= state["until"]:
            state["level"] = rng.uniform(parameters.base[0], parameters.peak[0])
            state["until"] = minute + rng.uniform(60, 300)
        return state["level"] + rng.gauss(0, noise)

    return value


def _bursts(rng: random.Random, parameters: Parameters) -> Callable[[int], float]:
    """A queue: nearly empty, fills in some minutes now and then, and is worked off."""
    state = {"left": 0.0, "rate": 0.0, "burst": 0.0}
    top = rng.uniform(*parameters.peak)

    def value(_: int) -> float:
        if state["burst"] <= 0 and rng.random() < 1 / 120:
            state["burst"] = rng.uniform(3, 20)
            state["rate"] = top * rng.uniform(0.5, 1.0) / state["burst"]
        if state["burst"] > 0:
            state["burst"] -= 1
            state["left"] += state["rate"]
        state["left"] *= 0.9
        return state["left"] + abs(rng.gauss(0, 0.004))

    return value


def _redeployed(rng: random.Random, parameters: Parameters) -> Callable[[int], float]:
    """Memory that grows slowly until the next restart, some hours later."""
    base, noise = rng.uniform(*parameters.base), rng.uniform(*parameters.noise) / 3
    state = {"begin": 0.0, "until": rng.uniform(200, 700), "rate": rng.uniform(0.0003, 0.0008)}

    def value(minute: int) -> float:
        if minute >= state["until"]:
            state["begin"], state["until"] = minute, minute + rng.uniform(200, 500)
        return base + state["rate"] * (minute - state["begin"]) + rng.gauss(0, noise)

    return value


_HEALTHY: dict[str, Callable[[random.Random, Parameters], Callable[[int], float]]] = {
    "sawtooth": _sawtooth,
    "daily wave": _wave,
    "wandering": _wandering,
    "steps": _steps,
    "bursts of a queue": _bursts,
    "restarts": _redeployed,
}
HEALTHY = tuple(_HEALTHY)
