"""A day second by second: requests that hop through the company, what everybody says meanwhile, and what goes wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from benchmarks.days.callers import CALLERS, STATUS
from benchmarks.days.catalog import BENIGN, CATEGORIES
from benchmarks.days.faults import Fault, strength
from benchmarks.days.records import Change, Day, Event, Line
from benchmarks.days.texts import Moment, Text
from benchmarks.days.traces import trace
from benchmarks.days.world import Service, World, company

_SEVERITY: Final = {
    "outage": "SEV1",
    "exposed": "SEV1",
    "major": "SEV2",
    "partial": "SEV3",
    "minor": "SEV4",
    "none": "none",
}
_QUIET: Final = 1080.0
"""Seconds at the beginning in which nothing goes wrong."""
_GAUGE_EVERY: Final = 20.0


@dataclass(slots=True)
class Trouble:
    """An event as it is played: the fault, its root, and the words chosen for it."""

    fault: Fault
    category: str
    root: Service
    start: float
    end: float
    grows: float
    change: Change | None
    host: str
    ahead: float
    fails: list[tuple[str, Text]] = field(default_factory=list)
    seen: dict[str, tuple[str, Text]] = field(default_factory=dict)
    says: list[tuple[Service, str, Text, float]] = field(default_factory=list)

    def strong(self, at: float) -> float:
        if not self.start <= at < self.end:
            return 0.0
        return strength(
            self.fault.shape, at - self.start, self.end - self.start, self.grows, self.fault.period
        )

    def grown(self, at: float) -> float:
        return min(1.0, max(0.0, (at - self.start) / max(1.0, (self.end - self.start) * 0.8)))


def play(seed: int, hours: float = 2.5, *, hard: bool = False) -> Day:
    """Return the day of `seed`."""
    rng = random.Random(f"day {seed}")
    world = company(rng)
    seconds = hours * 3600
    troubles = list(_troubles(world, seconds, rng, hard=hard))
    innocent = [_innocent(world, rng.uniform(300, seconds - 60), rng) for _ in range(rng.randint(2, 5))]
    changes = [*innocent, *(each.change for each in troubles if each.change is not None)]
    changes.sort(key=lambda change: change.time)
    lines = sorted(_Play(world, troubles, rng).lines(seconds), key=lambda line: line.arrival)
    calls = tuple((caller.name, callee.name) for caller in world.services for callee in caller.calls)
    begins = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=seed % 300, hours=rng.randrange(20))
    names = tuple(sorted(each.name for each in world.services))
    return Day(begins, seconds, names, calls, tuple(lines), tuple(changes), tuple(map(_event, troubles)))


def _event(each: Trouble) -> Event:
    callers = [caller.name for caller in each.root.callers] if each.fault.breaks or each.seen else []
    edges = [edge.name for caller in each.root.callers for edge in caller.callers if each.fault.breaks >= 0.3]
    return Event(
        each.start,
        each.end,
        min(each.end, each.start + each.grows),
        each.root.name,
        tuple(dict.fromkeys((each.root.name, *callers, *edges))),
        each.category,
        each.fault.impact != "none",
        _SEVERITY[each.fault.impact],
        each.change,
        each.fault.what,
    )


def _innocent(world: World, at: float, rng: random.Random) -> Change:
    kind = rng.choice(("deploy", "config", "flag", "migration"))
    return Change(rng.choice(world.services).name, at, kind, f"{rng.randint(1, 40)}.{rng.randint(0, 30)}", "")


def _troubles(world: World, seconds: float, rng: random.Random, *, hard: bool) -> Iterator[Trouble]:
    at, benign = _QUIET + rng.uniform(0, 240), 0
    categories = sorted(CATEGORIES)
    rng.shuffle(categories)
    number = 0
    while at < seconds - 900:
        harmless = rng.random() < 0.3
        if harmless:
            category = rng.choice(sorted(BENIGN))
            pool, benign = BENIGN[category], benign + 1
        else:
            category = categories[number % len(categories)]
            pool, number = CATEGORIES[category], number + 1
        fault = rng.choice(pool)
        roots = world.of(*fault.roots)
        if not roots:
            continue
        made = _trouble(fault, category, rng.choice(roots), at, rng)
        yield made
        at = made.end + rng.uniform(-120 if hard else 240, 480)


def _trouble(fault: Fault, category: str, root: Service, at: float, rng: random.Random) -> Trouble:
    end = at + 60 * rng.uniform(*fault.minutes)
    change = None
    if fault.change is not None and rng.random() < fault.often:
        kind, note = fault.change
        change = Change(
            root.name,
            at - rng.uniform(20, 240),
            kind,
            f"{rng.randint(1, 40)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}",
            note,
        )
    host, ahead = rng.choice(root.hosts), float(rng.choice(fault.ahead)) if fault.ahead else 0.0
    made = Trouble(fault, category, root, at, end, rng.uniform(*fault.grows), change, host, ahead)
    more = {"host": host}
    for level, template in fault.fails:
        text = template
        if fault.trace:
            text = trace(root.language, root.name.split("-")[0], root.known["thing"], template, rng)
        made.fails.append((level, root.text(level, text, rng, more)))
    if fault.seen_as and fault.breaks:
        for caller in root.callers:
            level, template = rng.choice(CALLERS[fault.seen_as])
            made.seen[caller.name] = level, caller.text(level, template, rng, {"callee": root.name})
    for say in fault.says:
        who = [root] if say.who == "root" else root.callers
        for speaker in who:
            text = say.text
            if say.trace:
                text = trace(root.language, root.name.split("-")[0], root.known["thing"], text, rng)
            ready = speaker.text(say.level, text, rng, {**more, "self": root.name, "callee": root.name})
            made.says.append((speaker, say.level, ready, say.rate))
    return made


class _Play:
    def __init__(self, world: World, troubles: list[Trouble], rng: random.Random) -> None:
        self._world, self._troubles, self._rng = world, troubles, rng
        self._now: list[tuple[Trouble, float]] = []
        self._walk = {each.name: 0.5 for each in world.services}

    def lines(self, seconds: float) -> Iterator[Line]:
        for second in range(int(seconds)):
            self._now = [(each, strong) for each in self._troubles if (strong := each.strong(second)) > 0]
            yield from self._requests(second)
            for service in self._world.services:
                yield from self._alone(service, second)
            for each, strong in self._now:
                for speaker, level, text, rate in each.says:
                    for _ in range(self._poisson(rate * strong)):
                        yield self._line(speaker, second, level, text(Moment(self._rng, each.grown(second))))

    def _poisson(self, rate: float) -> int:
        count, left = 0, self._rng.expovariate(1.0)
        while left < rate:
            count += 1
            left += self._rng.expovariate(1.0)
        return count

    def _requests(self, second: int) -> Iterator[Line]:
        daily = 1 + 0.15 * ((second % 7200) / 3600 - 1)
        edges = self._world.of("edge")
        for edge in edges:
            for app in edge.calls:
                rate = self._world.requests * daily * 2 / max(1, len(edge.calls) * len(edges))
                for each, strong in self._now:
                    if each.root in (app, edge):
                        rate *= 1 + (each.fault.traffic - 1) * strong
                for _ in range(self._poisson(rate)):
                    yield from self._request(edge, app, second)

    def _request(self, edge: Service, app: Service, second: int) -> Iterator[Line]:
        rng = self._rng
        rid = f"{rng.getrandbits(40):010x}"
        moment = Moment(
            rng, rid=rid, route=f"{rng.choice(self._world.routes)}/{rng.randint(1, 9999)}", method="GET"
        )
        lines, failed, took = self._hop(app, second, moment, 2)
        yield from lines
        moment.ms, moment.status = took + rng.lognormvariate(1.5, 0.5), 200
        own = self._broken(edge)
        if own is not None and not failed:
            failed = own.fault.seen_as or "error"
            if own.fails:
                level, text = rng.choice(own.fails)
                yield self._line(edge, second, level, text(moment))
        if failed:
            moment.status = rng.choice(STATUS.get(failed, (500,)))
            for each, _ in self._now:
                if each.root is app and edge.name in each.seen and rng.random() < 0.8:
                    level, text = each.seen[edge.name]
                    yield self._line(edge, second, level, text(moment))
        for each, strong in self._now:
            if each.root is edge:
                moment.ms *= 1 + (each.fault.slow - 1) * strong
        if not self._muted(edge, "requests"):
            yield self._line(edge, second, "INFO", edge.hops[0](moment))

    def _hop(
        self, service: Service, second: int, moment: Moment, depth: int
    ) -> tuple[list[Line], str, float]:
        """Return the lines of a service and what it calls, how it failed ("" if it did not), and the milliseconds it took."""
        rng, lines, failed = self._rng, list[Line](), ""
        took = service.latency * rng.lognormvariate(0, 0.4)
        for callee in service.calls:
            if depth and rng.random() < 0.45:
                more, wrong, ms = self._hop(callee, second, moment, depth - 1)
                lines += more
                took += ms
                if wrong:
                    failed = wrong
                    for each, _ in self._now:
                        if each.root is callee and service.name in each.seen:
                            level, text = each.seen[service.name]
                            lines.append(self._line(service, second, level, text(moment)))
        for each, strong in self._now:
            if each.root is service:
                took *= 1 + (each.fault.slow - 1) * strong
        moment.ms = took
        broken = self._broken(service)
        if broken is not None:
            if broken.fails:
                moment.grown = broken.grown(second)
                level, text = rng.choice(broken.fails)
                lines.append(self._line(service, second, level, text(moment)))
            return lines, broken.fault.seen_as or "error", took
        if not failed and not self._muted(service, "requests"):
            lines.append(self._line(service, second, "INFO", rng.choice(service.hops)(moment)))
        return lines, failed, took

    def _broken(self, service: Service) -> Trouble | None:
        for each, strong in self._now:
            if each.root is service and self._rng.random() < each.fault.breaks * strong:
                return each
        return None

    def _muted(self, service: Service, what: str) -> bool:
        return any(
            each.root is service
            and each.fault.muted in ("all", what)
            and self._rng.random() < each.fault.mute * strong
            for each, strong in self._now
        )

    def _alone(self, service: Service, second: int) -> Iterator[Line]:
        rng = self._rng
        if service.role == "worker":
            for _ in range(self._poisson(0.25)):
                lines, _, _ = self._hop(service, second, Moment(rng), 1)
                yield from lines
        for each in service.regular:
            if each.period:
                count, kind = int(second % each.period == 0), "beats" if each.period < 60 else "batch"
            else:
                count, kind = self._poisson(each.rate), "all"
            for _ in range(count):
                if not self._muted(service, kind):
                    yield self._line(service, second, each.level, each.text(Moment(rng)))
        if service.gauge is not None and second % _GAUGE_EVERY == 0 and not self._muted(service, "beats"):
            yield self._told(service, second)

    def _told(self, service: Service, second: int) -> Line:
        assert service.gauge is not None
        text, low, high = service.gauge
        walk = min(1.0, max(0.0, self._walk[service.name] + self._rng.uniform(-0.12, 0.12)))
        self._walk[service.name] = walk
        value = low + (high - low) * walk
        for each, _ in self._now:
            if each.root is service and each.fault.gauge is not None:
                begin, end = each.fault.gauge
                value = max(value, begin) + (end - max(value, begin)) * each.grown(second)
        return self._line(service, second, "INFO", text(Moment(self._rng, gauge=value)))

    def _line(self, service: Service, second: int, level: str, message: str) -> Line:
        rng = self._rng
        at = second + rng.random()
        host = rng.choice(service.hosts)
        claimed = at
        for each, _ in self._now:
            if each.root is service and each.ahead and host == each.host:
                claimed += each.ahead
        return Line(at + 0.2 + rng.expovariate(2.0), claimed, host, service.name, level, message)
