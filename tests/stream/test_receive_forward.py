"""Promises of the Forward receiver: what is acknowledged, when, and what is not."""

from __future__ import annotations

import errno
import hashlib
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest

from stream.forward_client import ClientOptions, Refused, connect, pack_event, pack_message
from stream.receivers.framing import Framer
from stream.receivers.testing import RunningReceiver
from stream.spool.testing import FragileDisk

SECRETS = {"KEY": "a long shared key", "ONE": "first password", "TWO": "second password"}
FORWARD = {"forward": "127.0.0.1:0"}


def message(number: int, *, chunk: str | None = "", tag: str = "app.billing") -> bytes:
    """One message of one record; `chunk` "" derives an id from the number, None asks for no acknowledgement."""
    entry = pack_event(1_700_000_000_000_000_000 + number, {"log": f"line {number}"})
    return pack_message(tag, entry, 1, f"chunk-{number}" if chunk == "" else chunk)


def logs(receiver: RunningReceiver) -> list[str]:
    return [row["record"]["log"] for row in receiver.records()]


@contextmanager
def connected(receiver: RunningReceiver, **options: Any) -> Iterator[socket.socket]:
    with connect(receiver.address(), ClientOptions(answer_seconds=10, **options)) as connection:
        yield connection


def acks(connection: socket.socket, count: int) -> list[Any]:
    unpacker = msgpack.Unpacker()
    found: list[Any] = []
    while len(found) < count:
        data = connection.recv(65_536)
        assert data, "closed before every acknowledgement"
        unpacker.feed(data)
        found += [one["ack"] for one in unpacker]
    return found


def send_for_ever(connection: socket.socket, data: bytes) -> None:
    """Send and never read; ends with the error of a connection that was closed."""
    while True:
        connection.sendall(data)


def hold(disk: FragileDisk, connection: socket.socket) -> None:
    """Make the next sync wait, once nothing else is on its way to the disk."""
    connection.sendall(message(0))
    assert acks(connection, 1) == ["chunk-0"]
    disk.gate.clear()
    disk.waiting.clear()


def end(connection: socket.socket) -> None:
    """Say that nothing more comes, and wait until the receiver has closed as well."""
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1) == b""


def test_who_does_not_read_acknowledgements_loses_its_place(tmp_path: Path) -> None:
    """A connection that only sends would be paused, not read and so never timed out."""
    with (
        RunningReceiver(tmp_path, message_seconds=0.2, max_connections=2, **FORWARD) as receiver,
        socket.socket() as greedy,
    ):
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        greedy.settimeout(20)
        greedy.connect(receiver.address())
        many = b"".join(message(number, chunk=f"{number:0>250}") for number in range(500))
        with pytest.raises(ConnectionError):
            send_for_ever(greedy, many)
        with connected(receiver) as first, connected(receiver) as second:
            for connection in (first, second):
                connection.sendall(message(1))
                assert acks(connection, 1) == ["chunk-1"]
    assert receiver.status().refused == {"answers_not_read": 1}


def test_an_ack_is_sent_only_after_the_sync(tmp_path: Path) -> None:
    disk = FragileDisk()
    with (
        RunningReceiver(tmp_path, files=disk, tick_seconds=3600, **FORWARD) as receiver,
        connected(receiver) as connection,
    ):
        hold(disk, connection)
        connection.sendall(message(1))
        assert disk.waiting.wait(10)
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        disk.gate.set()
        connection.settimeout(10)
        assert acks(connection, 1) == ["chunk-1"]
    assert logs(receiver) == ["line 0", "line 1"]


def test_an_ack_is_the_whole_map_with_the_id_verbatim_as_a_string(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **FORWARD) as receiver, connected(receiver) as connection:
        for chunk in (b"EzZkuOwm1ymViJrBoErDzQ==", b"not \xff utf-8", b"c" * 200):
            packed = b"\xa5chunk\xd9" + bytes([len(chunk)]) + chunk
            connection.sendall(b"\x93\xa1t\x90\x81" + packed)
            width = b"\xd9" + bytes([len(chunk)]) if len(chunk) > 31 else bytes([0xA0 | len(chunk)])
            assert connection.recv(65_536) == b"\x81\xa3ack" + width + chunk


def test_a_message_without_a_chunk_id_gets_nothing_back_and_equal_ones_are_all_kept(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **FORWARD) as receiver, connected(receiver) as connection:
        connection.sendall(message(1, chunk=None) * 3 + message(2))
        assert acks(connection, 1) == ["chunk-2"]
        end(connection)
    assert sorted(logs(receiver)) == ["line 1", "line 1", "line 1", "line 2"]


def test_a_resent_chunk_is_acked_again_and_stored_once_also_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        with RunningReceiver(tmp_path, **FORWARD) as receiver, connected(receiver) as connection:
            connection.sendall(message(1))
            assert acks(connection, 1) == ["chunk-1"]
            connection.sendall(message(1))
            assert acks(connection, 1) == ["chunk-1"]
    assert logs(receiver) == ["line 1"]
    assert receiver.status().duplicates == 2


def test_equal_chunks_of_another_tag_or_agent_are_not_the_same(tmp_path: Path) -> None:
    users = {"one": "env:ONE", "two": "env:TWO"}
    with RunningReceiver(tmp_path, environ=SECRETS, shared_key="env:KEY", users=users, **FORWARD) as receiver:
        for name in ("one", "two"):
            who = {"shared_key": SECRETS["KEY"], "username": name, "password": SECRETS[name.upper()]}
            with connected(receiver, **who) as connection:
                connection.sendall(message(1) + message(1, tag="app.other"))
                assert acks(connection, 2) == ["chunk-1", "chunk-1"]
    assert sorted((row["agent"], row["tag"]) for row in receiver.records()) == [
        ("one", "app.billing"), ("one", "app.other"), ("two", "app.billing"), ("two", "app.other"),
    ]  # fmt: skip


def test_bytes_may_come_one_by_one_and_many_messages_at_once(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **FORWARD) as receiver, connected(receiver) as connection:
        for byte in message(1):
            connection.sendall(bytes([byte]))
        assert acks(connection, 1) == ["chunk-1"]
        connection.sendall(b"\xc0" + b"\xc0".join(message(number) for number in range(2, 202)))
        assert acks(connection, 200) == [f"chunk-{number}" for number in range(2, 202)]
    assert len(logs(receiver)) == 201


def test_metrics_and_traces_are_acked_stored_and_counted_but_are_no_records(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **FORWARD) as receiver, connected(receiver) as connection:
        for signal in (1, 2):
            chunk = f"signal-{signal}"
            connection.sendall(msgpack.packb(["m", b"\x00" * 100, {"chunk": chunk, "fluent_signal": signal}]))
            assert acks(connection, 1) == [chunk]
    assert receiver.records() == []
    assert receiver.status().non_log == 2


def test_what_frames_but_does_not_decode_is_stored_and_acked(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **FORWARD) as receiver, connected(receiver) as connection:
        connection.sendall(
            msgpack.packb(["app", b"\xff no entries", {"chunk": "poison", "compressed": "gzip"}])
        )
        assert acks(connection, 1) == ["poison"]
    status = receiver.status()
    assert (status.messages, status.not_stored) == (1, 0)


def test_connections_without_a_byte_are_no_trouble(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **FORWARD) as receiver:
        for _ in range(5):
            socket.create_connection(receiver.address(), 10).close()
        with connected(receiver) as connection:
            connection.sendall(message(1))
            assert acks(connection, 1) == ["chunk-1"]
    assert receiver.status().refused == {}


def test_more_connections_than_messages_in_flight_are_all_served(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, **FORWARD) as receiver:
        connections = [connect(receiver.address(), ClientOptions(answer_seconds=10)) for _ in range(100)]
        for number, connection in enumerate(connections):
            connection.sendall(message(number))
        for number, connection in enumerate(connections):
            assert acks(connection, 1) == [f"chunk-{number}"]
            connection.close()
    assert len(logs(receiver)) == 100


def test_a_spool_that_cannot_write_closes_the_connection_and_the_resend_is_stored_once(
    tmp_path: Path,
) -> None:
    disk = FragileDisk()
    with RunningReceiver(tmp_path, files=disk, tick_seconds=3600, **FORWARD) as receiver:
        with connected(receiver) as connection:
            connection.sendall(message(1))
            assert acks(connection, 1) == ["chunk-1"]
        disk.fail_sync = errno.EIO
        with connected(receiver) as connection:
            connection.sendall(message(2))
            with pytest.raises((ConnectionError, AssertionError)):
                acks(connection, 1)
        disk.fail_sync = None
        with connected(receiver) as connection:  # not read from until the spool writes again
            connection.sendall(message(2))
            assert acks(connection, 1) == ["chunk-2"]
    assert logs(receiver) == ["line 1", "line 2"]


def test_a_full_disk_stops_the_reading_and_acks_nothing(tmp_path: Path) -> None:
    disk = FragileDisk()
    with RunningReceiver(tmp_path, files=disk, tick_seconds=3600, **FORWARD) as receiver:
        with connected(receiver) as connection:
            connection.sendall(message(0))
            assert acks(connection, 1) == ["chunk-0"]
            disk.space = 0
            connection.sendall(message(1))
            with pytest.raises((ConnectionError, AssertionError)):
                acks(connection, 1)
        with connected(receiver) as connection:
            connection.sendall(message(2))
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            disk.space = None
            connection.settimeout(10)
            assert acks(connection, 1) == ["chunk-2"]
    assert logs(receiver) == ["line 0", "line 2"]


def test_stopping_answers_what_is_in_flight(tmp_path: Path) -> None:
    disk = FragileDisk()
    with (
        RunningReceiver(tmp_path, files=disk, tick_seconds=3600, **FORWARD) as receiver,
        connected(receiver) as connection,
    ):
        hold(disk, connection)
        connection.sendall(message(1))
        assert disk.waiting.wait(10)
        receiver.begin_to_stop()
        disk.gate.set()
        assert acks(connection, 1) == ["chunk-1"]
        assert connection.recv(1) == b""
    assert receiver.status().state == "stopped"


@pytest.mark.parametrize(
    "wrong",
    [
        {"shared_key": "another key"},
        {"username": "one", "password": "wrong"},
        {"username": "nobody", "password": "first password"},
        {"username": "two", "password": "first password"},
    ],
)
def test_a_wrong_key_user_or_password_is_refused_and_the_connection_closed(
    tmp_path: Path, wrong: dict[str, str]
) -> None:
    users = {"one": "env:ONE", "two": "env:TWO"}
    right = {"shared_key": SECRETS["KEY"], "username": "one", "password": SECRETS["ONE"]}
    with RunningReceiver(tmp_path, environ=SECRETS, shared_key="env:KEY", users=users, **FORWARD) as receiver:
        with pytest.raises(Refused):
            connect(receiver.address(), ClientOptions(**(right | wrong)))
        with connected(receiver, **right) as connection:
            connection.sendall(message(1))
            assert acks(connection, 1) == ["chunk-1"]
    assert receiver.status().failed_handshakes == 1
    assert {row["agent"] for row in receiver.records()} == {"one"}


def test_data_after_a_refusal_on_the_same_connection_is_neither_stored_nor_acked(tmp_path: Path) -> None:
    wrong = msgpack.packb([b"PING", b"agent-1", b"s" * 16, b"0" * 128, b"", b""], use_bin_type=False)
    with (
        RunningReceiver(tmp_path, environ=SECRETS, shared_key="env:KEY", **FORWARD) as receiver,
        socket.create_connection(receiver.address(), 10) as connection,
    ):
        assert msgpack.unpackb(connection.recv(65_536), raw=True)[0] == b"HELO"
        connection.sendall(wrong + message(1))
        answer = b""
        while part := connection.recv(65_536):
            answer += part
        pong = msgpack.unpackb(answer)
        assert pong[:2] == ["PONG", False]
        assert len(pong) == 5
    assert receiver.records() == []


def ping(nonce: bytes, host: bytes = b"localhost") -> bytes:
    salt = b"\xff" * 16
    digest = hashlib.sha512(salt + host + nonce + SECRETS["KEY"].encode()).hexdigest()
    return bytes(msgpack.packb([b"PING", host, salt, digest, b"", b""], use_bin_type=False))


def test_a_ping_in_pieces_with_events_right_behind_it_is_accepted(tmp_path: Path) -> None:
    with (
        RunningReceiver(tmp_path, environ=SECRETS, shared_key="env:KEY", **FORWARD) as receiver,
        socket.create_connection(receiver.address(), 10) as connection,
    ):
        hello = msgpack.unpackb(connection.recv(65_536), raw=True)
        sent = ping(hello[1][b"nonce"]) + message(1)
        for at in range(0, len(sent), 50):
            connection.sendall(sent[at : at + 50])
        unpacker = msgpack.Unpacker()
        answers: list[Any] = []
        while len(answers) < 2:
            unpacker.feed(connection.recv(65_536))
            answers += unpacker
        assert answers[0][1] is True
        assert answers[1] == {"ack": "chunk-1"}
    assert {row["agent"] for row in receiver.records()} == {"127.0.0.1"}  # `localhost` is no identity


def test_the_framer_gives_every_byte_back_and_keeps_none(tmp_path: Path) -> None:
    sent = [
        message(1),
        msgpack.packb(
            ["t", msgpack.ExtType(0, struct.pack(">II", 1, 2)), {"log": "x"}, {"chunk": "c", "more": [1]}]
        ),
        msgpack.packb(["t", 1, {"log": "x"}]),
        msgpack.packb(["t", 1.5, {"log": "x"}, None]),
        msgpack.packb(["t", b"packed", {"compressed": "gzip", "chunk": b"bytes"}]),
        msgpack.packb(["t", "packed as a string"]),
        msgpack.packb(["t", []]),
        b"\xdc\x00\x02\xdb\x00\x00\x00\x01t\xdd\x00\x00\x00\x01\xdc\x00\x02\x01\xdf\x00\x00\x00\x00",
    ]
    framer = Framer(max_message=10_000, max_tag=100)
    found = []
    for byte in b"\xc0".join(sent):
        framer.feed(bytes([byte]))
        found += framer.messages()
    assert [one.raw for one in found] == sent
    assert [one.chunk for one in found] == ["chunk-1", "c", None, None, "bytes", None, None, None]
    assert framer.partial == 0
