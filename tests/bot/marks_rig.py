"""Mayday as the proof of marks runs it: the three processes under the real supervisor, with a bot and the local workspace.

Temporary, home and working directory stand below one directory, so that every byte that is kept can be searched.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import tomli_w
from marks import Line

from bot.cli.main import run
from bot.demo import tokens_of
from bot.settings import SupervisorSettings
from bot.slack.manifest import manifest
from bot.slack.tokens import Tokens, keep_tokens
from bot.supervisor import Supervisor, mayday_commands
from bot.workspace.client import WorkspaceClient
from bot.workspace.server import WorkspaceServer
from bot.workspace.settings import WorkspaceSettings
from examples.clinic.clinic import free_ports
from models.clock import system_clock
from models.errors import MaydayError
from storage.client import StoreClient
from storage.layout import Layout
from storage.seal import KeyRing
from stream.forward_client import ClientOptions, chunk_id, connect, pack_event, pack_message

SEED = 20_260_302


CHANNEL = "#incidents"


NAMES = ("receive", "stream", "command")


KEY, WEBHOOK_TOKEN = "a shared key of the test", "a webhook token of the test"


class Installation:
    """The three processes below one directory, with a workspace; everything ends with `stop`."""

    def __init__(self, root: Path) -> None:
        self.root, self.layout = root, Layout(root / "state").prepare()
        self.ring = KeyRing.load(self.layout, create=True, environ={})
        for name in ("tmp", "home", "cwd"):
            (root / name).mkdir()
        self.workspace = WorkspaceServer(
            WorkspaceSettings(port=0), system_clock, random.Random(SEED), manifest=manifest()
        )
        self.workspace.start()
        self.see = WorkspaceClient(self.workspace.url)
        self.forward, self.http, self.webhook = free_ports(3)
        self.config = self.layout.root / "mayday.toml"
        self.config.write_text(tomli_w.dumps(self._settings()), "utf-8")
        keep_tokens(self.layout.tokens, Tokens.model_validate(tokens_of(self.workspace)))
        self.reports: list[str] = []
        environment = os.environ | {
            "TMPDIR": str(root / "tmp"), "HOME": str(root / "home"), "MARKS_KEY": KEY, "PYTHONWARNINGS": "default",
        }  # fmt: skip
        self.supervisor = Supervisor(
            self.layout,
            SupervisorSettings(restart_after=0.05, healthy_after=1),
            mayday_commands(["--config", str(self.config), "--state", str(self.layout.root)]),
            self.reports.append,
            environment=environment,
        )
        self.store = StoreClient(self.layout.socket)
        self._stop, self._watching = threading.Event(), threading.Lock()
        self._watch = threading.Thread(target=self._look_after)

    def _settings(self) -> dict[str, Any]:
        token = hashlib.sha256(WEBHOOK_TOKEN.encode()).hexdigest()
        return {
            "state": {"directory": str(self.layout.root)},
            "services": ["billing"],
            "receive": {
                "forward": f"127.0.0.1:{self.forward}", "http": f"127.0.0.1:{self.http}", "otlp": "off",
                "shared_key": "env:MARKS_KEY",
            },
            "stream": {"epoch_seconds": 0.5, "detectors": {"novelty_minutes": 0}},
            "center": {"webhook": {"listen": f"127.0.0.1:{self.webhook}", "tokens": {"pipeline": token}}},
            "slack": {
                "base_url": f"{self.workspace.url}/api/", "channel": CHANNEL[1:], "update_interval": 0.1,
                "unknown_grace": 0.5, "retry_first": 0.1, "retry_most": 0.5,
            },
            "operators": [
                {"id": "oncall", "name": "On-call engineer", "slack": "U0ONCALL", "uid": os.getuid(), "roles": ["engineer"]},
                {"id": "lead", "name": "Technical lead", "slack": "U0LEAD", "roles": ["technical_lead"]},
                {"id": "pipeline", "name": "Pipeline", "roles": ["automation"]},
            ],
        }  # fmt: skip

    def start(self) -> None:
        self.supervisor.start()
        self._watch.start()
        self.until(self.up)

    def end_processes(self) -> None:
        """Stop the three processes as `mayday up` does; may be called again."""
        self._stop.set()
        if self._watch.is_alive():
            self._watch.join()
        self.supervisor.stop()

    def stop(self) -> None:
        self.end_processes()
        self.workspace.stop()

    def _look_after(self) -> None:
        while not self._stop.wait(0.02):
            with self._watching:
                self.supervisor.check()

    @contextlib.contextmanager
    def nothing_restarts(self) -> Iterator[None]:
        """Leave what dies as it lies, for as long as this lasts."""
        with self._watching:
            yield

    def up(self) -> bool:
        try:
            return self.store.status().get("slack") == "connected" and len(self.supervisor.pids) == len(NAMES)
        except MaydayError:
            return False  # still starting

    def until(
        self, holds: Callable[[], object], seconds: float = 60, what: str = "what was waited for"
    ) -> None:
        """Wait for what other processes do; it is looked for every 50 ms."""
        waiting, deadline = threading.Event(), time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"{what} did not happen"
            waiting.wait(0.05)

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Ask the command center; nothing while it is away."""
        try:
            rows: list[dict[str, Any]] = self.store.query(sql).to_pylist()
        except MaydayError:
            return []
        return rows

    def mayday(self, *words: str) -> int:
        return run([*words, "--config", str(self.config)])

    def kill(self, name: str, how: signal.Signals) -> None:
        """Kill one process and see that it can leave no memory on the disk."""
        pid = self.supervisor.pids[name]
        limits = Path(f"/proc/{pid}/limits").read_text("ascii")
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [
            ["0", "0"]
        ]
        os.kill(pid, how)

    def ended(self, *names: str) -> None:
        """Wait until these have died."""
        for name in names:
            process = self.supervisor.children[name].process
            assert process is not None
            process.wait(30)

    def ship(self, records: list[Line], agent: str, chunk: str | None = None) -> None:
        """Send one message over Forward, again and again with the same id until it is acknowledged."""
        packed = b"".join(pack_event(time.time_ns(), line.record, line.metadata) for line in records)
        id = chunk or chunk_id(packed)
        message = pack_message(records[0].tag, packed, len(records), id, compress=len(packed) % 2 == 0)
        options = ClientOptions(shared_key=KEY, self_hostname=agent, answer_seconds=10)

        def acknowledged() -> bool:
            try:
                with contextlib.closing(connect(("127.0.0.1", self.forward), options)) as connection:
                    connection.sendall(message)
                    return bool(msgpack.unpackb(connection.recv(65_536)) == {"ack": id})
            except (OSError, ValueError, msgpack.UnpackException):
                return False  # killed in the middle, or not there yet

        self.until(acknowledged)

    def post(self, path: str, body: bytes, *, port: int = 0, method: str = "POST", **headers: str) -> int:
        """Send one HTTP request; returns the status, 0 when the connection broke."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Content-Type": "application/json"} | named)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
