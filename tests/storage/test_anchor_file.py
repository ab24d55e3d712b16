"""An anchor is written whole or not at all, and what a crash tears off does not spoil what comes after."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.anchors import anchor_path, append_line, read_anchors, torn_path
from storage.database import Database
from storage.errors import DiskFull
from storage.layout import Layout


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(database: Database) -> None:
    database.write(lambda tx: tx.audit("incident.note", "oncall", incident="INC-1"))


def test_a_torn_anchor_is_recognised_set_aside_and_told(database: Database, layout: Layout) -> None:
    fill(database)
    database.anchor()
    with anchor_path(layout).open("ab") as file:
        file.write(b'{"seq": 3, "ha')
    report = database.verify_audit()
    assert report.ok
    assert "cut off by a crash (14 bytes)" in report.sentence
    fill(database)
    database.anchor()
    report = database.verify_audit()
    assert (report.ok, report.anchors) == (True, 2)
    assert "set aside in store/audit-anchors.torn" in report.sentence
    assert torn_path(layout).read_bytes() == b'{"seq": 3, "ha\n'
    assert [json.loads(line)["seq"] for line in anchor_path(layout).read_text().splitlines()] == [0, 1]


def test_a_line_that_lacks_only_its_end_still_counts(database: Database, layout: Layout) -> None:
    fill(database)
    database.anchor()
    anchor_path(layout).write_bytes(anchor_path(layout).read_bytes().rstrip(b"\n"))
    assert database.verify_audit().notes == ()
    fill(database)
    database.anchor()
    report = database.verify_audit()
    assert (report.ok, report.anchors, report.notes) == (True, 2, ())


def test_a_line_in_the_middle_that_is_no_anchor_is_no_crash(database: Database, layout: Layout) -> None:
    fill(database)
    database.anchor()
    whole = anchor_path(layout).read_bytes()
    anchor_path(layout).write_bytes(b'{"seq": 3, "ha\n' + whole)
    assert not database.verify_audit().ok


def test_without_room_nothing_of_an_anchor_is_left(tmp_path: Path) -> None:
    path, torn = tmp_path / "anchors", tmp_path / "torn"
    append_line(path, b"first", torn)
    with limited(10), pytest.raises(OSError, match="File too large"):
        append_line(path, b"second", torn)
    assert path.read_bytes() == b"first\n"
    append_line(path, b"second", torn)
    assert path.read_bytes() == b"first\nsecond\n"
    assert not torn.exists()


def test_an_anchor_for_which_there_is_no_room_is_made_later(database: Database, layout: Layout) -> None:
    fill(database)
    database.anchor()
    size = anchor_path(layout).stat().st_size
    fill(database)
    failure: BaseException | None = None
    with limited(size + 20):  # what is asserted writes too
        try:
            database.anchor()
        except (OSError, DiskFull) as error:
            failure = error
    assert failure is not None
    assert database.verify_audit().ok
    assert database.anchor() is not None
    assert [anchor.seq for anchor in read_anchors(anchor_path(layout)).anchors] == [0, 1]
    assert database.verify_audit().ok
