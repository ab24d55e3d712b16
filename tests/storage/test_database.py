"""What the database promises: one owner, its key, isolation, and compare-and-set."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from models.clock import FrozenClock
from models.errors import BadInput, Guarded
from models.sanitizer import SafeText
from storage.database import Database
from storage.engine import attach, open_engine
from storage.errors import (
    ConstraintBroken,
    DatabaseBusy,
    DatabaseClosed,
    DatabaseDamaged,
    EncryptionUnavailable,
    NotSafe,
)
from storage.layout import Layout
from storage.opening import check_keys
from storage.records import Incident, IncidentStatus
from storage.seal import KeyRing, WrongKey
from storage.transaction import Transaction

Declare = Callable[..., Incident]


def test_a_record_comes_back_as_it_went_in(
    database: Database, declare: Declare, safe: Callable[[str], SafeText]
) -> None:
    incident = database.write(
        lambda tx: declare(
            tx, affected_services=(safe("auth"), safe("billing")), confidence=0.25, commander="oncall"
        )
    )
    read = database.read(lambda reader: reader.get(Incident, "INC-1"))
    assert read == incident
    assert read is not None
    assert isinstance(read.title, SafeText)


def test_ids_count_on_without_gaps_over_failures_and_restarts(
    layout: Layout, ring: KeyRing, clock: FrozenClock, declare: Declare
) -> None:
    def fail(tx: Transaction) -> None:
        declare(tx)
        raise ValueError("after the id was given")

    first = Database.open(layout, ring, clock)
    first.write(declare)
    with pytest.raises(ValueError, match="after the id"):
        first.write(fail)
    first.close()
    second = Database.open(layout, ring, clock)
    assert second.write(declare).id == "INC-2"
    second.close()


def test_of_two_simultaneous_compare_and_sets_exactly_one_wins(database: Database, declare: Declare) -> None:
    incident = database.write(declare)
    start = threading.Barrier(8)
    won: list[bool] = []

    def press(who: str) -> None:
        mine = incident.having(status=IncidentStatus.ACKNOWLEDGED, acknowledged_by=who, version=1)
        start.wait()
        won.append(database.write(lambda tx: tx.replace(mine)))

    people = [threading.Thread(target=press, args=(f"person-{i}",)) for i in range(8)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(won) == [False] * 7 + [True]
    stands = database.read(lambda reader: reader.get(Incident, "INC-1"))
    assert stands is not None
    assert stands.version == 1


def test_a_key_that_exists_is_refused_without_quoting_it(database: Database, declare: Declare) -> None:
    incident = database.write(declare)
    with pytest.raises(ConstraintBroken) as caught:
        database.write(lambda tx: tx.insert(incident))
    assert "INC-1" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_failing_statement_tells_its_class_and_not_its_text(database: Database) -> None:
    with pytest.raises(Guarded) as caught:
        database.read(lambda reader: reader.execute("SELECT 'secret-marker'::INTEGER"))
    assert "secret-marker" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_read_sees_one_snapshot_and_cannot_write(database: Database, declare: Declare) -> None:
    seen: list[int] = []

    def look(reader: object) -> None:
        for _ in range(2):
            seen.append(reader.execute("SELECT count(*) FROM incident")[0][0])  # type: ignore[attr-defined]
            database.write(declare)

    database.read(look)
    assert seen == [0, 0]
    with pytest.raises(Guarded):
        database.read(lambda reader: reader.execute("DELETE FROM incident"))
    assert database.read(lambda reader: reader.execute("SELECT count(*) FROM incident")) == [(2,)]


def test_a_record_without_a_version_cannot_be_replaced(
    database: Database, report: Callable[..., object]
) -> None:
    facts = report(1, 1)
    with pytest.raises(BadInput, match="no version"):
        database.write(lambda tx: tx.replace(facts.errors[0]))  # type: ignore[attr-defined]


def test_only_ids_numbers_and_safe_text_enter_the_audit_chain(
    database: Database, safe: Callable[[str], SafeText]
) -> None:
    with pytest.raises(NotSafe) as caught:
        database.write(lambda tx: tx.audit("note", "oncall", text="words a person typed"))
    assert "person typed" not in str(caught.value)
    database.write(lambda tx: tx.audit("note", "oncall", text=safe("words past the gate"), n=3, at=tx.now))
    assert database.verify_audit().entries == 1


def test_a_delivery_is_new_once_and_forgotten_by_age(database: Database, clock: FrozenClock) -> None:
    assert database.write(lambda tx: tx.first_time("Ev123 of the workspace"))
    assert not database.write(lambda tx: tx.first_time("Ev123 of the workspace"))
    ((key,),) = database.read(lambda reader: reader.execute("SELECT key FROM seen"))
    assert "Ev123" not in key
    clock.move(100)
    assert database.write(lambda tx: tx.forget_seen(clock.at)) == 1
    assert database.write(lambda tx: tx.first_time("Ev123 of the workspace"))


def test_a_second_owner_in_the_same_process_is_refused(
    database: Database, layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    with pytest.raises(DatabaseBusy, match="another command center"):
        Database.open(layout, ring, clock)


def test_a_file_that_another_process_holds_is_reported_as_busy(
    layout: Layout, ring: KeyRing, clock: FrozenClock, tmp_path: Path
) -> None:
    Database.open(layout, ring, clock).close()
    key = ring.unwrap((layout.store / "ops.duckdb.key").read_bytes())
    script = tmp_path / "holder.py"
    script.write_text(
        "import sys; from pathlib import Path; from storage.engine import attach, open_engine\n"
        "c = open_engine(Path(sys.argv[1])); attach(c, Path(sys.argv[2]), 'ops', bytes.fromhex(sys.argv[3]))\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "tmp"), str(layout.database), key.hex()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DatabaseBusy, match="another process"):
            Database.open(layout, ring, clock)
    finally:
        holder.communicate()
    Database.open(layout, ring, clock).close()


def test_another_master_key_does_not_open_it(layout: Layout, ring: KeyRing, clock: FrozenClock) -> None:
    Database.open(layout, ring, clock).close()
    with pytest.raises(WrongKey):
        Database.open(layout, KeyRing(bytes(32)), clock)
    with pytest.raises(WrongKey):
        attach(open_engine(layout.temporary), layout.database, "ops", bytes(32))
    Database.open(layout, ring, clock).close()


def test_a_lost_data_key_is_named(layout: Layout, ring: KeyRing, clock: FrozenClock) -> None:
    Database.open(layout, ring, clock).close()
    (layout.store / "ops.duckdb.key").unlink()
    with pytest.raises(DatabaseDamaged, match=r"ops\.duckdb\.key is missing"):
        Database.open(layout, ring, clock)


def test_a_file_that_is_no_database_is_named_damaged(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    Database.open(layout, ring, clock).close()
    layout.database.write_bytes(b"\x00" * 8192)
    with pytest.raises(DatabaseDamaged):
        Database.open(layout, ring, clock)


def test_without_the_cipher_nothing_is_opened(tmp_path: Path) -> None:
    def missing() -> Path:
        raise EncryptionUnavailable("no httpfs extension")

    with pytest.raises(EncryptionUnavailable):
        open_engine(tmp_path, httpfs=missing)


def test_a_creation_that_was_cut_off_is_begun_again(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    layout.prepare()
    layout.database.with_name("ops.duckdb.new").write_bytes(b"half a database")
    Database.open(layout, ring, clock).close()
    assert layout.database.exists()


def test_after_closing_no_log_is_left_and_nothing_is_answered(
    layout: Layout, ring: KeyRing, clock: FrozenClock, declare: Declare
) -> None:
    database = Database.open(layout, ring, clock)
    database.write(declare)
    database.close()
    database.close()
    assert not layout.database.with_name("ops.duckdb.wal").exists()
    with pytest.raises(DatabaseClosed):
        database.write(declare)
    with pytest.raises(DatabaseClosed):
        database.read(lambda reader: reader.execute("SELECT 1"))


def test_every_directory_with_files_is_open_to_its_owner_alone(
    database: Database, layout: Layout, declare: Declare
) -> None:
    database.write(declare)
    database.publish()
    database.anchor()
    files = [path for path in layout.root.rglob("*") if path.is_file()]
    assert layout.live in files
    private = {path.parent for path in files}
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in private)


def test_an_index_that_lost_a_row_is_found_at_start(tmp_path: Path) -> None:
    engine = open_engine(tmp_path)
    attach(engine, tmp_path / "t.duckdb", "ops", bytes(range(32)))
    engine.execute("USE ops.main; CREATE TABLE incident(id VARCHAR PRIMARY KEY)")
    engine.execute("INSERT INTO incident SELECT 'INC-' || i FROM range(1, 1000) r(i)")
    check_keys(engine)

    class Losing:
        """Answers every look-up of one key as an index would that had lost it."""

        def execute(self, sql: str, params: object = None) -> duckdb.DuckDBPyConnection:
            if params == ("INC-3",):
                return engine.execute("SELECT 0")
            return engine.execute(sql, params) if params else engine.execute(sql)

    with pytest.raises(DatabaseDamaged, match="index of table incident"):
        check_keys(Losing())  # type: ignore[arg-type]
