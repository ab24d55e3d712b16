"""The stream as a process: killed, stopped, refused or kept waiting, it makes the same facts."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from dataflow_rig import GATE, MARK, NOW, RING, all_blocks, plain, write_spool

from models.clock import FrozenClock
from models.sanitizer import SafeText
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.errors import BadPayload, StoreUnavailable
from storage.facts import BlockFacts
from storage.layout import Layout
from stream.field_settings import FieldSettings
from stream.flow_errors import StreamFailed, TooManyFaults
from stream.flow_settings import FlowSettings
from stream.flow_status import Progress, read_flow_status
from stream.run import run_stream
from stream.spool import (
    Quarantine,
    SpoolLocked,
    SpoolSettings,
    read_consumed,
    read_quarantine,
)
from stream.stored_state import prepared_recovery
from stream.testing import FactStore

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
    print(max((report.block for report in facts if report.shard < 64), default=-1), flush=True)
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
