"""The Bytewax dataflow: spool ▶ decode and group ▶ 64 shards of service state ▶ facts.

A thin adapter: the source, the grouping, the shards and the delivery are plain classes that `stream.plain`
runs without Bytewax. The unit of work is a block; a step costs a few microseconds per block, not per line.

The names of the steps are part of the stored state: changing one loses it, so a test keeps them as they
are. The output is a `FixedPartitionedSink`: with any other kind a crash loses what is between the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from models.sanitizer.guard import guarded
from storage.facts import BlockFacts
from stream.flow_status import Progress
from stream.grouping import Grouping, ShardBlock
from stream.shard import Shard
from stream.sink import FactsSink
from stream.source import SpoolSource
from stream.spool import Block

FLOW_ID: Final = "mayday"
SPOOL_STEP: Final = "spool"
GROUP_STEP: Final = "group"
SHARD_STEP: Final = "shard"
FACTS_STEP: Final = "facts"

MakeShard = Callable[[int, bytes | None], Shard]
ShardState = tuple[int, bytes]
"""Number of the shard and its sealed state; Bytewax does not tell a logic its key."""


class ShardLogic(op.StatefulBatchLogic[ShardBlock, BlockFacts, ShardState]):
    """One shard as Bytewax wants it."""

    def __init__(self, make_shard: MakeShard, progress: Progress, state: ShardState | None) -> None:
        self._make_shard, self._progress = make_shard, progress
        self._shard: Shard | None = None
        if state is not None:
            with guarded("reading the state of a shard"):
                self._shard = make_shard(*state)
                self._note(self._shard)

    def on_batch(self, values: list[ShardBlock]) -> tuple[list[BlockFacts], bool]:
        with guarded("taking a block"):
            if self._shard is None:
                self._shard = self._make_shard(values[0].shard, None)
            facts = [found for item in values if (found := self._shard.take(item)) is not None]
            self._note(self._shard)
        return facts, False

    def on_eof(self) -> tuple[list[BlockFacts], bool]:
        """Keep the state: a stop is not the end of the stream."""
        return [], False

    def snapshot(self) -> ShardState:
        assert self._shard is not None  # a logic exists because of a state or of an item
        with guarded("storing the state of a shard"):
            return self._shard.number, self._shard.snapshot()

    def _note(self, shard: Shard) -> None:
        self._progress.services[shard.number] = len(shard)
        self._progress.templates[shard.number] = shard.templates


def build(
    source: SpoolSource, grouping: Grouping, make_shard: MakeShard, sink: FactsSink, progress: Progress
) -> Dataflow:
    """Return the dataflow. `make_shard(number, state)` makes a shard, from its stored state if there is
    one."""

    def group(blocks: Sequence[Block]) -> list[tuple[str, ShardBlock]]:
        with guarded("grouping a block"):
            found = grouping(blocks)
            progress.blocks, progress.lines = grouping.blocks, grouping.lines
            progress.quarantined, progress.faults = grouping.quarantined, grouping.faults.total
        return found

    def logic(state: ShardState | None) -> ShardLogic:
        return ShardLogic(make_shard, progress, state)

    flow = Dataflow(FLOW_ID)
    blocks = op.input(SPOOL_STEP, flow, source)
    grouped = op.flat_map_batch(GROUP_STEP, blocks, group)
    facts = op.stateful_batch(SHARD_STEP, grouped, logic)
    op.output(FACTS_STEP, facts, sink)
    return flow
