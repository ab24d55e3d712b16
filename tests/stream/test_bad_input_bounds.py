"""Input that is too much: memory stays bounded, and what is well meant gets through in the end."""

from __future__ import annotations

import socket
import struct
import threading
import tracemalloc
from pathlib import Path

import msgpack
import pytest
from bad_input_rig import FORWARD, closed, good

from stream.decode import decode
from stream.forward_client import ClientOptions, connect, pack_event, pack_message
from stream.receivers.errors import NotForward
from stream.receivers.forward import ack
from stream.receivers.framing import Framer
from stream.receivers.testing import RunningReceiver
from stream.spool import Entry, Kind, SpoolReader


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
