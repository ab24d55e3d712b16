"""Garbage at every door: a clear end each time, and nothing acknowledged lost."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
from bad_input_rig import CHANCE, FORWARD, GIGABYTE, closed, good, nested

from stream.decode import decode
from stream.forward_client import ClientOptions, ForwardClient, connect
from stream.receivers.framing import Framer
from stream.receivers.testing import RunningReceiver, make_certificates
from stream.spool import Entry, Kind

# What is sent → the reason under which it is counted. Each must end the connection at once.
NO_FORWARD = {
    "plain HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not_a_message"),
    "TLS in the clear": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50), "not_a_message"),
    "JSON": (b'[{"log":"x"}]', "not_a_message"),
    "random bytes": (b"\xc1" + CHANCE.randbytes(1000), "not_a_message"),
    "an array of one": (b"\x91\xa1t", "not_a_message"),
    "an array of five": (b"\x95\xa1t\x90\x80\x80\x80", "not_a_message"),
    "a number for a tag": (b"\x92\x01\x90", "not_a_message"),
    "a map for entries": (b"\x92\xa1t\x80", "not_a_message"),
    "a tag of 2 kB": (b"\x92\xda\x08\x00", "tag_too_long"),
    "a tag of 1 GB": (b"\x92\xdb" + GIGABYTE, "message_too_large"),
    "a payload of 1 GB": (b"\x92\xa1t\xc6" + GIGABYTE, "message_too_large"),
    "a payload of 1 GB as text": (b"\x92\xa1t\xdb" + GIGABYTE, "message_too_large"),
    "1 G entries": (b"\x92\xa1t\xdd" + GIGABYTE, "message_too_large"),
    "an outer array of 1 G": (b"\xdd" + GIGABYTE, "message_too_large"),
    "a value of 1 GB in a record": (b"\x92\xa1t\x91\x92\x01\x81\xa3log\xdb" + GIGABYTE, "message_too_large"),
    "a map of 1 G pairs in a record": (b"\x92\xa1t\x91\x92\x01\xdf" + GIGABYTE, "message_too_large"),
    "options of 1 G pairs": (b"\x93\xa1t\x90\xdf" + GIGABYTE, "message_too_large"),
    "100,000 levels": (b"\x92\xa1t\x91" + nested(100_000), "nested_too_deep"),
    "options that are a list": (b"\x93\xa1t\x90\x91\x01", "bad_options"),
    "a chunk id of 10 kB": (b"\x93\xa1t\x90\x81\xa5chunk\xda\x27\x10" + b"c" * 10_000, "bad_options"),
    "a chunk id of 257 bytes": (b"\x93\xa1t\x90\x81\xa5chunk\xda\x01\x01" + b"c" * 257, "bad_options"),
    "a chunk id of 256 faces": (
        b"\x93\xa1t\x90\x81\xa5chunk\xda\x04\x00" + "\U0001f600".encode() * 256,
        "bad_options",
    ),
    "a thousand options": (b"\x93\xa1t\x90\xde\x03\xe8" + b"\xa1k\xc0" * 1000, "bad_options"),
    "a chunk id that is a map of all there is": (
        b"\x93\xa1t\x90\x81\xa5chunk\xdd\x00\x01\x86\xa0" + b"\x80" * 100_000,
        "bad_options",
    ),
    "a chunk id that is a number": (b"\x93\xa1t\x90\x81\xa5chunk\x01", "bad_options"),
}


@pytest.mark.parametrize("name", NO_FORWARD)
def test_what_is_no_forward_message_ends_its_connection_and_no_other(tmp_path: Path, name: str) -> None:
    sent, reason = NO_FORWARD[name]
    with (
        RunningReceiver(tmp_path, **FORWARD) as receiver,
        socket.create_connection(receiver.address(), 10) as healthy,
    ):
        with socket.create_connection(receiver.address(), 10) as bad:
            bad.sendall(sent)
            assert closed(bad)
        healthy.sendall(good(1))
        assert msgpack.unpackb(healthy.recv(65_536)) == {"ack": "chunk-1"}
    status = receiver.status()
    assert status.refused == {reason: 1}
    assert status.most_in_flight_bytes < 300_000
    assert [row["record"]["log"] for row in receiver.records()] == ["line 1"]


def test_garbage_on_the_http_ports_is_answered_and_closed(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, http="127.0.0.1:0", otlp="127.0.0.1:0") as receiver:
        for listener in ("http", "otlp"):
            for sent in (
                CHANCE.randbytes(200) + b"\r\n\r\n",
                good(1) + b"\r\n\r\n",
                b"POST /v1/logs\r\n\r\n",
            ):
                with socket.create_connection(receiver.address(listener), 10) as connection:
                    connection.sendall(sent)
                    assert connection.recv(65_536).startswith(b"HTTP/1.1 4")
            with socket.create_connection(receiver.address(listener), 10) as connection:
                connection.sendall(b"POST / HTTP/1.1\r\nX: " + b"x" * 100_000)
                assert connection.recv(65_536).startswith(b"HTTP/1.1 431 ")
    assert receiver.status().refused == {"not_http": 8}
    assert receiver.records() == []


def test_clear_text_on_a_tls_port_is_cut_off(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    tls = {"certificate": files.server, "key": files.server_key}
    trust = ssl.create_default_context(cafile=files.ca)
    with RunningReceiver(tmp_path / "state", tls=tls, **FORWARD) as receiver:
        with socket.create_connection(receiver.address(), 10) as connection:
            connection.sendall(good(1))
            assert closed(connection) or closed(connection)  # an alert may come first
        with ForwardClient(
            receiver.address(), options=ClientOptions(tls=trust, server_hostname="rx.test")
        ) as client:
            client.send("app", [(10**18, {"log": "in TLS"})])
    assert [row["record"]["log"] for row in receiver.records()] == ["in TLS"]


@pytest.mark.parametrize(
    "sent",
    [
        good(1),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x96\xa4PONG" + b"\xa1x" * 5,
        b"\x96\xa4PING" + b"\xdb" + GIGABYTE,
        b"\x96\xa4PING" + nested(600),
        b"\x96\xa4PING" + b"\xda\x04\x00" + b"x" * 1024 * 8,
    ],
    ids=["events", "HTTP", "PONG", "1 GB", "nested", "8 kB"],
)
def test_what_is_no_ping_is_closed_without_an_answer(tmp_path: Path, sent: bytes) -> None:
    with (
        RunningReceiver(tmp_path, environ={"K": "key"}, shared_key="env:K", **FORWARD) as receiver,
        socket.create_connection(receiver.address(), 10) as connection,
    ):
        assert msgpack.unpackb(connection.recv(65_536), raw=True)[0] == b"HELO"
        connection.sendall(sent)
        assert closed(connection)
    assert receiver.status().refused == {"no_ping": 1}
    assert receiver.records() == []


def test_random_bytes_on_every_port_do_no_harm(tmp_path: Path) -> None:
    chance = random.Random(11)
    with RunningReceiver(
        tmp_path, http="127.0.0.1:0", otlp="127.0.0.1:0", message_seconds=0.2, **FORWARD
    ) as receiver:
        for _ in range(60):
            for listener in ("forward", "http", "otlp"):
                with socket.create_connection(receiver.address(listener), 10) as connection:
                    connection.sendall(chance.randbytes(chance.randrange(1, 400)))
        with connect(receiver.address(), ClientOptions(answer_seconds=10)) as connection:
            connection.sendall(good(1))
            assert msgpack.unpackb(connection.recv(65_536)) == {"ack": "chunk-1"}
    assert receiver.status().open_connections == 0


def random_values(chance: random.Random, count: int) -> Iterator[object]:
    for _ in range(count):
        yield chance.choice([None, True, -5, 2**40, 1.5, "text", b"bytes", [], {}, [1, [2]], {"a": {"b": 1}}])


def test_whatever_is_well_formed_frames_to_its_last_byte() -> None:
    chance = random.Random(8)
    for _ in range(300):
        raw = msgpack.packb(
            [f"t{_}", [[1, dict(enumerate(random_values(chance, 5)))] for _ in range(chance.randrange(4))]]
        )
        framer = Framer(max_message=1 << 20, max_tag=100)
        framer.feed(raw + b"\xc0")
        assert [message.raw for message in framer.messages()] == [raw]
        assert framer.partial == 0


def test_a_clock_that_goes_back_is_no_trouble(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from models.clock import FrozenClock

    clock = FrozenClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
    with (
        RunningReceiver(tmp_path, clock=clock, **FORWARD) as receiver,
        connect(receiver.address(), ClientOptions(answer_seconds=10)) as connection,
    ):
        for number in (1, 2):
            connection.sendall(good(number))
            assert msgpack.unpackb(connection.recv(65_536)) == {"ack": f"chunk-{number}"}
            clock.move(-3600)
    assert {row["received_at"] for row in receiver.records()} == {"2026-03-02T03:00:00.000000Z"}


def test_decoding_never_raises_for_random_bytes() -> None:
    chance = random.Random(5)
    for kind in Kind:
        for encoding in ("", "gzip", "zstd", "snappy", "br"):
            for content in ("application/json", "application/msgpack", "text/plain", ""):
                raw = chance.randbytes(chance.randrange(200))
                decode(
                    Entry(
                        kind,
                        10**18,
                        "a",
                        "",
                        "",
                        None,
                        {"content-encoding": encoding, "content-type": content},
                        raw,
                    )
                )
