"""Texts with `{placeholders}`: what is known of a service is filled in once, the rest anew for every line.

`{ms}` `{status}` `{rid}` `{gauge}` tell of the request or value at hand; `{grow:a:b}` goes from a to b while an event grows;
`{pick:a|b|c}` is one of these words. Everything about persons is made up and cannot belong to anybody: surnames that are no
surnames, numbers from ranges that are never given out, addresses under example.org.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_HOLE = re.compile(r"\{([a-zA-Z_]+)((?::[^{}]*)?)\}")
_METHODS = ("GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE", "PATCH")
# Made up: no such surnames, and no such persons.
_SURNAMES = (
    "Fakenfeld",
    "Nobodyson",
    "Madeupova",
    "Inventado",
    "Placeholm",
    "Fictmann",
    "Samplewright",
    "Imagino",
)
_FORENAMES = ("Testina", "Demo", "Exempla", "Mocko", "Dummya", "Protho")
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64)",
    "Mozilla/5.0 (Windows NT 10.0)",
    "okhttp/4.12",
    "python-requests/2.32",
    "Go-http-client/2.0",
)


@dataclass(slots=True)
class Moment:
    """What a line can tell of: the draw, how far an event has grown (0..1), and the request at hand."""

    rng: random.Random
    grown: float = 0.0
    ms: float = 0.0
    status: int = 200
    rid: str = ""
    route: str = "/"
    method: str = "GET"
    gauge: float = 0.0
    done: int = 0
    failed: int = 0


Draw = Callable[[Moment], str]


@dataclass(frozen=True, slots=True)
class Text:
    """A text made ready: literals and draws, in turn."""

    parts: tuple[str | Draw, ...] = field(repr=False)

    def __call__(self, moment: Moment) -> str:
        return "".join([part if isinstance(part, str) else part(moment) for part in self.parts])


def _whole(low: int, high: int) -> Draw:
    span = high - low + 1
    return lambda moment: str(low + int(moment.rng.random() * span))


def _hex(digits: int) -> Draw:
    return lambda moment: f"{moment.rng.getrandbits(4 * digits):0{digits}x}"


def _uuid(moment: Moment) -> str:
    text = f"{moment.rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _private_ip(moment: Moment) -> str:
    draw = moment.rng.random
    return f"10.{40 + int(draw() * 8)}.{int(draw() * 256)}.{1 + int(draw() * 254)}"


def _public_ip(moment: Moment) -> str:
    draw = moment.rng.random
    return f"{('198.51.100', '203.0.113', '192.0.2')[int(draw() * 3)]}.{1 + int(draw() * 254)}"


def _milliseconds(moment: Moment) -> str:
    return str(max(1, round(moment.ms or moment.rng.lognormvariate(3.0, 0.7))))


def _seconds(moment: Moment) -> str:
    return f"{(moment.ms or moment.rng.lognormvariate(4.0, 0.6)) / 1000:.3f}"


def _rid(moment: Moment) -> str:
    return moment.rid or f"{moment.rng.getrandbits(40):010x}"


def _one(*words: str) -> Draw:
    return lambda moment: words[int(moment.rng.random() * len(words))]


def _born(moment: Moment) -> str:
    draw = moment.rng.random
    return f"{1931 + int(draw() * 80)}-{1 + int(draw() * 12):02d}-{1 + int(draw() * 28):02d}"


_DRAWS: Mapping[str, Draw] = {
    "small": _whole(1, 9),
    "n": _whole(1, 60),
    "hundreds": _whole(100, 999),
    "big": _whole(1_000, 99_999),
    "huge": _whole(1_000_000, 99_999_999),
    "pct": _whole(2, 64),
    "mb": _whole(2, 480),
    "port": _whole(32_768, 60_999),
    "pid": _whole(300, 32_000),
    "user": lambda moment: (
        f"{('acc', 'op', 'usr')[int(moment.rng.random() * 3)]}-{1000 + int(moment.rng.random() * 900)}"
    ),
    "hex": _hex(8),
    "longhex": _hex(16),
    "lsn": lambda moment: f"{int(moment.rng.random() * 64):X}/{moment.rng.getrandbits(32):08X}",
    "uuid": _uuid,
    "ip": _private_ip,
    "outside": _public_ip,
    "ms": _milliseconds,
    "seconds": _seconds,
    "status": lambda moment: str(moment.status),
    "bytes": lambda moment: str(int(moment.rng.lognormvariate(7.2, 1.0))),
    "rid": _rid,
    "route": lambda moment: moment.route,
    "method": lambda moment: moment.method,
    "anymethod": _one(*_METHODS),
    "gauge": lambda moment: f"{moment.gauge:.0f}",
    "done": lambda moment: str(moment.done),
    "failed": lambda moment: str(moment.failed),
    "agent": _one(*_AGENTS),
    "amount": lambda moment: f"{moment.rng.lognormvariate(4, 1):.2f}",
    "ratio": lambda moment: f"{0.8 + moment.rng.random() * 0.19:.3f}",
    "zone": _one("a", "b", "c"),
    "surname": _one(*_SURNAMES),
    "forename": _one(*_FORENAMES),
    "ssn": lambda moment: (
        f"000-{10 + int(moment.rng.random() * 89)}-{1000 + int(moment.rng.random() * 8999)}"
    ),
    "mrn": lambda moment: f"MRN{10_000_000 + int(moment.rng.random() * 9_000_000)}",
    "born": _born,
    "mail": lambda moment: f"{_DRAWS['surname'](moment).lower()}{int(moment.rng.random() * 90)}@example.org",
    "phone": lambda moment: f"+1-202-555-01{int(moment.rng.random() * 100):02d}",
}


def _grow(low: float, high: float, digits: int) -> Draw:
    def draw(moment: Moment) -> str:
        value = low + (high - low) * moment.grown
        value += (moment.rng.random() - 0.5) * abs(high - low) * 0.06
        return f"{max(0.0, value):.{digits}f}"

    return draw


def ready(template: str, known: Mapping[str, str]) -> Text:
    """Make a template ready: `known` names are filled in now, the others for every line.

    >>> ready("{self} took {ms} ms", {"self": "beds"})(Moment(random.Random(1), ms=12.2))
    'beds took 12 ms'
    >>> ready("heap {grow:50:90} %", {})(Moment(random.Random(1), grown=1.0))[:6]
    'heap 8'
    """
    parts: list[str | Draw] = []
    literal = ""
    at = 0
    for hole in _HOLE.finditer(template):
        literal += template[at : hole.start()]
        at = hole.end()
        name, argument = hole[1], hole[2][1:]
        if name in known:
            literal += known[name]
            continue
        if name == "grow":
            low, high = argument.split(":")
            draw = _grow(float(low), float(high), len(high.partition(".")[2]))
        elif name == "pick":
            draw = _one(*argument.split("|"))
        elif name == "range":
            low, high = argument.split(":")
            draw = _whole(int(low), int(high))
        else:
            draw = _DRAWS[name]
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(draw)
    literal += template[at:]
    if literal:
        parts.append(literal)
    return Text(tuple(parts))
