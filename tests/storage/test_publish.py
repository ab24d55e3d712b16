"""The live copy: whole at every moment, fresh, for any DuckDB client, and without what nobody should see."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from models.clock import FrozenClock
from models.errors import MaydayError
from storage.apply import apply_facts
from storage.database import Database
from storage.errors import OutOfFiles
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.publish import attach_lines
from storage.published import NAMES
from storage.records import Incident
from storage.seal import KeyRing

Declare = Callable[..., Incident]
Report = Callable[..., BlockFacts]
READER = """
import json, sys, duckdb
lines = sys.stdin.read()
connection = duckdb.connect()
connection.execute(lines)
rows = connection.execute(sys.argv[1]).fetchall()
print(json.dumps(rows, default=str))
"""


def _elsewhere(lines: str, sql: str, tmp_path: Path) -> object:
    """Ask with a stock DuckDB in another process, nothing of ours imported."""
    done = subprocess.run(
        [sys.executable, "-c", READER, sql],
        input=lines,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_any_duckdb_client_finds_what_was_published_while_the_owner_runs(
    database: Database, declare: Declare, report: Report, layout: Layout, ring: KeyRing, tmp_path: Path
) -> None:
    database.write(declare)
    database.write(lambda tx: apply_facts(tx, [report(0, 1), report(1, 1)]))
    database.segments.flush(database.clock(), everything=True)
    database.write(lambda tx: apply_facts(tx, [report(0, 2)]))
    assert database.publish()
    found = _elsewhere(
        attach_lines(layout, ring),
        """SELECT (SELECT id FROM incident), (SELECT sum(count)::BIGINT FROM pattern_minute),
           (SELECT count(*) FROM error_event), (SELECT max(tta_s) FROM incident_times)""",
        tmp_path,
    )
    assert found == [["INC-1", 12, 3, None]]


def test_nothing_is_done_when_nothing_changed(database: Database, declare: Declare, layout: Layout) -> None:
    assert database.publish()
    inode = layout.live.stat().st_ino
    assert not database.publish()
    assert layout.live.stat().st_ino == inode
    database.write(declare)
    assert database.publish()
    assert layout.live.stat().st_ino != inode


def test_without_a_free_file_nothing_is_said_to_be_damaged_and_it_is_published_later(
    database: Database, declare: Declare
) -> None:
    database.write(declare)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        with pytest.raises(OutOfFiles):
            database.publish()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert database.publish()


def test_every_published_name_is_there_and_nothing_else_of_the_owner(
    database: Database, layout: Layout, ring: KeyRing
) -> None:
    database.publish()
    reader = duckdb.connect()
    reader.execute(attach_lines(layout, ring))
    names = {row[0] for row in reader.execute("SHOW TABLES").fetchall()}
    assert names >= NAMES
    assert not names & {"inbox", "seen", "setting_value", "counter", "segment_replaced"}
    columns = {row[0] for row in reader.execute("SELECT column_name FROM duckdb_columns()").fetchall()}
    assert "samples" not in columns
    undocumented = reader.execute(
        """SELECT table_name, column_name FROM duckdb_columns() c WHERE database_name = 'mayday'
             AND table_name IN (SELECT table_name FROM dictionary)
             AND NOT EXISTS (FROM dictionary d WHERE d.table_name = c.table_name AND d.column_name = c.column_name)"""
    ).fetchall()
    assert undocumented == []
    reader.close()


@pytest.mark.parametrize("client", [":memory:", "notes.duckdb"])
def test_the_same_lines_again_show_what_was_published_since(
    database: Database, declare: Declare, layout: Layout, ring: KeyRing, tmp_path: Path, client: str
) -> None:
    database.publish()
    lines = attach_lines(layout, ring)
    reader = duckdb.connect(client if client == ":memory:" else tmp_path / client)
    reader.execute(lines)
    assert reader.execute("FROM incident").fetchall() == []
    database.write(declare)
    database.publish()
    reader.execute(lines)
    assert reader.execute("SELECT id FROM incident").fetchall() == [("INC-1",)]
    reader.close()


def test_each_published_view_answers(
    database: Database, report: Report, layout: Layout, ring: KeyRing
) -> None:
    database.write(lambda tx: apply_facts(tx, [report(0, 1)]))
    database.segments.flush(database.clock(), everything=True)
    database.publish()
    reader = duckdb.connect()
    reader.execute(attach_lines(layout, ring))
    for name in sorted(NAMES):
        ours = database.query(f"FROM {name}")
        theirs = reader.execute(f"FROM {name}").to_arrow_table()
        assert ours.column_names == theirs.column_names, name
        assert ours.num_rows == theirs.num_rows, name
    reader.close()


def test_the_smallest_and_greatest_day_of_a_single_file_can_be_asked(
    database: Database, report: Report, layout: Layout, ring: KeyRing
) -> None:
    database.write(lambda tx: apply_facts(tx, [report(0, 1)]))
    database.segments.flush(database.clock(), everything=True)
    database.publish()
    reader = duckdb.connect()
    reader.execute(attach_lines(layout, ring))
    for table in ("error_event", "pattern_minute", "service_traffic", "service_health"):
        assert len(reader.execute(f"SELECT min(day), max(day) FROM {table}").fetchall()) == 1
        assert database.query(f"SELECT min(day), max(day) FROM {table}").num_rows == 1
    reader.close()


def test_without_its_key_the_copy_does_not_open(database: Database, layout: Layout) -> None:
    database.publish()
    reader = duckdb.connect()
    for options in ("READ_ONLY", f"READ_ONLY, ENCRYPTION_KEY '{'A' * 43}='"):
        with pytest.raises(duckdb.Error):
            reader.execute(f"ATTACH '{layout.live}' AS live ({options})")
    reader.close()


def test_readers_see_whole_copies_while_it_is_published_without_pause(
    database: Database, report: Report, layout: Layout, ring: KeyRing
) -> None:
    """Each block adds four lines in one commit, so any copy but a whole one shows another multiple."""
    database.publish()
    lines, stop = attach_lines(layout, ring), threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        block = 0
        while not stop.is_set():
            block += 1
            database.write(lambda tx, block=block: apply_facts(tx, [report(s, block) for s in range(3)]))
            if block % 25 == 0:
                database.segments.flush(database.clock(), everything=True)

    def publish() -> None:
        while not stop.is_set():
            database.publish()

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except (MaydayError, duckdb.Error) as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (write, publish)]
    for thread in threads:
        thread.start()
    newest = 0
    copies: set[int] = set()
    try:
        for _ in range(25):
            copies.add(layout.live.stat().st_mtime_ns)
            reader = duckdb.connect()
            reader.execute(lines)
            (total, events, heads) = reader.execute(
                """SELECT (SELECT coalesce(sum(count), 0)::BIGINT FROM pattern_minute),
                   (SELECT count(*) FROM error_event), (SELECT coalesce(sum(block), 0)::BIGINT FROM applied)"""
            ).fetchall()[0]
            reader.close()
            assert total == 4 * events == 4 * heads
            assert total >= newest
            newest = total
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert failures == []
    assert newest > 0
    assert len(copies) > 5


def test_publishing_does_not_wait_for_the_writer_nor_the_writer_for_it(
    database: Database, declare: Declare
) -> None:
    entered, gate = threading.Event(), threading.Event()

    def hold(tx: object) -> None:
        entered.set()
        assert gate.wait(20)

    busy = database.submit(hold)
    assert entered.wait(20)
    assert database.publish()  # while a write transaction is open
    gate.set()
    busy.result(20)


def test_a_copy_that_was_cut_off_is_built_again(
    database: Database, layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    layout.live.with_name("live.duckdb.new").write_bytes(b"half a copy")
    assert database.publish()
    reader = duckdb.connect()
    reader.execute(attach_lines(layout, ring))
    assert reader.execute("SELECT count(*) FROM incident").fetchone() == (0,)
    reader.close()
