"""The example clinic does what a clinic's services do, and its bad release really breaks it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.clinic.clinic import BAD, GOOD, Clinic, free_ports
from examples.clinic.pool import ConnectionPool, PoolTimeoutError
from examples.clinic.service import SERVICES
from examples.clinic.shipper import Follower, entry, ship
from stream.forward_client import ForwardClient


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    running = Clinic(tmp_path / "logs", rate=60, seconds=60)
    running.start()
    yield running
    running.stop()


def seen(clinic: Clinic, service: str, words: str) -> bool:
    waiting, path = threading.Event(), clinic.logs / f"{service}.log"
    return any(words in path.read_text() or waiting.wait(0.05) for _ in range(400))


def test_a_leaking_release_starves_billing_and_the_gateway_until_it_is_rolled_back(clinic: Clinic) -> None:
    assert all(seen(clinic, name, "started") for name in SERVICES)
    assert seen(clinic, "billing", "bill computed")
    assert "PoolTimeoutError" not in (clinic.logs / "billing.log").read_text()
    clinic.roll_out(BAD)
    assert seen(clinic, "billing", "PoolTimeoutError: no connection to records-db")
    assert seen(clinic, "api-gateway", "upstream answered 503 for GET /bills")
    clinic.roll_out(GOOD)
    before = (clinic.logs / "billing.log").read_text().count("bill computed")
    waiting = threading.Event()
    assert any(
        (clinic.logs / "billing.log").read_text().count("bill computed") > before + 5 or waiting.wait(0.05)
        for _ in range(400)
    )


def test_a_pool_gives_no_more_than_it_has() -> None:
    pool = ConnectionPool(size=2, timeout=0.01)
    pool.acquire()
    pool.acquire()
    with pytest.raises(PoolTimeoutError):
        pool.acquire()
    pool.release()
    pool.acquire()
    pool.reset()
    assert pool.in_use == 0
    pool.acquire()


def test_the_shipper_takes_whole_lines_and_moves_on_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "auth.log"
    path.write_bytes(b"2026-03-02T03:00:00.000Z INFO first\n2026-03-02T03:00:01.000Z INFO half")
    follower = Follower(path)
    assert follower.read() == follower.read() == [b"2026-03-02T03:00:00.000Z INFO first"]
    follower.confirm()
    assert follower.read() == []
    at, record = entry("auth", "h1", b"2026-03-02T03:00:00.250Z WARN slow query, 410 ms")
    assert (at, record["level"], record["log"]) == (1772420400250000000, "WARN", "slow query, 410 ms")


def test_the_shipper_ends_without_a_receiver_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "billing.log").write_text("2026-03-02T03:00:00+00:00 INFO invoice written\n")
    stop = threading.Event()
    (nobody,) = free_ports(1)
    client = ForwardClient(("127.0.0.1", nobody), stop=stop)
    stop.set()
    ship(tmp_path, client, stop)
    assert client.chunks == 1  # it was tried
