"""The same flow in a plain loop: no Bytewax, no socket, no stored state. For replays, tests and measurements.

Decoding, grouping, shards and detectors are those of the dataflow; only what carries them is missing.
Messages that do not decode are counted and not kept: the input stays where it was read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from models.sanitizer.gate import Gate
from storage.facts import BlockFacts
from storage.seal import KeyRing
from stream.field_settings import FieldSettings
from stream.fields import FieldRules
from stream.flow_settings import FlowSettings
from stream.grouping import Aside, CountedAside, Faults, Grouping
from stream.service_state import Tools
from stream.shard import Shard
from stream.spool import Block


@dataclass(frozen=True)
class PlainRun:
    """What a run saw; `names` are the raw names of its services."""

    blocks: int
    lines: int
    quarantined: int
    services: int
    templates: int
    names: tuple[str, ...]


class PlainFlow:
    """The flow as an object: `step` takes one block and returns its facts, in order of shards."""

    def __init__(
        self,
        settings: FlowSettings,
        fields: FieldSettings,
        gate: Gate,
        ring: KeyRing,
        aside: Aside | None = None,
    ) -> None:
        aside = aside or CountedAside()
        self._faults = Faults(settings.faults_per_minute)
        self._aside = aside
        self._seal = ring.seal("state")
        self._tools = Tools(settings, gate, ring.secret("template-id"))
        self._shards: dict[int, Shard] = {}
        self.grouping = Grouping(FieldRules(fields), aside, self._faults)
        self.forgotten = self._tools.forgotten

    def step(self, block: Block) -> list[BlockFacts]:
        """Take one block. Raises `TooManyFaults`."""
        return [
            found
            for item in self.grouping.split(block)
            # A tick goes to all shards; those that do not exist yet have nothing that could grow old.
            if item.shard in self._shards or item.lines or item.quarantined
            if (found := self.shard(item.shard).take(item)) is not None
        ]

    def shard(self, number: int) -> Shard:
        """Return a shard, made if nothing came for it so far."""
        shard = self._shards.get(number)
        if shard is None:
            shard = self._shards[number] = self._make(number, None)
        return shard

    def snapshots(self) -> dict[int, bytes]:
        """Return the sealed state of every shard."""
        return {number: shard.snapshot() for number, shard in self._shards.items()}

    def restore(self, states: dict[int, bytes]) -> None:
        """Go on from states that `snapshots` returned."""
        self._shards = {number: self._make(number, state) for number, state in states.items()}

    def seen(self) -> PlainRun:
        """Return what was seen so far."""
        grouping, shards = self.grouping, self._shards.values()
        return PlainRun(
            grouping.blocks,
            grouping.lines,
            grouping.quarantined,
            sum(map(len, shards)),
            sum(shard.templates for shard in shards),
            tuple(sorted(name for shard in shards for name in shard.names)),
        )

    def _make(self, number: int, state: bytes | None) -> Shard:
        return Shard(number, self._tools, self._seal, self._aside, self._faults, state)


def run_plain(
    blocks: Iterable[Block] | Iterator[Block],
    apply: Callable[[list[BlockFacts]], None],
    settings: FlowSettings,
    fields: FieldSettings,
    gate: Gate,
    ring: KeyRing,
) -> PlainRun:
    """Run `blocks` through the flow; `apply` is called once per block that has something to report."""
    flow = PlainFlow(settings, fields, gate, ring)
    for block in blocks:
        if facts := flow.step(block):
            apply(facts)
    return flow.seen()
