"""Nothing private leaves: 200 marked lines, and what people type, through the whole of Mayday, a search and crashes.

The three real processes run under the real supervisor, with a bot that talks to the local workspace. Lines come over the
real receivers (Forward with a shared key, HTTP), people type in Slack, at the terminal and into the webhook; every process
is killed with data in flight. Then bytes are searched (`mark_search`): everything Mayday ever sent to Slack, the live copy
and the database as read with their keys, and every file of the state directory, the temporary, home and working
directories, as they stand while running, after a kill, and after the end, and what the commands printed.

Two places may hold what was typed or sent, and no other. What a person types in Slack is Slack's: it stands in the
deliveries that Slack made and in the state of the form that the person filled in, which are not looked at; what Mayday
answers, posts, updates and opens is. And `mayday spool export` prints raw lines on purpose: there every mark has to be found,
which shows that the marks came in, were kept, and can be found. The marks are invented (`marks`).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from mark_search import Found, MarkSearch
from marks import Inventor, lines
from marks_places import every_place, held_open, in_the_database, in_the_live_copy, sent_to_slack, summary
from marks_rig import NAMES, SEED, Installation
from marks_ways_in import search_at_the_terminal, ship_all, ship_rubbish, talk

from models.clock import system_clock
from storage.database import Database
from storage.layout import Layout
from storage.seal import KeyRing
from stream.forward_client import pack_event, pack_message
from stream.spool import Entry, Kind, SpoolSettings, SpoolWriter, spool_info

EACH = 10  # lines of each of the twenty kinds


pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.timeout(180)]


@pytest.mark.parametrize("how", ["in_the_stream", "in_the_main_thread", "in_another_thread", "by_abort"])
def test_a_process_that_dies_of_an_error_says_nothing_of_what_it_held(tmp_path: Path, how: str) -> None:
    """As a fault of our own would do it: the text of the error, its notes and its causes carry a mark."""
    m = Inventor(random.Random(how))
    mark = m.name()
    layout = Layout(tmp_path / "state").prepare()
    ring = KeyRing.load(layout, create=True, environ={})
    with SpoolWriter.open(layout.spool, ring, SpoolSettings(), system_clock) as writer:
        raw = pack_message("app", pack_event(time.time_ns(), {"log": f"ERROR {mark} is gone"}), 1, None)
        writer.append(Entry(Kind.FORWARD, time.time_ns(), "agent", "", "app", None, {}, raw)).result(10)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "cwd").mkdir()
    child = subprocess.run(
        [sys.executable, Path(__file__).with_name("marks_child.py"), how, str(layout.root)],
        input=mark, text=True, capture_output=True, timeout=60, check=False,
        cwd=tmp_path / "cwd", env=os.environ | {"TMPDIR": str(tmp_path / "tmp"), "PYTHONWARNINGS": "default"},
    )  # fmt: skip
    assert child.returncode == (-signal.SIGABRT if how == "by_abort" else 1)
    search = MarkSearch(m.texts)
    found, size = search.files(tmp_path)
    assert size > 0
    leaks = found + search.text(child.stdout + child.stderr, "what it printed")
    assert not leaks, summary(leaks)
    if how != "by_abort":  # it is said that it died, of what, and where
        said = "".join(path.read_text() for path in layout.logs.iterdir()) + child.stderr
        assert "Careless" in said
        assert "marks_child.py" in said


def test_no_mark_is_found_anywhere_after_ingest_talk_search_and_crashes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    m = Inventor(random.Random(SEED))
    marked = lines(m, EACH)
    in_lines = list(m.used)
    assert len(marked) == 200
    place = Installation(tmp_path)
    monkeypatch.chdir(tmp_path / "cwd")
    leaks: list[Found] = []
    try:
        assert (
            place.mayday("spool", "export", "--reason", f"asked for by {m.name()}") == 0
        )  # nobody is there to record it
        place.start()
        sent, shipped = threading.Semaphore(0), threading.Event()

        def ship() -> None:
            ship_all(place, marked, m, sent)
            shipped.set()

        shipping = threading.Thread(target=ship)
        shipping.start()
        for name in NAMES:  # each dies while the next message is on its way
            assert sent.acquire(timeout=60)
            place.until(lambda name=name: name in place.supervisor.pids)
            place.kill(name, signal.SIGKILL)
        shipping.join(90)
        assert shipped.is_set()
        place.until(place.up)
        ship_rubbish(place, m)
        counted = "SELECT coalesce(sum(count), 0)::BIGINT AS n FROM pattern_minute"
        place.until(lambda: [row["n"] for row in place.ask(counted)] == [len(marked)])
        place.until(lambda: place.ask("SELECT 1 FROM signal WHERE kind = 'error_burst'"))
        talk(place, m)
        search_at_the_terminal(place, m)
        place.until(lambda: place.store.status().get("cards_behind") == 0)

        search = MarkSearch(m.texts)
        with place.nothing_restarts():
            leaks += every_place(search, held_open(place.supervisor.pids))
            place.kill("command", signal.SIGABRT)  # would dump core if it could
            place.kill("stream", signal.SIGSEGV)
            place.ended("command", "stream")
            leaks += search.files(tmp_path)[0]
        place.until(place.up)
        told = capfd.readouterr()
        assert place.mayday("spool", "export") == 0
        exported = capfd.readouterr().out
        place.until(lambda: place.store.status().get("cards_behind") == 0)
        leaks += search.text(told.out + told.err, "what commands printed")
        place.end_processes()
        said = list(sent_to_slack(place))
        leaks += every_place(search, iter(said))
    finally:
        place.stop()
    leaks += search.text("\n".join(place.reports), "what the supervisor said")

    database = Database.open(place.layout, place.ring, system_clock)
    try:
        database.segments.flush(system_clock(), everything=True)
        database.publish()
        leaks += every_place(search, in_the_database(database))
        leaks += every_place(search, in_the_live_copy(place.layout, place.ring))
        assert database.verify_audit().ok
        audit = [
            json.loads(row[0])
            for row in database.read(lambda reader: reader.execute("SELECT payload FROM audit_log"))
        ]
        incidents = database.query("SELECT title FROM incident").to_pylist()
    finally:
        database.close()
    found, size = search.files(tmp_path)
    leaks += found
    assert not leaks, summary(leaks)

    # And that this means something: all went through, and the same search finds every mark where it has to stand.
    assert [e["data"]["recorded"] for e in audit if e["action"] == "spool.export"] == ["afterwards", "before"]
    assert sum((spool_info(place.layout.spool, place.ring).quarantined or {}).values()) >= 2
    assert len(said) > 50
    assert any("&lt;PHONE&gt;" in text for _, text in said)
    assert len(incidents) >= 4
    assert any("<" in row["title"] for row in incidents)
    assert any(place.layout.segments.rglob("*.parquet"))
    assert size > 1_000_000
    assert {each.text for each in search.data(exported.encode(), "export")} >= set(in_lines)
    planted = tmp_path / "planted"
    planted.mkdir()
    shutil.copy(place.layout.live, planted / "live.duckdb")
    with (planted / "live.duckdb").open("r+b") as file:
        file.seek(4096)
        file.write(in_lines[0].upper().encode("utf-16-le"))
    assert {each.text for each in search.files(planted)[0]} == {in_lines[0]}
