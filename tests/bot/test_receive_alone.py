"""`mayday receive` alone, as a process in the foreground: what it takes is acknowledged, kept and found again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.forward_client import ClientOptions, ForwardClient

NOW_NS = 1_772_420_400 * 10**9


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


class Receiver:
    """`mayday receive --forward --http --state` on two free ports."""

    def __init__(self, place: Path) -> None:
        self.place, self.state = place, place / "state"
        self.forward, self.http = free_port(), free_port()
        self.process = self._mayday(
            "receive",
            "--forward",
            f"127.0.0.1:{self.forward}",
            "--http",
            f"127.0.0.1:{self.http}",
            "--otlp",
            "off",
        )
        self.said = self._until("receiving on")

    def _mayday(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "bot.cli", *words, "--state", str(self.state)]
        return subprocess.Popen(
            command, cwd=self.place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def _until(self, words: str) -> str:
        assert self.process.stdout is not None
        before = list[str]()
        for line in self.process.stdout:
            if words in line.lower():
                return line
            before.append(line)
        pytest.fail(f"it ended without saying {words!r}, but: {before}")

    def ask(self, *words: str) -> str:
        done = self._mayday(*words)
        out, _ = done.communicate(timeout=60)
        assert done.returncode == 0, out
        return out


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    started = Receiver(tmp_path)
    yield started
    started.process.kill()
    started.process.communicate(timeout=60)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_it_takes_on_both_listeners_is_found_after_a_clean_end(
    receiver: Receiver, how: signal.Signals
) -> None:
    assert f"forward 127.0.0.1:{receiver.forward} (loopback only: neither key nor TLS)" in receiver.said
    assert f"http 127.0.0.1:{receiver.http} (loopback only: neither token nor TLS)" in receiver.said
    with ForwardClient(("127.0.0.1", receiver.forward), options=ClientOptions(ack=True)) as client:
        client.send("app.billing", [(NOW_NS, {"log": "pool exhausted"}), (NOW_NS + 1, {"log": "still so"})])
    body = json.dumps([{"date": 1.5, "log": "over HTTP"}]).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{receiver.http}/v1/ingest?tag=app.auth", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status in (200, 201)
    receiver.process.send_signal(how)
    assert receiver.process.wait(60) == 0
    rows = [json.loads(line) for line in receiver.ask("spool", "export").splitlines() if line.startswith("{")]
    assert [row["record"]["log"] for row in rows] == ["pool exhausted", "still so", "over HTTP"]
    assert rows[0]["tag"] == "app.billing"
    assert json.loads(receiver.ask("spool", "info", "--json"))


def test_without_a_key_another_address_than_loopback_is_refused(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "bot.cli",
        "receive",
        "--forward",
        "0.0.0.0:0",
        "--http",
        "off",
        "--otlp",
        "off",
    ]
    done = subprocess.run(
        [*command, "--state", str(tmp_path / "state")],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("mayday: ")
    assert "neither receive.shared_key nor [receive.tls]" in done.stderr
