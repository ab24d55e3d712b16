"""What `mayday up` promises about the processes it watches."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.settings import SupervisorSettings
from bot.supervisor import AlreadyUp, Supervisor, running
from storage.layout import Layout

SLEEP = [sys.executable, "-c", "import signal; signal.pause()"]
DEAF = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()",
]
QUICK = SupervisorSettings(restart_after=0.01, restart_at_most=0.05, healthy_after=0.2, stop_grace=0.5)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def make(tmp_path: Path, said: list[str]) -> Iterator[Callable[[dict[str, list[str]]], Supervisor]]:
    made: list[Supervisor] = []

    def one(commands: dict[str, list[str]]) -> Supervisor:
        made.append(Supervisor(Layout(tmp_path), QUICK, commands, said.append, rng=random.Random(1)))
        return made[-1]

    yield one
    for supervisor in made:
        supervisor.stop()


def until(condition: Callable[[], bool]) -> bool:
    waiting = threading.Event()
    return any(condition() or waiting.wait(0.02) for _ in range(500)) and condition()


def test_a_killed_process_is_started_again_and_that_is_said(
    make: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = make({"receive": SLEEP, "stream": SLEEP})
    supervisor.start()
    first = supervisor.pids
    supervisor.children["stream"].process.send_signal(signal.SIGKILL)  # type: ignore[union-attr]
    supervisor.children["stream"].process.wait()  # type: ignore[union-attr]

    def back() -> bool:
        supervisor.check()
        return supervisor.pids.get("stream", first["stream"]) != first["stream"]

    assert until(back)
    assert supervisor.pids["receive"] == first["receive"]
    assert "stream ended (SIGKILL)" in said[0]


def test_restarts_back_off_while_they_fail(make: Callable[..., Supervisor]) -> None:
    supervisor = make({"receive": [sys.executable, "-c", "raise SystemExit(3)"]})
    supervisor.start()

    def often() -> bool:
        supervisor.check()
        return supervisor.children["receive"].restarts >= 3

    assert until(often)
    assert supervisor.children["receive"].wait == QUICK.restart_at_most


def test_a_second_up_on_the_same_state_is_refused(make: Callable[..., Supervisor]) -> None:
    make({"receive": SLEEP}).start()
    with pytest.raises(AlreadyUp, match="another `mayday up`"):
        make({"receive": SLEEP}).start()


def test_stopping_leaves_nothing_behind_even_of_a_process_that_does_not_listen(
    make: Callable[..., Supervisor], tmp_path: Path, said: list[str]
) -> None:
    supervisor = make({"command": SLEEP, "stream": DEAF})
    supervisor.start()
    log = tmp_path / "log" / "stream.out"
    assert until(lambda: "deaf" in log.read_text())
    pids = supervisor.pids
    supervisor.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert running(Layout(tmp_path)).keys() <= {"up"}
    assert any("stream did not stop" in line for line in said)


def test_when_the_supervisor_is_killed_its_processes_end_too(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, threading\n"
        "from bot.supervisor import Supervisor\nfrom bot.settings import SupervisorSettings\nfrom storage.layout import Layout\n"
        f"s = Supervisor(Layout(pathlib.Path({str(tmp_path)!r})), SupervisorSettings(), {{'receive': {SLEEP!r}}}, print)\n"
        "s.start()\nprint(s.pids['receive'], flush=True)\nthreading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    assert until(
        lambda: (
            not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]
        )
    )


def test_logs_of_processes_are_readable_by_their_owner_alone(
    make: Callable[..., Supervisor], tmp_path: Path
) -> None:
    make({"receive": SLEEP}).start()
    assert (tmp_path / "log" / "receive.out").stat().st_mode & 0o077 == 0
