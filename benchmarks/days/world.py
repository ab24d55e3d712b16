"""The company of one day: its services, who calls whom, how each of them writes, and what it says when all is well."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.days.dialects import ACCESS, APPS, STORES, Dress
from benchmarks.days.domains import DOMAINS, Domain
from benchmarks.days.routine import BATCHES, GAUGES, HEARTBEATS, HOPS, IDLE, NOISE
from benchmarks.days.texts import Text, ready

_KINDS: Final = ("postgres", "mysql", "redis", "kafka", "rabbit")


@dataclass(slots=True)
class Regular:
    """A line said `rate` times a second, or every `period` seconds where that is not 0."""

    level: str
    text: Text
    rate: float = 0.0
    period: float = 0.0


@dataclass(slots=True)
class Service:
    """One service. `kind` is its role (edge, guard, app, worker), or the kind of store it is."""

    name: str
    kind: str
    role: str
    hosts: tuple[str, ...]
    dress: Dress
    language: str
    known: dict[str, str]
    calls: list[Service] = field(default_factory=list)
    callers: list[Service] = field(default_factory=list)
    hops: list[Text] = field(default_factory=list)
    regular: list[Regular] = field(default_factory=list)
    gauge: tuple[Text, float, float] | None = None
    latency: float = 20.0

    def text(
        self, level: str, template: str, rng: random.Random, more: Mapping[str, str] | None = None
    ) -> Text:
        """Make a template ready, dressed as this service writes; `more` is known beside what is known of the service."""
        dressed = template if self.role == "edge" else self.dress(level, template, self.name, rng)
        return ready(dressed, {**self.known, **(more or {})})


@dataclass(frozen=True, slots=True)
class World:
    """A company: its services by role, and how many requests a second reach its edges."""

    domain: Domain
    services: tuple[Service, ...]
    routes: tuple[str, ...]
    requests: float

    def of(self, *roles: str) -> list[Service]:
        """Return the services of these roles or kinds."""
        return [each for each in self.services if each.role in roles or each.kind in roles]


def company(rng: random.Random) -> World:
    """Draw a company."""
    domain = rng.choice(DOMAINS)
    edges = [_service(name, "edge", domain, rng) for name in domain.edges[: rng.choice((1, 1, 2))]]
    guards = [_service(rng.choice(domain.guards), "guard", domain, rng)]
    apps = [_service(name, "app", domain, rng) for name in rng.sample(domain.apps, rng.randint(3, 8))]
    workers = [
        _service(name, "worker", domain, rng) for name in rng.sample(domain.workers, rng.randint(1, 3))
    ]
    stores = [_service(name, "store", domain, rng) for name in rng.sample(domain.stores, rng.randint(2, 4))]
    for edge in edges:
        _call(edge, *guards, *apps)
    for number, app in enumerate(apps):
        _call(app, *rng.sample(stores, rng.randint(1, min(2, len(stores)))))
        if number and rng.random() < 0.4:
            _call(apps[rng.randrange(number)], app)
    _call(guards[0], rng.choice(stores))
    for worker in workers:
        _call(worker, rng.choice(stores))
        if rng.random() < 0.4:
            _call(worker, rng.choice(apps))
    services = (*edges, *guards, *apps, *workers, *stores)
    routes = tuple(f"/{app.name}/{rng.choice(domain.things)}s" for app in apps)
    return World(domain, services, routes, rng.uniform(0.8, 2.2))


def _call(caller: Service, *callees: Service) -> None:
    for callee in callees:
        if callee not in caller.calls and callee is not caller:
            caller.calls.append(callee)
            callee.callers.append(caller)


def _service(name: str, role: str, domain: Domain, rng: random.Random) -> Service:
    kind = role
    if role == "store":
        kind = next(
            (
                each
                for word, each in (("cache", "redis"), ("bus", rng.choice(("kafka", "rabbit"))))
                if word in name
            ),
            "",
        )
        kind = kind or rng.choice(("postgres", "mysql"))
        dress, language = STORES[kind]
    else:
        dress, language = APPS[rng.choice(sorted(APPS))]
    thing = rng.choice(domain.things)
    short = name[:3] + rng.choice(("", "-", "x"))
    hosts = tuple(f"{short}{number}" for number in range(1, rng.randint(1, 3) + 1))
    known = {
        "self": name,
        "thing": thing,
        "things": f"{thing}s",
        "Thing": thing.capitalize(),
        "person": domain.person,
        "host": rng.choice(hosts),
    }
    made = Service(name, kind, role, hosts, dress, language, known, latency=rng.lognormvariate(3.0, 0.6))
    if role == "edge":
        made.hops = [ready(rng.choice(ACCESS), known)]
    else:
        texts = HOPS[kind]
        made.hops = [
            made.text("INFO", text, rng) for text in rng.sample(texts, min(len(texts), rng.randint(2, 6)))
        ]
    _routine(made, rng)
    return made


def _routine(made: Service, rng: random.Random) -> None:
    idle = IDLE[made.kind]
    for text in rng.sample(idle, min(len(idle), rng.randint(3, 8))):
        made.regular.append(
            Regular("INFO", made.text("INFO", text, rng), rate=rng.choice((0.005, 0.02, 0.05, 0.15)))
        )
    for level, text in rng.sample(NOISE, rng.randint(1, 3)):
        rate = 1 / rng.choice((8, 20, 60, 200, 600, 1500))
        made.regular.append(Regular(level, made.text(level, text, rng), rate=rate))
    if rng.random() < 0.4:
        made.regular.append(
            Regular(
                "INFO", made.text("INFO", rng.choice(HEARTBEATS), rng), period=rng.choice((5.0, 10.0, 30.0))
            )
        )
    if made.role == "worker" or rng.random() < 0.15:
        batch = made.text("INFO", rng.choice(BATCHES), rng)
        made.regular.append(Regular("INFO", batch, period=rng.choice((300.0, 600.0, 900.0))))
    text, low, high = rng.choice(GAUGES[made.kind])
    made.gauge = made.text("INFO", text, rng), low, high
