"""`mayday up`: start the three processes, watch them, restart what dies, stop them so that nothing is lost.

A child is started in a session of its own with its parent's death signal set, so that nothing is left behind when the
supervisor itself is killed. Restarts back off from `restart_after`, doubling up to `restart_at_most`; a process that
lived for `healthy_after` seconds starts again from the shortest wait. The order of stopping is receiver, stream,
command center: first nothing new comes in, then what is spooled and decoded still finds its store.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from bot.settings import SupervisorSettings
from models.errors import MaydayError
from storage.layout import Layout

STOP_ORDER = ("receive", "stream", "command")
_PR_SET_PDEATHSIG = 1


class AlreadyUp(MaydayError):
    code = "already_up"
    meaning = "Another `mayday up` watches the same state directory."
    remedy = "Use that one, stop it, or choose another state directory."


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies (Linux); called in the child before it runs."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@dataclass
class Child:
    """One watched process: how it is started, and since when it runs (monotonic seconds)."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait: float = 0.0
    due: float = 0.0
    restarts: int = 0


@dataclass
class Supervisor:
    """Watches `commands` (name → argument list); `report` is told what happens, in one line each."""

    layout: Layout
    settings: SupervisorSettings
    commands: Mapping[str, Sequence[str]]
    report: Callable[[str], None]
    monotonic: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=random.Random)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    children: dict[str, Child] = field(default_factory=dict)
    _lock: IO[bytes] | None = None

    def start(self) -> None:
        """Lock the state directory and start every process. Raises `AlreadyUp`."""
        self.layout.prepare()
        lock = (self.layout.run / "up.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyUp(
                "another `mayday up` watches this state directory", hint="`mayday status` shows it"
            ) from None
        self._lock = lock
        self.children = {
            name: Child(name, command, wait=self.settings.restart_after)
            for name, command in self.commands.items()
        }
        for child in self.children.values():
            self._spawn(child)

    @property
    def pids(self) -> dict[str, int]:
        """Return the process ids of what runs, by name."""
        return {
            c.name: c.process.pid for c in self.children.values() if c.process and c.process.poll() is None
        }

    def check(self) -> None:
        """Restart what died and is due. Call it several times a second."""
        now = self.monotonic()
        for child in self.children.values():
            if child.process is not None:
                code = child.process.poll()
                if code is None:
                    continue
                if now - child.started >= self.settings.healthy_after:
                    child.wait = self.settings.restart_after
                child.due = now + child.wait * (1 + 0.2 * self.rng.random())
                child.wait = min(child.wait * 2, self.settings.restart_at_most)
                child.process = None
                self.report(
                    f"{child.name} ended ({_ending(code)}); starting it again in {child.due - now:.1f} s"
                )
                self._write_pids()
            elif now >= child.due:
                child.restarts += 1
                self._spawn(child)

    def run(self, stopping: Callable[[float], bool]) -> None:
        """Watch until `stopping(seconds)`, which waits that long at most, returns True; then stop everything."""
        try:
            while not stopping(0.1):
                self.check()
        finally:
            self.stop()

    def stop(self) -> None:
        """End the processes in an order that loses nothing; kill what outlives the grace."""
        for name in [*STOP_ORDER, *(n for n in self.children if n not in STOP_ORDER)]:
            child = self.children.get(name)
            if child is None or child.process is None:
                continue
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
            try:
                child.process.wait(self.settings.stop_grace)
            except subprocess.TimeoutExpired:
                self.report(f"{name} did not stop within {self.settings.stop_grace:.0f} s; killed")
                child.process.kill()
                child.process.wait()
            child.process = None
        self._write_pids()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _spawn(self, child: Child) -> None:
        log = self.layout.logs / f"{child.name}.out"
        with log.open("ab") as out:
            log.chmod(0o600)
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
                env=dict(self.environment),
            )
        child.started = self.monotonic()
        self._write_pids()

    def _write_pids(self) -> None:
        part = self.layout.run / "pids.json.tmp"
        part.write_text(json.dumps({"up": os.getpid(), **self.pids}), "utf-8")
        part.replace(pid_file(self.layout))


def pid_file(layout: Layout) -> Path:
    """Return where `mayday up` keeps the process ids of what it watches."""
    return layout.run / "pids.json"


def running(layout: Layout) -> dict[str, int]:
    """Return name → pid of what `mayday up` last wrote and is still alive; empty when nothing runs."""
    try:
        pids = json.loads(pid_file(layout).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {name: pid for name, pid in pids.items() if Path(f"/proc/{pid}").exists()}


def mayday_commands(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the command lines of the three processes; `arguments` choose configuration and state."""
    return {
        name: [sys.executable, "-m", "bot.cli", name, *arguments] for name in ("command", "stream", "receive")
    }


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
