"""Spool, stored state and database may each be kept, lost or taken back to an older copy: no line is passed over in
silence, and none is counted twice."""

from __future__ import annotations

import contextlib
import itertools
import json
import pickle
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.clock import FrozenClock
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.errors import DatabaseBehind, StoreUnavailable
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.seal import KeyRing, WrongKey
from stream.field_settings import FieldSettings
from stream.flow_errors import RecoveryDamaged
from stream.flow_settings import FlowSettings
from stream.flow_status import read_flow_status
from stream.run import run_stream
from stream.spool import SpoolLocked, SpoolReader, SpoolSettings, SpoolWriter, read_consumed
from stream.spool.segment import numbers, path_of
from stream.stored_state import reread
from stream.testing import FactStore, line, message, seconds

NOW = 1_772_420_400
RING = KeyRing(bytes(range(32)))
GATE = Gate(Vocabulary.base(), names=["api"])


class Site:
    """One state directory and a store of facts beside it. A line is known by its minute."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layout = Layout(root / "state").prepare()

    @property
    def store(self) -> FactStore:
        return FactStore(self.root / "facts.db")

    def write(self, minutes: range) -> None:
        """Store one message per minute, in a writer of its own: `minute % 7 + 1` lines in it."""
        clock = FrozenClock(datetime.fromtimestamp(NOW + 60 * minutes.start, UTC))
        with SpoolWriter.open(
            self.layout.spool, RING, SpoolSettings(commit_ms=0, quiet_ms=0), clock
        ) as writer:
            for minute in minutes:
                at = NOW + 60 * minute
                lines = [line("api", f"served bed {n}", at) for n in range(minute % 7 + 1)]
                writer.append(message(lines, seconds(at))).result(20)
                clock.move(60)

    def run(self, send: Any = None) -> None:
        """Run the stream to the end of the spool."""
        run_stream(
            FlowSettings(epoch_seconds=0),
            FieldSettings(),
            self.layout,
            RING,
            GATE,
            FrozenClock(datetime.fromtimestamp(NOW, UTC)),
            threading.Event(),
            send=send or self.store.send,
            until_end=True,
        )

    def counted(self) -> Counter[int]:
        """Lines in the store by minute."""
        found: Counter[int] = Counter()
        for (_, _, minute, _), count in self.store.cells().items():
            found[round((datetime.fromisoformat(minute).timestamp() - NOW) / 60)] += count
        return found

    def spooled(self) -> Counter[int]:
        """Lines in the spool by minute."""
        found: Counter[int] = Counter()
        with SpoolReader(self.layout.spool, RING) as reader:
            for block in reader.read(1000):
                for entry in block.entries:
                    for record in json.loads(entry.raw):
                        found[round((record["date"] - NOW) / 60)] += 1
        return found


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`older`, a copy from after five minutes, and `now`, from after twelve; all was counted."""
    root = tmp_path_factory.mktemp("history")
    site = Site(root / "now")
    site.write(range(5))
    site.run()
    shutil.copytree(root / "now", root / "older")
    site.write(range(5, 12))
    site.run()
    assert site.counted() == site.spooled() == Counter({minute: minute % 7 + 1 for minute in range(12)})
    return root


PARTS = {"spool": "state/spool", "recovery": "state/recovery", "database": "facts.db"}
FATES = ("kept", "lost", "older")


@pytest.mark.parametrize("fates", list(itertools.product(FATES, repeat=3)), ids="-".join)
def test_whatever_is_lost_or_older_every_line_that_is_there_is_counted_once(
    history: Path, tmp_path: Path, fates: tuple[str, str, str]
) -> None:
    root = tmp_path / "site"
    shutil.copytree(history / "now", root)
    for part, fate in zip(PARTS.values(), fates, strict=True):
        if fate == "kept":
            continue
        shutil.rmtree(root / part) if (root / part).is_dir() else (root / part).unlink()
        if fate == "older":
            copy = history / "older" / part
            shutil.copytree(copy, root / part) if copy.is_dir() else shutil.copy(copy, root / part)
    site = Site(root)
    known = site.counted()
    site.write(range(20, 23))
    site.write(range(23, 34))  # more blocks than had ever been: numbers come up to the old ones and beyond
    site.run()
    assert site.counted() == known | site.spooled()
    site.write(range(40, 42))
    site.run()
    assert site.counted() == known | site.spooled()
    reread(site.layout)
    site.run()
    assert site.counted() == known | site.spooled()


def test_a_spool_that_is_another_is_told(history: Path, tmp_path: Path) -> None:
    site = Site(shutil.copytree(history / "now", tmp_path / "site"))
    shutil.rmtree(site.layout.spool)
    site.write(range(20, 22))
    site.run()
    status = read_flow_status(site.layout)
    assert status is not None
    assert status.damage == 1


def test_a_state_from_before_series_goes_on_without_counting_twice(tmp_path: Path) -> None:
    """Segments, reports and bookmarks without a series are those of the series without a name."""
    site = Site(tmp_path)
    site.write(range(4))
    _take_series_away(site.layout)
    site.run()
    site.write(range(4, 6))
    site.run()
    assert site.counted() == site.spooled()
    reread(site.layout)
    site.run()
    assert site.counted() == site.spooled()
    series = {json.loads(report)["series"] for report in site.store.reports()}
    assert len(series) == 2
    assert "" in series


def _take_series_away(layout: Layout) -> None:
    """Make the segments what they were before there were series: the place of the id held zeros."""
    import zlib

    for number in numbers(layout.spool):
        path = path_of(layout.spool, number)
        content = bytearray(path.read_bytes())
        for at in (0, 4096):
            copy = content[at : at + 4092]
            end = len(copy.rstrip(b"\0"))
            copy[end - 16 : end] = bytes(16)
            content[at : at + 4096] = copy + zlib.crc32(copy).to_bytes(4, "little")
        path.write_bytes(content)


# -- a database that is older than the state -------------------------------------------------------------------------


def _shortened(history: Path, tmp_path: Path) -> Site:
    """A site whose spool has let go of its oldest segment, and whose database is older."""
    site = Site(shutil.copytree(history / "now", tmp_path / "site"))
    path_of(site.layout.spool, numbers(site.layout.spool)[0]).unlink()
    shutil.copy(history / "older" / "facts.db", site.root / "facts.db")
    return site


def test_where_lines_might_be_in_neither_the_stream_says_so_and_waits_to_be_told(
    history: Path, tmp_path: Path
) -> None:
    site = _shortened(history, tmp_path)
    before = site.counted()
    for _ in range(3):  # it does not wear off
        with pytest.raises(DatabaseBehind, match="mayday spool reread"):
            site.run()
        assert site.counted() == before
        site.write(range(20 + len(site.spooled()), 22 + len(site.spooled())))
    reread(site.layout)
    assert read_consumed(site.layout.spool) is None  # nothing is let go of before it was read again
    site.run()
    assert site.counted() == before | site.spooled()


@pytest.mark.parametrize("fate", ["lost", "older"])
@pytest.mark.parametrize("after", [1, 4])
def test_a_database_that_is_exchanged_under_the_running_stream_is_noticed(
    history: Path, tmp_path: Path, fate: str, after: int
) -> None:
    site = Site(shutil.copytree(history / "now", tmp_path / "site"))
    site.write(range(20, 26))
    left = [after]

    def send(facts: Sequence[BlockFacts]) -> object:
        left[0] -= 1
        if left[0] == 0:
            (site.root / "facts.db").unlink()
            if fate == "older":
                shutil.copy(history / "older" / "facts.db", site.root / "facts.db")
        return site.store.send(facts)

    site.run(send)
    assert site.counted() == site.spooled()


def test_the_check_waits_for_a_command_center_that_is_away(history: Path, tmp_path: Path) -> None:
    site = Site(shutil.copytree(history / "now", tmp_path / "site"))
    site.write(range(20, 22))
    away = [StoreUnavailable("nobody there"), StoreUnavailable("nobody there")]

    def send(facts: Sequence[BlockFacts]) -> object:
        if away:
            raise away.pop()
        return site.store.send(facts)

    site.run(send)
    assert site.counted() == site.spooled()


# -- a damaged state -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage", ["half", "empty", "header", "names", "pages", "states", "place", "gone", "another file"]
)
def test_a_damaged_stored_state_is_told_with_its_remedy_and_no_line_is_lost(
    history: Path, tmp_path: Path, damage: str
) -> None:
    site = Site(shutil.copytree(history / "now", tmp_path / "site"))
    site.write(range(20, 22))
    (part,) = (site.layout.recovery / "flow").glob("part-*.sqlite3")
    content = bytearray(part.read_bytes())
    match damage:
        case "half":
            part.write_bytes(content[: len(content) // 2])
        case "empty":
            part.write_bytes(b"")
        case "header":
            part.write_bytes(b"\xff" * 100 + content[100:])
        case "pages":
            for at in range(4096 + 8, len(content), 4096):
                content[at] ^= 0xFF
            part.write_bytes(content)
        case "names":
            part.write_bytes(content.replace(b"CREATE TABLE", b"CREATE \xff\xff\xff\xff\xff"))
        case "states":  # whole for SQLite: what Bytewax stored is not what it was
            with contextlib.closing(sqlite3.connect(part)) as store, store:
                store.execute("UPDATE snaps SET ser_change = substr(ser_change, 1, length(ser_change) - 9)")
        case "place":
            place = (1, 8192, 3, "0" * 32, 0)
            with contextlib.closing(sqlite3.connect(part)) as store, store:
                store.execute(
                    "UPDATE snaps SET ser_change = ? WHERE step_id = 'mayday.spool'", (pickle.dumps(place),)
                )
        case "gone":
            part.unlink()
        case _:
            part.write_bytes(b"a note\n")
    with pytest.raises(RecoveryDamaged, match="mayday spool reread"):
        site.run()
    reread(site.layout)
    site.run()
    assert site.counted() == site.spooled()


def test_under_another_master_key_the_key_is_asked_for_and_nothing_is_given_up(
    history: Path, tmp_path: Path
) -> None:
    site = Site(shutil.copytree(history / "now", tmp_path / "site"))
    other, gate = KeyRing(bytes(32)), Gate(Vocabulary.base(), key=bytes(32))
    with pytest.raises(WrongKey, match=r"Give back the key that made this state") as caught:
        run_stream(
            FlowSettings(), FieldSettings(), site.layout, other, gate, FrozenClock(datetime.fromtimestamp(NOW, UTC)),
            threading.Event(), send=lambda facts: facts, until_end=True,
        )  # fmt: skip
    assert "reread" not in str(caught.value)
    site.run()
    assert site.counted() == site.spooled()


def test_a_state_is_not_set_aside_under_a_running_stream(history: Path, tmp_path: Path) -> None:
    site = Site(shutil.copytree(history / "now", tmp_path / "site"))

    def send(facts: Sequence[BlockFacts]) -> object:
        with pytest.raises(SpoolLocked):
            reread(site.layout)
        return site.store.send(facts)

    site.run(send)
    assert reread(site.layout) == site.layout.recovery / "flow.aside"
    assert reread(site.layout) is None
