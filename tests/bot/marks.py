"""Invented marks, and 200 log lines that carry one each, in every place where a line can hold something private.

Everything here is nonsense from a seeded generator: no name, number or address belongs to anybody. No word of a mark is
in the sanitizer's vocabulary, and no two marks share a word.
"""

from __future__ import annotations

import base64
import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import quote

from mark_search import RUN

from models.sanitizer import Vocabulary

_CONSONANTS, _VOWELS = "bdfgjklmnpqrstvwxz", "aeiouy"
BASE = Vocabulary.base()


_WORDS = (
    gzip.decompress((files("models.sanitizer") / "data" / "words.txt.gz").read_bytes())
    .decode("ascii")
    .split()
)
ORDINARY = {word[i : i + RUN] for word in _WORDS for i in range(len(word) - RUN + 1)}
"""Runs of letters that ordinary words have: a mark with one of them would be found where it does not stand."""
NUMBER = 12  # digits of a record number
SHORTEST = 8  # letters below which a mark may come up by chance
SHORTEST_NUMBER = 11  # digits; times in nanoseconds are full of shorter ones


@dataclass
class Inventor:
    """Invents words and numbers that never come twice.

    `used` holds the marks as they are written where they are used, `other` further spellings of the same: neither may be
    seen again.
    """

    rng: random.Random
    used: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    @property
    def texts(self) -> list[str]:
        return [*self.used, *self.other]

    def word(self) -> str:
        """Return an invented word of eight letters and put it among the marks."""
        return self._mark(self._word())

    def name(self) -> str:
        """Return a given and a family name."""
        return f"{self.word().title()} {self.word().title()}"

    def accented(self) -> str:
        """Return a name with letters beyond ASCII."""
        word = self._word()
        return self._mark(f"\u00c7{word[1:4]}\u00f8{word[4:]}\u00fc")

    def digits(self, count: int, shape: str = "") -> str:
        """Return a number of `count` digits, written as `shape` has it (one `{}` for each) where there is one."""
        number = str(self.rng.randrange(10 ** (count - 1), 10**count))
        if not shape:
            return self._mark(number)
        self.other.append(number)
        return self._mark(shape.format(*number))

    def born(self) -> str:
        """Return a date of birth, no two alike."""
        while True:
            day = f"19{self.rng.randint(30, 49)}-{self.rng.randint(1, 12):02}-{self.rng.randint(1, 28):02}"
            if day not in self._known:
                self._known.add(day)
                year, month, of_month = day.split("-")
                self.other += [
                    f"{year}/{month}/{of_month}",
                    f"{of_month}.{month}.{year}",
                    f"{month}/{of_month}/{year}",
                ]
                return self._mark(day)

    def secret(self) -> str:
        """Return what looks like a token: an invented word with digits around it."""
        return self._mark(
            f"k{self.rng.randrange(10**4):04}{self.word().title()}{self.rng.randrange(10**6):06}"
        )

    def _word(self) -> str:
        while True:
            word = "".join(self.rng.choice(_CONSONANTS) + self.rng.choice(_VOWELS) for _ in range(4))
            runs = {word[i : i + RUN] for i in range(len(word) - RUN + 1)}
            inner = {word[i:j] for i in range(8) for j in range(i + 4, 9)}
            if not runs & (self._known | ORDINARY) and not any(map(BASE.approves, inner)):
                self._known |= runs
                return word

    def _mark(self, text: str) -> str:
        if len(text) >= (SHORTEST_NUMBER if text.isdigit() else SHORTEST):
            self.used.append(text)
        return text


class Line(NamedTuple):
    """One line: what is sent as a record, under which tag, with what metadata, from which agent."""

    record: dict[Any, Any]
    tag: str = "clinic.billing"
    metadata: dict[str, Any] = {}  # noqa: RUF012 (never changed)


Kind = Callable[[Inventor], Line]


def _error(text: str | bytes, **more: Any) -> Line:
    return Line({"service": "billing", "host": "node-1", "level": "error", "log": text} | more)


KINDS: dict[str, Kind] = {
    "a name": lambda m: _error(f"payment for patient {m.name()} failed: card declined"),
    "a name in capitals": lambda m: _error(f"PAYMENT FOR {m.name().upper()} FAILED"),
    "a name beyond ASCII": lambda m: _error(f"could not greet {m.accented()}: encoding refused"),
    "a record number": lambda m: _error(f"lookup of MRN {m.digits(NUMBER)} failed after 3 attempts"),
    "an e-mail address": lambda m: _error(f"mail to {m.word()}.{m.word()}@{m.word()}.example bounced"),
    "a phone number": lambda m: _error(f"call to {m.digits(11, '+{} ({}{}{}) {}{}{}-{}{}{}{}')} was not answered"),
    "an address": lambda m: _error(f"no delivery to {m.digits(4)} {m.word().title()} Lane, {m.word().title()} {m.digits(5)}"),
    "a date of birth": lambda m: _error(f"born {m.born()} does not fit the plan"),
    "a token in a field": lambda m: _error("session refused", session_token=m.secret(), user=m.word()),
    "the name of a key": lambda m: _error("unknown setting", **{m.word(): True, f"{m.word()}_id": {m.word(): 1}}),
    "JSON inside the text": lambda m: _error(f'{{"msg":"upsert failed","{m.word()}":"{m.name()}","dob":"{m.born()}"}}'),
    "a stack trace": lambda m: _error(_trace(m)),
    "a tag": lambda m: Line({"log": "ERROR disk is full"}, tag=f"kube.var.log.{m.word()}_{m.word()}.{m.digits(NUMBER)}"),
    "a host": lambda m: Line({"service": "billing", "host": f"{m.word()}-laptop", "log": "ERROR upstream refused"}),
    "a service": lambda m: Line({"service": m.word(), "host": "node-2", "level": "error", "log": "queue is full"}),
    "beside invalid UTF-8": lambda m: _error(
        b"\xff\xfe" + m.word().encode() + b"\xc3 could not be read \x80" + m.name().encode() + b"\xe2"
    ),
    "a query": lambda m: _error(f"GET /api/patients?q={quote(m.name())}&mrn={m.digits(NUMBER)}&next=%2F{m.word()} 500"),
    "metadata": lambda m: Line({"log": "ERROR no answer"}, metadata={m.word(): m.name(), "otlp": {"trace": m.secret()}}),
    "Kubernetes": lambda m: Line({
        "log": "ERROR liveness probe failed", "stream": m.word(),
        "kubernetes": {"pod_name": m.word(), "host": m.word(), "labels": {"app": m.word(), m.word(): m.word()}},
    }),
    "HL7, SQL and base64": lambda m: _error(
        f"rejected PID|1||{m.digits(NUMBER)}^^^MR||{m.word().upper()}^{m.word().upper()}||{m.born()}; "
        f"INSERT INTO p(name) VALUES ('{m.name()}'); Authorization: Basic {base64.b64encode(m.name().encode()).decode()}"
    ),
}  # fmt: skip


def _trace(m: Inventor) -> str:
    person, folder, kind = m.name(), m.word(), m.word().title()
    return (
        "Traceback (most recent call last):\n"
        f'  File "/home/{folder}/app/{m.word()}.py", line 42, in {m.word()}\n'
        f"    raise {kind}Error({person!r})\n"
        f"{folder}.errors.{kind}Error: {person!r} was born on {m.born()}"
    )


def lines(inventor: Inventor, each: int) -> list[Line]:
    """Return `each` lines of every kind, all marks different, in a mixed order."""
    made = [kind(inventor) for kind in KINDS.values() for _ in range(each)]
    inventor.rng.shuffle(made)
    return made
