"""What Bytewax costs: the dataflow beside the same work in a plain loop, over the same spool in the same run.

    python -m benchmarks.overhead [--lines 100000] [--rounds 3]

Both read the blocks of one spool, group them, take them through the shards, hand the facts over one request at a time, and
store the sealed state of every shard every `[stream] epoch_seconds`. One does it as Bytewax's steps with its recovery store,
the other as a loop that writes the states to a file and syncs it. What they hand over goes nowhere, because the command center
costs both the same. They take turns; the best round of each counts, in CPU seconds of the whole process.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path

from rich.console import Console

from benchmarks.stages import SERVICE, framed, spooled, wire
from benchmarks.throughput import inputs
from models.clock import system_clock
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.seal import KeyRing
from stream.collector import Collector
from stream.field_settings import FieldSettings
from stream.flow_settings import FlowSettings
from stream.plain import PlainFlow
from stream.receivers.settings import ReceiveSettings
from stream.run import run_stream
from stream.sink import Delivered, Delivery
from stream.spool import SpoolReader, mark_consumed

Run = Callable[[Layout, KeyRing, Gate], int]


class Counted:
    """Takes facts and keeps no more than the number of their lines."""

    def __init__(self) -> None:
        self.lines = 0

    def __call__(self, facts: Sequence[BlockFacts]) -> None:
        self.lines += sum(traffic.lines for report in facts for traffic in report.traffic)


def in_bytewax(layout: Layout, ring: KeyRing, gate: Gate) -> int:
    """Run the dataflow over the spool to its end; returns the lines it handed over."""
    counted = Counted()
    run_stream(
        FlowSettings(),
        FieldSettings(),
        layout,
        ring,
        gate,
        system_clock,
        threading.Event(),
        send=counted,
        until_end=True,
    )
    return counted.lines


def in_a_loop(layout: Layout, ring: KeyRing, gate: Gate) -> int:
    """Do the same in a plain loop."""
    settings, counted = FlowSettings(), Counted()
    flow = PlainFlow(settings, FieldSettings(), gate, ring)
    delivery, delivered = Delivery(counted, threading.Event()), Delivered("0" * 32, 0)
    states = layout.root / "plain-states"
    with Collector(time.perf_counter) as collector, SpoolReader(layout.spool, ring) as reader:
        stored_at = time.monotonic()
        while blocks := reader.read(settings.blocks_per_poll):
            for block in blocks:
                if facts := flow.step(block):
                    delivered = delivery.deliver(facts, delivered)
            if time.monotonic() - stored_at >= settings.epoch_seconds:
                store(states, flow.snapshots())
                mark_consumed(layout.spool, blocks[-1].after)
                collector.collect()
                stored_at = time.monotonic()
        store(states, flow.snapshots())
    return counted.lines


def store(path: Path, states: dict[int, bytes]) -> None:
    """Write the sealed states of the shards and sync them."""
    with path.open("wb") as file:
        pickle.dump(states, file)
        file.flush()
        os.fsync(file.fileno())


def measured(run: Run, lines: list[str], ring: KeyRing, gate: Gate) -> float:
    """Return the CPU seconds of one run over a spool of its own. Raises `RuntimeError` if a line is missing."""
    with tempfile.TemporaryDirectory(prefix="mayday-overhead-") as place:
        layout = Layout(Path(place)).prepare()
        spooled(layout.spool, ring, framed(wire(lines), ReceiveSettings()))
        began = time.process_time()
        handed_over = run(layout, ring, gate)
        spent = time.process_time() - began
        shutil.rmtree(layout.recovery, ignore_errors=True)
    if handed_over != len(lines):
        raise RuntimeError(f"{len(lines)} lines went in, {handed_over} were handed over")
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description="Bytewax beside a plain loop.")
    parser.add_argument("--lines", type=int, default=100_000, help="lines of each set")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, the best counts")
    options = parser.parse_args()
    console = Console(stderr=True)
    ring = KeyRing(random.Random(1).randbytes(32))
    gate = Gate(Vocabulary.base(), names=[SERVICE], key=ring.secret("names"))
    print(f"{'set':<12}{'plain loop':>14}{'Bytewax':>14}{'more':>8}")
    ratios: list[float] = []
    for name, lines in inputs(options.lines):
        plain, bytewax = list[float](), list[float]()
        for number in range(1, options.rounds + 1):
            plain.append(measured(in_a_loop, lines, ring, gate))
            bytewax.append(measured(in_bytewax, lines, ring, gate))
            console.print(f"{name}, round {number} of {options.rounds}", style="dim")
        ratios.append(min(bytewax) / min(plain))
        each = "".join(f"{min(spent) / len(lines) * 1e6:>11.2f} us" for spent in (plain, bytewax))
        print(f"{name:<12}{each}{ratios[-1] - 1:>8.1%}", flush=True)
    mean = prod(ratios) ** (1 / len(ratios))
    print(
        f"Bytewax takes {mean - 1:.1%} more CPU than a plain loop as the geometric mean of {len(ratios)} sets, worst "
        f"{max(ratios) - 1:.1%} ({options.lines} lines each, best of {options.rounds})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
