"""Numbers in a line that say how a service does: how long something took, how much is waiting, how full it is.

A number is one of these when its unit is a time or a percentage, or when a word beside it speaks of load. Ids, ports, sizes
and codes are not. Numbers of one template are told apart by their place among the numbers of the line.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_NUMBER: Final = re.compile(
    r"(?<![\w.:/#-])(?P<value>[0-9]{1,12}(?:\.[0-9]{1,9})?)(?: ?(?P<unit>[µun]?s|m(?:sec|illi)?s?|secs?|seconds?|min(?:ute)?s?|%))?"
    r"(?![\w/:-])(?!\.[0-9])"
)
_WORDS: Final = re.compile(r"[A-Za-z][a-z]*|[A-Z]+")
# fmt: off
_LOAD: Final = frozenset((
        "lag", "lagging", "backlog", "queue", "queued", "depth", "pending", "waiting", "waits", "waiters",
        "behind", "delay", "delayed", "latency", "took", "elapsed", "used", "usage", "utilization",
        "utilisation", "saturation", "busy", "inflight", "outstanding", "unacked", "unprocessed", "retries",
        "retry", "attempts", "overdue", "stale", "age", "duration", "wait", "load", "occupancy", "full",
))
# fmt: on
# fmt: off
_LESS_IS_WORSE: Final = frozenset((
        "free", "available", "remaining", "left", "idle", "valid", "until", "expires", "more",
))
# fmt: on
_NEAR: Final = 32
"""Characters before a number in which the words beside it are looked for."""
UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "m": 60.0, "%": 1.0}


class Gauge(NamedTuple):
    """One number: its place among the numbers of the line, the words before it, its unit ("" for a count) and its value."""

    place: int
    name: str
    unit: str
    value: float


def gauges(text: str, most: int = 8) -> list[Gauge]:
    """Return the numbers of `text` that say how the service does, at most `most`.

    >>> gauges("replica 3 is 95 s behind, queue depth 120 of bed 17")
    [Gauge(place=1, name='replica is', unit='s', value=95.0), Gauge(place=2, name='queue depth', unit='', value=120.0)]
    >>> gauges("token is valid for 43 more minutes, 12 connections free, port 5432")
    []
    """
    found = list[Gauge]()
    for place, match in enumerate(_NUMBER.finditer(text)):
        if len(found) >= most:
            break
        unit = match["unit"] or ""
        before = [
            word.lower() for word in _WORDS.findall(text[max(0, match.start() - _NEAR) : match.start()])
        ][-2:]
        after = [word.lower() for word in _WORDS.findall(text[match.end() : match.end() + 20])][:2]
        beside = {*before, *after}
        if not _LESS_IS_WORSE.isdisjoint(beside) or not (unit or not _LOAD.isdisjoint(beside)):
            continue
        found.append(Gauge(place, " ".join(before), unit, float(match["value"])))
    return found
