"""Bytewax's sink: facts go to the command center, in order, and are applied there once per (shard, block).

While the command center is away the sink waits, and with it the flow: nothing is stored as done that was
not handed over. Told to stop meanwhile it raises; to return would commit what was never sent.

Each request ends with a mark, its number under a random id of this stored state, and the number is part of the state. A
database that lacks the number before is not the one that took what was handed over: it was made anew or restored from
an older copy. It refuses the request (`DatabaseBehind`), now and whenever it is sent again.

One delivery is under way while the flow works on the next blocks, so the two processes work side by side. Bytewax
asks the sink for its state before it stores an epoch: there the delivery is waited for, and its failure is raised.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, NamedTuple

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from models.sanitizer.guard import guarded
from storage.errors import StoreTimeout, StoreUnavailable
from storage.facts import HANDOVER, BlockFacts
from storage.parts import requests
from stream.flow_errors import RecoveryDamaged, StreamStopped

LOG = logging.getLogger(__name__)
PARTITION: Final = "facts"
_STREAM: Final = re.compile("[0-9a-f]{32}")
_SHORTEST_S, _LONGEST_S = 0.05, 2.0

Send = Callable[[Sequence[BlockFacts]], object]

SinkState = tuple[str, int]
"""A `Delivered` as it is stored."""


class Delivered(NamedTuple):
    """How far a stream has handed over: a random id, and the number of its newest request."""

    stream: str
    number: int

    @classmethod
    def of(cls, state: SinkState) -> Delivered:
        """Return what a stored state says. Raises `RecoveryDamaged` when it cannot be one."""
        match state:
            case (str(stream), int(number)) if _STREAM.fullmatch(stream) and number >= 0:
                return cls(stream, number)
        raise RecoveryDamaged(
            "the stored number of what was handed over was altered", hint=RecoveryDamaged.remedy
        )

    def following(self) -> Delivered:
        """Return what stands after one more request."""
        return self._replace(number=self.number + 1)

    def mark(self) -> BlockFacts:
        """Return the report that stands for it."""
        never = datetime.fromtimestamp(0, UTC)
        return BlockFacts(series=self.stream, shard=HANDOVER, block=self.number, received_at=never)


class Delivery:
    """Sends reports in order, as often as it takes. `waiting` is called whenever the command center is
    away."""

    def __init__(self, send: Send, stop: threading.Event, waiting: Callable[[], None] = lambda: None) -> None:
        self._send, self._stop, self._waiting = send, stop, waiting

    def deliver(self, facts: Sequence[BlockFacts], delivered: Delivered) -> Delivered:
        """Return what has been delivered once all of `facts`, and at least one mark, are applied.

        Raises `StreamStopped`, and what the command center refuses.
        """
        for together in requests(facts) if facts else ((),):
            delivered = delivered.following()
            self._deliver([*together, delivered.mark()])
        return delivered

    def _deliver(self, facts: Sequence[BlockFacts]) -> None:
        delay, away = _SHORTEST_S, False
        while True:
            try:
                self._send(facts)
            except (StoreUnavailable, StoreTimeout) as error:
                if not away:
                    LOG.warning("stream: the command center is away (%s); %d reports wait", error, len(facts))
                    away = True
                self._waiting()
            else:
                if away:
                    LOG.info("stream: the command center is back")
                return
            if self._stop.wait(delay):
                raise StreamStopped("the stream stopped while facts were waiting", hint=StreamStopped.remedy)
            delay = min(2 * delay, _LONGEST_S)


class FactsPartition(StatefulSinkPartition[BlockFacts, SinkState]):
    """The one partition of the sink."""

    def __init__(self, delivery: Delivery, delivered: Delivered) -> None:
        self._delivery, self._delivered = delivery, delivered
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="facts")
        self._under_way: Future[Delivered] | None = None

    def write_batch(self, values: Sequence[BlockFacts]) -> None:
        self._settle()
        self._under_way = self._sender.submit(self._delivery.deliver, list(values), self._delivered)

    def snapshot(self) -> SinkState:
        """Return once everything is applied: what stands in an epoch's stored state has been handed over."""
        self._settle()
        return (self._delivered.stream, self._delivered.number)

    def close(self) -> None:
        try:
            self._settle()
        finally:
            self._sender.shutdown()

    def _settle(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            with guarded("handing facts to the command center"):
                self._delivered = under_way.result()


class FactsSink(FixedPartitionedSink[BlockFacts, SinkState]):
    """The command center as a sink. `draw` gives the id of a stream that has none yet: 32 hexadecimal digits."""

    def __init__(self, delivery: Delivery, draw: Callable[[], str] = lambda: secrets.token_hex(16)) -> None:
        self._delivery, self._draw = delivery, draw

    def list_parts(self) -> list[str]:
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: SinkState | None) -> FactsPartition:
        del step_id, for_part
        if resume_state is None:
            return FactsPartition(self._delivery, Delivered(self._draw(), 0))
        with guarded("asking the command center whether it holds what was handed over"):
            delivered = self._delivery.deliver((), Delivered.of(resume_state))
        return FactsPartition(self._delivery, delivered)
