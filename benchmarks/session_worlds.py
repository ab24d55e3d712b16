"""Made-up programs and their sessions, with anomalies whose place is known: for designing session detectors.

Everything is drawn from a seed: how many operations a program has, which of their events are optional,
repeated or interleaved, and in which ways it fails. `World.sessions` gives a stream with labels; the labels
are for judging the design only.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

_LENGTHS = (6, 18)


class Session(NamedTuple):
    """Events in order, which of them speak of failure, and how the session failed, if it did."""

    events: tuple[str, ...]
    errors: tuple[str, ...]
    failure: str = ""


class Scenario(NamedTuple):
    """How a stream departs from the ideal: shares of sessions."""

    name: str
    contamination: float = 0.0
    cut: float = 0.0
    drift: bool = False
    anomalies: float = 0.08


SCENARIOS = (
    Scenario("clean"),
    Scenario("contaminated 1 %", contamination=0.01),
    Scenario("contaminated 3 %", contamination=0.03, anomalies=0.04),
    Scenario("contaminated 5 %", contamination=0.05, anomalies=0.05),
    Scenario("cut off 5 %", cut=0.05),
    Scenario("cut off 5 %, contaminated 2 %", cut=0.05, contamination=0.02),
    Scenario("drift", drift=True),
)


@dataclass(frozen=True, slots=True)
class _Part:
    """Events that come together: always or at times, once or again and again, in order or interleaved."""

    events: tuple[str, ...]
    chance: float = 1.0
    most: int = 1
    interleaved: bool = False

    def draw(self, rng: random.Random) -> list[str]:
        if self.chance < 1 and rng.random() >= self.chance:
            return []
        drawn: list[str] = []
        for _ in range(rng.randint(1, self.most)):
            drawn += self.events
        if self.interleaved:
            rng.shuffle(drawn)
        return drawn


@dataclass(slots=True)
class World:
    """One program. `errors` are its events that speak of failure."""

    seed: int
    errors: set[str] = field(default_factory=set)
    _operations: list[tuple[float, list[_Part]]] = field(default_factory=list)
    _failures: list[tuple[float, str, Callable[[random.Random], list[str]]]] = field(default_factory=list)
    _names: int = 0

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        begin, end = self._name(), self._name()
        shares = rng.choice(((1.0,), (0.9, 0.1), (0.6, 0.3, 0.1), (0.8, 0.17, 0.03)))
        for share in shares:
            self._operations.append((share, self._operation(rng, begin, end)))
        kinds = [
            self._stop,
            self._stop_with_error,
            self._new_event,
            self._lost_event,
            self._storm,
            self._order,
        ]
        rng.shuffle(kinds)
        for kind in kinds:
            self._failures.append((rng.choice((1.0, 1.0, 3.0)), kind.__name__[1:], kind(rng)))

    def _name(self) -> str:
        self._names += 1
        return f"e{self._names}"

    def _operation(self, rng: random.Random, begin: str, end: str) -> list[_Part]:
        parts = [_Part((begin,))]
        for _ in range(rng.randint(*_LENGTHS) // 2):
            kind, names = rng.random(), tuple(self._name() for _ in range(rng.choice((1, 1, 2, 3))))
            if kind < 0.55:
                parts.append(_Part(names))
            elif kind < 0.75:
                parts.append(_Part(names, chance=rng.choice((0.02, 0.05, 0.3, 0.7, 0.95))))
            elif kind < 0.87:
                parts.append(_Part(names, most=rng.choice((2, 3, 5))))
            else:
                parts.append(_Part(names * 3, interleaved=True))
        for _ in range(rng.choice((0, 1, 2))):  # a retry, a rare but usual detour
            rare = tuple(self._name() for _ in range(rng.choice((1, 2, 4))))
            parts.insert(rng.randint(1, len(parts)), _Part(rare, chance=rng.choice((0.002, 0.005, 0.015))))
        if rng.random() < 0.4:  # an error that means nothing
            self.errors.add(name := self._name())
            parts.insert(rng.randint(1, len(parts)), _Part((name,), chance=rng.choice((0.04, 0.1))))
        return [*parts, _Part((end,))]

    def usual(self, rng: random.Random, *, first: bool = False) -> list[str]:
        """Return the events of a session as it should be, of the first operation if asked for."""
        parts = self._operations[0][1]
        if not first:
            (parts,) = rng.choices(
                [parts for _, parts in self._operations], [share for share, _ in self._operations]
            )
        return [name for part in parts for name in part.draw(rng)]

    # -- ways to fail -------------------------------------------------------------------------------------------

    def _stop(self, rng: random.Random) -> Callable[[random.Random], list[str]]:
        at = rng.uniform(0.1, 0.5)  # a failure has its place
        first = [name for part in self._operations[0][1] if part.chance == 1 for name in part.events]
        last = first[max(1, int(at * len(first))) - 1]
        return lambda draw: _until(self.usual(draw, first=True), last)

    def _stop_with_error(self, rng: random.Random) -> Callable[[random.Random], list[str]]:
        self.errors.add(error := self._name())
        stop = self._stop(rng)
        return lambda draw: [*stop(draw), error]

    def _new_event(self, rng: random.Random) -> Callable[[random.Random], list[str]]:
        name = self._name()
        if rng.random() < 0.7:
            self.errors.add(name)
        return lambda draw: _inserted(self.usual(draw, first=True), [name], draw)

    def _lost_event(self, rng: random.Random) -> Callable[[random.Random], list[str]]:
        always = [part.events[0] for part in self._operations[0][1] if part.chance == 1]
        lost = rng.choice(always[1:] or always)
        return lambda draw: [name for name in self.usual(draw, first=True) if name != lost] or [lost]

    def _storm(self, rng: random.Random) -> Callable[[random.Random], list[str]]:
        always = [part.events[0] for part in self._operations[0][1] if part.chance == 1]
        name = rng.choice(always)
        return lambda draw: _inserted(self.usual(draw, first=True), [name] * draw.randint(8, 60), draw)

    def _order(self, rng: random.Random) -> Callable[[random.Random], list[str]]:
        """Events that always come once and in order, exchanged."""
        fixed = [
            part.events[0]
            for part in self._operations[0][1]
            if part.chance == part.most == 1 and not part.interleaved
        ]
        del rng
        return lambda draw: _exchanged(self.usual(draw, first=True), *draw.sample(fixed, 2))

    # -- streams ------------------------------------------------------------------------------------------------

    def sessions(self, scenario: Scenario, learnt: int, judged: int) -> tuple[list[Session], list[Session]]:
        """Return sessions to learn from and sessions to judge."""
        rng = random.Random(self.seed * 1000 + 17)
        stream = []
        for at in range(learnt + judged):
            share = scenario.contamination if at < learnt else scenario.anomalies
            if rng.random() < share:
                ((_, failure, fail),) = rng.choices(self._failures, [weight for weight, *_ in self._failures])
                events = fail(rng)
            else:
                failure, events = "", self.usual(rng)
                if scenario.drift and at > learnt + judged // 2 and rng.random() < 0.5:
                    events.insert(1, events[0])  # a deploy: what came once now comes twice, every other time
                if rng.random() < scenario.cut:
                    events = events[: rng.randint(1, len(events))]
            stream.append(Session(tuple(events), tuple(sorted(self.errors.intersection(events))), failure))
        return stream[:learnt], stream[learnt:]


def _until(events: list[str], last: str) -> list[str]:
    return events[: events.index(last) + 1] if last in events else events[: max(1, len(events) // 4)]


def _inserted(events: list[str], what: list[str], rng: random.Random) -> list[str]:
    at = rng.randint(1, len(events))
    return [*events[:at], *what, *events[at:]]


def _exchanged(events: list[str], one: str, other: str) -> list[str]:
    names = {one: other, other: one}
    return [names.get(name, name) for name in events]
