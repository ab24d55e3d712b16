"""The stream and the real command center: spool to socket to database, counted once whatever is done twice."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from command_center.access.operators import Directory
from command_center.center import CommandCenter
from command_center.service import StoreService
from command_center.settings import CenterSettings
from models.clock import FrozenClock
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.database import Database
from storage.errors import DatabaseBehind
from storage.layout import Layout
from storage.seal import KeyRing
from stream.field_settings import FieldSettings
from stream.flow_settings import FlowSettings
from stream.run import run_stream
from stream.spool import SpoolSettings, SpoolWriter
from stream.spool.segment import path_of
from stream.stored_state import reread
from stream.testing import line, message, seconds, tick

NOW = 1_772_420_400
RING = KeyRing(bytes(range(32)))
GATE = Gate(Vocabulary.base(), names=["api", "billing"])


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A spool with ten quiet minutes of two services, then one of them fails for a minute."""
    layout = Layout(tmp_path).prepare()
    clock = FrozenClock(datetime.fromtimestamp(NOW, UTC))
    with SpoolWriter.open(layout.spool, RING, SpoolSettings(commit_ms=0, quiet_ms=0), clock) as writer:
        for step in range(66):
            at = NOW + 10 * step
            lines = [line(name, f"served bed {n}", at + n) for name in ("api", "billing") for n in range(10)]
            if step >= 60:
                lines += [
                    line("billing", f"pool exhausted after {n}ms", at + 1, level="ERROR") for n in range(9)
                ]
            writer.append(message(lines, seconds(at + 10))).result()
            writer.append(tick(seconds(at + 10))).result()
            clock.move(10)
    return layout


@contextmanager
def serving(layout: Layout, store: Layout) -> Iterator[Database]:
    """The command center of `layout`, over the database of `store`."""
    clock = FrozenClock(datetime.fromtimestamp(NOW + 700, UTC))
    database = Database.open(store, RING, clock)
    directory = Directory(())
    center = CommandCenter(database, GATE, directory, CenterSettings(), clock)
    service = StoreService(center, database, directory, GATE, layout)
    service.start()
    try:
        yield database
    finally:
        service.stop()
        database.close()


@pytest.fixture
def database(layout: Layout) -> Iterator[Database]:
    with serving(layout, layout) as database:
        yield database


def stream(layout: Layout) -> None:
    run_stream(
        FlowSettings(epoch_seconds=0.05),
        FieldSettings(),
        layout,
        RING,
        GATE,
        FrozenClock(datetime.fromtimestamp(NOW + 700, UTC)),
        threading.Event(),
        until_end=True,
    )


def counted(database: Database) -> Counter[tuple[str, int]]:
    rows = database.read(
        lambda reader: reader.execute('SELECT service, level, sum("count") FROM pattern_minute GROUP BY ALL')
    )
    return Counter({(str(service), int(level)): int(count) for service, level, count in rows})


def test_lines_are_counted_once_and_a_failing_service_becomes_an_incident(
    layout: Layout, database: Database
) -> None:
    stream(layout)
    expected = Counter({("api", 9): 660, ("billing", 9): 660, ("billing", 17): 54})
    assert counted(database) == expected
    ((service, title),) = database.read(lambda reader: reader.execute("SELECT service, title FROM incident"))
    assert service == "billing"
    assert "billing" in title

    shutil.rmtree(layout.recovery / "flow")  # all of the spool is read again
    stream(layout)
    assert counted(database) == expected
    assert len(database.read(lambda reader: reader.execute("SELECT id FROM incident"))) == 1


def test_another_database_gets_all_that_the_spool_holds(layout: Layout, tmp_path: Path) -> None:
    with serving(layout, layout) as database:
        stream(layout)
        expected = counted(database)
    with serving(layout, Layout(tmp_path / "another").prepare()) as database:
        stream(layout)
        assert counted(database) == expected


def test_another_database_is_refused_while_blocks_would_be_left_out(layout: Layout, tmp_path: Path) -> None:
    with serving(layout, layout) as database:
        stream(layout)
        expected = counted(database)
    clock = FrozenClock(datetime.fromtimestamp(NOW + 690, UTC))
    with SpoolWriter.open(layout.spool, RING, SpoolSettings(), clock) as writer:
        writer.append(message([line("api", "served bed 7", NOW + 690)], seconds(NOW + 690))).result()
    oldest = path_of(layout.spool, 1)
    oldest.rename(tmp_path / "let go of")
    with serving(layout, Layout(tmp_path / "another").prepare()) as database:
        for _ in range(2):
            with pytest.raises(DatabaseBehind, match="mayday spool reread"):
                stream(layout)
        assert counted(database) == Counter()
        reread(layout)
        stream(layout)
        assert counted(database) == Counter({("api", 9): 1})
        (tmp_path / "let go of").rename(oldest)
        reread(layout)
        stream(layout)
        assert counted(database) == expected + Counter({("api", 9): 1})
