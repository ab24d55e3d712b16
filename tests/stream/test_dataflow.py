"""The flow under Bytewax: whatever the size of a batch and wherever it crashes, the facts are the same.

Every change to the flow has to pass these; the plain loop says what is right.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bytewax.errors import BytewaxRuntimeError
from dataflow_rig import MARK, NOW, Flow, plain, write_spool

from models.errors import Guarded
from storage.errors import StoreUnavailable
from storage.facts import HANDOVER, BlockFacts
from storage.layout import Layout
from stream import dataflow
from stream.flow_errors import StreamStopped
from stream.sink import Delivered, Delivery
from stream.spool import (
    Position,
)

NOTHING_YET = Delivered("5" * 32, 0)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A spool that is written once and only read."""
    layout = Layout(tmp_path_factory.mktemp("state")).prepare()
    write_spool(layout, 50)
    return layout


# -- the three promises -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks_per_poll", "polls", "epoch_ms"),
    [(1, -1, 0), (7, -1, 0), (1000, -1, 0), (3, 2, 0), (1, 5, 0), (2, 9, 10_000), (5, 4, 20)],
)
def test_batch_size_and_crash_point_do_not_change_the_facts(
    layout: Layout, tmp_path: Path, blocks_per_poll: int, polls: int, epoch_ms: int
) -> None:
    flow = Flow(layout, tmp_path, blocks_per_poll=blocks_per_poll)
    epoch = timedelta(milliseconds=epoch_ms)
    runs = 1 if polls < 0 else 9
    for run in range(runs):
        # With epochs longer than a run nothing is ever stored: every run begins anew, until one may end.
        flow.run(polls if epoch_ms < 1000 or run < runs - 1 else -1, epoch)
    flow.run(epoch=epoch)
    assert flow.store.reports() == plain(layout)
    assert flow.commits == sorted(flow.commits)


def test_the_spool_is_told_to_let_go_only_of_what_was_delivered(layout: Layout, tmp_path: Path) -> None:
    flow = Flow(layout, tmp_path, blocks_per_poll=1)
    lasts: list[tuple[int, int]] = []

    class Watching(list[Position]):
        def append(self, position: Position) -> None:
            delivered = max((json.loads(report)["block"] for report in flow.store.reports()), default=-1)
            lasts.append((position.seq, delivered))
            super().append(position)

    flow.commits = Watching()
    flow.run()
    with_news = {json.loads(report)["block"] for report in plain(layout)}
    assert len(lasts) > 30
    for position, delivered in lasts:
        assert delivered == max((seq for seq in with_news if seq < position), default=-1)


def test_the_names_of_the_steps_and_keys_are_those_that_states_were_stored_under(
    layout: Layout, tmp_path: Path
) -> None:
    names = (
        dataflow.FLOW_ID,
        dataflow.SPOOL_STEP,
        dataflow.GROUP_STEP,
        dataflow.SHARD_STEP,
        dataflow.FACTS_STEP,
    )
    assert names == ("mayday", "spool", "group", "shard", "facts")
    flow = Flow(layout, tmp_path)
    flow.run()
    found: set[tuple[str, str]] = set()
    for path in flow.recovery.glob("*.sqlite3"):
        with sqlite3.connect(path) as db:
            found |= set(db.execute("SELECT step_id, state_key FROM snaps"))
        db.close()
    steps = {step for step, _ in found}
    assert steps == {"mayday.spool", "mayday.shard", "mayday.facts"}
    assert {key for step, key in found if "shard" in step} == {f"{n:02d}" for n in range(64)}


def test_what_is_stored_for_recovery_holds_no_word_of_a_line_and_no_name(
    layout: Layout, tmp_path: Path
) -> None:
    flow = Flow(layout, tmp_path)
    flow.run()
    stored = b"".join(path.read_bytes() for path in flow.recovery.rglob("*") if path.is_file())
    assert len(stored) > 10_000
    assert MARK.encode() not in stored
    assert b"unlisted" not in stored


# -- delivery ---------------------------------------------------------------------------------------------------


def report(block: int, shard: int) -> BlockFacts:
    return BlockFacts(shard=shard, block=block, received_at=datetime.fromtimestamp(NOW, UTC))


def test_reports_are_sent_in_order_of_blocks() -> None:
    sent: list[tuple[int, int]] = []

    def send(facts: Sequence[BlockFacts]) -> dict[str, int]:
        sent.extend((r.block, r.shard) for r in facts)
        return {"new": len(facts)}

    delivery = Delivery(send, threading.Event())
    reports = [report(block, shard) for shard in (5, 1) for block in range(1000)]
    delivered = delivery.deliver(reports, NOTHING_YET)
    assert [pair for pair in sent if pair[1] != HANDOVER] == [
        (block, shard) for block in range(1000) for shard in (1, 5)
    ]
    assert [pair for pair in sent if pair[1] == HANDOVER] == [(n, HANDOVER) for n in (1, 2, 3, 4)]
    assert delivered == NOTHING_YET._replace(number=4)


def test_a_stop_while_waiting_raises_and_never_returns() -> None:
    stop = threading.Event()

    def away(facts: Sequence[BlockFacts]) -> dict[str, int]:
        stop.set()
        raise StoreUnavailable("nobody there")

    with pytest.raises(StreamStopped):
        Delivery(away, stop).deliver([report(1, 1)], NOTHING_YET)


def test_bytewax_ends_with_what_the_sink_raised(layout: Layout, tmp_path: Path) -> None:
    flow = Flow(layout, tmp_path)
    (tmp_path / "facts.db").unlink()
    (tmp_path / "facts.db").mkdir()
    with pytest.raises((BytewaxRuntimeError, Guarded)):
        flow.run()
    assert flow.commits == []
