"""`mayday up`: start the three processes, watch them, restart what dies, stop them so that nothing is lost.

A child is started in a session of its own with its parent's death signal set, so that nothing is left behind when the
supervisor itself is killed. Restarts back off from `restart_after`, doubling up to `restart_at_most`; a process that
came up, or lived for `healthy_after` seconds, starts again from the shortest wait. One that never came up and says
each time that what it was given cannot be used is given up, and with it everything. The order of stopping is receiver,
stream, command center: first nothing new comes in, then what is spooled and decoded still finds its store.

The supervisor needs no disk: what it cannot write down (ids, the processes' output) it says, and tries again.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
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

from bot import watched
from bot.settings import SupervisorSettings
from bot.watched import Watched
from models.errors import BadInput, MaydayError
from storage.layout import Layout

STOP_ORDER = ("receive", "stream", "command")
BAD_INPUT = 2  # the exit code of a process that cannot use what it was given
GIVE_UP_AFTER = (
    3  # such endings: an address may still be held by a process that is just ending; whatever else can be
)
# told beforehand `bot/start_checks.py` tells before anything is started
LOOK_EVERY = 0.5  # seconds between two questions whether a process has come up
_PR_SET_PDEATHSIG = 1


class AlreadyUp(MaydayError):
    code = "already_up"
    meaning = "Another `mayday up` watches the same state directory."
    remedy = "Use that one, stop it, or choose another state directory."


class NeverCameUp(BadInput):
    code = "never_came_up"
    meaning = "A process of `mayday up` ended at every start because what it was given cannot be used."
    remedy = "Do what the sentence says, then start again; `mayday doctor` checks the usual causes."


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
    look: float = 0.0
    restarts: int = 0
    failures: int = 0  # endings since it was last well
    ready: bool = False  # this start came up
    came_up: bool = False  # it came up once
    refusals: int = 0  # endings because of bad input before that
    spoken: int = 0  # where its output of this start begins
    ending: str | None = None
    reason: str | None = None

    @property
    def seen(self) -> Watched:
        """What is told of it."""
        pid = self.process.pid if self.process is not None else None
        return Watched(pid=pid, failures=self.failures, ending=self.ending, reason=self.reason)


@dataclass
class Supervisor:
    """Watches `commands` (name → argument list); `report` is told what happens, in one line each.

    `is_ready(name, pid)` says whether a process has come up, so that one that failed before is known to be well.
    """

    layout: Layout
    settings: SupervisorSettings
    commands: Mapping[str, Sequence[str]]
    report: Callable[[str], None]
    monotonic: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=random.Random)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    is_ready: Callable[[str, int], bool] = lambda _name, _pid: False
    children: dict[str, Child] = field(default_factory=dict)
    hopeless: NeverCameUp | None = None
    _lock: IO[bytes] | None = None
    _unwritten: bool = False

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

    @property
    def up(self) -> bool:
        """Whether every process has come up."""
        return all(child.ready for child in self.children.values())

    def check(self) -> None:
        """Restart what died and is due. Call it several times a second."""
        now = self.monotonic()
        for child in self.children.values():
            if child.process is not None:
                code = child.process.poll()
                if code is None:
                    self._look(child, now)
                else:
                    self._ended(child, code, now)
            elif now >= child.due and self.hopeless is None:
                child.restarts += 1
                self._spawn(child)
        if self._unwritten:
            self._write_down()

    def run(self, stopping: Callable[[float], bool], when_up: Callable[[], None] = lambda: None) -> None:
        """Watch until `stopping(seconds)`, which waits that long at most, returns True; then stop everything.

        `when_up` is called once, when every process has come up. Raises `NeverCameUp` after stopping, if that is why.
        """
        told = False
        try:
            while not stopping(0.1) and self.hopeless is None:
                self.check()
                if self.up and not told:
                    told = True
                    when_up()
            if self.hopeless is None:  # which says for itself why everything stops
                self._say("Stopping; what was taken in is finished first.")
        finally:
            self.stop()
        if self.hopeless is not None:
            raise self.hopeless

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
                self._say(f"{name} did not stop within {self.settings.stop_grace:.0f} s; killed")
                child.process.kill()
                child.process.wait()
            child.process = None
        if self._lock is not None:
            self._write_down()
            self._lock.close()
            self._lock = None

    def _look(self, child: Child, now: float) -> None:
        """Notice that a process has come up, or has lived long enough to be well."""
        if not child.ready and now >= child.look:
            child.look = now + LOOK_EVERY
            child.ready = child.process is not None and self.is_ready(child.name, child.process.pid)
            child.came_up |= child.ready
        well = child.ready or now - child.started >= self.settings.healthy_after
        if well and child.failures:
            child.failures, child.wait = 0, self.settings.restart_after
            self._say(f"{child.name} is up again")
            self._write_down()

    def _ended(self, child: Child, code: int, now: float) -> None:
        """Note how a process ended, and when it is to be started again."""
        if now - child.started >= self.settings.healthy_after:
            child.wait, child.failures = self.settings.restart_after, 0
        child.due = now + child.wait * (1 + 0.2 * self.rng.random())
        child.wait = min(child.wait * 2, self.settings.restart_at_most)
        child.process, child.ready = None, False
        child.failures += 1
        words = watched.last_words(self._out(child), child.spoken) if code > 0 else None
        known, child.ending, child.reason = child.reason, _ending(code), words
        child.refusals += code == BAD_INPUT and not child.came_up
        if child.refusals >= GIVE_UP_AFTER:
            self.hopeless = NeverCameUp(f"{child.name} cannot start", hint=words or NeverCameUp.remedy)
        why = f": {words}" if words and words != known else ""
        again = "" if self.hopeless else f"; starting it again in {child.due - now:.1f} s"
        self._say(f"{child.name} ended ({child.ending}){again}{why}")
        self._write_down()

    def _spawn(self, child: Child) -> None:
        child.started = child.look = self.monotonic()
        try:
            with self._open_out(child) as out:
                child.process = subprocess.Popen(
                    child.command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                    env=dict(self.environment),
                )
        except OSError as error:  # no process, no memory, no descriptor: perhaps later
            child.ending, child.reason = f"not started, {_cause(error)}", None
            child.failures += 1
            child.due = child.started + child.wait
            child.wait = min(child.wait * 2, self.settings.restart_at_most)
            self._say(
                f"{child.name} could not be started ({_cause(error)}); trying again in {child.wait:.1f} s"
            )
        self._write_down()

    def _open_out(self, child: Child) -> IO[bytes]:
        """Open the file for a process's output; where there is none to be had it goes nowhere, and that is said."""
        log = self._out(child)
        try:
            out = os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
            child.spoken = out.tell()
            return out
        except OSError as error:
            self._say(f"the output of {child.name} cannot be kept ({_cause(error)})")
            return open(os.devnull, "wb")  # noqa: PTH123 - a device, not a path of ours

    def _out(self, child: Child) -> Path:
        return self.layout.logs / f"{child.name}.out"

    def _write_down(self) -> None:
        """Write the ids and what is known of the processes; what cannot be written is tried again at each check."""
        try:
            part = self.layout.run / "pids.json.tmp"
            part.write_text(json.dumps({"up": os.getpid(), **self.pids}), "utf-8")
            part.replace(pid_file(self.layout))
            watched.write(self.layout, {child.name: child.seen for child in self.children.values()})
        except OSError as error:
            if not self._unwritten:
                self._say(f"which processes run cannot be written down ({_cause(error)}); trying on")
            self._unwritten = True
        else:
            self._unwritten = False

    def _say(self, line: str) -> None:
        """Tell, if it can be told: a terminal that is gone or a full disk must not end what is watched."""
        with contextlib.suppress(OSError):
            self.report(line)


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


def _cause(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO)


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
