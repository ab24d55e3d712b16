"""What the tests of the demo share: `mayday demo` as a person's shell starts it, and who else runs because of it."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

MAYDAY = (sys.executable, "-m", "bot.cli")
SERVICES = frozenset({"api-gateway", "auth", "records-db", "ai-inference", "billing"})
PROCESSES = frozenset({"command", "stream", "receive"})


def mayday(*arguments: str, seconds: float = 60) -> str:
    """Run one `mayday` command to its end and return what it printed."""
    done = subprocess.run([*MAYDAY, *arguments], capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stderr
    return done.stdout


def query(state: Path, sql: str) -> list[dict[str, Any]]:
    """Ask with `mayday sql`, once."""
    return [json.loads(line) for line in mayday("sql", "--json", "--state", str(state), sql).splitlines()]


def running(state: Path) -> set[str]:
    """Names of Mayday's processes and the clinic's services that run with this state directory now."""
    lines = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"])]
    ours = [line for line in lines if any(str(state) in word for word in line)]
    return {word for line in ours for word in line} & (PROCESSES | SERVICES)


def until(condition: Callable[[], bool]) -> bool:
    """Wait for `condition` as long as a patient person would; say whether it came true."""
    waiting = threading.Event()
    return any(condition() or waiting.wait(0.1) for _ in range(300)) and condition()


class RunningDemo:
    """`mayday demo` in a session of its own, as a terminal would hold it, with its lines as they come."""

    def __init__(self, state: Path, *arguments: str) -> None:
        self.state = state
        self._said: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stderr = state.with_name(f"{state.name}.stderr")
        with self._stderr.open("w") as stderr:
            self._process = subprocess.Popen(
                [*MAYDAY, "demo", "--state", str(state), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=os.environ | {"COLUMNS": "200"},
                text=True,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> RunningDemo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.press_ctrl_c()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def until(self, words: str, seconds: float = 60) -> re.Match[str]:
        """Return the first match of `words` in what is printed from now on."""
        while (line := self._lines.get(timeout=seconds)) is not None:
            if found := re.search(words, line):
                return found
        raise AssertionError(f"the demo ended before it said {words}: {self._said} {self.complaints}")

    def until_up(self) -> str:
        """Wait until the demo invites people and return the workspace's address."""
        address = self.until(r"http://\S+")[0]
        self.until("Open that address")
        return address

    def press_ctrl_c(self) -> int:
        """Interrupt all that holds the terminal, as that key does, and return the demo's exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(60)

    def kill(self) -> None:
        """End the demo's own process so that it cannot clean up."""
        self._process.kill()
        self._process.wait()

    @property
    def complaints(self) -> str:
        """What stands on stderr, of the demo itself and of all that write to its terminal."""
        return self._stderr.read_text()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line)
            self._lines.put(line)
        self._lines.put(None)
