"""Senders that begin and do not end: each has its time, and then its connection is closed."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import msgpack
import pytest
from bad_input_rig import FORWARD, closed, good

from stream.receivers.testing import RunningReceiver


def test_half_a_message_then_silence_is_closed_after_its_time(tmp_path: Path) -> None:
    with (
        RunningReceiver(tmp_path, message_seconds=0.2, **FORWARD) as receiver,
        socket.create_connection(receiver.address(), 10) as connection,
    ):
        connection.sendall(good(1)[:-3])
        assert closed(connection)
    assert receiver.status().refused == {"message_timeout": 1}


def test_a_byte_now_and_then_does_not_keep_a_message_open(tmp_path: Path) -> None:
    """The time is for the whole message: whoever drips bytes gains nothing."""
    with (
        RunningReceiver(tmp_path, message_seconds=0.3, **FORWARD) as receiver,
        socket.create_connection(receiver.address(), 10) as connection,
    ):
        assert dripped(connection, good(1)) < len(good(1))
    assert receiver.status().refused == {"message_timeout": 1}


def dripped(connection: socket.socket, raw: bytes) -> int:
    """Send one byte every 20 ms until the other side closes; return how many it took."""
    connection.settimeout(0.02)
    for number, byte in enumerate(raw):
        try:
            connection.sendall(bytes([byte]))
            if connection.recv(1) == b"":
                return number
        except TimeoutError:
            continue
        except ConnectionError:
            return number
    return len(raw)


@pytest.mark.parametrize("sent", [b"", b"\x96\xa4PING", b"\x96\xa4PING\xda\x01\x00"])
def test_a_handshake_that_does_not_end_is_closed_after_its_time(tmp_path: Path, sent: bytes) -> None:
    with (
        RunningReceiver(
            tmp_path, environ={"K": "key"}, shared_key="env:K", handshake_seconds=0.2, **FORWARD
        ) as receiver,
        socket.create_connection(receiver.address(), 10) as connection,
    ):
        assert msgpack.unpackb(connection.recv(65_536), raw=True)[0] == b"HELO"
        connection.sendall(sent)
        assert closed(connection)
    assert receiver.status().failed_handshakes == 1


@pytest.mark.parametrize(
    "head", [b"POST /v1/ingest HT", b"POST /v1/ingest HTTP/1.1\r\nContent-Length: 9\r\nHost: x\r\n\r\n{"]
)
def test_a_request_that_does_not_end_is_closed_after_its_time(tmp_path: Path, head: bytes) -> None:
    with (
        RunningReceiver(tmp_path, http="127.0.0.1:0", handshake_seconds=0.2, message_seconds=0.2) as receiver,
        socket.create_connection(receiver.address("http"), 10) as connection,
    ):
        connection.sendall(head)
        while connection.recv(65_536):  # a 408 where a status can still be sent
            pass
    assert receiver.status().refused["message_timeout"] == 1


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_who_sends_no_request_for_us_gives_its_place_back(tmp_path: Path, sent: bytes) -> None:
    """Nor does it gain time by requests that are not taken."""
    with (
        RunningReceiver(
            tmp_path, http="127.0.0.1:0", handshake_seconds=0.4, idle_seconds=3600, max_connections=1
        ) as receiver,
        socket.create_connection(receiver.address("http"), 10) as connection,
    ):
        connection.settimeout(0.1)
        for _ in range(30):
            try:
                connection.sendall(sent)
                if connection.recv(65_536) == b"":
                    break
                time.sleep(0.1)
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("it kept its place")
    assert receiver.status().refused["no_request"] == 1


def test_a_client_that_has_sent_a_request_keeps_its_connection(tmp_path: Path) -> None:
    request = b'POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{"log":"%d"}'
    with (
        RunningReceiver(tmp_path, http="127.0.0.1:0", handshake_seconds=0.2) as receiver,
        socket.create_connection(receiver.address("http"), 10) as connection,
    ):
        for number in range(2):
            connection.sendall(request % number)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)
    assert receiver.status().refused == {}
