"""What tests of the dataflow share: a spool that is written, a flow that crashes where it is told, and the plain loop beside it."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bytewax.inputs import AbortExecution
from bytewax.recovery import RecoveryConfig
from bytewax.testing import cluster_main, run_main

from models.clock import FrozenClock
from models.sample_lines import sample_lines
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.seal import KeyRing
from stream.dataflow import build
from stream.field_settings import FieldSettings
from stream.fields import FieldRules
from stream.flow_settings import FlowSettings
from stream.flow_status import Progress
from stream.grouping import CountedAside, Faults, Grouping
from stream.plain import run_plain
from stream.service_state import Tools
from stream.shard import Shard
from stream.sink import Delivery, FactsSink
from stream.source import ResumeState, SpoolPartition, SpoolSource, bookmark_of
from stream.spool import (
    Block,
    Bookmark,
    Position,
    SpoolReader,
    SpoolSettings,
    SpoolWriter,
)
from stream.stored_state import prepared_recovery
from stream.testing import FactStore, garbage, line, message, seconds, tick

NOW = 1_772_420_400
RING = KeyRing(bytes(range(32)))
GATE = Gate(Vocabulary.base(), names=["api", "auth", "billing"])
MARK = "zorblaxia"


def write_spool(layout: Layout, blocks: int, *, first: int = 0, per_block: int = 30) -> None:
    """Write one block per second of event time, with errors, ticks, and a message that does not decode."""
    clock = FrozenClock(datetime.fromtimestamp(NOW + first, UTC))
    settings = SpoolSettings(commit_ms=0, quiet_ms=0, segment_bytes=1 << 16)
    with SpoolWriter.open(layout.spool, RING, settings, clock) as writer:
        for number in range(first, first + blocks):
            rng = random.Random(number)
            records = [
                line(
                    rng.choice(("api", "auth", "billing", f"unlisted-{MARK}")),
                    f"{text} {MARK}",
                    NOW + number + rng.uniform(-1, 0),
                    level=rng.choice(("INFO", "INFO", "ERROR")),
                )
                for text in sample_lines(per_block, seed=number, wild=0.05)
            ]
            now = seconds(NOW + number)
            writer.append(message(records, now)).result()
            if number % 5 == 0:
                writer.append(tick(now)).result()
            if number % 17 == 3:
                writer.append(garbage(now)._replace(chunk=f"c{number}")).result()
            clock.move(1)


def all_blocks(layout: Layout) -> list[Block]:
    with SpoolReader(layout.spool, RING) as reader:
        return reader.read(10_000)


def plain(layout: Layout) -> list[str]:
    """What the flow has to make of the spool."""
    found: list[BlockFacts] = []
    run_plain(all_blocks(layout), found.extend, FlowSettings(), FieldSettings(), GATE, RING)
    return [facts.model_dump_json() for facts in found]


class _Crashing(SpoolPartition):
    """Ends as hard as a kill (no snapshot, no end, nothing of this epoch is stored), or as when it is told to stop."""

    def __init__(self, source: CrashingSource, at: Bookmark | None) -> None:
        super().__init__(source, at)
        self._left, self._gently = source.polls, source.gently

    def next_batch(self) -> Sequence[Block]:
        if self._left == 0:
            if self._gently:
                raise StopIteration
            raise AbortExecution
        self._left -= 1
        return super().next_batch()


class CrashingSource(SpoolSource):
    polls = -1
    gently = False

    def build_part(self, step_id: str, for_part: str, resume_state: ResumeState | None) -> SpoolPartition:
        return _Crashing(self, bookmark_of(resume_state))


class Flow:
    """One state directory of the flow, run as often as a test likes."""

    def __init__(self, layout: Layout, home: Path, **settings: object) -> None:
        self.layout, self.settings = layout, FlowSettings.model_validate(settings)
        self.recovery = prepared_recovery(home / "recovery")
        self.store = FactStore(home / "facts.db")
        self.commits: list[Position] = []
        self.delivered = 0

    def run(
        self,
        polls: int = -1,
        epoch: timedelta = timedelta(0),
        *,
        gently: bool = False,
        workers: int = 1,
        addresses: Sequence[str] = (),
        process: int = 0,
    ) -> None:
        """Run to the end of the spool, or to a crash after `polls` polls, or gently to a stop.

        `workers` share one process, or each `process` of those that listen on `addresses` is one.
        """
        stop = threading.Event()
        clock = FrozenClock(datetime.fromtimestamp(NOW, UTC))
        progress = Progress(None, clock)
        aside, faults = CountedAside(), Faults(0)
        source = CrashingSource(
            lambda at: SpoolReader(self.layout.spool, RING, at),
            self.settings,
            progress,
            self.commits.append,
            stop,
            until_end=True,
        )
        source.polls, source.gently = polls, gently
        tools = Tools(self.settings, GATE, RING.secret("template-id"))
        flow = build(
            source,
            Grouping(FieldRules(FieldSettings()), aside, faults),
            lambda number, state: Shard(number, tools, RING.seal("state"), aside, faults, state),
            FactsSink(Delivery(self.store.send, stop)),
            progress,
        )
        config = RecoveryConfig(self.recovery)  # type: ignore[no-untyped-call]
        if workers == 1 and not addresses:
            run_main(flow, epoch_interval=epoch, recovery_config=config)  # type: ignore[no-untyped-call]
            return
        cluster_main(  # type: ignore[no-untyped-call]
            flow,
            list(addresses),
            process,
            epoch_interval=epoch,
            recovery_config=config,
            worker_count_per_proc=workers,
        )
