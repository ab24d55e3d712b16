"""The sink works beside the flow and never lets an epoch be stored before its facts are handed over."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from models.sanitizer.safe_text import stored
from storage.errors import StoreUnavailable
from storage.facts import HANDOVER, BlockFacts, ServiceTraffic
from storage.wire import MAX_BYTES, pack
from stream.flow_errors import StreamStopped
from stream.sink import Delivered, Delivery, FactsPartition

DEADLINE = 20.0
NOTHING_YET = Delivered("5" * 32, 0)


def report(shard: int, block: int) -> BlockFacts:
    return BlockFacts(shard=shard, block=block, received_at=datetime(2026, 3, 2, tzinfo=UTC))


class Receiving:
    """A receiving side that takes a report once it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.asked = threading.Event()
        self.taken: list[tuple[int, int]] = []
        self.marks: list[int] = []

    def send(self, facts: Sequence[BlockFacts]) -> dict[str, int]:
        self.asked.set()
        assert self.let.wait(DEADLINE)
        self.marks += [one.block for one in facts if one.shard == HANDOVER]
        self.taken += [(one.block, one.shard) for one in facts if one.shard != HANDOVER]
        return {"new": len(facts)}


def test_the_flow_goes_on_while_a_delivery_is_under_way() -> None:
    receiving = Receiving()
    sink = FactsPartition(Delivery(receiving.send, threading.Event()), NOTHING_YET)
    sink.write_batch([report(1, 1)])  # returns although nothing was taken yet
    assert receiving.asked.wait(DEADLINE)
    assert receiving.taken == []
    receiving.let.set()
    sink.close()
    assert receiving.taken == [(1, 1)]


def test_an_epoch_is_stored_only_after_its_facts_are_taken() -> None:
    receiving = Receiving()
    sink = FactsPartition(Delivery(receiving.send, threading.Event()), NOTHING_YET)
    sink.write_batch([report(1, 1)])
    stored: list[list[tuple[int, int]]] = []

    def epoch() -> None:
        sink.snapshot()
        stored.append(list(receiving.taken))

    storing = threading.Thread(target=epoch)
    storing.start()
    assert receiving.asked.wait(DEADLINE)
    assert stored == []
    receiving.let.set()
    storing.join(DEADLINE)
    assert stored == [[(1, 1)]]
    sink.close()


def test_facts_are_taken_in_order_one_delivery_at_a_time() -> None:
    receiving = Receiving()
    receiving.let.set()
    sink = FactsPartition(Delivery(receiving.send, threading.Event()), NOTHING_YET)
    for block in range(1, 50):
        sink.write_batch([report(2, block), report(1, block)])
    sink.snapshot()
    assert receiving.taken == [(block, shard) for block in range(1, 50) for shard in (1, 2)]
    assert receiving.marks == list(range(1, 50))
    sink.close()


@pytest.mark.parametrize("what", ["write_batch", "snapshot", "close"])
def test_what_was_never_handed_over_stops_the_flow_at_the_next_step(what: str) -> None:
    stop = threading.Event()

    def away(facts: Sequence[BlockFacts]) -> dict[str, int]:
        raise StoreUnavailable("nobody answers", hint="")

    sink = FactsPartition(Delivery(away, stop), NOTHING_YET)
    sink.write_batch([report(1, 1)])
    stop.set()
    with pytest.raises(StreamStopped):
        sink.write_batch([report(1, 2)]) if what == "write_batch" else getattr(sink, what)()
    sink.close()


def test_what_is_too_long_for_one_request_goes_in_several_each_with_its_number() -> None:
    """A database that lost one of them notices, and none is longer than the socket takes."""
    receiving = Receiving()
    receiving.let.set()
    name = stored("a-service-with-a-name" * 20)
    traffic = ServiceTraffic(service=name, lines=1, errors=0, last_ts=datetime(2026, 3, 2, tzinfo=UTC))
    long = report(1, 1).model_copy(update={"traffic": (traffic,) * 20_000})
    sizes: list[int] = []

    def send(facts: Sequence[BlockFacts]) -> object:
        sizes.append(len(pack(facts)))
        return receiving.send(facts)

    sink = FactsPartition(Delivery(send, threading.Event()), NOTHING_YET)
    sink.write_batch([long, report(2, 1)])
    sink.close()
    assert len(pack([long])) > sum(sizes) / len(sizes)
    assert max(sizes) < MAX_BYTES
    assert receiving.marks == list(range(1, len(sizes) + 1))
    assert receiving.taken[0] == (1, 1)
    assert receiving.taken[-1] == (1, 2)
    assert receiving.taken.count((1, 1)) > 5
