"""Starts the clinic, keeps it busy, and rolls the leaking release out and back."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from examples.clinic.request import get
from examples.clinic.service import SERVICES

GOOD, BAD = "4.1.7", "4.2.0-leak"
PATHS = ("/charts", "/charts", "/visits", "/bills", "/bills", "/triage")


def free_ports(count: int) -> list[int]:
    """Return ports that were free on loopback a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@dataclass
class Clinic:
    """The five services as child processes, and the patients as threads that ask the gateway.

    `rate` is requests per second over all patients. Everything ends with `stop`, after `seconds`, or with the parent.
    """

    logs: Path
    rate: float = 12.0
    seconds: float = 7200.0
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    ports: dict[str, int] = field(default_factory=dict)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _patients: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start the services and, once all of them listen, the patients."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for old in self.logs.glob("*.log"):
            old.unlink()
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        for name in SERVICES:
            self._processes.append(
                subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "examples.clinic.service",
                        name,
                        "--ports",
                        json.dumps(self.ports),
                        "--logs",
                        str(self.logs),
                        "--for",
                        str(self.seconds),
                    ],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for whoever runs the clinic, who then stops it in order
                    cwd=Path(__file__).parents[2],
                )
            )
        for name in SERVICES:
            self._await(name)
        for number in range(4):
            patient = threading.Thread(
                target=self._visit, args=(random.Random(self.rng.random() + number),), daemon=True
            )
            patient.start()
            self._patients.append(patient)

    def roll_out(self, release: str) -> None:
        """Give billing the release `release` (`BAD` leaks its connections, `GOOD` does not)."""
        self._get("billing", f"/_release/{release}")

    def stop(self) -> None:
        """End patients and services."""
        self._stop.set()
        for patient in self._patients:
            patient.join(5)
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _visit(self, rng: random.Random) -> None:
        while not self._stop.wait(rng.expovariate(self.rate / 4)):
            self._get("api-gateway", rng.choice(PATHS))

    def _get(self, service: str, path: str) -> int:
        return get(self.ports[service], path, seconds=5)

    def _await(self, service: str) -> None:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.ports[service])) == 0:
                    return
            self._stop.wait(0.05)
        raise TimeoutError(f"{service} did not start to listen")
