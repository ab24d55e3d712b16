"""Connections alone never stop the intake: beyond the limit they are closed at once, and an agent goes on being acknowledged."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from stream.receivers.testing import RunningReceiver, make_certificates

LIMIT = 128
FORWARD: dict[str, Any] = {"forward": "127.0.0.1:0"}


def acknowledged(connection: socket.socket, number: int) -> bool:
    packed = msgpack.packb(["app", [[1, {"log": "x" * 2000}]], {"chunk": f"c{number}"}])
    connection.sendall(packed)
    return bool(msgpack.unpackb(connection.recv(65_536)) == {"ack": f"c{number}"})


def turned_away(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def served(place: tuple[str, int]) -> bool:
    """Whether an HTTP request is answered rather than the connection closed."""
    try:
        with socket.create_connection(place, 20) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(12).startswith(b"HTTP/1.1")
    except ConnectionError:
        return False


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[tuple[str, int]]]]:
    """`mayday receive` in a process that may open 128 files, and where its three listeners are."""
    (tmp_path / "mayday.toml").write_text(
        "[spool]\nsegment_bytes = 65536\nmin_free_bytes = 0\ncheckpoint_seconds = 0.1\n"
    )
    command = [sys.executable, "-m", "bot.cli", "receive", "--config", str(tmp_path / "mayday.toml")]
    command += ["--state", str(tmp_path / "state")]
    for name in ("forward", "http", "otlp"):
        command += [f"--{name}", "127.0.0.1:0"]
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with subprocess.Popen(
        ["/bin/sh", "-c", f'ulimit -Sn 100 && ulimit -Hn {LIMIT} && exec "$@"', "sh", *command],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        places = [("127.0.0.1", int(port)) for port in re.findall(r"127\.0\.0\.1:(\d+)", said)]
        try:
            yield process, places
        finally:
            process.terminate()
            assert process.wait(20) == 0
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_idle_connections_beyond_the_limit_of_open_files_stop_nobody(
    limited: tuple[subprocess.Popen[str], list[tuple[str, int]]], tmp_path: Path
) -> None:
    process, places = limited
    assert len(places) == 3
    with contextlib.ExitStack() as held:
        agent = held.enter_context(socket.create_connection(places[0], 20))
        assert acknowledged(agent, 0)
        idle = [
            held.enter_context(socket.create_connection(places[number % 3], 20))
            for number in range(2 * LIMIT)
        ]
        away = turned_away(idle[-1])
        assert away
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (LIMIT, LIMIT)
        for number in range(1, 150):  # several segments and key checkpoints
            assert acknowledged(agent, number)
        assert len(os.listdir(f"/proc/{process.pid}/fd")) < LIMIT
        for connection in idle:
            connection.close()
        # The places come back as the receiver sees the ends; whoever asks again is served then.
        assert any(served(places[1]) for _ in range(2000))
    log = (tmp_path / "state" / "log" / "receive.log").read_text()
    assert "at most 64 connections at once, not the 4096 of receive.max_connections" in log
    assert "64 are open already" in log
    assert "EMFILE" not in log


def test_the_limit_is_one_for_all_listeners(tmp_path: Path) -> None:
    with (
        RunningReceiver(tmp_path, http="127.0.0.1:0", max_connections=1, **FORWARD) as receiver,
        socket.create_connection(receiver.address(), 20) as agent,
    ):
        assert acknowledged(agent, 1)
        with socket.create_connection(receiver.address("http"), 20) as late:
            assert turned_away(late)
        assert acknowledged(agent, 2)
    assert receiver.status().refused == {"too_many_connections": 1}


def test_a_tls_handshake_that_is_not_through_has_a_place_and_gives_it_back(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    tls = {"certificate": str(made.server), "key": str(made.server_key)}
    client = ssl.create_default_context(cafile=str(made.ca))
    with RunningReceiver(
        tmp_path / "state", tls=tls, max_connections=2, handshake_seconds=20, **FORWARD
    ) as receiver:

        def connected() -> ssl.SSLSocket:
            plain = socket.create_connection(receiver.address(), 20)
            return client.wrap_socket(plain, server_hostname="rx.test")

        with connected() as agent:
            assert acknowledged(agent, 1)
            half = socket.create_connection(receiver.address(), 20)
            with socket.create_connection(receiver.address(), 20) as late:
                assert turned_away(late)
            half.sendall(b"this is no handshake\n")
            assert half.recv(64) is not None  # an alert, or the end
            while half.recv(64):
                pass
            half.close()
            with connected() as second:
                assert acknowledged(second, 2)
            assert acknowledged(agent, 3)
    assert receiver.status().refused == {"too_many_connections": 1, "tls": 1}
