"""What the receiver and the spool say in our own log can be read: the sentences are ours, so nothing of them is withheld."""

from __future__ import annotations

import errno
import io
import logging
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest

from models.clock import FrozenClock
from models.sanitizer.guard import SafeFormatter
from storage.seal import KeyRing
from stream.forward_client import pack_event, pack_message
from stream.receivers.testing import RunningReceiver, make_certificates
from stream.spool import SpoolFull, SpoolReader, SpoolSettings, SpoolWriter
from stream.spool.segment import FRAMES_AT, path_of
from stream.spool.testing import FragileDisk, numbered_entry, small_settings

MARK = "zorblaxia"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that our loggers say, as it is written to log/NAME.log."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(SafeFormatter())
    logger = logging.getLogger("stream")
    logger.addHandler(handler)
    try:
        yield written
    finally:
        logger.removeHandler(handler)


def closed(connection: socket.socket) -> None:
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        return


def check(log: io.StringIO, *sentences: str) -> None:
    text = log.getvalue()
    for sentence in sentences:
        assert sentence in text
    assert "<str>" not in text
    assert "withheld" not in text
    assert MARK not in text


def test_why_a_connection_was_closed(tmp_path: Path, log: io.StringIO) -> None:
    names = {"forward": "127.0.0.1:0", "http": "127.0.0.1:0"}
    secrets = {"KEY": "a long shared key", "TOKEN": "a token"}
    tokens = [{"token": "env:TOKEN"}]
    with RunningReceiver(tmp_path, environ=secrets, shared_key="env:KEY", tokens=tokens, **names) as receiver:
        for _ in range(2):
            with socket.create_connection(receiver.address(), 10) as connection:
                connection.sendall(f"GET /{MARK} HTTP/1.1\r\n\r\n".encode())
                closed(connection)
        with socket.create_connection(receiver.address("http"), 10) as connection:
            connection.sendall(MARK.encode() + b"\r\n\r\n")
            closed(connection)
        client = HTTPConnection(*receiver.address("http"), timeout=10)
        client.request("POST", "/v1/ingest", b"{}", {"Authorization": f"Bearer {MARK}"})
        assert client.getresponse().status == 401
        client.close()
    check(
        log,
        "forward: closed a connection from agent-",
        ": it did not shake hands before sending",
        "http: closed a connection from agent-",
        ": what it sent is no HTTP (is its output `http`, and TLS on or off on both sides?)",
        " sent no token or a wrong one",
    )


def test_why_a_tls_handshake_failed(tmp_path: Path, log: io.StringIO) -> None:
    made = make_certificates(tmp_path)
    tls = {"certificate": str(made.server), "key": str(made.server_key)}
    with RunningReceiver(tmp_path / "state", tls=tls, forward="127.0.0.1:0") as receiver:
        with socket.create_connection(receiver.address(), 10) as connection:
            connection.sendall(MARK.encode() * 10)
            closed(connection)
        with socket.create_connection(receiver.address(), 10) as connection, pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")
    check(log, "forward: a TLS handshake failed: no TLS, no client certificate that is trusted")


def test_why_a_message_was_not_stored(tmp_path: Path, log: io.StringIO) -> None:
    disk = FragileDisk()
    with RunningReceiver(tmp_path, files=disk, forward="127.0.0.1:0", tick_seconds=3600) as receiver:
        with socket.create_connection(receiver.address(), 10) as connection:  # behind the first tick
            connection.sendall(pack_message("app", pack_event(10**9, {"log": "fine"}), 1, "c0"))
            assert connection.recv(100)
        disk.fail_sync = errno.EIO
        with socket.create_connection(receiver.address(), 10) as connection:
            connection.sendall(pack_message("app", pack_event(10**9, {"log": MARK}), 1, "c1"))
            closed(connection)
        disk.fail_sync = None
    check(
        log,
        "spool: writing failed (EIO, the disk failed)",
        "a message was not stored nor acknowledged; it comes again",
    )


def test_what_is_damaged_and_why_nothing_is_taken(tmp_path: Path, log: io.StringIO) -> None:
    ring, clock = KeyRing(bytes(32)), FrozenClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
    with SpoolWriter.open(tmp_path, ring, SpoolSettings(min_free_bytes=0), clock) as writer:
        for number in range(3):
            writer.append(numbered_entry(number)).result(20)
    with path_of(tmp_path, 1).open("r+b") as file:
        file.seek(FRAMES_AT + 60)
        file.write(b"????")
    (tmp_path / "committed").unlink()
    (tmp_path / "keys" / "checkpoint").unlink()
    disk = FragileDisk()
    settings = small_settings(min_free_bytes=1024)
    with SpoolWriter.open(tmp_path, ring, settings, clock, disk) as writer:
        disk.space = 0
        with pytest.raises(SpoolFull):
            writer.append(numbered_entry(9)).result(20)
    with SpoolReader(tmp_path, ring) as reader:
        reader.read(10)
        assert [str(place.reason) for place in reader.damage] == ["the content of a block was altered"]
    check(
        log,
        "bytes: the content of a block was altered",
        "spool: writing failed (ENOSPC, no space left)",
    )
