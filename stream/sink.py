"""Bytewax's sink: facts go to the command center, in order, and are applied there once per (shard, block).

While the command center is away the sink waits, and with it the flow: nothing is stored as done that was
not handed over. Told to stop meanwhile it raises; to return would commit what was never sent.

Each delivery ends with a mark, the number of the delivery, under a random id of this stored state. The number is part of
the state. So a database that does not know the mark of a state that is gone on from is not the one that took what
was handed over: it was made anew or restored from an older copy, and going on would leave lines uncounted in silence
(`DatabaseBehind`).

One delivery is under way while the flow works on the next blocks, so the two processes work side by side. Bytewax
asks the sink for its state before it stores an epoch: there the delivery is waited for, and its failure is raised.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from models.sanitizer.guard import guarded
from storage.errors import StoreTimeout, StoreUnavailable
from storage.facts import HANDOVER, BlockFacts
from stream.flow_errors import DatabaseBehind, RecoveryDamaged, StreamStopped

LOG = logging.getLogger(__name__)
PARTITION: Final = "facts"
AT_ONCE: Final = 512
"""Reports per request: some hundred kB, a few ms of the command center's time each."""
_STREAM: Final = re.compile("[0-9a-f]{32}")
_SHORTEST_S, _LONGEST_S = 0.05, 2.0

Send = Callable[[Sequence[BlockFacts]], Mapping[str, Any]]
"""Applies reports and returns how many were `new`, as `StoreClient.send_facts`."""


SinkState = tuple[str, int]
"""A `Delivered` as it is stored."""


class Delivered(NamedTuple):
    """How far a stream has handed over: a random id, and the number of its newest delivery."""

    stream: str
    number: int

    @classmethod
    def of(cls, state: SinkState) -> Delivered:
        """Return what a stored state says. Raises `RecoveryDamaged` when it cannot be one."""
        match state:
            case (str(stream), int(number)) if _STREAM.fullmatch(stream) and number >= 0:
                return cls(stream, number)
        raise RecoveryDamaged("the stored number of the delivery was altered", hint=RecoveryDamaged.remedy)

    def following(self) -> Delivered:
        """Return what stands after one more delivery."""
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

    def deliver(self, facts: Sequence[BlockFacts], mark: BlockFacts | None = None) -> None:
        """Return when all of `facts`, and `mark` behind them, are applied. Raises `StreamStopped`, and what the
        command center refuses."""
        ordered = sorted(facts, key=lambda report: (report.block, report.shard))
        if mark is not None:
            ordered.append(mark)
        for first in range(0, len(ordered), AT_ONCE):
            self._deliver(ordered[first : first + AT_ONCE])

    def check(self, delivered: Delivered) -> None:
        """Return when the command center has said that it took what was delivered. Raises `DatabaseBehind` and as
        `deliver` does. A mark that it did not know is of a state that nobody goes on from.
        """
        if delivered.number and self._deliver([delivered.mark()]).get("new"):
            raise DatabaseBehind(
                "the database does not hold what this stream has handed over", hint=DatabaseBehind.remedy
            )

    def _deliver(self, facts: Sequence[BlockFacts]) -> Mapping[str, Any]:
        delay, away = _SHORTEST_S, False
        while True:
            try:
                answer = self._send(facts)
            except (StoreUnavailable, StoreTimeout) as error:
                if not away:
                    LOG.warning("stream: the command center is away (%s); %d reports wait", error, len(facts))
                    away = True
                self._waiting()
            else:
                if away:
                    LOG.info("stream: the command center is back")
                return answer
            if self._stop.wait(delay):
                raise StreamStopped("the stream stopped while facts were waiting", hint=StreamStopped.remedy)
            delay = min(2 * delay, _LONGEST_S)


class FactsPartition(StatefulSinkPartition[BlockFacts, SinkState]):
    """The one partition of the sink."""

    def __init__(self, delivery: Delivery, delivered: Delivered) -> None:
        self._delivery, self._delivered = delivery, delivered
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="facts")
        self._under_way: Future[None] | None = None

    def write_batch(self, values: Sequence[BlockFacts]) -> None:
        self._settle()
        self._delivered = self._delivered.following()
        self._under_way = self._sender.submit(self._delivery.deliver, list(values), self._delivered.mark())

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
                under_way.result()


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
        delivered = Delivered.of(resume_state)
        with guarded("asking the command center what it holds"):
            self._delivery.check(delivered)
        return FactsPartition(self._delivery, delivered)
