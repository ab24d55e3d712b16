"""The flow under Bytewax: whatever the size of a batch and wherever it crashes, the facts are the same.

Every change to the flow has to pass these; the plain loop says what is right.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from bytewax.errors import BytewaxRuntimeError
from bytewax.inputs import AbortExecution
from bytewax.recovery import RecoveryConfig
from bytewax.testing import run_main

from models.clock import FrozenClock
from models.errors import Guarded
from models.sample_lines import sample_lines
from models.sanitizer import SafeText
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.errors import BadPayload, StoreUnavailable
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.seal import KeyRing
from stream import dataflow
from stream.dataflow import build
from stream.field_settings import FieldSettings
from stream.fields import FieldRules
from stream.flow_errors import StreamFailed, StreamStopped, TooManyFaults
from stream.flow_settings import FlowSettings
from stream.flow_status import Progress, read_flow_status
from stream.grouping import CountedAside, Faults, Grouping
from stream.plain import run_plain
from stream.run import run_stream
from stream.service_state import Tools
from stream.shard import Shard
from stream.sink import Delivery, FactsSink
from stream.source import ResumeState, SpoolPartition, SpoolSource, bookmark_of
from stream.spool import (
    Block,
    Bookmark,
    Position,
    Quarantine,
    SpoolLocked,
    SpoolReader,
    SpoolSettings,
    SpoolWriter,
    read_consumed,
    read_quarantine,
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


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A spool that is written once and only read."""
    layout = Layout(tmp_path_factory.mktemp("state")).prepare()
    write_spool(layout, 50)
    return layout


def all_blocks(layout: Layout) -> list[Block]:
    with SpoolReader(layout.spool, RING) as reader:
        return reader.read(10_000)


def plain(layout: Layout) -> list[str]:
    """What the flow has to make of the spool."""
    found: list[BlockFacts] = []
    run_plain(all_blocks(layout), found.extend, FlowSettings(), FieldSettings(), GATE, RING)
    return [facts.model_dump_json() for facts in found]


class _Crashing(SpoolPartition):
    """As hard as a kill: no snapshot, no end, nothing of this epoch is stored."""

    def __init__(self, source: CrashingSource, at: Bookmark | None) -> None:
        super().__init__(source, at)
        self._left = source.polls

    def next_batch(self) -> Sequence[Block]:
        if self._left == 0:
            raise AbortExecution
        self._left -= 1
        return super().next_batch()


class CrashingSource(SpoolSource):
    polls = -1

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

    def run(self, polls: int = -1, epoch: timedelta = timedelta(0)) -> None:
        """Run to the end of the spool, or to a crash after `polls` polls."""
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
        source.polls = polls
        tools = Tools(self.settings, GATE, RING.secret("template-id"))
        flow = build(
            source,
            Grouping(FieldRules(FieldSettings()), aside, faults),
            lambda number, state: Shard(number, tools, RING.seal("state"), aside, faults, state),
            FactsSink(Delivery(self.store.send, stop)),
            progress,
        )
        config = RecoveryConfig(self.recovery)  # type: ignore[no-untyped-call]
        run_main(flow, epoch_interval=epoch, recovery_config=config)  # type: ignore[no-untyped-call]


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


# -- the process ------------------------------------------------------------------------------------------------

CHILD = """
import signal, sys, threading
from pathlib import Path
from models.clock import system_clock
from models.sanitizer import SafeText
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.layout import Layout
from storage.seal import KeyRing
from stream.field_settings import FieldSettings
from stream.flow_settings import FlowSettings
from stream.run import run_stream
from stream.testing import FactStore

root, until_end = Path(sys.argv[1]), sys.argv[2] == "end"
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
store = FactStore(root / "facts.db")

def send(facts):
    answer = store.send(facts)
    print(max(report.block for report in facts), flush=True)
    return answer

run_stream(
    FlowSettings(epoch_seconds=0.02, blocks_per_poll=2),
    FieldSettings(),
    Layout(root),
    KeyRing(bytes(range(32))),
    Gate(Vocabulary.base(), names=["api", "auth", "billing"]),
    system_clock,
    stop,
    send=send,
    until_end=until_end,
)
"""


def child(root: Path, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), mode],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"BYTEWAX_DATAFLOW_API_ENABLED": "1"},
    )


def sent_blocks(process: subprocess.Popen[str]) -> Iterator[int]:
    assert process.stdout is not None
    for text in process.stdout:
        yield int(text)


def test_kill_9_anywhere_loses_and_doubles_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    write_spool(layout, 80)
    last = all_blocks(layout)[-1].seq
    rng = random.Random(9)
    for _ in range(4):
        process = child(tmp_path, "end")
        until = rng.randrange(last // 8, last // 2)
        for count, block in enumerate(sent_blocks(process)):
            if block >= until and count > rng.randrange(3, 12):
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = child(tmp_path, "end")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    store = FactStore(tmp_path / "facts.db")
    assert store.reports() == plain(layout)
    assert sum(store.cells().values()) == 80 * 30
    aside = [item.key for item in read_quarantine(layout.spool, RING)]
    assert len(aside) == len(set(aside)) == len([n for n in range(80) if n % 17 == 3])


def test_sigterm_ends_the_process_with_its_state_stored(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    write_spool(layout, 20)
    process = child(tmp_path, "go on")
    last = all_blocks(layout)[-1].seq
    for block in sent_blocks(process):
        if block >= last:
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    status = read_flow_status(layout)
    assert status is not None
    assert (status.state, status.lines) == ("stopped", 600)
    assert status.templates > 10
    write_spool(layout, 20, first=20)
    process = child(tmp_path, "end")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert FactStore(tmp_path / "facts.db").reports() == plain(layout)
    assert read_consumed(layout.spool) is not None


class Away:
    """A command center that is away for some calls."""

    def __init__(self, store: FactStore, calls: int) -> None:
        self.store, self.left = store, calls
        self.asked = threading.Event()

    def __call__(self, facts: Sequence[BlockFacts]) -> dict[str, int]:
        self.asked.set()
        if self.left:
            self.left -= 1
            raise StoreUnavailable("nobody there")
        return self.store.send(facts)


def run_here(
    layout: Layout, send: object, stop: threading.Event, until_end: bool = True, gate: Gate = GATE
) -> None:
    run_stream(
        FlowSettings(epoch_seconds=0.05, faults_per_minute=1),
        FieldSettings(),
        layout,
        RING,
        gate,
        FrozenClock(datetime.fromtimestamp(NOW, UTC)),
        stop,
        send=send,  # type: ignore[arg-type]
        until_end=until_end,
    )


def test_facts_wait_for_a_command_center_that_is_away(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    write_spool(layout, 10)
    away = Away(FactStore(tmp_path / "facts.db"), 3)
    run_here(layout, away, threading.Event())
    assert away.left == 0
    assert away.store.reports() == plain(layout)


def test_told_to_stop_while_facts_wait_nothing_counts_as_done(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    write_spool(layout, 10)
    away, stop = Away(FactStore(tmp_path / "facts.db"), 10**9), threading.Event()
    thread = threading.Thread(target=run_here, args=(layout, away, stop, False))
    thread.start()
    assert away.asked.wait(20)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert away.store.reports() == []
    status = read_flow_status(layout)
    assert status is not None
    assert status.state == "stopped"
    away.left = 0
    run_here(layout, away, threading.Event())
    assert away.store.reports() == plain(layout)


def test_a_refusal_ends_the_flow_with_the_refusal(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    write_spool(layout, 3)

    def refuse(facts: Sequence[BlockFacts]) -> object:
        raise BadPayload("not this")

    with pytest.raises(BadPayload, match="not this"):
        run_here(layout, refuse, threading.Event())


def test_a_foreign_failure_ends_the_flow_without_its_text(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(tmp_path).prepare()
    write_spool(layout, 3)

    def fail(facts: Sequence[BlockFacts]) -> object:
        raise ValueError("patient quuxly")

    with pytest.raises(StreamFailed, match="ValueError") as caught:
        run_here(layout, fail, threading.Event())
    assert "quuxly" not in str(caught.value)
    printed = capfd.readouterr()
    assert "quuxly" not in printed.out + printed.err


class Broken(Gate):
    """A gate that fails on every name."""

    def name(self, raw: str, kind: Literal["svc", "host", "tag"] = "svc") -> SafeText:
        raise ValueError(raw)


def test_faults_of_ours_that_go_on_end_the_flow_and_lose_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(tmp_path).prepare()
    write_spool(layout, 3)
    store = FactStore(tmp_path / "facts.db")
    with pytest.raises(TooManyFaults, match="kept, sealed"):
        run_here(layout, store.send, threading.Event(), gate=Broken(Vocabulary.base()))
    assert MARK not in "".join(capfd.readouterr())
    run_here(layout, store.send, threading.Event())  # mended
    assert store.reports() == plain(layout)


def test_one_stream_per_state(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    with Quarantine.open(layout.spool, RING, SpoolSettings()), pytest.raises(SpoolLocked):
        run_here(layout, FactStore(tmp_path / "facts.db").send, threading.Event())


def test_a_recovery_store_that_was_half_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "recovery" / "flow.new").mkdir(parents=True)
    (tmp_path / "recovery" / "flow.new" / "part-0.sqlite3").write_bytes(b"half")
    place = prepared_recovery(tmp_path / "recovery")
    assert [path.name for path in place.iterdir()]
    assert prepared_recovery(tmp_path / "recovery") == place
    assert not (tmp_path / "recovery" / "flow.new").exists()


def test_a_status_that_cannot_be_written_does_not_end_the_flow(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "gone" / "stream.json", FrozenClock(datetime.fromtimestamp(NOW, UTC)))
    progress.write()
    progress.lines = 7
    (tmp_path / "gone").mkdir()
    progress.write("stopped")
    assert json.loads((tmp_path / "gone" / "stream.json").read_text())["lines"] == 7


# -- delivery ---------------------------------------------------------------------------------------------------


def report(block: int, shard: int) -> BlockFacts:
    return BlockFacts(shard=shard, block=block, received_at=datetime.fromtimestamp(NOW, UTC))


def test_reports_are_sent_in_order_of_blocks() -> None:
    sent: list[tuple[int, int]] = []

    def send(facts: Sequence[BlockFacts]) -> dict[str, int]:
        sent.extend((r.block, r.shard) for r in facts)
        return {"new": len(facts)}

    delivery = Delivery(send, threading.Event())
    delivery.deliver([report(block, shard) for shard in (5, 1) for block in range(1000)])
    assert sent == [(block, shard) for block in range(1000) for shard in (1, 5)]


def test_a_stop_while_waiting_raises_and_never_returns() -> None:
    stop = threading.Event()

    def away(facts: Sequence[BlockFacts]) -> dict[str, int]:
        stop.set()
        raise StoreUnavailable("nobody there")

    with pytest.raises(StreamStopped):
        Delivery(away, stop).deliver([report(1, 1)])


def test_bytewax_ends_with_what_the_sink_raised(layout: Layout, tmp_path: Path) -> None:
    flow = Flow(layout, tmp_path)
    (tmp_path / "facts.db").unlink()
    (tmp_path / "facts.db").mkdir()
    with pytest.raises((BytewaxRuntimeError, Guarded)):
        flow.run()
    assert flow.commits == []
