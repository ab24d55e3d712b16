"""Nobody changes the past of the audit chain unseen: not by editing, removing, reordering or cutting it off."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.clock import FrozenClock
from storage.anchors import anchor_path, read_anchors
from storage.audit import GENESIS, link
from storage.database import Database
from storage.layout import Layout
from storage.records import Incident
from storage.seal import KeyRing

Declare = Callable[..., Incident]
VERIFIER = Path(__file__).parents[2] / "storage" / "verify_audit.py"


def _fill(database: Database, count: int) -> None:
    for number in range(count):
        database.write(
            lambda tx, number=number: tx.audit("incident.note", "oncall", incident="INC-1", n=number)
        )


def _change(database: Database, sql: str) -> None:
    database.write(lambda tx: tx.execute(sql))


def test_an_untouched_chain_is_whole(database: Database) -> None:
    assert database.verify_audit().ok
    _fill(database, 5)
    assert database.anchor() is not None
    report = database.verify_audit()
    assert (report.ok, report.entries, report.anchors, report.broken_at) == (True, 5, 1, None)
    assert "whole" in report.sentence


def test_each_entry_follows_from_the_one_before(database: Database) -> None:
    _fill(database, 3)
    before = GENESIS
    for seq, payload, prev, digest in database.read(
        lambda reader: reader.execute("SELECT seq, payload, prev_hash, hash FROM audit_log ORDER BY seq")
    ):
        assert json.loads(payload)["seq"] == seq
        assert prev == before
        assert digest == link(before, payload)
        before = digest


TAMPERING = {
    "an entry was edited": "UPDATE audit_log SET payload = replace(payload, 'oncall', 'nobody') WHERE seq = 2",
    "the first entry was edited": "UPDATE audit_log SET payload = replace(payload, '\"n\":0', '\"n\":7') WHERE seq = 0",
    "an entry was removed": "DELETE FROM audit_log WHERE seq = 2",
    "the first entry was removed": "DELETE FROM audit_log WHERE seq = 0",
    "an entry was edited and hashed again": """UPDATE audit_log SET payload = replace(payload, 'oncall', 'nobody'),
        hash = sha256(prev_hash || replace(payload, 'oncall', 'nobody')) WHERE seq = 2""",
    "two entries changed places": """UPDATE audit_log SET payload = CASE seq
        WHEN 1 THEN (SELECT payload FROM audit_log WHERE seq = 2)
        ELSE (SELECT payload FROM audit_log WHERE seq = 1) END WHERE seq IN (1, 2)""",
}


@pytest.mark.parametrize("sql", TAMPERING.values(), ids=TAMPERING.keys())
def test_tampering_is_found_without_any_anchor(database: Database, sql: str) -> None:
    _fill(database, 5)
    _change(database, sql)
    report = database.verify_audit()
    assert not report.ok
    assert report.broken_at is not None


def test_a_cut_tail_is_found_by_the_anchor(database: Database) -> None:
    _fill(database, 5)
    database.anchor()
    _change(database, "DELETE FROM audit_log WHERE seq >= 3")
    report = database.verify_audit()
    assert report.broken_at is None  # the chain alone cannot know
    assert not report.ok
    assert "cut off" in report.sentence


def test_a_chain_written_anew_does_not_match_its_anchor(database: Database) -> None:
    _fill(database, 3)
    database.anchor()

    def rewrite(tx: object) -> None:
        rows = tx.execute("SELECT seq, payload FROM audit_log ORDER BY seq")  # type: ignore[attr-defined]
        tx.execute("DELETE FROM audit_log")  # type: ignore[attr-defined]
        before = GENESIS
        for seq, payload in rows:
            forged = payload.replace("oncall", "nobody")
            digest = link(before, forged)
            tx.execute(  # type: ignore[attr-defined]
                "INSERT INTO audit_log VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET payload = excluded.payload, "
                "prev_hash = excluded.prev_hash, hash = excluded.hash",
                [seq, forged, before, digest],
            )
            before = digest

    database.write(rewrite)
    report = database.verify_audit()
    assert report.broken_at is None
    assert "rewritten" in report.sentence


def test_a_forged_anchor_is_found(database: Database, layout: Layout) -> None:
    _fill(database, 3)
    database.anchor()
    path = anchor_path(layout)
    path.write_text(path.read_text().replace('"seq": 2', '"seq": 1'))
    report = database.verify_audit()
    assert any("signature" in reason for reason in report.reasons)


@pytest.mark.parametrize("text", ["", "not an anchor\n"])
def test_an_anchor_file_that_was_cut_or_replaced_is_found(
    database: Database, layout: Layout, text: str
) -> None:
    _fill(database, 3)
    database.anchor()
    anchor_path(layout).write_text(text)
    assert not database.verify_audit().ok


def test_an_anchor_is_made_only_when_the_chain_has_moved(database: Database, layout: Layout) -> None:
    assert database.anchor() is None
    _fill(database, 1)
    assert database.anchor() is not None
    assert database.anchor() is None
    _fill(database, 1)
    assert database.anchor() is not None
    file = read_anchors(anchor_path(layout))
    assert [anchor.seq for anchor in file.anchors] == [0, 1]
    assert (file.unreadable, file.torn) == (0, 0)


def test_the_published_chain_shows_who_did_what(database: Database, declare: Declare) -> None:
    database.write(declare)
    (row,) = database.query(
        "SELECT seq, ts, actor, action, data->>'incident' AS incident FROM audit_log"
    ).to_pylist()
    assert row == {
        "seq": 0, "ts": database.clock(), "actor": "stream", "action": "incident.open", "incident": "INC-1",
    }  # fmt: skip


def _stand_alone(layout: Layout, ring: KeyRing, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    key = base64.b64encode(ring.secret("live")).decode()
    public = sorted(str(path) for path in layout.keys.glob("audit*.pub"))
    arguments = (str(layout.live), str(anchor_path(layout)), *public)
    return subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *arguments],
        env=os.environ | {"MAYDAY_LIVE_KEY": key},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )


def test_the_stand_alone_verifier_agrees(
    database: Database, layout: Layout, ring: KeyRing, tmp_path: Path
) -> None:
    _fill(database, 4)
    database.anchor()
    database.publish()
    whole = _stand_alone(layout, ring, tmp_path)
    assert (whole.returncode, whole.stdout) == (0, "4 entries hold\n")
    _change(database, TAMPERING["an entry was edited"])
    database.publish()
    edited = _stand_alone(layout, ring, tmp_path)
    assert (edited.returncode, edited.stdout) == (1, "entry 2 does not follow from the one before\n")
    _change(database, "DELETE FROM audit_log WHERE seq >= 2")
    database.publish()
    cut = _stand_alone(layout, ring, tmp_path)
    assert cut.returncode == 1
    assert "entry 3 is not the one that was anchored" in cut.stdout


def test_the_stand_alone_verifier_takes_former_keys_and_leaves_a_torn_line_out(
    layout: Layout, ring: KeyRing, clock: FrozenClock, tmp_path: Path
) -> None:
    first = Database.open(layout, ring, clock)
    _fill(first, 2)
    first.anchor()
    first.close()
    (layout.keys / "audit.key").unlink()
    second = Database.open(layout, ring, clock)
    second.anchor()
    second.publish()
    second.close()
    with anchor_path(layout).open("a") as file:
        file.write('{"seq": 9, "ha')
    both = _stand_alone(layout, ring, tmp_path)
    assert (both.returncode, both.stdout) == (0, "3 entries hold\n")
    next(layout.keys.glob("audit-*.pub")).unlink()
    one = _stand_alone(layout, ring, tmp_path)
    assert (one.returncode, one.stdout) == (1, "the anchor of entry 1 was signed by none of these keys\n")
