"""The figures of `forecast_worlds` as logs: lines of services, a block a minute, the figure among ordinary lines.

How a figure is said, how often, how coarse and on how many hosts is drawn with the seed. Beside it stand lines that a
careless reader would take for figures: attempts, progress of copies that end at 100 %, pages.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.forecast_worlds import World
from models.sample_lines import sample_lines
from stream.spool import Block
from stream.testing import block, line, message, seconds, tick

BEGIN = 1_772_409_600
"""2026-03-02 00:00:00 UTC."""


class Voice(NamedTuple):
    """How a service says its figure: a sentence for a value as a part of its limit, and the minutes between two."""

    sentence: str
    whole: float
    every: int

    def say(self, value: float) -> str:
        """Return the line for a value; the figure is at its limit in the line where it is in the world."""
        now = value * self.whole if value >= 1 else min(value * self.whole, self.whole - self.unit)
        return self.sentence.format(
            n=round(now), m=round(self.whole), now=now, whole=self.whole, free=self.whole - now
        )

    @property
    def unit(self) -> float:
        """The smallest step that the sentence shows."""
        return 0.1 if ".1f" in self.sentence else 1.0


_SENTENCES = (
    ("connection pool orders: {n}/{m} in use", (40, 200)),
    ("queue depth {n} of {m}", (500, 10_000)),
    ("disk /var/lib/data is {now:.1f}% full", (100, 100)),
    ("heap {now:.1f}GB of {whole:.1f}GB after collection", (2, 16)),
    ("memory used={n}MB max={m}MB", (512, 8192)),
    ("free space on /data: {free:.1f} %", (100, 100)),
    ("worker pool stats (active={n}, max={m})", (64, 512)),
    ("file descriptors {n} of {m} open", (1024, 4096)),
)


def voice(rng: random.Random) -> Voice:
    """Draw how a figure is said."""
    sentence, (least, most) = rng.choice(_SENTENCES)
    return Voice(sentence, float(rng.randint(least, most)), rng.choice((1, 1, 1, 2, 5)))


class Service(NamedTuple):
    """One service of a log: its figure, how it says it, and how many ordinary lines it writes a minute."""

    name: str
    world: World
    voice: Voice
    lines: int


def blocks(services: list[Service], seed: int) -> Iterator[Block]:
    """Yield the log, a block a minute, received a second after its last line, with a tick."""
    rng = random.Random(f"log {seed}")
    for minute in range(max(len(each.world.values) for each in services)):
        at = BEGIN + 60 * minute
        records = []
        for service in services:
            records += [
                line(service.name, text, at + 60 * place / (service.lines + 1), host=f"{service.name}-1")
                for place, text in enumerate(sample_lines(service.lines, seed=rng.randrange(2**32)))
            ]
            records += [
                line(service.name, text, at + 50, level="ERROR", host=f"{service.name}-1")
                for text in _noise(rng)
            ]
            records.append(line(service.name, _busy(rng, minute), at + 51, host=f"{service.name}-1"))
            if minute < len(service.world.values) and minute % service.voice.every == 0:
                said = service.voice.say(service.world.values[minute])
                records.append(line(service.name, said, at + 55, host=f"{service.name}-1"))
        received = seconds(at + 60)
        yield block(minute, [message(records, received), tick(received)])


def _busy(rng: random.Random, minute: int) -> str:
    """Return a line with a number that reaches its end every day and means no harm."""
    return rng.choice(
        (
            f"attempt {rng.randint(1, 4)}/5 to reach the mirror",
            f"copied {minute % 90 / 90 * 100:.0f} % of the nightly volume",
            f"page {rng.randint(1, 40)} of 40 rendered",
            f"progress {minute % 45 / 45 * 100:.0f}% in rebuilding the table",
        )
    )


def _noise(rng: random.Random) -> list[str]:
    """Return the errors of a healthy minute: mostly none."""
    return [f"letter {rng.randint(1, 10**6)} refused" for _ in range(rng.choice((0,) * 12 + (1, 1, 2)))]
