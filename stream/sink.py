"""Bytewax's sink: facts go to the command center, in order, and are applied there once per (shard, block).

While the command center is away the sink waits, and with it the flow: nothing is stored as done that was
not handed over. Told to stop meanwhile it raises; to return would commit what was never sent.

One delivery is under way while the flow works on the next blocks, so the two processes work side by side. Bytewax
asks the sink for its state before it stores an epoch: there the delivery is waited for, and its failure is raised.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from models.sanitizer.guard import guarded
from storage.errors import StoreTimeout, StoreUnavailable
from storage.facts import BlockFacts
from stream.flow_errors import StreamStopped

LOG = logging.getLogger(__name__)
PARTITION: Final = "facts"
AT_ONCE: Final = 512
"""Reports per request: some hundred kB, a few ms of the command center's time each."""
_SHORTEST_S, _LONGEST_S = 0.05, 2.0

Send = Callable[[Sequence[BlockFacts]], object]


class Delivery:
    """Sends reports in order, as often as it takes. `waiting` is called whenever the command center is
    away."""

    def __init__(self, send: Send, stop: threading.Event, waiting: Callable[[], None] = lambda: None) -> None:
        self._send, self._stop, self._waiting = send, stop, waiting

    def deliver(self, facts: Sequence[BlockFacts]) -> None:
        """Return when all of `facts` are applied. Raises `StreamStopped`, and what the command center
        refuses."""
        ordered = sorted(facts, key=lambda report: (report.block, report.shard))
        for first in range(0, len(ordered), AT_ONCE):
            self._deliver(ordered[first : first + AT_ONCE])

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


class FactsPartition(StatefulSinkPartition[BlockFacts, None]):
    """The one partition of the sink. It has no state: the receiving side knows what it has applied."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="facts")
        self._under_way: Future[None] | None = None

    def write_batch(self, values: Sequence[BlockFacts]) -> None:
        self._settle()
        self._under_way = self._sender.submit(self._delivery.deliver, list(values))

    def snapshot(self) -> None:
        """Return once everything is applied: what stands in an epoch's stored state has been handed over."""
        self._settle()

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


class FactsSink(FixedPartitionedSink[BlockFacts, None]):
    """The command center as a sink."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def list_parts(self) -> list[str]:
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> FactsPartition:
        del step_id, for_part, resume_state
        return FactsPartition(self._delivery)
