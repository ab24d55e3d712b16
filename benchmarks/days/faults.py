"""The words in which a way to fail is written down; `catalog/` is written in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = Literal["flat", "ramp", "pulse", "bursts", "fading"]
Impact = Literal["outage", "exposed", "major", "partial", "minor", "none"]
ANY = ("app", "guard", "edge", "worker", "store")
APPS = ("app", "guard", "worker")
CALLED = ("app", "guard", "store")


@dataclass(frozen=True, slots=True)
class Say:
    """A line said while the event lasts, `rate` times a second at full strength.

    `who`: the root, or everyone who calls it. `trace` adds a stack trace of the service's language below the text.
    """

    level: str
    text: str
    rate: float = 0.3
    who: Literal["root", "callers"] = "root"
    trace: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail, or one harmless event.

    `roots` names kinds of service (and store kinds) that can be at the root. `breaks` is the share of requests that fail at
    the root, each with one of `fails` there (none: the root says nothing) and words of the kind `seen_as` at its callers.
    `slow` multiplies the root's latency. `mute` takes away the share of the root's usual lines of the kind `muted`.
    `traffic` multiplies requests through the root. `gauge` is where the root's told value goes. `ahead` moves the claimed
    time of one host by that many seconds. `change` is (kind, note) of the change that causes it, if one does.
    `grows` is how many seconds it takes until an expert could see it.
    """

    what: str
    impact: Impact
    roots: tuple[str, ...] = ANY
    says: tuple[Say, ...] = ()
    fails: tuple[tuple[str, str], ...] = ()
    breaks: float = 0.0
    seen_as: str = ""
    slow: float = 1.0
    mute: float = 0.0
    muted: Literal["all", "requests", "beats", "batch", "host"] = "all"
    traffic: float = 1.0
    gauge: tuple[float, float] | None = None
    ahead: tuple[float, ...] = ()
    change: tuple[str, str] | None = None
    often: float = 0.7
    shape: Shape = "flat"
    grows: tuple[float, float] = (0.0, 0.0)
    minutes: tuple[float, float] = (5.0, 11.0)
    period: float = 90.0
    trace: bool = False


def strength(shape: Shape, at: float, lasts: float, grows: float, period: float) -> float:
    """Return how strong an event is, 0 to 1, `at` seconds after its start.

    >>> strength("ramp", 30, 600, 60, 90), strength("pulse", 10, 600, 0, 90), strength("pulse", 50, 600, 0, 90)
    (0.5, 1.0, 0.0)
    """
    if shape == "ramp":
        return min(1.0, at / max(grows, 1.0))
    if shape == "pulse":
        return 1.0 if at % period < period / 2 else 0.0
    if shape == "bursts":
        return 1.0 if at % 60 < 22 else 0.12
    if shape == "fading":
        return max(0.0, 1.0 - at / lasts)
    return 1.0
