"""Promises of the sender: whatever the receiver does, nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack
import pytest

from models.clock import system_clock
from storage.layout import Layout
from storage.seal import KeyRing
from stream.export import export_records
from stream.forward_client import ClientOptions, ForwardClient, NotDelivered, Refused, chunk_id
from stream.receivers.testing import RunningReceiver, make_certificates
from stream.spool import SpoolSettings, SpoolWriter
from stream.spool.testing import FragileDisk

QUICK = {"base_seconds": 0.01, "cap_seconds": 0.05, "answer_seconds": 10.0}
EVENT = (1_700_000_000_123_456_789, {"log": "line 1"})


def logs(state: Path) -> list[str]:
    layout = Layout(state)
    ring = KeyRing.load(layout, create=False, environ={})
    return [row["record"]["log"] for row in export_records(layout.spool, ring)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.mark.parametrize("zipped", [False, True])
def test_events_arrive_with_time_and_content_under_the_hash_of_their_content(
    tmp_path: Path, zipped: bool
) -> None:
    with (
        RunningReceiver(tmp_path, forward="127.0.0.1:0") as receiver,
        ForwardClient(receiver.address(), options=ClientOptions(gzip=zipped)) as client,
    ):
        first = client.send("app.web", [EVENT, (2 * 10**9, {"log": "caf\udce9"})])
        assert client.send("app.web", [EVENT, (2 * 10**9, {"log": "caf\udce9"})]) == first
        assert (client.attempts, client.connections) == (2, 1)
    rows = receiver.records()
    assert [(row["ts"]["nsec"], row["record"]["log"], row["chunk"], row["tag"]) for row in rows] == [
        (123_456_789, "line 1", first, "app.web"), (0, "caf\udce9", first, "app.web"),
    ]  # fmt: skip
    assert len(chunk_id(b"")) == 24


def test_tls_key_user_and_gzip_together(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    options = ClientOptions(
        gzip=True, shared_key="key", username="svc", password="word", tls=ssl.create_default_context(cafile=files.ca),
        server_hostname="rx.test",
    )  # fmt: skip
    with RunningReceiver(
        tmp_path / "state", forward="127.0.0.1:0", environ={"K": "key", "P": "word"}, shared_key="env:K",
        users={"svc": "env:P"}, tls={"certificate": files.server, "key": files.server_key},
    ) as receiver:  # fmt: skip
        with ForwardClient(receiver.address(), options=options) as client:
            client.send("app.web", [EVENT])
        wrong = ClientOptions(shared_key="no", tls=options.tls, server_hostname="rx.test")
        with pytest.raises(Refused), ForwardClient(receiver.address(), options=wrong) as client:
            client.send("app.web", [EVENT])
    assert [(row["agent"], row["record"]["log"]) for row in receiver.records()] == [("svc", "line 1")]


def test_a_client_without_acks_does_not_wait_for_any(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, forward="127.0.0.1:0") as receiver:
        with ForwardClient(receiver.address(), options=ClientOptions(ack=False)) as client:
            for _ in range(3):
                client.send("app.web", [EVENT])
        with ForwardClient(receiver.address()) as client:  # behind it on the receiver's loop
            client.send("app.web", [EVENT])
    assert Counter(row["chunk"] is None for row in receiver.records()) == {True: 3, False: 1}


# -- receivers that misbehave --------------------------------------------------------------------------------------


@contextmanager
def misbehaving(
    answer: Callable[[socket.socket, bytes, int], None],
) -> Iterator[tuple[tuple[str, int], list[bytes]]]:
    """A receiver that reads each message and does `answer(connection, chunk id packed, number)`; yields what it read."""
    server, got = socket.create_server(("127.0.0.1", 0)), list[bytes]()

    def serve(connection: socket.socket) -> None:
        unpacker = msgpack.Unpacker()
        with connection:
            while data := connection.recv(65_536):
                unpacker.feed(data)
                for message in unpacker:
                    got.append(msgpack.packb(message, default=str))
                    try:
                        answer(connection, message[2]["chunk"], len(got))
                    except ConnectionError:
                        return

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            try:
                serve(connection)
            except OSError:
                continue

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield server.getsockname()[:2], got
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


def refuse(connection: socket.socket, chunk: str, number: int) -> None:
    if number < 4:
        raise ConnectionResetError
    connection.sendall(msgpack.packb({"ack": chunk}))


def other_chunk(connection: socket.socket, chunk: str, number: int) -> None:
    connection.sendall(msgpack.packb({"ack": chunk if number > 2 else "another"}))


def as_bin(connection: socket.socket, chunk: str, number: int) -> None:
    connection.sendall(msgpack.packb({"ack": chunk if number > 2 else chunk.encode()}))


def as_json(connection: socket.socket, chunk: str, number: int) -> None:
    connection.sendall(msgpack.packb({"ack": chunk}) if number > 2 else b'{"ack":"x"}')


@pytest.mark.parametrize("answer", [refuse, other_chunk, as_bin, as_json])
def test_until_the_right_ack_comes_the_same_message_is_sent_again(
    answer: Callable[[socket.socket, bytes, int], None],
) -> None:
    with misbehaving(answer) as (address, got):
        with ForwardClient(address, options=ClientOptions(**QUICK), chance=random.Random(1)) as client:
            client.send("app.web", [EVENT])
        assert client.attempts == len(got) >= 3
        assert len(set(got)) == 1


def test_a_silent_receiver_is_given_up_after_the_answer_time() -> None:
    def silent(connection: socket.socket, chunk: str, number: int) -> None:
        if number > 1:
            connection.sendall(msgpack.packb({"ack": chunk}))

    with misbehaving(silent) as (address, got):
        with ForwardClient(address, options=ClientOptions(**(QUICK | {"answer_seconds": 0.1}))) as client:
            client.send("app.web", [EVENT])
        assert len(got) == 2


def test_told_to_stop_it_gives_up_between_two_tries_and_says_so() -> None:
    stop = threading.Event()
    with ForwardClient(("127.0.0.1", free_port()), stop=stop, options=ClientOptions(**QUICK)) as client:
        timer = threading.Timer(0.2, stop.set)
        timer.start()
        with pytest.raises(NotDelivered):
            client.send("app.web", [EVENT])
        timer.join()


# -- receivers that are away, slow or full ----------------------------------------------------------------------------


def ship(
    address: tuple[str, int], name: str, chunks: int, failures: list[BaseException], begun: threading.Barrier
) -> None:
    try:
        begun.wait(10)
        with ForwardClient(address, options=ClientOptions(**QUICK), chance=random.Random(name)) as client:
            for number in range(chunks):
                client.send(
                    "app.web", [(10**18 + number, {"log": f"{name} {number}.{part}"}) for part in range(5)]
                )
    except BaseException as error:  # noqa: BLE001 (handed to the test)
        failures.append(error)


def shipping(
    address: tuple[str, int], chunks: int, senders: int = 4
) -> tuple[list[threading.Thread], list[BaseException]]:
    failures: list[BaseException] = []
    begun = threading.Barrier(senders)
    threads = [
        threading.Thread(target=ship, args=(address, f"agent-{number}", chunks, failures, begun))
        for number in range(senders)
    ]
    for thread in threads:
        thread.start()
    return threads, failures


def expected(chunks: int, senders: int = 4) -> Counter[str]:
    return Counter(f"agent-{a} {b}.{c}" for a in range(senders) for b in range(chunks) for c in range(5))


def test_a_receiver_stopped_for_a_while_loses_and_doubles_nothing(tmp_path: Path) -> None:
    address = ("127.0.0.1", free_port())
    threads, failures = shipping(address, chunks=60)
    for _ in range(3):
        with RunningReceiver(tmp_path, forward=f"127.0.0.1:{address[1]}"):
            threads[0].join(0.15)
    with RunningReceiver(tmp_path, forward=f"127.0.0.1:{address[1]}"):
        for thread in threads:
            thread.join(30)
    assert failures == []
    assert Counter(logs(tmp_path)) == expected(60)


def test_a_disk_that_fails_and_comes_back_loses_and_doubles_nothing(tmp_path: Path) -> None:
    disk = FragileDisk()
    with RunningReceiver(tmp_path, forward="127.0.0.1:0", files=disk) as receiver:
        threads, failures = shipping(receiver.address(), chunks=40)
        for _ in range(2):
            threads[0].join(0.05)
            disk.fail_sync = 5
            threads[0].join(0.3)
            disk.fail_sync = None
        for thread in threads:
            thread.join(30)
    assert failures == []
    assert Counter(logs(tmp_path)) == expected(40)


def test_a_slow_disk_slows_the_sender_and_loses_nothing(tmp_path: Path) -> None:
    disk = FragileDisk()
    with RunningReceiver(tmp_path, forward="127.0.0.1:0", files=disk) as receiver:
        threads, failures = shipping(receiver.address(), chunks=10)
        while any(thread.is_alive() for thread in threads):
            disk.gate.clear()
            disk.waiting.wait(0.1)
            disk.gate.set()
            threads[0].join(0.01)
        for thread in threads:
            thread.join(30)
    assert failures == []
    assert Counter(logs(tmp_path)) == expected(10)


PROCESS = """
import sys, threading
from bot.signals import stop_event
from models.clock import system_clock
from pathlib import Path
from storage.layout import Layout
from storage.seal import KeyRing
from stream.receive import run_receiver
from stream.receivers.settings import ReceiveSettings
from stream.spool import SpoolSettings
layout = Layout(Path(sys.argv[1])).prepare()
ring = KeyRing.load(layout, create=True, environ={})
settings = ReceiveSettings().listening({"forward": sys.argv[2]})
run_receiver(settings, SpoolSettings(min_free_bytes=0), layout, ring, system_clock, stop_event())
"""


@contextmanager
def process(state: Path, address: tuple[str, int]) -> Iterator[subprocess.Popen[str]]:
    """A receiver as a process of its own; it says on one line when it is ready."""
    root = Path(__file__).parents[2]
    started = subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(state), f"{address[0]}:{address[1]}"],
        stdout=subprocess.PIPE, text=True, cwd=root, env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert started.stdout is not None
    try:
        assert started.stdout.readline() == (
            f"mayday: receiving on forward {address[0]}:{address[1]} (loopback only: neither key nor TLS)\n"
        )
        yield started
    finally:
        started.kill()
        started.wait(10)
        started.stdout.close()


def test_a_receiver_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    address = ("127.0.0.1", free_port())
    threads, failures = shipping(address, chunks=150)
    for _ in range(2):
        with process(tmp_path, address) as receiver:
            threads[0].join(0.2)
            receiver.send_signal(signal.SIGKILL)
    with process(tmp_path, address) as receiver:
        for thread in threads:
            thread.join(30)
        receiver.send_signal(signal.SIGTERM)
        assert receiver.wait(15) == 0
    assert failures == []
    assert Counter(logs(tmp_path)) == expected(150)


def test_a_second_receiver_over_the_same_state_is_refused(tmp_path: Path) -> None:
    from stream.spool import SpoolLocked

    with RunningReceiver(tmp_path, forward="127.0.0.1:0"), pytest.raises(SpoolLocked):
        RunningReceiver(tmp_path, forward="127.0.0.1:0").__enter__()
    layout = Layout(tmp_path)
    SpoolWriter.open(
        layout.spool, KeyRing.load(layout, create=False, environ={}), SpoolSettings(), system_clock
    ).close()
