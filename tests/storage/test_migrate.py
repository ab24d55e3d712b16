"""Migrations run once, in order, and nothing runs on a database that does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.clock import FrozenClock
from models.errors import MaydayError
from storage.apply import apply_facts
from storage.database import Database
from storage.engine import attach, open_engine
from storage.errors import DatabaseNewer, MigrationAltered
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.migrate import Migration, read_migrations
from storage.records import Incident
from storage.seal import KeyRing

REAL = read_migrations()
MORE = Migration(
    len(REAL) + 1,
    "more",
    "CREATE TABLE more(n BIGINT); COMMENT ON TABLE more IS 'x'; INSERT INTO more VALUES (7);",
)


def test_the_files_are_numbered_without_gaps() -> None:
    assert [migration.version for migration in REAL] == list(range(1, len(REAL) + 1))


def test_a_gap_or_a_stray_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "0003_c.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationAltered, match="without gaps"):
        read_migrations(tmp_path)


def test_a_new_migration_runs_once_and_leaves_a_copy_of_before(
    layout: Layout, ring: KeyRing, clock: FrozenClock, declare: Callable[..., Incident]
) -> None:
    old = Database.open(layout, ring, clock)
    old.write(declare)
    old.close()
    for _ in range(2):
        new = Database.open(layout, ring, clock, migrations=(*REAL, MORE))
        assert new.read(lambda reader: reader.execute("SELECT n FROM more")) == [(7,)]
        assert new.read(lambda reader: reader.get(Incident, "INC-1")) is not None
        new.close()
    copy = layout.store / f"before-{MORE.version:04}.duckdb"
    engine = open_engine(layout.temporary)
    attach(
        engine, copy, "before", ring.unwrap((layout.store / "ops.duckdb.key").read_bytes()), read_only=True
    )
    assert engine.execute("SELECT count(*) FROM before.incident").fetchone() == (1,)


def test_what_was_applied_before_series_were_written_down_stays_applied(
    layout: Layout, ring: KeyRing, clock: FrozenClock, report: Callable[..., BlockFacts]
) -> None:
    old = Database.open(layout, ring, clock, migrations=REAL[:2])
    old.write(lambda tx: tx.execute("INSERT INTO applied VALUES (3, 7, now()), (4, 2, now())"))
    old.close()
    new = Database.open(layout, ring, clock)
    facts = [report(3, 7), report(3, 8), report(4, 2)]
    assert [fresh.block for fresh in new.write(lambda tx: apply_facts(tx, facts))] == [8]
    new.close()


def test_an_altered_migration_is_refused_and_nothing_is_touched(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    Database.open(layout, ring, clock).close()
    altered = (REAL[0]._replace(sql=REAL[0].sql + "\n-- one more thought"), *REAL[1:])
    with pytest.raises(MigrationAltered, match="0001"):
        Database.open(layout, ring, clock, migrations=altered)
    Database.open(layout, ring, clock).close()


def test_a_database_from_a_newer_release_is_refused(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    Database.open(layout, ring, clock, migrations=(*REAL, MORE)).close()
    with pytest.raises(DatabaseNewer):
        Database.open(layout, ring, clock)


def test_a_migration_that_fails_half_way_leaves_nothing(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    Database.open(layout, ring, clock).close()
    broken = MORE._replace(sql="CREATE TABLE half(n BIGINT); INSERT INTO no_such_table VALUES (1);")
    with pytest.raises(MaydayError, match=f"migration {MORE.version:04}"):
        Database.open(layout, ring, clock, migrations=(*REAL, broken))
    database = Database.open(layout, ring, clock, migrations=(*REAL, MORE))
    assert database.read(lambda reader: reader.execute("SELECT n FROM more")) == [(7,)]
    database.close()
