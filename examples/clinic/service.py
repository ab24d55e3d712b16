"""One service of the clinic as a process: HTTP on loopback, log lines to a file, calls to its neighbours.

    python -m examples.clinic.service NAME --ports JSON --logs DIR [--for SECONDS]

Ends by itself after `--for` seconds, on SIGTERM or Ctrl-C, and when its parent dies.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bot.signals import stop_event
from bot.supervisor import die_with_parent
from examples.clinic.pool import ConnectionPool, PoolTimeoutError
from examples.clinic.request import get

SERVICES = ("api-gateway", "auth", "records-db", "ai-inference", "billing")
JSON_LOGS = frozenset({"ai-inference", "billing"})  # the others write plain text, as companies' services do


class Log:
    """Appends one line per event; lines of threads never mix."""

    def __init__(self, service: str, directory: Path) -> None:
        self.service, self._lock = service, threading.Lock()
        self._file = (directory / f"{service}.log").open("a", encoding="utf-8", buffering=1)

    def write(self, level: str, message: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self.service in JSON_LOGS:
            line = json.dumps({"time": at, "level": level.lower(), "message": message})
        else:
            line = f"{at} {level} {message}"
        with self._lock:
            self._file.write(line + "\n")


class Service:
    """What one service does with a request. `answer` returns an HTTP status."""

    def __init__(self, name: str, ports: dict[str, int], log: Log, rng: random.Random) -> None:
        self.name, self.ports, self.log, self.rng = name, ports, log, rng
        self.release = "4.1.7"
        self.leaky = False
        self.pool = ConnectionPool(size=8, timeout=0.25)

    def call(self, service: str, path: str) -> int:
        """Ask a neighbour; 503 when it does not answer in time."""
        return get(self.ports[service], path, seconds=2)

    def answer(self, path: str) -> int:
        return {
            "api-gateway": self._gateway, "auth": self._auth, "records-db": self._records,
            "ai-inference": self._inference, "billing": self._billing,
        }[self.name](path)  # fmt: skip

    def switch(self, release: str) -> None:
        """Roll a release out, or back: the process keeps running with a fresh pool."""
        self.release, self.leaky = release, release.endswith("-leak")
        self.pool.reset()
        self.log.write("INFO", f"release {release} started")

    def _gateway(self, path: str) -> int:
        began = time.monotonic()
        status = self.call("auth", "/token")
        if status == 200:
            target = {"/bills": "billing", "/triage": "ai-inference"}.get(path, "records-db")
            status = self.call(target, path)
        spent = int((time.monotonic() - began) * 1000)
        if status >= 500:
            self.log.write("ERROR", f"upstream answered {status} for GET {path} after {spent} ms")
        else:
            self.log.write("INFO", f"GET {path} {status} {spent} ms")
        return status

    def _auth(self, _path: str) -> int:
        self.log.write("INFO", f"token accepted, {self.rng.randint(60, 3600)} s left")
        return 200

    def _records(self, path: str) -> int:
        self.log.write(
            "INFO", f"query finished, {self.rng.randint(1, 90)} rows in {self.rng.randint(1, 12)} ms"
        )
        if self.rng.random() < 0.01:
            self.log.write("WARN", f"slow query, {self.rng.randint(400, 900)} ms")
        return 200 if path else 404

    def _inference(self, _path: str) -> int:
        self.log.write(
            "INFO", f"inference finished, batch {self.rng.randint(1, 8)}, {self.rng.randint(20, 90)} ms"
        )
        return 200

    def _billing(self, path: str) -> int:
        try:
            self.pool.acquire()
        except PoolTimeoutError:
            self.log.write(
                "ERROR",
                f"PoolTimeoutError: no connection to records-db became free within 250 ms, {self.pool.in_use} of {self.pool.size} in use",
            )
            return 503
        try:
            status = self.call("records-db", path)
            self.log.write("INFO", f"bill computed, {self.rng.randint(1, 20)} items")
            return status
        finally:
            if not self.leaky:  # the bad release forgets this line
                self.pool.release()


def handler(service: Service) -> type[BaseHTTPRequestHandler]:
    """Return the request handler that asks `service`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/_release/"):
                service.switch(self.path.rpartition("/")[2])
                self._reply(200)
            else:
                self._reply(service.answer(self.path))

        def _reply(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Requests are logged by the service itself."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(description="One service of the example clinic.")
    parser.add_argument("name", choices=SERVICES)
    parser.add_argument("--ports", required=True, type=json.loads, help="service → port, as JSON")
    parser.add_argument("--logs", required=True, type=Path)
    parser.add_argument("--for", dest="seconds", type=float, default=7200.0, help="end after so many seconds")
    options = parser.parse_args()
    die_with_parent()
    stop = stop_event()
    service = Service(
        options.name, options.ports, Log(options.name, options.logs), random.Random(options.name)
    )
    server = ThreadingHTTPServer(("127.0.0.1", options.ports[options.name]), handler(service))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service.log.write("INFO", f"release {service.release} started")
    stop.wait(options.seconds)
    server.shutdown()


if __name__ == "__main__":
    main()
