"""A store that was cut, emptied or altered is named, with what to do; it is never an internal error."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from models.clock import FrozenClock
from storage.database import Database
from storage.errors import DatabaseDamaged
from storage.layout import Layout
from storage.records import Incident
from storage.seal import KeyRing, WrongKey


def halve(layout: Layout) -> None:
    os.truncate(layout.database, layout.database.stat().st_size // 2)


def cut_a_block(layout: Layout) -> None:
    os.truncate(layout.database, layout.database.stat().st_size - 300_000)


def empty(layout: Layout) -> None:
    os.truncate(layout.database, 0)


def flip_everywhere(layout: Layout) -> None:
    content = bytearray(layout.database.read_bytes())
    for at in range(12_388, len(content), 65_536):
        content[at] ^= 0xFF
    layout.database.write_bytes(content)


def flip_the_header(layout: Layout) -> None:
    content = bytearray(layout.database.read_bytes())
    content[4_200] ^= 0xFF
    layout.database.write_bytes(content)


@pytest.mark.parametrize("harm", [halve, cut_a_block, empty, flip_everywhere, flip_the_header])
def test_a_damaged_database_is_named_with_what_to_do(
    layout: Layout,
    ring: KeyRing,
    clock: FrozenClock,
    declare: Callable[..., Incident],
    harm: Callable[[Layout], None],
) -> None:
    database = Database.open(layout, ring, clock)
    database.write(declare)
    database.close()
    harm(layout)
    content = layout.database.read_bytes()
    with pytest.raises(DatabaseDamaged, match="--new-database") as caught:
        Database.open(layout, ring, clock)
    assert not isinstance(caught.value, WrongKey)
    assert "restore store/ from a backup" in caught.value.hint
    assert layout.database.read_bytes() == content
