"""From blocks to what each shard has to take: decode, find the fields, group by service, and keep aside
what fails.

There are 64 fixed shards; a service's is a checksum of its name, so keys in the recovery store tell no
names and never grow. A block becomes at most one item per shard. A tick goes to all of them.

Nothing that a message holds can stop the flow: what does not decode, and what our own code fails on, is
kept aside sealed, and the rest of the block goes on. If our own code fails on many messages within a minute
of spool time the flow stops instead (`TooManyFaults`): then the messages are better kept in the spool until
it is mended.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import MaydayError
from models.recent import Recent
from models.sanitizer.guard import guarded
from stream.decode import decode
from stream.fields import FieldRules, Lines, columns
from stream.flow_errors import TooManyFaults
from stream.moments import MINUTE_NS
from stream.spool import Block, Entry, Kind, Quarantined

LOG = logging.getLogger(__name__)
SHARDS: Final = 64
FAULT: Final = "fault"
UNKNOWN_CONTROL: Final = "unknown_control"
_KEYS: Final = tuple(f"{shard:02d}" for shard in range(SHARDS))


class Control(BaseModel):
    """A control entry of the spool."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    control: Literal["tick"]


class ShardBlock(NamedTuple):
    """What one block holds for one shard; `lines` has one entry per service, in order of first appearance."""

    shard: int
    block: int
    received_ns: int
    lines: tuple[Lines, ...] = ()
    tick: bool = False
    quarantined: int = 0
    series: str = ""


class Aside(Protocol):
    """Where messages are kept that could not be used."""

    def add(self, items: Iterable[Quarantined]) -> int: ...
    def forget(self, now_ns: int) -> int: ...


class CountedAside:
    """An `Aside` that keeps nothing: for replays, whose input stays where it was read from."""

    def add(self, items: Iterable[Quarantined]) -> int:
        return len(list(items))

    def forget(self, now_ns: int) -> int:
        del now_ns
        return 0


class Faults:
    """Counts failures of our own code per minute of spool time. Raises `TooManyFaults` above the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = 0
        self._count = 0
        self.total = 0

    def add(self, received_ns: int, error: MaydayError) -> None:
        """Note one failure and say so in our log, without a word of the message."""
        minute = received_ns // MINUTE_NS
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        self.total += 1
        LOG.error("stream: a message was kept aside: %s", error)
        if self._count > self._limit:
            raise TooManyFaults(
                f"{self._count} messages failed in our own code within a minute", hint=TooManyFaults.remedy
            )


def shard_of(service: str) -> int:
    """Return the shard of a service: the same in every process and version.

    >>> shard_of("billing"), key_of(shard_of("billing"))
    (42, '42')
    """
    return zlib.crc32(service.encode("utf-8", "surrogatepass")) % SHARDS


def key_of(shard: int) -> str:
    """Return the key under which a shard's state is kept."""
    return _KEYS[shard]


class Grouping:
    """Turns blocks into items for the shards. Holds no state that an item depends on."""

    def __init__(self, rules: FieldRules, aside: Aside, faults: Faults) -> None:
        self._rules, self._aside, self.faults = rules, aside, faults
        self._shards = Recent[str, int](8192)
        self._forgot_ns = 0
        self.lines = 0
        self.blocks = 0
        self.quarantined = 0

    def __call__(self, blocks: Sequence[Block]) -> list[tuple[str, ShardBlock]]:
        """Return (key, item) for every shard that a block touches, in the order of blocks."""
        return [(key_of(item.shard), item) for block in blocks for item in self.split(block)]

    def split(self, block: Block) -> list[ShardBlock]:
        """Return the items of one block. Raises `TooManyFaults`, and `SpoolError` when nothing can be kept
        aside."""
        services: dict[str, Lines] = {}
        aside: list[Quarantined] = []
        tick = False
        for part, entry in enumerate(block.entries):
            if entry.kind == Kind.CONTROL:
                reason = _control(entry)
                tick = tick or reason is None
            else:
                reason = self._read(entry, services)
            if reason is not None:
                aside.append(Quarantined(block.seq, part, block.received_ns, reason, entry, block.series))
        if aside:
            self._aside.add(aside)
            self.quarantined += len(aside)
        if tick:
            self._forget(block.received_ns)
        self.blocks += 1
        return self._items(block, services, tick, len(aside))

    def _read(self, entry: Entry, services: dict[str, Lines]) -> str | None:
        """Add the lines of `entry`; return why (all or part of) it is to be kept aside."""
        try:
            with guarded("decoding a message"):
                decoded = decode(entry, self._rules.settings.limits)
                found = columns(decoded.records, entry, self._rules)
        except MaydayError as error:
            self.faults.add(entry.received_ns, error)
            return FAULT
        for lines in found:
            self.lines += len(lines)
            before = services.get(lines.service)
            if before is None:
                services[lines.service] = lines
            else:
                before.add(lines)
        return decoded.quarantine

    def _items(
        self, block: Block, services: dict[str, Lines], tick: bool, quarantined: int
    ) -> list[ShardBlock]:
        by_shard: dict[int, list[Lines]] = {}
        for lines in services.values():
            by_shard.setdefault(self._shard_of(lines.service), []).append(lines)
        if quarantined:
            by_shard.setdefault(0, [])
        touched = range(SHARDS) if tick else sorted(by_shard)
        return [
            ShardBlock(
                shard,
                block.seq,
                block.received_ns,
                tuple(by_shard.get(shard, ())),
                tick,
                quarantined if shard == 0 else 0,
                block.series,
            )
            for shard in touched
        ]

    def _shard_of(self, service: str) -> int:
        known = self._shards.get(service)
        if known is None:
            known = shard_of(service)
            self._shards.put(service, known)
        return known

    def _forget(self, now_ns: int) -> None:
        """Once an hour of spool time, let go of what was kept aside for long enough."""
        if now_ns - self._forgot_ns >= 60 * MINUTE_NS:
            self._forgot_ns = now_ns
            self._aside.forget(now_ns)


def _control(entry: Entry) -> str | None:
    """Return None for a tick, else the reason to keep the entry aside."""
    try:
        Control.model_validate_json(entry.raw)
    except ValidationError:
        return UNKNOWN_CONTROL
    return None
