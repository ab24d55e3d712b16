"""Promises of the quarantine: sealed, on the disk when told so, once whatever is replayed, bounded."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from storage.seal import KeyRing, WrongKey
from stream.spool import Quarantine, Quarantined, SpoolError, SpoolLocked, read_quarantine, spool_info
from stream.spool.dedupe import HOUR_NS
from stream.spool.quarantine import path_in
from stream.spool.segment import numbers, path_of
from stream.spool.testing import FragileDisk, numbered_entry, small_settings

RING = KeyRing(bytes(32))


def item(seq: int, part: int = 0, *, reason: str = "msgpack", size: int = 20, hours: int = 0) -> Quarantined:
    return Quarantined(seq, part, hours * HOUR_NS, reason, numbered_entry(seq, raw=b"q" * size))


def kept(spool: Path) -> list[Quarantined]:
    return list(read_quarantine(spool, RING))


def open_quarantine(spool: Path, **changes: float) -> Quarantine:
    return Quarantine.open(spool, RING, small_settings(**changes))


def test_what_was_added_comes_back_in_order_also_after_a_restart(tmp_path: Path) -> None:
    items = [item(1), item(1, 2, reason="gzip"), item(5)]
    with open_quarantine(tmp_path) as quarantine:
        assert quarantine.add(items[:2]) == 2
        assert kept(tmp_path) == items[:2]
    with open_quarantine(tmp_path) as quarantine:
        assert quarantine.add(items[2:]) == 1
        assert (len(quarantine), quarantine.counts) == (3, {"gzip": 1, "msgpack": 2})
    assert kept(tmp_path) == items
    assert spool_info(tmp_path, RING).quarantined == {"gzip": 1, "msgpack": 2}


def test_a_replay_adds_nothing_twice_within_a_call_and_over_restarts(tmp_path: Path) -> None:
    with open_quarantine(tmp_path) as quarantine:
        assert quarantine.add([item(1), item(2), item(1)]) == 2
        assert quarantine.add([item(2), item(3)]) == 1
    with open_quarantine(tmp_path) as quarantine:
        assert quarantine.add([item(n) for n in range(1, 5)]) == 1
        assert item(1).key in quarantine
    assert [one.seq for one in kept(tmp_path)] == [1, 2, 3, 4]


def test_a_thousand_messages_of_one_block_are_kept_in_one_call(tmp_path: Path) -> None:
    with open_quarantine(tmp_path) as quarantine:
        assert quarantine.add([item(1, part) for part in range(1000)]) == 1000
    assert [one.part for one in kept(tmp_path)] == list(range(1000))


def test_it_is_synced_before_add_returns(tmp_path: Path) -> None:
    disk = FragileDisk()
    with Quarantine.open(tmp_path, RING, small_settings(), disk) as quarantine:
        quarantine.add([item(1)])
        assert disk.events[-2:] == ["write", "sync"]


@pytest.mark.parametrize("failure", ["fail_sync", "fail_write"])
def test_a_refusing_disk_is_told_and_a_second_try_stores_it_once(tmp_path: Path, failure: str) -> None:
    disk = FragileDisk()
    with Quarantine.open(tmp_path, RING, small_settings(), disk) as quarantine:
        quarantine.add([item(1)])
        setattr(disk, failure, errno.EIO)
        with pytest.raises(SpoolError, match="could not write"):
            quarantine.add([item(2)])
        assert (2, 0) not in quarantine
        setattr(disk, failure, None)
        assert quarantine.add([item(2)]) == 1
    assert [one.seq for one in kept(tmp_path)] == [1, 2]
    with open_quarantine(tmp_path) as quarantine:
        assert len(quarantine) == 2


def test_a_cut_tail_or_an_altered_message_costs_no_other(tmp_path: Path) -> None:
    with open_quarantine(tmp_path) as quarantine:
        quarantine.add([item(n) for n in range(4)])
    path = path_of(path_in(tmp_path), 1)
    content = path.read_bytes()
    frame = (len(content) - 8192) // 4
    path.write_bytes(content[: 8192 + frame + 60] + b"?" + content[8192 + frame + 61 : -3])
    assert [one.seq for one in kept(tmp_path)] == [0, 2]
    with open_quarantine(tmp_path) as quarantine:
        assert quarantine.add([item(n) for n in range(4)]) == 2
    assert sorted(one.seq for one in kept(tmp_path)) == [0, 1, 2, 3]


def test_old_messages_are_forgotten_with_their_files(tmp_path: Path) -> None:
    with open_quarantine(tmp_path, keep_hours=10) as quarantine:
        quarantine.add([item(1)])
    with open_quarantine(tmp_path, keep_hours=10) as quarantine:
        quarantine.add([item(2, hours=6)])
        assert quarantine.forget(5 * HOUR_NS) == 0
        assert quarantine.forget(11 * HOUR_NS) == 1
        assert [one.seq for one in kept(tmp_path)] == [2]
        assert quarantine.forget(17 * HOUR_NS) == 1
        assert (kept(tmp_path), numbers(path_in(tmp_path))) == ([], [])
        assert quarantine.add([item(3, hours=17)]) == 1
    assert [one.seq for one in kept(tmp_path)] == [3]


def test_the_size_is_bounded_by_whole_files_the_oldest_first(tmp_path: Path) -> None:
    with open_quarantine(tmp_path, quarantine_max_bytes=20 << 20) as quarantine:
        for seq in range(10):
            quarantine.add([item(seq, size=4 << 20)])
        assert len(numbers(path_in(tmp_path))) == 3
        assert quarantine.forget(0) == 8
        assert [one.seq for one in kept(tmp_path)] == [8, 9]


def test_it_is_sealed_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with open_quarantine(tmp_path) as quarantine:
        quarantine.add([item(1, size=40)])
    for path in path_in(tmp_path).iterdir():
        assert b"qqqq" not in path.read_bytes()
        assert b"app.billing" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(WrongKey):
        Quarantine.open(tmp_path, KeyRing(bytes(range(32))), small_settings())
    with open_quarantine(tmp_path), pytest.raises(SpoolLocked):
        open_quarantine(tmp_path)
