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

from bot.readiness import is_ready
from bot.settings import SupervisorSettings
from bot.supervisor import AlreadyUp, NeverCameUp, Supervisor, running
from bot.watched import last_words, read
from storage.layout import Layout

SLEEP = [sys.executable, "-c", "import signal; signal.pause()"]
DEAF = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()",
]
QUICK = SupervisorSettings(restart_after=0.01, restart_at_most=0.05, healthy_after=0.2, stop_grace=0.5)
PATIENT = QUICK.model_copy(update={"healthy_after": 60.0})  # a slow start is no sign of health


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def make(tmp_path: Path, said: list[str]) -> Iterator[Callable[[dict[str, list[str]]], Supervisor]]:
    made: list[Supervisor] = []

    def one(commands: dict[str, list[str]], settings: SupervisorSettings = QUICK) -> Supervisor:
        made.append(Supervisor(Layout(tmp_path), settings, commands, said.append, rng=random.Random(1)))
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
    supervisor = make({"receive": [sys.executable, "-c", "raise SystemExit(3)"]}, PATIENT)
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


def failing(code: int, *lines: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; [print(each) for each in {lines!r}]; sys.exit({code})"]


def test_how_and_why_a_process_ended_is_said_once_and_written_down(
    make: Callable[..., Supervisor], tmp_path: Path, said: list[str]
) -> None:
    supervisor = make(
        {"command": failing(1, "noise of a library", "mayday: the database is gone. Restore it")}
    )
    supervisor.start()

    def twice() -> bool:
        supervisor.check()
        return supervisor.children["command"].failures >= 2

    assert until(twice)
    seen = read(Layout(tmp_path))["command"]
    assert seen.failures >= 2
    assert (seen.ending, seen.reason) == ("exit code 1", "the database is gone. Restore it")
    assert sum("the database is gone" in line for line in said) == 1
    assert "in a row (exit code 1): the database is gone" in seen.sentence


def test_a_process_that_is_well_again_is_said_to_be(
    make: Callable[..., Supervisor], tmp_path: Path, said: list[str]
) -> None:
    supervisor = make({"stream": SLEEP})
    supervisor.start()
    supervisor.children["stream"].process.kill()  # type: ignore[union-attr]

    def well() -> bool:
        supervisor.check()
        return "stream is up again" in said

    assert until(well)
    assert read(Layout(tmp_path))["stream"].failures == 0


def test_what_never_came_up_because_of_its_input_ends_everything_with_the_reason(
    make: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = make({"receive": failing(2, "mayday: port 80 is taken. Choose another"), "stream": SLEEP})
    supervisor.start()
    pids = supervisor.pids
    with pytest.raises(NeverCameUp, match=r"receive cannot start\. port 80 is taken"):
        supervisor.run(lambda _seconds: threading.Event().wait(0.02))
    assert "port 80 is taken" in said[0]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())


def test_what_came_up_before_is_not_given_up(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor(
        Layout(tmp_path), QUICK, {"receive": SLEEP}, said.append, is_ready=lambda _name, _pid: True
    )
    supervisor.start()
    try:
        supervisor.check()
        assert supervisor.up
        supervisor.children["receive"].command = failing(2, "mayday: port 80 is taken")
        supervisor.children["receive"].process.kill()  # type: ignore[union-attr]

        def often() -> bool:
            supervisor.check()
            return supervisor.children["receive"].restarts >= 5

        assert until(often)
        assert supervisor.hopeless is None
    finally:
        supervisor.stop()


def test_a_process_that_says_it_has_stopped_has_not_come_up(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    for state, ready in (("stopped", False), ("receiving", True)):
        (layout.run / "receiver.json").write_text(f'{{"pid": 7, "state": "{state}"}}')
        assert is_ready(layout, "receive", 7) is ready
    assert not is_ready(layout, "receive", 8)
    assert not is_ready(layout, "stream", 7)
    assert not is_ready(layout, "command", 7)


def test_it_is_told_once_when_everything_has_come_up(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor(
        Layout(tmp_path), QUICK, {"receive": SLEEP}, said.append, is_ready=lambda _name, _pid: True
    )
    looks = iter([False, False, False, True])
    supervisor.start()
    supervisor.run(lambda _seconds: next(looks), lambda: said.append("all up"))
    assert said.count("all up") == 1


def test_whoever_stops_it_is_told_at_once_that_it_stops(tmp_path: Path, said: list[str]) -> None:
    """It may take as long as the grace of each process, and a silent terminal looks as if Ctrl-C had been lost."""
    supervisor = Supervisor(Layout(tmp_path), QUICK, {"receive": SLEEP}, said.append)
    supervisor.start()
    supervisor.run(lambda _seconds: True)
    assert said[-1] == "Stopping; what was taken in is finished first."


def test_without_a_place_to_write_processes_are_watched_all_the_same(
    make: Callable[..., Supervisor], tmp_path: Path, said: list[str]
) -> None:
    supervisor = make({"stream": SLEEP})
    supervisor.start()
    first = supervisor.pids["stream"]
    (tmp_path / "run").rename(tmp_path / "gone-run")
    (tmp_path / "log").rename(tmp_path / "gone-log")
    supervisor.children["stream"].process.kill()  # type: ignore[union-attr]

    def back() -> bool:
        supervisor.check()
        return supervisor.pids.get("stream", first) != first

    assert until(back)
    assert sum("cannot be written down" in line for line in said) == 1
    assert any("the output of stream cannot be kept" in line for line in said)
    (tmp_path / "gone-run").rename(tmp_path / "run")
    supervisor.check()
    assert running(Layout(tmp_path))["stream"] == supervisor.pids["stream"]


def test_a_terminal_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    def gone(_line: str) -> None:
        raise BrokenPipeError

    supervisor = Supervisor(Layout(tmp_path), QUICK, {"stream": SLEEP}, gone)
    supervisor.start()
    try:
        supervisor.children["stream"].process.kill()  # type: ignore[union-attr]
        supervisor.children["stream"].process.wait()  # type: ignore[union-attr]
        supervisor.check()
        assert supervisor.children["stream"].failures == 1
    finally:
        supervisor.stop()


def test_a_program_that_cannot_be_started_is_tried_again(
    make: Callable[..., Supervisor], said: list[str], tmp_path: Path
) -> None:
    program = tmp_path / "later"
    supervisor = make({"stream": [str(program)]})
    supervisor.start()
    assert "could not be started (No such file or directory)" in said[0]
    program.symlink_to("/bin/sleep")
    supervisor.children["stream"].command = [str(program), "60"]

    def runs() -> bool:
        supervisor.check()
        return "stream" in supervisor.pids

    assert until(runs)


def test_only_words_of_this_start_and_of_ours_are_its_reason(tmp_path: Path) -> None:
    out = tmp_path / "x.out"
    out.write_bytes(b"mayday: before\n")
    since = out.stat().st_size
    assert last_words(out, since) is None
    with out.open("ab") as file:
        file.write(b"mayday: now\nthread panicked at a line of the log\n")
    assert last_words(out, since) == "now"
    assert last_words(tmp_path / "absent", 0) is None
