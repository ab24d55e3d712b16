"""What no log should hold, and what memory does then.

    python -m benchmarks.stress [--scale 1.0] [--lines 10000000]

Each strange log is played as blocks through the flow (decoding, fields, templates, detectors) with the default settings
and a tick every five seconds of its time. Printed are lines, services and templates in memory at the end and how many
were forgotten, the resident memory after the first quarter and its peak after that, and lines/s. Every line has to be
counted. Exits with 1 if memory grew by more than a fifth after the first quarter (where bounded state fills later, its
settings say how large it may become), or if a line is missing.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from models.sample_lines import sample_lines
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.seal import KeyRing
from stream.field_settings import FieldSettings
from stream.flow_settings import FlowSettings
from stream.plain import PlainFlow
from stream.spool import Block, Entry
from stream.testing import block, line, message, seconds, tick

BEGIN: Final = 1_772_420_400
"""2026-03-02 03:00:00 UTC, seconds."""
MIB: Final = 1024 * 1024
PER_BLOCK: Final = 500
GROWTH: Final = 1.2
_LETTERS: Final = "bcdfghjklmnpqrstvwxz"

Record = Mapping[str, object]
Log = Iterator[tuple[float, list[Record]]]
"""Seconds since the beginning, and the records that are received then."""


def distinct_templates(lines: int, seed: int) -> Log:
    """Yield lines that have no word in common, of one service."""
    rng = random.Random(seed)
    for at in range(0, lines, PER_BLOCK):
        texts = (
            " ".join("".join(rng.choices(_LETTERS, k=9)) for _ in range(6))
            for _ in range(min(PER_BLOCK, lines - at))
        )
        yield at / 5000, [line("odd", text, BEGIN + at / 5000) for text in texts]


def odd_times(lines: int, seed: int) -> Log:
    """Yield lines dated 1970, 2038 and 9999, and now, of one service."""
    rng = random.Random(seed)
    dates = (0.0, 1.0, 2_147_483_647.0, 2_147_483_648.0, 253_402_300_799.0)
    for number, at in enumerate(range(0, lines, PER_BLOCK)):
        count = min(PER_BLOCK, lines - at)
        records = [
            line("clocks", text, rng.choice((*dates, BEGIN + number)))
            for text in sample_lines(count, seed=seed + number, wild=0.05)
        ]
        yield number, list(records)


def renamed(lines: int, seed: int) -> Log:
    """Yield ten lines a second of a service whose name is another each second."""
    for number, at in enumerate(range(0, lines, 10)):
        texts = sample_lines(min(10, lines - at), seed=seed + number, wild=0.05)
        yield number, [line(f"worker-{number:x}", text, BEGIN + number) for text in texts]


def long_lines(lines: int, seed: int) -> Log:
    """Yield lines of 1 MB."""
    rng = random.Random(seed)
    for number in range(lines):
        word = "".join(rng.choices(_LETTERS, k=12))
        text = f"{word} " * (MIB // 13)
        yield number, [line("verbose", text, BEGIN + number, level="ERROR")]


def many_services(lines: int, seed: int) -> Log:
    """Yield lines of 10,000 services, in turn."""
    pool = sample_lines(997, seed=seed, wild=0.02)
    for at in range(0, lines, PER_BLOCK):
        count = min(PER_BLOCK, lines - at)
        records = [
            line(f"service-{(at + i) % 10_000}", pool[(at + i) % len(pool)], BEGIN + at / 2000)
            for i in range(count)
        ]
        yield at / 2000, list(records)


def usual(lines: int, seed: int) -> Log:
    """Yield lines as services write them, of twenty services."""
    pool = sample_lines(20_011, seed=seed, wild=0.02)
    for at in range(0, lines, PER_BLOCK):
        count = min(PER_BLOCK, lines - at)
        records = [
            line(f"service-{(at + i) % 20}", pool[(at * 7 + i) % len(pool)], BEGIN + at / 5000)
            for i in range(count)
        ]
        yield at / 5000, list(records)


class World(NamedTuple):
    """A strange log: what makes it, and how many lines the full count has."""

    log: Callable[[int, int], Log]
    lines: int


WORLDS: Final = {
    "a million distinct templates": World(distinct_templates, 1_000_000),
    "times from 1970, 2038 and 9999": World(odd_times, 200_000),
    "another name each second": World(renamed, 100_000),
    "lines of 1 MB": World(long_lines, 200),
    "10,000 services": World(many_services, 400_000),
}


class Played(NamedTuple):
    """What became of a log. Memory in bytes; `early` is the peak of its first quarter."""

    lines: int
    counted: int
    services: int
    templates: int
    services_forgotten: int
    templates_forgotten: int
    early: int
    peak: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether every line was counted and memory stayed."""
        return self.counted == self.lines and self.peak <= GROWTH * self.early


def blocks(log: Log) -> Iterator[Block]:
    """Yield a log as blocks, with a tick every five seconds of its time."""
    told = 0.0
    for seq, (at, records) in enumerate(log):
        now = seconds(BEGIN + at)
        entries: list[Entry] = [message(records, now)]
        if at - told >= 5:
            told = at
            entries.append(tick(now))
        yield block(seq, entries)


def play(world: World, lines: int, seed: int = 1, settings: FlowSettings | None = None) -> Played:
    """Play `lines` of a world through the flow."""
    gate = Gate(Vocabulary.base(), names=["odd", "clocks", "verbose"])
    flow = PlainFlow(settings or FlowSettings(), FieldSettings(), gate, KeyRing(bytes(32)))
    counted = early = peak = 0
    begun = time.perf_counter()
    for each in blocks(world.log(lines, seed)):
        counted += sum(fact.count for report in flow.step(each) for fact in report.counts)
        memory = resident()
        if counted <= lines / 4:
            early = max(early, memory)
        peak = max(peak, memory)
    seen, forgotten = flow.seen(), flow.forgotten
    return Played(
        seen.lines,
        counted,
        seen.services,
        seen.templates,
        forgotten.services,
        forgotten.templates,
        early or peak,
        peak,
        time.perf_counter() - begun,
    )


def resident() -> int:
    """Return the memory that this process holds, bytes."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


def report(played: Iterable[tuple[str, Played]]) -> Iterator[str]:
    """Yield a table, a row at a time."""
    yield f"{'log':32} {'lines':>11} {'services':>9} {'templates':>9} {'forgotten':>17} {'MiB':>13} {'lines/s':>8}"
    for name, each in played:
        lost = f"{each.services_forgotten} + {each.templates_forgotten}"
        memory = f"{each.early // MIB} -> {each.peak // MIB}"
        rate = each.lines / each.seconds
        yield (
            f"{name:32} {each.lines:>11,} {each.services:>9,} {each.templates:>9,} {lost:>17} {memory:>13} {rate:>8,.0f}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full counts")
    parser.add_argument("--lines", type=int, default=10_000_000, help="lines of the usual log")
    asked = parser.parse_args()
    found = dict[str, Played]()

    def run() -> Iterator[tuple[str, Played]]:
        usually = World(usual, asked.lines)
        for name, world in (*WORLDS.items(), ("as services write them", usually)):
            whole = asked.lines if world is usually else max(8, int(world.lines * asked.scale))
            found[name] = play(world, whole)
            yield name, found[name]

    for row in report(run()):
        print(row, flush=True)
    failed = [name for name, each in found.items() if not each.holds]
    flat = found["as services write them"]
    print(
        f"{len(found) - len(failed)} of {len(found)} logs hold, "
        f"memory over {flat.lines:,} usual lines {flat.early // MIB} -> {flat.peak // MIB} MiB"
        + (f"; not: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
