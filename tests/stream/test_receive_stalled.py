"""Messages that stop in the middle hold nobody up for long: above the limit they are let go, and the others go on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path

import msgpack
import pytest
from bad_input_rig import good

from bot.cli.status_view import troubles
from models.clock import system_clock
from storage.layout import Layout
from storage.seal import KeyRing
from stream.receivers.budget import Budget
from stream.receivers.forward import ForwardLink
from stream.receivers.intake import Intake
from stream.receivers.link import SCRATCH_BYTES
from stream.receivers.server import Links
from stream.receivers.settings import ReceiveSettings
from stream.receivers.testing import RunningReceiver
from stream.spool import SpoolSettings, SpoolWriter
from stream.spool.testing import FragileDisk

LIMIT = 500_000
PART = 60_000
BODY = b'{"log":"line"}'


def half_request() -> bytes:
    head = b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    return head + b"x" * PART


def half_message() -> bytes:
    return bytes(msgpack.packb(["app", b"x" * 100_000, {"chunk": "c"}]))[:PART]


def posted(place: tuple[str, int]) -> bytes:
    head = (
        b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    with socket.create_connection(place, 15) as connection:
        connection.sendall(head % len(BODY) + BODY)
        return connection.recv(65_536)[:12]


@pytest.mark.parametrize(
    ("listener", "half"), [("http", half_request()), ("forward", half_message())], ids=["http", "forward"]
)
def test_half_messages_beyond_the_limit_are_let_go_and_the_others_go_on(
    tmp_path: Path, listener: str, half: bytes
) -> None:
    with (
        RunningReceiver(
            tmp_path,
            http="127.0.0.1:0",
            forward="127.0.0.1:0",
            max_in_flight_bytes=LIMIT,
            stalled_seconds=1.5,
        ) as receiver,
        contextlib.ExitStack() as held,
    ):
        place = receiver.address(listener)
        stalled = [held.enter_context(socket.create_connection(place, 10)) for _ in range(12)]
        for connection in stalled:
            connection.sendall(half)
        until = time.monotonic() + 10
        while receiver.status().paused_since is None and time.monotonic() < until:
            time.sleep(0.02)
        status = receiver.status()
        assert status.partial_bytes >= LIMIT
        found = {"receive": {"up": True, "trouble": None, "details": status.model_dump(mode="json")}}
        found["stream"] = {"up": False, "trouble": None, "details": {}}
        (told,) = troubles({"processes": found, "spool_damage": 0}, system_clock())
        assert told.startswith("receive: reads from no client now: 0.5 MB are received and not yet durable")
        assert posted(receiver.address("http")) == b"HTTP/1.1 200"
        with socket.create_connection(receiver.address("forward"), 10) as agent:
            agent.sendall(good(1))
            assert msgpack.unpackb(agent.recv(65_536)) == {"ack": "chunk-1"}
    status = receiver.status()
    assert status.refused["stalled"] >= 5
    assert status.paused_since is None


def test_a_disk_that_is_slow_costs_nobody_its_connection(tmp_path: Path) -> None:
    disk = FragileDisk()
    whole = bytes(msgpack.packb(["app", b"x" * 100_000, {"chunk": "whole"}]))
    with (
        RunningReceiver(
            tmp_path,
            files=disk,
            forward="127.0.0.1:0",
            max_in_flight_bytes=LIMIT,
            stalled_seconds=0.3,
            tick_seconds=3600,
        ) as receiver,
        contextlib.ExitStack() as held,
    ):
        first = held.enter_context(socket.create_connection(receiver.address(), 10))
        first.sendall(good(1))
        assert msgpack.unpackb(first.recv(65_536)) == {"ack": "chunk-1"}
        disk.gate.clear()
        disk.waiting.clear()
        first.sendall(whole)
        assert disk.waiting.wait(10)
        others = [held.enter_context(socket.create_connection(receiver.address(), 10)) for _ in range(8)]
        for connection in others:
            connection.sendall(whole[:PART])
        time.sleep(1)
        disk.gate.set()
        assert msgpack.unpackb(first.recv(65_536)) == {"ack": "whole"}
        for connection in others:
            connection.sendall(whole[PART:])
            assert msgpack.unpackb(connection.recv(65_536)) == {"ack": "whole"}
    assert receiver.status().refused == {}


class Part:
    """A connection that holds part of a message."""

    waits_for_room = True

    def __init__(self, name: str, gone: list[str]) -> None:
        self.name, self.gone = name, gone

    def let_read(self, allowed: bool) -> None:
        self.allowed = allowed

    def shed(self) -> None:
        self.gone.append(self.name)


def test_the_parts_that_stood_still_longest_go_first_and_half_of_the_limit_stays() -> None:
    gone: list[str] = []
    budget = Budget(100)
    parts = {name: Part(name, gone) for name in "abcde"}
    for part in parts.values():
        budget.add(part)
        budget.hold(part, 18)
    budget.hold(parts["a"], 30)  # the one that began first has moved last
    assert budget.tight
    assert budget.shed() == 3
    assert gone == ["b", "c", "d"]
    assert not budget.tight
    assert parts["a"].allowed


class Reading(asyncio.Transport):
    """A transport that only knows whether it is read from."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.ended = True, False

    def is_closing(self) -> bool:
        return self.ended

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write(self, data: object) -> None:
        pass

    def close(self) -> None:
        self.ended = True


def test_a_time_limit_goes_on_where_it_stood_when_reading_goes_on(tmp_path: Path) -> None:
    """Who drips bytes while reading pauses now and then has no more time than others."""
    layout = Layout(tmp_path).prepare()
    ring = KeyRing.load(layout, create=True, environ={})

    async def ended() -> bool:
        intake = Intake(writer, ring, system_clock, LIMIT, 10)
        link = ForwardLink(
            intake, ReceiveSettings(message_seconds=0.5), Links(), bytearray(SCRATCH_BYTES), None
        )
        transport = Reading()
        link.connection_made(transport)
        link.received(memoryview(half_message()[:100]))
        for _ in range(20):
            if transport.ended:
                break
            await asyncio.sleep(0.1)
            link.let_read(False)
            link.let_read(True)
        link.connection_lost(None)
        assert intake.metrics.refused == {"message_timeout": 1}
        return transport.ended

    with SpoolWriter.open(layout.spool, ring, SpoolSettings(min_free_bytes=0), system_clock) as writer:
        assert asyncio.run(ended())
