"""Bad input at every door: a clear end each time, memory bounded, and nothing acknowledged lost."""

from __future__ import annotations

import random
import socket
import ssl
import struct
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
from pydantic import ValidationError

from models.errors import BadInput
from stream.decode import decode
from stream.forward_client import ClientOptions, ForwardClient, connect, pack_event, pack_message
from stream.receive import check_exposure
from stream.receivers.errors import NotForward, ReceiverAddress, ReceiverUnsafe, SecretUnusable
from stream.receivers.forward import ack
from stream.receivers.framing import Framer
from stream.receivers.settings import ReceiveSettings
from stream.receivers.testing import RunningReceiver, make_certificates
from stream.spool import Entry, Kind, SpoolReader

FORWARD = {"forward": "127.0.0.1:0"}
GIGABYTE = struct.pack(">I", 1 << 30)
CHANCE = random.Random(4)


def good(number: int) -> bytes:
    return pack_message("app", pack_event(number * 10**9, {"log": f"line {number}"}), 1, f"chunk-{number}")


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


def closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection, without a byte."""
    try:
        return connection.recv(65_536) == b""
    except ConnectionError:
        return True


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


@pytest.mark.parametrize("filling", [b"\x80", b"\x90", b"\xc0", b"\x81\xa1k\x90"])
def test_options_that_unfold_enormously_are_taken_without_being_unfolded(filling: bytes) -> None:
    """Fifteen million empty maps are a gigabyte of objects; the bytes are fifteen million."""
    count = 15_000_000 // len(filling)
    unknown = b"\xa1x\xdd" + struct.pack(">I", count) + filling * count
    raw = b"\x93\xa1t\x91\x92\x01\x81\xa3log\xa1x\x82" + unknown + b"\xa5chunk\xa2c1"
    framer = Framer(max_message=16 << 20, max_tag=100)
    tracemalloc.start()
    try:
        framer.feed(raw)
        (message,) = framer.messages()
        entry = Entry(Kind.FORWARD, 10**18, "a", "", message.tag, message.chunk, {}, message.raw)
        found = decode(entry)
        _, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message.chunk == "c1"
    assert [record.record for record in found.records] == [{"log": "x"}]
    assert highest < 10 * len(raw)


def test_the_longest_chunk_id_gives_the_longest_ack() -> None:
    framer = Framer(max_message=1 << 20, max_tag=100)
    framer.feed(pack_message("app", pack_event(10**9, {"log": "x"}), 1, "\u00e9" * 128))
    (message,) = framer.messages()
    assert message.chunk is not None
    assert len(ack(message.chunk)) < 512


def test_a_message_beyond_the_limit_is_refused_by_its_bytes_too() -> None:
    framer = Framer(max_message=1000, max_tag=100)
    entry = msgpack.packb([1, {"log": "x" * 200}])
    framer.feed(b"\x92\xa1t\xdc\x00\x20" + entry)
    assert list(framer.messages()) == []
    framer.feed(entry * 5)
    with pytest.raises(NotForward, match="message_too_large"):
        list(framer.messages())


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


def test_a_gzip_bomb_costs_the_receiver_nothing_and_is_named_when_decoded(tmp_path: Path) -> None:
    bomb = Bomb.gzip(200 << 20)
    message = msgpack.packb(["app", bomb, {"compressed": "gzip", "chunk": "bomb"}])
    with (
        RunningReceiver(tmp_path, **FORWARD) as receiver,
        connect(receiver.address(), ClientOptions(answer_seconds=30)) as connection,
    ):
        connection.sendall(message)
        assert msgpack.unpackb(connection.recv(65_536)) == {"ack": "bomb"}
    assert receiver.status().most_in_flight_bytes < 2 * len(message) + 300_000
    with SpoolReader(receiver.layout.spool, receiver.ring) as reader:
        entries = [
            entry for block in reader.read(100) for entry in block.entries if entry.kind is Kind.FORWARD
        ]
    assert [decode(entry).quarantine for entry in entries] == ["too_large"]


class Bomb:
    """Small bodies that claim to be huge ones."""

    @staticmethod
    def gzip(size: int) -> bytes:
        import zlib

        packer = zlib.compressobj(9, wbits=31)
        zeros = bytes(1 << 20)
        return b"".join(packer.compress(zeros) for _ in range(size >> 20)) + packer.flush()


def test_many_half_messages_are_bounded_and_every_message_gets_through_in_the_end(tmp_path: Path) -> None:
    """60 connections of 100 kB against a bound of 500 kB: the bytes wait in the clients, none is lost, none stays stuck."""
    body = [msgpack.packb(["app", b"x" * 100_000, {"chunk": f"c{number}"}]) for number in range(60)]
    with RunningReceiver(tmp_path, max_in_flight_bytes=500_000, message_seconds=20, **FORWARD) as receiver:
        connections = [connect(receiver.address(), ClientOptions(answer_seconds=20)) for _ in body]
        for connection, raw in zip(connections, body, strict=True):
            connection.sendall(raw[:60_000])
        senders = [
            threading.Thread(target=connection.sendall, args=(raw[60_000:],))
            for connection, raw in zip(connections, body, strict=True)
        ]
        for sender in senders:
            sender.start()
        for number, connection in enumerate(connections):
            assert msgpack.unpackb(connection.recv(65_536)) == {"ack": f"c{number}"}
            connection.close()
        for sender in senders:
            sender.join(10)
    status = receiver.status()
    assert status.messages == 60
    assert status.most_in_flight_bytes < 500_000 + 300_000  # the bound, and one message with its read
    assert status.refused == {}


def test_more_connections_than_allowed_are_turned_away_and_the_others_live_on(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, max_connections=3, **FORWARD) as receiver:
        kept = [connect(receiver.address(), ClientOptions(answer_seconds=10)) for _ in range(3)]
        for number, connection in enumerate(kept):
            connection.sendall(good(number))
            assert msgpack.unpackb(connection.recv(65_536)) == {"ack": f"chunk-{number}"}
        with socket.create_connection(receiver.address(), 10) as one_more:
            assert closed(one_more)
        kept[0].sendall(good(9))
        assert msgpack.unpackb(kept[0].recv(65_536)) == {"ack": "chunk-9"}
        for connection in kept:
            connection.close()


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


# -- settings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"forward": "0.0.0.0:24224"}, ReceiverUnsafe, "neither receive.shared_key nor receive.tls"),
        ({"forward": "[::]:24224"}, ReceiverUnsafe, "neither receive.shared_key nor receive.tls"),
        ({"forward": "mayday.example.test:24224"}, ReceiverUnsafe, "neither"),
        ({"http": "0.0.0.0:9880"}, ReceiverUnsafe, "neither receive.tokens nor receive.tls"),
        ({"otlp": "192.0.2.1:4318", "shared_key": "env:K"}, ReceiverUnsafe, "the otlp listener"),
        ({"forward": "off", "http": "off", "otlp": "off"}, ReceiverAddress, "every listener is off"),
    ],
)
def test_a_listener_that_others_can_reach_needs_a_key_a_token_or_tls(
    settings: dict[str, str], error: type[BadInput], words: str
) -> None:
    with pytest.raises(error, match=words) as found:
        check_exposure(ReceiveSettings.model_validate(settings))
    assert isinstance(found.value, BadInput)  # exit code 2 on the command line


def test_without_key_or_tls_it_says_that_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, http="127.0.0.1:0", **FORWARD) as receiver:
        host, port = receiver.address()
        assert f"forward {host}:{port} (loopback only: neither key nor TLS)" in receiver.line
        assert "(loopback only: neither token nor TLS)" in receiver.line


@pytest.mark.parametrize(
    "settings",
    [
        {"forward": "nonsense"},
        {"forward": "127.0.0.1:70000"},
        {"users": {"one": "env:P"}},
        {"shared_key": "the key itself"},
        {"idle_seconds": 10},
        {"unauthorised_status": 400},
        {"no_such_key": 1},
    ],
)
def test_settings_that_cannot_be_are_refused_without_quoting_them(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as found:
        ReceiveSettings.model_validate(settings)
    assert "the key itself" not in str(found.value)


def test_a_missing_secret_a_used_port_and_a_wrong_certificate_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(SecretUnusable, match="the variable NOT_SET is not set"):
        RunningReceiver(tmp_path / "a", shared_key="env:NOT_SET", **FORWARD).__enter__()
    with pytest.raises(SecretUnusable, match="its file cannot be read"):
        RunningReceiver(tmp_path / "b", shared_key="file:/nowhere/key", **FORWARD).__enter__()
    files = make_certificates(tmp_path)
    tls = {"certificate": files.server, "key": files.client_key}
    with pytest.raises(SecretUnusable, match="certificate and key"):
        RunningReceiver(tmp_path / "c", tls=tls, **FORWARD).__enter__()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ReceiverAddress, match="is in use by another process"):
            RunningReceiver(tmp_path / "d", forward=address).__enter__()


def test_listeners_of_the_command_line_replace_the_defaults() -> None:
    settings = ReceiveSettings().listening({"forward": "127.0.0.1:1", "http": "off"})
    assert (settings.forward, settings.http, settings.otlp) == ("127.0.0.1:1", None, None)
    kept = ReceiveSettings(otlp="127.0.0.1:7").listening({"forward": "127.0.0.1:1"})
    assert (kept.forward, kept.http, kept.otlp) == ("127.0.0.1:1", None, "127.0.0.1:7")
    assert ReceiveSettings().listening({}) == ReceiveSettings()
    with pytest.raises(ReceiverAddress):
        ReceiveSettings().listening({"http": "nowhere"})


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
