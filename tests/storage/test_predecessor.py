"""A database that is gone is never replaced in silence, and beginning anew destroys nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.clock import FrozenClock
from models.errors import BadInput
from storage.anchors import anchor_path
from storage.database import Database, begin_anew
from storage.errors import DatabaseDamaged, DatabaseMissing
from storage.layout import Layout
from storage.predecessor import missing, set_aside, traces
from storage.records import Incident
from storage.seal import KeyRing

Declare = Callable[..., Incident]


@pytest.fixture
def used(layout: Layout, ring: KeyRing, clock: FrozenClock, declare: Declare) -> Layout:
    """A state whose database holds an incident, anchored and published."""
    database = Database.open(layout, ring, clock)
    database.write(declare)
    database.anchor()
    database.publish()
    database.close()
    return layout


def test_a_first_start_makes_a_database_without_a_word(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    assert (missing(layout), traces(layout)) == (None, ())
    database = Database.open(layout, ring, clock)
    report = database.verify_audit()
    database.close()
    assert (report.ok, report.entries, report.notes) == (True, 0, ())


def remove_file(layout: Layout) -> None:
    layout.database.unlink()


def remove_file_and_key(layout: Layout) -> None:
    for path in layout.store.glob("ops.duckdb*"):
        path.unlink()


def remove_store(layout: Layout) -> None:
    shutil.rmtree(layout.store)


def remove_store_and_copy(layout: Layout) -> None:
    shutil.rmtree(layout.store)
    shutil.rmtree(layout.live.parent)


@pytest.mark.parametrize("loss", [remove_file, remove_file_and_key, remove_store, remove_store_and_copy])
def test_a_database_that_is_gone_stops_the_start(
    used: Layout, ring: KeyRing, clock: FrozenClock, loss: Callable[[Layout], None]
) -> None:
    loss(used)
    with pytest.raises(DatabaseMissing, match="--new-database") as caught:
        Database.open(used, ring, clock)
    assert "there was one here" in caught.value.detail
    assert not used.database.exists()
    with pytest.raises(DatabaseMissing):
        Database.open(used, ring, clock)  # looking twice has not made it look like a first start


def test_a_new_database_says_what_it_took_the_place_of(
    used: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    anchors = anchor_path(used).read_bytes()
    used.database.unlink()
    past = begin_anew(used, ring, clock)
    assert past.last is not None
    assert (past.anchors, past.last.seq) == (1, 0)
    assert (used.root / past.place / anchor_path(used).name).read_bytes() == anchors
    assert (used.root / past.place / "live.duckdb").is_file()
    database = Database.open(used, ring, clock)
    report = database.verify_audit()
    database.close()
    assert (report.ok, report.entries) == (True, 1)
    assert "begins anew at entry 0" in report.sentence
    assert "is entry 0, and what was left of it was moved to store-before-" in report.sentence


def test_altering_the_anchors_that_were_set_aside_is_found(
    used: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    used.database.unlink()
    past = begin_anew(used, ring, clock)
    (used.root / past.place / anchor_path(used).name).write_text("")
    database = Database.open(used, ring, clock)
    report = database.verify_audit()
    database.close()
    assert not report.ok
    assert "altered after it was set aside" in report.sentence


def test_a_damaged_database_is_kept_beside_the_new_one(
    used: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    used.database.write_bytes(b"\x00" * 8192)
    with pytest.raises(DatabaseDamaged, match="--new-database"):
        Database.open(used, ring, clock)
    past = begin_anew(used, ring, clock)
    assert (used.root / past.place / "ops.duckdb").read_bytes() == b"\x00" * 8192
    Database.open(used, ring, clock).close()


def test_segments_of_the_lost_database_are_kept(used: Layout, ring: KeyRing, clock: FrozenClock) -> None:
    segment = used.segments / "e1" / "error_event" / "day=2026-03-01" / "a.parquet"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"rows")
    used.database.unlink()
    past = begin_anew(used, ring, clock)
    kept = used.root / past.place / segment.relative_to(used.store)
    assert kept.read_bytes() == b"rows"


def test_where_nothing_is_wrong_no_new_database_is_made(
    used: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    before = used.database.stat().st_ino
    with pytest.raises(BadInput, match="is there and opens"):
        begin_anew(used, ring, clock)
    assert used.database.stat().st_ino == before
    assert set_aside(used) == []


def test_where_there_never_was_one_none_is_said_to_be_lost(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    with pytest.raises(BadInput, match="no database here yet"):
        begin_anew(layout, ring, clock)


def test_a_new_database_that_was_cut_off_is_still_asked_for(
    used: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    """After a kill between the move and the new file the start still stops, and asking again finishes it."""
    used.database.unlink()
    first = begin_anew(used, ring, clock)
    used.database.rename(used.database.with_name("ops.duckdb.new"))
    with pytest.raises(DatabaseMissing):
        Database.open(used, ring, clock)
    clock.move(60)
    again = begin_anew(used, ring, clock)
    assert again.last == first.last
    Database.open(used, ring, clock).close()


def test_a_first_creation_cut_off_before_the_file_has_its_name_is_begun_again(
    tmp_path: Path, ring: KeyRing, clock: FrozenClock
) -> None:
    whole, cut = Layout(tmp_path / "whole"), Layout(tmp_path / "cut").prepare()
    Database.open(whole, ring, clock).close()
    shutil.copy(whole.database, cut.store / "ops.duckdb.new")
    shutil.copy(whole.store / "ops.duckdb.key", cut.store)
    assert missing(cut) is None
    database = Database.open(cut, ring, clock)
    assert database.verify_audit().notes == ()
    database.close()
