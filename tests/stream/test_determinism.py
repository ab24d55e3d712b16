"""One spool, one set of findings: whatever the batches, the pauses, the crashes, and the number of workers.

Every run goes on where the last one left off, or where it had stored its state. What is asserted is the bytes of every
report: counts, templates, errors and signals.
"""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from dataflow_rig import NOW, RING, Flow, all_blocks, plain
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.clock import FrozenClock
from models.sample_lines import sample_lines
from storage.layout import Layout
from stream.spool import SpoolSettings, SpoolWriter
from stream.testing import garbage, line, message, seconds, tick

DEADLINE = 60.0
TESTS = Path(__file__).resolve().parent


class Spooled(NamedTuple):
    """A spool that is only read, how many blocks it has, and what has to come of it."""

    layout: Layout
    blocks: int
    wanted: list[str]


def write(layout: Layout) -> None:
    """A minute of four services, one of which fails near the end, then falls silent while ticks go on."""
    clock = FrozenClock(datetime.fromtimestamp(NOW, UTC))
    with SpoolWriter.open(layout.spool, RING, SpoolSettings(commit_ms=0, quiet_ms=0), clock) as writer:
        for second in range(60):
            now, rng = seconds(NOW + second), random.Random(second)
            records = [
                line(
                    rng.choice(("api", "auth", "cron")),
                    text,
                    NOW + second,
                    level=rng.choice(("INFO", "ERROR")),
                )
                for text in sample_lines(8, seed=second, wild=0.05)
            ]
            if second < 55:
                records += [line("billing", f"served bed {each}", NOW + second) for each in range(5)]
            if 40 <= second < 55:
                records += [
                    line("billing", f"pool exhausted after {each}ms", NOW + second, level="ERROR")
                    for each in range(4)
                ]
            writer.append(message(records, now)).result()
            if second % 5 == 0:
                writer.append(tick(now)).result()
            if second % 17 == 3:
                writer.append(garbage(now)._replace(chunk=f"c{second}")).result()
            clock.move(1)


@pytest.fixture(scope="module")
def spooled(tmp_path_factory: pytest.TempPathFactory) -> Spooled:
    layout = Layout(tmp_path_factory.mktemp("state")).prepare()
    write(layout)
    wanted = plain(layout)
    assert any('"signals":[{' in report for report in wanted)  # a spool in which there is something to find
    return Spooled(layout, len(all_blocks(layout)), wanted)


class Run(NamedTuple):
    """One run: blocks per poll, polls until its end, how it ends, how often state is stored, and by how many workers."""

    blocks: int
    polls: int
    gently: bool
    epoch_ms: int
    workers: int


crash = st.builds(
    Run, st.integers(1, 9), st.integers(0, 12), st.just(False), st.sampled_from([0, 5, 10_000]), st.just(1)
)
stop = st.builds(
    Run,
    st.integers(1, 9),
    st.integers(0, 12),
    st.just(True),
    st.sampled_from([0, 5, 10_000]),
    st.sampled_from([1, 2, 3]),
)


@given(st.lists(crash | stop, min_size=1, max_size=6), st.integers(1, 1000), st.sampled_from([1, 2]))
@settings(
    max_examples=settings.default.max_examples // 10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_batches_pauses_restarts_and_workers_do_not_change_a_byte(
    spooled: Spooled, runs: list[Run], blocks_at_last: int, workers_at_last: int
) -> None:
    with tempfile.TemporaryDirectory() as home:
        for run in runs:
            flow = Flow(spooled.layout, Path(home), blocks_per_poll=run.blocks)
            flow.run(run.polls, timedelta(milliseconds=run.epoch_ms), gently=run.gently, workers=run.workers)
        flow = Flow(spooled.layout, Path(home), blocks_per_poll=blocks_at_last)
        flow.run(workers=workers_at_last)
        assert flow.store.reports() == spooled.wanted


@pytest.mark.parametrize("every", [1, 3, 7])
def test_a_crash_at_every_kth_batch_changes_nothing(spooled: Spooled, tmp_path: Path, every: int) -> None:
    flow = Flow(spooled.layout, tmp_path, blocks_per_poll=1)
    for _ in range(spooled.blocks // every + 2):
        flow.run(every)
    flow.run()
    assert flow.store.reports() == spooled.wanted


PROCESS = """
import sys
from datetime import timedelta
from pathlib import Path
from dataflow_rig import Flow
from storage.layout import Layout
state, home, polls, number, *addresses = sys.argv[1:]
flow = Flow(Layout(Path(state)), Path(home), blocks_per_poll=2)
flow.run(int(polls), timedelta(milliseconds=5), gently=True, addresses=addresses, process=int(number))
"""


def free_addresses(count: int) -> list[str]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def run_processes(spooled: Spooled, home: Path, count: int, polls: int) -> None:
    """Let `count` processes share the work until the spool was asked `polls` times, -1 for to its end."""
    addresses = free_addresses(count)
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                PROCESS,
                str(spooled.layout.root),
                str(home),
                str(polls),
                str(number),
                *addresses,
            ],
            cwd=TESTS.parents[1],
            env={"PYTHONPATH": f"{TESTS.parents[1]}:{TESTS}"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    for process in running:
        _, said = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, said


def test_from_one_process_to_two_and_back(spooled: Spooled, tmp_path: Path) -> None:
    for count, polls in ((1, 4), (2, 5), (1, 3), (2, 4), (1, -1)):
        run_processes(spooled, tmp_path, count, polls)
    assert Flow(spooled.layout, tmp_path).store.reports() == spooled.wanted
