"""The key of the audit chain is never replaced in silence, and a damaged one is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from models.clock import FrozenClock
from storage import audit_key
from storage.anchors import anchor_path
from storage.audit import GENESIS, link
from storage.database import Database
from storage.errors import AuditKeyUnusable
from storage.layout import Layout
from storage.seal import KeyRing
from storage.verify import AuditReport

Open = Callable[[], Database]


@pytest.fixture
def reopen(layout: Layout, ring: KeyRing, clock: FrozenClock) -> Open:
    return lambda: Database.open(layout, ring, clock)


@pytest.fixture
def used(layout: Layout, reopen: Open) -> Layout:
    """A state with two entries and one anchor."""
    database = reopen()
    fill(database)
    fill(database)
    database.anchor()
    database.close()
    return layout


def fill(database: Database) -> None:
    database.write(lambda tx: tx.audit("incident.note", "oncall", incident="INC-1"))


def verified(database: Database) -> AuditReport:
    try:
        return database.verify_audit()
    finally:
        database.close()


def test_a_first_key_is_no_change(reopen: Open) -> None:
    reopen().close()
    report = verified(reopen())
    assert (report.ok, report.entries, report.notes) == (True, 0, ())


def test_a_lost_key_is_replaced_with_an_entry_in_the_chain_that_verify_tells(
    used: Layout, reopen: Open
) -> None:
    before = (used.keys / "audit.pub").read_bytes()
    (used.keys / "audit.key").unlink()
    database = reopen()
    fill(database)
    database.anchor()
    report = verified(database)
    assert (report.ok, report.entries, report.anchors) == (True, 4, 2)
    assert "the signing key changed at entry 2" in report.sentence
    (kept,) = used.keys.glob("audit-*.pub")
    assert kept.read_bytes() == before
    assert (used.keys / "audit.pub").read_bytes() != before
    again = verified(reopen())
    assert (again.ok, again.entries) == (True, 4)  # one change, one entry


def test_a_lost_pair_of_keys_is_told_with_what_cannot_be_checked_any_more(used: Layout, reopen: Open) -> None:
    for path in used.keys.glob("audit.*"):
        path.unlink()
    report = verified(reopen())
    assert report.ok
    assert "1 anchors before entry 2 cannot be checked" in report.sentence


def test_a_key_that_was_exchanged_is_told(used: Layout, reopen: Open) -> None:
    (used.keys / "audit.key").write_bytes(
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    report = verified(reopen())
    assert report.ok
    assert "lost or replaced" in report.sentence


def test_an_anchor_of_before_that_the_new_key_signed_is_forged(used: Layout, reopen: Open) -> None:
    (used.keys / "audit.key").unlink()
    database = reopen()
    database.anchor()
    path = anchor_path(used)
    first, second = path.read_text().splitlines()
    path.write_text(second.replace('"seq": 2', '"seq": 0') + "\n" + first + "\n" + second + "\n")
    report = verified(database)
    assert not report.ok
    assert "wrong signature" in report.sentence


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nMC4C\n", b"junk"])
def test_a_damaged_key_stops_the_start_with_what_to_do(used: Layout, reopen: Open, content: bytes) -> None:
    (used.keys / "audit.key").write_bytes(content)
    with pytest.raises(AuditKeyUnusable, match=r"empty, cut or altered.*backup"):
        reopen()
    assert (used.keys / "audit.key").read_bytes() == content
    with pytest.raises(AuditKeyUnusable):
        audit_key.check(used)


def test_a_lost_public_half_is_made_again_from_the_other(used: Layout, reopen: Open) -> None:
    before = (used.keys / "audit.pub").read_bytes()
    (used.keys / "audit.pub").unlink()
    report = verified(reopen())
    assert (report.ok, report.notes) == (True, ())
    assert (used.keys / "audit.pub").read_bytes() == before


def test_a_change_that_was_cut_off_after_the_entry_is_finished_without_a_second_one(
    used: Layout, reopen: Open, tmp_path: Path
) -> None:
    before = (used.keys / "audit.pub").read_bytes()
    (used.keys / "audit.key").unlink()
    reopen().close()
    (used.keys / "audit.pub").write_bytes(before)  # as if the crash had come before it was put in place
    report = verified(reopen())
    assert (report.ok, report.entries) == (True, 3)


def test_the_chain_itself_holds_over_a_change_of_key(used: Layout, reopen: Open) -> None:
    (used.keys / "audit.key").unlink()
    database = reopen()
    rows = database.read(
        lambda reader: reader.execute("SELECT payload, prev_hash, hash FROM audit_log ORDER BY seq")
    )
    database.close()
    before = GENESIS
    for payload, prev, digest in rows:
        assert (prev, digest) == (before, link(before, payload))
        before = digest
