"""Who floods waits for itself: other clients are taken and answered in between. Counted in messages and steps, not in seconds."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from pathlib import Path

import msgpack

from models.clock import system_clock
from storage.layout import Layout
from storage.seal import KeyRing
from stream.forward_client import ClientOptions, connect
from stream.receivers.forward import AT_ONCE, MOST_UNANSWERED
from stream.receivers.intake import Intake
from stream.receivers.testing import RunningReceiver
from stream.spool import Entry, Kind, SpoolSettings, SpoolWriter, Stored
from stream.spool.testing import FragileDisk

FLOOD = 6000


def message(log: str) -> bytes:
    return bytes(msgpack.packb(["app", [[1, {"log": log}]], {"chunk": log}]))


def read_acks(connection: socket.socket, count: int) -> list[str]:
    unpacker = msgpack.Unpacker()
    found: list[str] = []
    while len(found) < count:
        data = connection.recv(65_536)
        assert data, "closed before every acknowledgement"
        unpacker.feed(data)
        found += [one["ack"] for one in unpacker]
    return found


def test_another_client_is_taken_while_one_has_thousands_of_messages_on_the_wire(tmp_path: Path) -> None:
    disk = FragileDisk()
    flood = [f"flood-{number}" for number in range(FLOOD)]
    with RunningReceiver(tmp_path, files=disk, forward="127.0.0.1:0", tick_seconds=3600) as receiver:
        options = ClientOptions(answer_seconds=30)
        with connect(receiver.address(), options) as greedy, connect(receiver.address(), options) as quiet:
            for connection, log in ((greedy, "first"), (quiet, "second")):
                connection.sendall(message(log))
                assert read_acks(connection, 1) == [log]
            disk.gate.clear()
            disk.waiting.clear()
            sender = threading.Thread(target=greedy.sendall, args=(b"".join(map(message, flood)),))
            sender.start()
            assert disk.waiting.wait(10)
            quiet.sendall(message("quiet"))
            disk.gate.set()
            assert read_acks(quiet, 1) == ["quiet"]
            assert read_acks(greedy, FLOOD) == flood
            sender.join()
    order = [row["record"]["log"] for row in receiver.records()]
    assert sorted(order) == sorted(["first", "second", "quiet", *flood])
    assert order.index("quiet") <= 2 + MOST_UNANSWERED + 2 * AT_ONCE


def test_what_was_read_is_answered_before_the_connection_ends(tmp_path: Path) -> None:
    """Also what waits for its turn when the client says that nothing more comes."""
    many = [f"log-{number}" for number in range(3 * AT_ONCE + 1)]
    with (
        RunningReceiver(tmp_path, forward="127.0.0.1:0") as receiver,
        connect(receiver.address(), ClientOptions(answer_seconds=30)) as connection,
    ):
        connection.sendall(b"".join(map(message, many)))
        connection.shutdown(socket.SHUT_WR)
        assert read_acks(connection, len(many)) == many
        assert connection.recv(1) == b""


def test_a_large_group_is_answered_some_per_step_of_the_loop(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    ring = KeyRing.load(layout, create=True, environ={})
    disk = FragileDisk()

    async def answered_per_step() -> Counter[int]:
        loop = asyncio.get_running_loop()
        step, done = 0, asyncio.Event()
        answered: Counter[int] = Counter()

        def count() -> None:
            nonlocal step
            step += 1
            if not done.is_set():
                loop.call_soon(count)

        def answer(stored: Stored | None) -> None:
            assert stored is not None
            answered[step] += 1
            if answered.total() == 1000:
                done.set()

        intake = Intake(writer, ring, system_clock, 1 << 26, 10)
        disk.gate.clear()
        for number in range(1000):
            intake.submit(Entry(Kind.FORWARD, 1, "a", "", "t", f"c{number}", {}, b"x"), answer)
        disk.gate.set()
        count()
        await asyncio.wait_for(done.wait(), 30)
        assert await intake.answered(30)
        return answered

    with SpoolWriter.open(layout.spool, ring, SpoolSettings(min_free_bytes=0), system_clock, disk) as writer:
        per_step = asyncio.run(answered_per_step())
    assert per_step.total() == 1000
    assert max(per_step.values()) <= 64
