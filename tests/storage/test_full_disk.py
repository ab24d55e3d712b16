"""On a full disk nothing that stands is lost, reading goes on, and writing goes on once there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from models.clock import FrozenClock
from storage.database import Database
from storage.engine import typed
from storage.errors import DatabaseStopped, DiskFull
from storage.layout import Layout
from storage.records import Incident
from storage.seal import KeyRing
from storage.settings import StorageSettings

Declare = Callable[..., Incident]


class Disk:
    """A disk whose free bytes are said."""

    def __init__(self) -> None:
        self.bytes = 10**12

    def free(self, _path: Path) -> int:
        return self.bytes


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def database(layout: Layout, ring: KeyRing, clock: FrozenClock, disk: Disk) -> Iterator[Database]:
    database = Database.open(layout, ring, clock, settings=StorageSettings(min_free_mb=50), free=disk.free)
    yield database
    database.close()


def test_without_room_nothing_is_begun_and_reading_goes_on(
    database: Database, declare: Declare, disk: Disk
) -> None:
    database.write(declare)
    database.publish()
    disk.bytes = 49_999_999
    for work in (lambda: database.write(declare), database.anchor):
        with pytest.raises(DiskFull, match="Make room"):
            work()
    assert database.read(lambda reader: reader.get(Incident, "INC-1")) is not None
    assert database.status()["open_incidents"] == 1
    disk.bytes = 50_000_000
    assert database.write(declare).id == "INC-2"
    assert database.anchor() is not None


def test_without_room_the_live_copy_stays_as_it_was_and_is_made_later(
    database: Database, declare: Declare, disk: Disk, layout: Layout
) -> None:
    database.publish()
    before = layout.live.read_bytes()
    database.write(declare)
    disk.bytes = 0
    with pytest.raises(DiskFull):
        database.publish()
    assert layout.live.read_bytes() == before
    disk.bytes = 10**12
    assert database.publish()
    assert layout.live.read_bytes() != before


def test_one_can_start_and_look_without_room(
    layout: Layout, ring: KeyRing, clock: FrozenClock, declare: Declare
) -> None:
    first = Database.open(layout, ring, clock)
    first.write(declare)
    first.close()
    again = Database.open(layout, ring, clock, free=lambda _path: 0)
    assert again.read(lambda reader: reader.get(Incident, "INC-1")) is not None
    again.close()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('IO Error: Could not write file "x": No space left on device', DiskFull),
        ('IO Error: Could not write file "x": File too large', DiskFull),
        ('IO Error: Database "ops" has been invalidated: No space left on device', DatabaseStopped),
    ],
)
def test_what_duckdb_says_of_a_full_disk_is_typed_without_its_text(text: str, kind: type[Exception]) -> None:
    error = typed(duckdb.IOException(text), doing="a commit")
    assert type(error) is kind
    assert "file" not in error.detail
