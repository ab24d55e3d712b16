"""What group commit promises: order, isolation of each piece of work, and futures that mean durable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from storage.database import Database
from storage.errors import ConstraintBroken, DatabaseClosed
from storage.records import Incident
from storage.transaction import Transaction

Declare = Callable[..., Incident]


def _behind_a_gate(database: Database) -> tuple[threading.Event, Future[None]]:
    """Keep the writer busy until the event is set, so that what follows queues up."""
    entered, gate = threading.Event(), threading.Event()

    def wait(tx: Transaction) -> None:
        entered.set()
        assert gate.wait(20)

    busy = database.submit(wait)
    assert entered.wait(20)
    return gate, busy


def _count(database: Database) -> int:
    return int(database.read(lambda reader: reader.execute("SELECT count(*) FROM incident"))[0][0])


def test_work_that_queues_up_is_committed_together(database: Database, declare: Declare) -> None:
    gate, busy = _behind_a_gate(database)
    before = database.changes
    waiting = [database.submit(declare) for _ in range(20)]
    gate.set()
    assert [future.result(20).id for future in waiting] == [f"INC-{n}" for n in range(1, 21)]
    busy.result(20)
    assert database.changes - before == 2  # the busy one, and one commit for all twenty


def test_only_the_work_at_fault_fails(database: Database, declare: Declare) -> None:
    def raises(tx: Transaction) -> None:
        declare(tx)
        raise KeyError("mine")

    def collides(tx: Transaction) -> None:
        tx.execute("INSERT INTO counter VALUES ('INC', 0)")

    gate, _ = _behind_a_gate(database)
    good = [database.submit(declare) for _ in range(3)]
    bad = [database.submit(raises), database.submit(collides)]
    good += [database.submit(declare) for _ in range(3)]
    gate.set()
    assert [future.result(20).id for future in good] == [f"INC-{n}" for n in range(1, 7)]
    with pytest.raises(KeyError):
        bad[0].result(20)
    with pytest.raises(ConstraintBroken):
        bad[1].result(20)
    assert _count(database) == 6
    assert database.verify_audit().entries == 6


def test_each_work_sees_what_those_before_it_did(database: Database, declare: Declare) -> None:
    def count(tx: Transaction) -> int:
        return int(tx.execute("SELECT count(*) FROM incident")[0][0])

    gate, _ = _behind_a_gate(database)
    futures: list[Future[int]] = []
    for _ in range(5):
        database.submit(declare)
        futures.append(database.submit(count))
    gate.set()
    assert [future.result(20) for future in futures] == [1, 2, 3, 4, 5]


def test_a_result_is_given_only_after_the_commit(database: Database, declare: Declare) -> None:
    for expected in range(1, 11):
        database.write(declare)
        assert _count(database) == expected


def test_what_is_queued_when_it_closes_is_still_done(database: Database, declare: Declare) -> None:
    gate, _ = _behind_a_gate(database)
    futures = [database.submit(declare) for _ in range(5)]
    closing = threading.Thread(target=database.close)
    closing.start()
    gate.set()
    closing.join(20)
    assert [future.result(0).id for future in futures] == [f"INC-{n}" for n in range(1, 6)]


def test_writing_from_inside_the_writer_is_refused_instead_of_hanging(
    database: Database, declare: Declare
) -> None:
    with pytest.raises(DatabaseClosed, match="inside the writer"):
        database.write(lambda tx: database.write(declare))


def test_a_cancelled_work_never_runs(database: Database, declare: Declare) -> None:
    gate, _ = _behind_a_gate(database)
    kept, dropped = database.submit(declare), database.submit(declare)
    assert dropped.cancel()
    gate.set()
    kept.result(20)
    assert _count(database) == 1


def test_an_incident_that_changed_asks_for_publication_soon(database: Database, declare: Declare) -> None:
    database.write(lambda tx: tx.first_time("x"))
    assert not database.urgent.is_set()
    database.write(declare)
    assert database.urgent.is_set()
    database.publish()
    assert not database.urgent.is_set()
