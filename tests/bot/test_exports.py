"""An export of raw lines stands in the audit chain, once, before the first line is printed; or nothing is printed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import run
from command_center.access.operators import Directory, Operator, Role
from command_center.center import CommandCenter
from command_center.exports import MOST_AT_ONCE, ExportIntake
from command_center.service import StoreService
from command_center.settings import CenterSettings
from models.clock import FrozenClock
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.client import StoreClient
from storage.database import Database
from storage.exports import ExportNote, keep_note
from storage.layout import Layout
from storage.seal import KeyRing
from stream.forward_client import pack_event, pack_message
from stream.spool import Entry, Kind, SpoolSettings, SpoolWriter

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
ME = os.getuid()
LINES = 3


@pytest.fixture
def layout(tmp_path: Path, empty_state: Path) -> Layout:
    """A state with a spool of three lines, and a mayday.toml that calls this Unix user the on-call engineer."""
    layout = Layout(shutil.copytree(empty_state, tmp_path / "state"))
    with SpoolWriter.open(layout.spool, ring_of(layout), SpoolSettings(), FrozenClock(NOW)) as writer:
        for number in range(LINES):
            packed = pack_event(10**18, {"log": f"line {number}"})
            raw = pack_message("app", packed, 1, None)
            writer.append(Entry(Kind.FORWARD, 10**18, "agent", "", "app", None, {}, raw)).result(10)
    configure(layout, "engineer")
    return layout


def configure(layout: Layout, role: str, uid: int = ME) -> None:
    (layout.root / "mayday.toml").write_text(
        f'[state]\ndirectory = "."\n[[operators]]\nid = "me"\nname = "Me"\nuid = {uid}\nroles = ["{role}"]\n'
    )


def ring_of(layout: Layout) -> KeyRing:
    return KeyRing.load(layout, create=False, environ={})


def export(layout: Layout, *more: str) -> int:
    return run(["spool", "export", "--config", str(layout.root / "mayday.toml"), *more])


@contextmanager
def center(layout: Layout, *roles: Role) -> Iterator[Database]:
    """The command center on this state, as it starts: what waits is taken in, then the socket is served."""
    clock = FrozenClock(NOW)
    database = Database.open(layout, ring_of(layout), clock)
    try:
        people = [Operator(id="me", name="Me", uid=ME, roles=roles)] if roles else []
        directory, gate = Directory(people), Gate(Vocabulary.base())
        ExportIntake(database, directory, layout, ring_of(layout)).take_in()
        service = StoreService(
            CommandCenter(database, gate, directory, CenterSettings(), clock),
            database, directory, gate, layout,
        )  # fmt: skip
        service.start()
        try:
            yield database
        finally:
            service.stop()
    finally:
        database.close()


def entries(database: Database, action: str = "spool.export") -> list[dict[str, Any]]:
    rows = database.read(lambda reader: reader.execute("SELECT payload FROM audit_log ORDER BY seq"))
    assert database.verify_audit().ok
    return [entry for (payload,) in rows if (entry := json.loads(payload))["action"] == action]


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_with_the_command_center_there_the_export_stands_in_the_chain_with_its_blocks(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    with center(layout, Role.ENGINEER) as database:
        assert export(layout, "--reason", "asked for by Quorvex Ylmandir") == 0  # made-up name
        (entry,) = entries(database)
    assert [row["record"] for row in printed(capsys)] == [{"log": f"line {n}"} for n in range(LINES)]
    assert entry["actor"] == "me"
    data = entry["data"]
    assert (data["uid"], data["first_block"], data["end_block"], data["blocks"]) == (ME, 0, LINES, LINES)
    assert data["recorded"] == "before"
    assert data["reason"].startswith("asked for by ")
    assert "Quorvex" not in data["reason"]


def test_somebody_without_the_right_is_refused_in_a_sentence_and_that_is_recorded(
    layout: Layout, capfd: pytest.CaptureFixture[str]
) -> None:
    with center(layout, Role.VIEWER) as database:
        assert export(layout) == 1
        assert not entries(database)
        (refused,) = entries(database, "refused")
    said = capfd.readouterr()
    assert said.out == ""
    assert f"the Unix user {ME} may not do that (needs_export)" in said.err
    assert (refused["actor"], refused["data"]["cause"]) == (f"uid:{ME}", "socket:export")


def test_somebody_whom_nobody_knows_is_refused(layout: Layout, capfd: pytest.CaptureFixture[str]) -> None:
    with center(layout) as database:
        assert export(layout) == 1
        assert not entries(database)
    assert capfd.readouterr().out == ""


def test_without_a_command_center_the_export_is_taken_in_at_the_next_start_and_only_once(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(layout, "--reason", "comparing counts") == 0
    assert len(printed(capsys)) == LINES
    (kept,) = layout.exports.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert b"comparing" not in kept.read_bytes()
    again = kept.read_bytes()
    with center(layout, Role.ENGINEER) as database:
        (entry,) = entries(database)
    assert (entry["actor"], entry["data"]["recorded"]) == ("me", "afterwards")
    assert (entry["data"]["uid"], entry["data"]["blocks"]) == (ME, LINES)
    assert not list(layout.exports.iterdir())
    kept.write_bytes(again)  # as if the crash had come between the commit and the removal
    for _ in range(2):
        with center(layout, Role.ENGINEER) as database:
            assert len(entries(database)) == 1
    assert not list(layout.exports.iterdir())


def test_two_exports_are_two_entries(layout: Layout) -> None:
    assert export(layout) == export(layout) == 0
    with center(layout, Role.ENGINEER) as database:
        assert export(layout) == 0
        assert [entry["data"]["recorded"] for entry in entries(database)] == [
            "afterwards", "afterwards", "before",
        ]  # fmt: skip
        assert len({entry["data"]["export"] for entry in entries(database)}) == 3


def test_an_answer_that_was_lost_does_not_make_a_second_entry(layout: Layout) -> None:
    note = ExportNote(id="0" * 32, uid=ME, at=NOW, first_block=0, end_block=LINES)
    with center(layout, Role.ENGINEER) as database:
        StoreClient(layout.socket).record_export(note)
        StoreClient(layout.socket).record_export(note)
        assert len(entries(database)) == 1
    keep_note(layout, ring_of(layout), note)  # what the command line does when the connection breaks
    with center(layout, Role.ENGINEER) as database:
        assert len(entries(database)) == 1


def test_the_note_says_who_by_the_kernels_word_and_not_by_its_own(layout: Layout) -> None:
    note = ExportNote(id="1" * 32, uid=ME + 1, at=NOW, first_block=0, end_block=1)
    with center(layout, Role.ENGINEER) as database:
        StoreClient(layout.socket).record_export(note)
        assert entries(database)[0]["data"]["uid"] == ME


def test_nothing_is_printed_when_the_note_cannot_be_written(
    layout: Layout, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("storage.exports.write_in_place", full)
    out = tmp_path / "out.jsonl"
    assert export(layout) == 1
    assert export(layout, "--out", str(out)) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert not out.exists()
    assert "nothing was printed" in said.err


def test_nothing_is_printed_when_the_chain_cannot_be_written(
    layout: Layout, capfd: pytest.CaptureFixture[str]
) -> None:
    with center(layout, Role.ENGINEER) as database:
        database.close()  # the socket answers, the database does not
        assert export(layout) == 1
    assert capfd.readouterr().out == ""
    assert not list(layout.exports.iterdir())


def test_without_a_command_center_the_configuration_decides(
    layout: Layout, capfd: pytest.CaptureFixture[str]
) -> None:
    configure(layout, "viewer")
    assert export(layout) == 1
    configure(layout, "engineer", uid=ME + 1)
    assert export(layout) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert "needs_export" in said.err
    assert "unknown_person" in said.err
    assert not list(layout.exports.iterdir())


def test_where_nobody_is_configured_whoever_has_the_key_may(
    layout: Layout, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["spool", "export", "--state", str(layout.root)]) == 0
    assert len(printed(capsys)) == LINES
    with center(layout) as database:
        assert entries(database)[0]["actor"] == f"uid:{ME}"


@pytest.mark.parametrize("spoil", [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: b""])
def test_an_altered_note_is_set_aside_and_said_and_stops_nothing(
    layout: Layout, spoil: Callable[[bytes], bytes]
) -> None:
    assert export(layout) == export(layout) == 0
    first, _ = sorted(layout.exports.iterdir())
    first.write_bytes(spoil(first.read_bytes()))
    for _ in range(2):
        with center(layout, Role.ENGINEER) as database:
            assert len(entries(database)) == 1
            (told,) = entries(database, "spool.export_unreadable")
    assert told["data"]["note"] == first.stem
    assert [path.suffix for path in layout.exports.iterdir()] == [".unreadable"]


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "a directory": lambda folder: (folder / f"{'d' * 32}.note").mkdir(),
    "a pipe": lambda folder: os.mkfifo(folder / f"{'e' * 32}.note"),
    "a link to itself": lambda folder: (folder / f"{'f' * 32}.note").symlink_to(f"{'f' * 32}.note"),
    "a link to nowhere": lambda folder: (folder / "s.note").symlink_to("/nonexistent"),
    "a link to a device": lambda folder: (folder / f"{'b' * 32}.note").symlink_to("/dev/zero"),
    "a name that is no UTF-8": lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/\xff.note")).touch(),
    "a name of 250 bytes": lambda folder: (folder / ("x" * 245 + ".note")).write_bytes(b"1" * 90),
    "a name with control characters": lambda folder: (folder / "a\n\x1b[31m.note").write_bytes(b"1"),
    "a name beside one set aside": lambda folder: beside(folder),
    "a file of a terabyte": lambda folder: sparse(folder / f"{'a' * 32}.note", 1 << 40),
}


def beside(folder: Path) -> None:
    (folder / "k.note").write_bytes(b"1")
    (folder / "k.unreadable").mkdir()


def sparse(path: Path, size: int) -> None:
    path.touch()
    os.truncate(path, size)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("make", IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_nothing_that_lies_in_the_folder_stops_the_command_center_or_a_good_note(
    layout: Layout, make: Callable[[Path], object]
) -> None:
    make(layout.exports)
    keep_note(layout, ring_of(layout), ExportNote(id="9" * 32, uid=ME, at=NOW, first_block=0, end_block=1))
    for _ in range(2):
        with center(layout, Role.ENGINEER) as database:
            assert [entry["data"]["export"] for entry in entries(database)] == ["9" * 32]
            assert len(entries(database, "spool.export_unreadable")) == 1
    assert {path.suffix for path in layout.exports.iterdir()} == {".unreadable"}


def test_a_sealed_note_that_makes_no_sense_is_set_aside(layout: Layout) -> None:
    good = ExportNote(id="9" * 32, uid=ME, at=NOW, first_block=0, end_block=1)
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    for change in ({"id": "a" * 32, "at": early}, {"id": "b" * 32, "end_block": 2**63}):
        keep_note(layout, ring_of(layout), good.model_copy(update=change))
    with center(layout, Role.ENGINEER) as database:
        assert not entries(database)
        assert len(entries(database, "spool.export_unreadable")) == 2


def test_of_many_files_a_bounded_number_is_entered_at_a_look(layout: Layout) -> None:
    for number in range(MOST_AT_ONCE + 50):
        (layout.exports / f"n{number}.note").write_bytes(b"1" * 90)
    with center(layout) as database:
        assert len(entries(database, "spool.export_unreadable")) == MOST_AT_ONCE
    with center(layout) as database:
        assert len(entries(database, "spool.export_unreadable")) == MOST_AT_ONCE + 50


def unmovable(_path: Path) -> None:
    raise PermissionError


def test_what_cannot_be_set_aside_is_said_once_and_left(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    (layout.exports / "x.note").mkdir()
    clock = FrozenClock(NOW)
    database = Database.open(layout, ring_of(layout), clock)
    try:
        intake = ExportIntake(database, Directory([]), layout, ring_of(layout), unmovable)
        for _ in range(3):
            intake.take_in()
        assert [record.levelname for record in caplog.records].count("ERROR") == 1
        assert "stays there" in caplog.text
        assert len(entries(database, "spool.export_unreadable")) == 1
    finally:
        database.close()


def test_a_folder_that_cannot_be_listed_is_said_once(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database.open(layout, ring_of(layout), FrozenClock(NOW))
    try:
        layout.exports.rmdir()
        layout.exports.write_bytes(b"")
        intake = ExportIntake(database, Directory([]), layout, ring_of(layout))
        assert [intake.take_in() for _ in range(3)] == [0, 0, 0]
        assert caplog.text.count("cannot be looked through") == 1
    finally:
        database.close()


@pytest.mark.parametrize(
    "change",
    [
        {"end_block": 2**63}, {"end_block": 10**300}, {"first_block": 9, "end_block": 1}, {"at": 1e18},
        {"at": "0001-01-01T00:00:00+14:00"}, {"at": "9999-12-31T23:59:59-14:00"}, {"at": "1969-12-31T00:00:00Z"},
    ],
)  # fmt: skip
def test_a_note_beyond_all_bounds_is_answered_with_a_sentence_and_enters_nothing(
    layout: Layout, change: dict[str, object]
) -> None:
    fields = {"id": "a" * 32, "uid": 0, "at": "2026-01-01T00:00:00Z", "first_block": 0, "end_block": 5}
    with center(layout, Role.ENGINEER) as database, socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(layout.socket))
        http = HTTPConnection("localhost")
        http.sock = connection
        http.request(
            "POST", "/export", json.dumps({**fields, **change}), {"Content-Type": "application/json"}
        )
        answer = http.getresponse()
        assert (answer.status, b"the note of the export" in answer.read()) == (400, True)
        assert not entries(database)


def test_lines_that_come_after_the_note_are_not_printed(layout: Layout) -> None:
    from stream.export import export_records

    rows = list(export_records(layout.spool, ring_of(layout), until=LINES - 1))
    assert [row["record"] for row in rows] == [{"log": f"line {n}"} for n in range(LINES - 1)]


def test_a_file_is_readable_by_its_owner_alone_and_never_overwritten(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert export(layout, "--out", str(out)) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert len(out.read_text().splitlines()) == LINES
    assert export(layout, "--out", str(out)) == 2
    assert len(list(layout.exports.iterdir())) == 1  # what did not happen is not recorded
