"""One of the 64 shards: the services whose names fall into it, and what it reports about each block.

State is one sealed value per shard: a list of services, each compressed, under one schema version. The
number of services is bounded; the one that has been quiet for longest is forgotten (it is met anew when it
speaks again, with the same template ids).

A failure of our own code on the lines of one service is contained: the lines are kept aside, sealed, the
state of that service begins anew, since it may be half changed, and the other services of the block are not
touched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import msgpack

from models.errors import MaydayError
from models.sanitizer.guard import guarded
from storage.facts import BlockFacts
from storage.seal import Seal
from stream.flow_errors import StateUnreadable
from stream.grouping import FAULT, Aside, Faults, ShardBlock, key_of
from stream.moments import moment
from stream.service_facts import ServiceFacts
from stream.service_state import ServiceState, Tools
from stream.spool import Entry, Kind, Quarantined

SCHEMA: Final = 1
_ROOM: Final = 1 << 15
_PART: Final = 1 << 24
"""Parts of a block that are no entries of it: lines kept aside by a shard are numbered from here."""


class Shard:
    """Services of one shard. `state` is what `snapshot` returned, None to begin with nothing."""

    def __init__(
        self, number: int, tools: Tools, seal: Seal, aside: Aside, faults: Faults, state: bytes | None = None
    ) -> None:
        self.number = number
        self._tools, self._seal, self._aside, self._faults = tools, seal, aside, faults
        self._services: OrderedDict[str, ServiceState] = OrderedDict()
        if state is not None:
            self._load(state)

    def __len__(self) -> int:
        return len(self._services)

    @property
    def templates(self) -> int:
        """Number of templates of all its services."""
        return sum(service.templates for service in self._services.values())

    @property
    def names(self) -> list[str]:
        """Raw names of its services."""
        return list(self._services)

    def take(self, item: ShardBlock) -> BlockFacts | None:
        """Take one block; return what is to be reported, None if that is nothing."""
        facts = ServiceFacts()
        quarantined = item.quarantined
        for place, lines in enumerate(item.lines):
            if not len(lines):
                continue
            quarantined += self._make_room(lines.service, item, place, facts)
            waited = self._waiting(lines.service)
            try:
                with guarded("learning the lines of a service"):
                    found = self._service(lines.service).take(lines, *self._of(item))
            except MaydayError as error:
                quarantined += self._keep_aside(item, place, lines.service, [*waited, *lines.text], error)
                continue
            facts.add(found)
        if item.tick:
            for place, name in enumerate(list(self._services), len(item.lines)):
                waited = self._waiting(name)
                try:
                    with guarded("letting time go on for a service"):
                        ticked = self._services[name].tick(*self._of(item))
                except MaydayError as error:
                    quarantined += self._keep_aside(item, place, name, waited, error)
                else:
                    facts.add(ticked)
        if not (facts.traffic or facts.patterns or facts.signals or quarantined):
            return None
        return BlockFacts(
            series=item.series,
            shard=self.number,
            block=item.block,
            received_at=moment(item.received_ns),
            counts=tuple(facts.counts),
            traffic=tuple(facts.traffic),
            patterns=tuple(facts.patterns),
            errors=tuple(facts.errors),
            signals=tuple(facts.signals),
            quarantined=quarantined,
            late=facts.late,
        )

    def snapshot(self) -> bytes:
        """Return the sealed state; nothing changes the bytes afterwards."""
        state = {"schema": SCHEMA, "services": [service.dump() for service in self._services.values()]}
        return self._seal.seal(msgpack.packb(state), self._context())

    def _load(self, state: bytes) -> None:
        stored: dict[str, Any] = msgpack.unpackb(self._seal.open(state, self._context()))
        if stored.get("schema") != SCHEMA:
            raise StateUnreadable("the state of a shard has another version", hint=StateUnreadable.remedy)
        for packed in stored["services"]:
            service = ServiceState.load(packed, self._tools)
            self._services[service.name] = service

    def _of(self, item: ShardBlock) -> tuple[int, int, int, str]:
        return self.number, item.block, item.received_ns, item.series

    def _service(self, name: str) -> ServiceState:
        service = self._services.get(name)
        if service is None:
            service = self._services[name] = ServiceState(name, self._tools)
        else:
            self._services.move_to_end(name)
        return service

    def _waiting(self, name: str) -> list[str]:
        """Return the lines of a service that wait: counted nowhere yet."""
        service = self._services.get(name)
        return [] if service is None else service.held

    def _make_room(self, name: str, item: ShardBlock, place: int, facts: ServiceFacts) -> int:
        """Forget the quietest services where a new one needs room, after what waits in them was learnt.

        Returns how often something was kept aside instead.
        """
        failed = 0
        while name not in self._services and len(self._services) >= self._tools.settings.services_per_shard:
            quietest = next(iter(self._services))
            service, waited = self._services[quietest], self._waiting(quietest)
            try:
                with guarded("learning the last lines of a service"):
                    facts.add(service.close(*self._of(item)))
            except MaydayError as error:
                failed += self._keep_aside(item, _ROOM + place, quietest, waited, error)
            self._services.pop(quietest, None)
            self._tools.forgotten.service(service.safe_name, item.received_ns)
        return failed

    def _keep_aside(
        self, item: ShardBlock, place: int, name: str, texts: Sequence[str], error: MaydayError
    ) -> int:
        """Forget a service and keep lines of it aside, those that waited too; return how many messages that makes."""
        self._services.pop(name, None)
        self._faults.add(item.received_ns, error)
        if not texts:
            return 0
        raw = "\n".join(texts).encode("utf-8", "surrogatepass")
        entry = Entry(Kind.TEXT, item.received_ns, "", "", name, None, {}, raw)
        part = _PART + (self.number << 16) + place
        self._aside.add([Quarantined(item.block, part, item.received_ns, FAULT, entry, item.series)])
        return 1

    def _context(self) -> bytes:
        return b"shard " + key_of(self.number).encode()
