"""Where the time of a line goes: every stage of the path alone, on the same lines, in one process.

    python -m benchmarks.stages [--lines 100000] [--rounds 3]

A table per set of lines: microseconds per line and share, the best of the rounds. Stages run one after the other on what the
stage before them made, with the collector in the hands of the product's own `Collector`, so the sum is the work of a line;
the running system does it in three processes side by side. The spool's time is the wall's and holds its syncs.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgpack

from benchmarks.throughput import inputs, packed
from models.clock import system_clock
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from models.templates import TemplateMiner
from storage.apply import apply_facts
from storage.database import Database
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.seal import KeyRing
from storage.wire import pack, unpack
from stream.collector import Collector
from stream.decode import LogRecord, decode
from stream.field_settings import FieldSettings
from stream.fields import FieldRules, Lines, columns
from stream.flow_settings import FlowSettings
from stream.grouping import ShardBlock
from stream.plain import PlainFlow
from stream.receivers.framing import Framer
from stream.receivers.settings import ReceiveSettings
from stream.shard import Shard
from stream.spool import Block, Entry, Kind, SpoolReader, SpoolSettings, SpoolWriter

T = TypeVar("T")
SERVICE = "billing"


class Stopwatch:
    """Seconds by stage."""

    def __init__(self, collector: Collector) -> None:
        self.seconds: dict[str, float] = {}
        self._collector = collector

    def __call__(self, stage: str, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = work()
        self.seconds[stage] = time.perf_counter() - began
        self._collector.collect()
        return result


def wire(lines: list[str]) -> list[bytes]:
    """Return the Forward messages that carry `lines`."""
    return [
        bytes(msgpack.packb(["clinic.billing", entries, {"size": count, "chunk": f"c{number}"}]))
        for number, (entries, count) in enumerate(packed(lines))
    ]


def framed(messages: list[bytes], settings: ReceiveSettings) -> list[Entry]:
    """Cut the byte stream into messages, as a connection does."""
    framer = Framer(max_message=settings.max_message_bytes, max_tag=settings.max_tag_bytes)
    entries = []
    for raw in messages:
        framer.feed(raw)
        entries += [
            Entry(Kind.FORWARD, time.time_ns(), "agent-1", "", found.tag, found.chunk, {}, found.raw)
            for found in framer.messages()
        ]
    return entries


def spooled(directory: Path, ring: KeyRing, entries: list[Entry]) -> None:
    """Seal, write and sync all entries."""
    with SpoolWriter.open(directory, ring, SpoolSettings(), system_clock) as writer:
        for future in [writer.append(entry) for entry in entries]:
            future.result()


def read_back(directory: Path, ring: KeyRing) -> list[Block]:
    """Read and open all blocks."""
    found: list[Block] = []
    with SpoolReader(directory, ring) as reader:
        while blocks := reader.read(64):
            found += blocks
    return found


def taken(shard: Shard, items: list[ShardBlock]) -> list[BlockFacts]:
    """Let a shard take all items and return what it reports."""
    return [made for item in items if (made := shard.take(item)) is not None]


def stored(database: Database, arrived: list[list[BlockFacts]]) -> None:
    """Apply the reports in transactions of as many blocks as the stream takes up at once."""
    at_once = FlowSettings().blocks_per_poll
    reports = [report for found in arrived for report in found]
    for first in range(0, len(reports), at_once):
        some = reports[first : first + at_once]
        database.write(partial(apply_facts, facts=some))


def once(lines: list[str], place: Path, watch: Stopwatch) -> None:
    """Take `lines` through all stages."""
    layout, rules = Layout(place).prepare(), FieldRules(FieldSettings())
    ring = KeyRing(random.Random(1).randbytes(32))
    gate = Gate(Vocabulary.base(), names=[SERVICE], key=ring.secret("names"))
    messages = wire(lines)
    entries = watch("frame", lambda: framed(messages, ReceiveSettings()))
    watch("seal, write, sync", lambda: spooled(layout.spool, ring, entries))
    blocks = watch("read, open", lambda: read_back(layout.spool, ring))
    whole = [entry for block in blocks for entry in block.entries]
    records: list[list[LogRecord]] = watch(
        "decode", lambda: [decode(entry, rules.settings.limits).records for entry in whole]
    )
    read: list[list[Lines]] = watch(
        "fields", lambda: [columns(found, entry, rules) for found, entry in zip(records, whole, strict=True)]
    )
    miner = TemplateMiner(SERVICE, ring.secret("template-id"))
    watch("templates", lambda: [miner.learn_many(one.text) for found in read for one in found])
    flow = PlainFlow(FlowSettings(), FieldSettings(), gate, ring)
    shard = flow.shard(0)
    items = [
        ShardBlock(0, number, whole[number].received_ns, tuple(found)) for number, found in enumerate(read)
    ]
    facts: list[BlockFacts] = watch("windows, detectors, gate", lambda: taken(shard, items))
    watch.seconds["windows, detectors, gate"] -= watch.seconds["templates"]  # a shard mines as well
    sent = watch("pack facts", lambda: [pack([one]) for one in facts])
    arrived = watch("unpack, check facts", lambda: [unpack(data, gate) for data in sent])
    database = Database.open(layout, ring, system_clock)
    try:
        watch("store", lambda: stored(database, arrived))
    finally:
        database.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Microseconds per line of every stage.")
    parser.add_argument("--lines", type=int, default=100_000, help="lines of each set")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, the best of each stage counts")
    options = parser.parse_args()
    with Collector(time.perf_counter) as collector:
        for name, lines in inputs(options.lines):
            best: dict[str, float] = {}
            for _ in range(options.rounds):
                watch = Stopwatch(collector)
                with tempfile.TemporaryDirectory(prefix="mayday-stages-") as place:
                    once(lines, Path(place), watch)
                best = {
                    stage: min(seconds, best.get(stage, seconds)) for stage, seconds in watch.seconds.items()
                }
            total = sum(best.values())
            print(
                f"{name}: {total / len(lines) * 1e6:.2f} us per line ({len(lines)} lines, best of {options.rounds})"
            )
            for stage, seconds in best.items():
                print(
                    f"  {stage:<26}{seconds / len(lines) * 1e6:>8.2f} us{seconds / total:>8.0%}", flush=True
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
