"""Checking the audit chain: every entry against the one before, every anchor against the chain.

`reasons` say what does not hold. `notes` say what a reader of the chain should know though it holds: that it begins
anew after a database that is gone, that the signing key changed, that a crash tore an anchor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from storage.anchors import Anchor, anchor_path, read_anchors, torn_path
from storage.audit_key import KeyChange, changes, key_at
from storage.layout import Layout
from storage.predecessor import NEW_DATABASE, digest
from storage.transaction import Reader

_BROKEN = """
SELECT min(seq) FROM (
  SELECT seq, prev_hash, hash, sha256(prev_hash || payload) AS again,
    lag(hash, 1, repeat('0', 64)) OVER chain AS hash_before, lag(seq, 1, -1) OVER chain AS seq_before,
    CAST(json_extract(payload, '$.seq') AS BIGINT) AS stated
  FROM audit_log WINDOW chain AS (ORDER BY seq))
WHERE prev_hash <> hash_before OR hash <> again OR seq <> seq_before + 1 OR stated IS DISTINCT FROM seq"""


class AuditReport(NamedTuple):
    """What verifying found. `broken_at` is the first entry that does not fit, None when all do."""

    ok: bool
    entries: int
    anchors: int
    broken_at: int | None
    reasons: tuple[str, ...]
    sentence: str
    notes: tuple[str, ...] = ()


def verify(reader: Reader, layout: Layout, key: str) -> AuditReport:
    """Check the chain entry by entry, and every anchor of the file against it; `key` is the one that signs today."""
    ((entries,),) = reader.execute("SELECT count(*) FROM audit_log")
    ((broken_at,),) = reader.execute(_BROKEN)
    reasons = (
        [f"entry {broken_at} was edited, or one before it was removed or moved"]
        if broken_at is not None
        else []
    )
    file = read_anchors(anchor_path(layout))
    if file.unreadable:
        reasons.append("the anchor file has lines that are no anchors")
    known = changes(reader)
    if known and known[-1].after != key:
        reasons.append("the signing key is not the one that the chain names")
    reasons += _anchored(reader, file.anchors, known, key)
    notes = [*_key_notes(known, file.anchors), *_torn_notes(layout, file.torn)]
    begun, gone = _new_database(reader, layout)
    reasons, notes = reasons + gone, begun + notes
    sentence = (
        f"The audit chain is whole: {entries} entries, {len(file.anchors)} signed anchors."
        if not reasons
        else f"The audit chain does not hold: {'; '.join(reasons)}."
    )
    if notes:
        sentence += f" To know: {'; '.join(notes)}."
    return AuditReport(
        not reasons, int(entries), len(file.anchors), broken_at, tuple(reasons), sentence, tuple(notes)
    )


def _anchored(reader: Reader, anchors: list[Anchor], known: list[KeyChange], key: str) -> Iterator[str]:
    """Yield what is wrong with anchors."""
    hashes = {int(seq): str(digest) for seq, digest in reader.execute("SELECT seq, hash FROM audit_log")}
    for anchor in anchors:
        signer = key_at(anchor.seq, known, key)
        if signer is not None and not _signed(anchor, signer):
            yield f"the anchor of entry {anchor.seq} has a wrong signature"
        elif anchor.seq not in hashes:
            yield f"entry {anchor.seq} is anchored and missing: the end was cut off"
        elif hashes[anchor.seq] != anchor.hash:
            yield f"entry {anchor.seq} is not the one that was anchored: the chain was rewritten"
    kept = {anchor.seq for anchor in anchors}
    if any(int(seq) not in kept for (seq,) in reader.execute("SELECT seq FROM audit_anchor")):
        yield "the anchor file lacks anchors that the database has: it was cut or replaced"


def _signed(anchor: Anchor, key: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
            bytes.fromhex(anchor.signature), anchor.signed
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def _key_notes(known: list[KeyChange], anchors: list[Anchor]) -> Iterator[str]:
    for change in known:
        yield f"the signing key changed at entry {change.seq}, because keys/audit.key had been lost or replaced"
        if change.before is None:
            unchecked = sum(anchor.seq < change.seq for anchor in anchors)
            yield f"{unchecked} anchors before entry {change.seq} cannot be checked, because their key is unknown"


def _torn_notes(layout: Layout, torn: int) -> Iterator[str]:
    if torn:
        yield f"the last line of the anchor file was cut off by a crash ({torn} bytes); the next anchor sets it aside"
    if torn_path(layout).exists():
        yield "an anchor that a crash had cut off was set aside in store/audit-anchors.torn"


def _new_database(reader: Reader, layout: Layout) -> tuple[list[str], list[str]]:
    """Return the notes and the reasons that come from a database which this one took the place of."""
    notes: list[str] = []
    reasons: list[str] = []
    for (payload,) in reader.execute(
        "SELECT payload FROM audit_log WHERE json_extract_string(payload, '$.action') = ? ORDER BY seq",
        [NEW_DATABASE],
    ):
        entry = json.loads(payload)
        data = entry["data"]
        last = (
            f"its last anchor, of {data['last_anchored_at']}, is entry {data['last_entry']}"
            if data["last_entry"] is not None
            else "no anchor of it was left"
        )
        notes.append(
            f"the chain begins anew at entry {entry['seq']} ({entry['ts']}): the database before it was gone; {last}, and "
            f"what was left of it was moved to {data['set_aside']}"
        )
        old = layout.root / data["set_aside"] / anchor_path(layout).name
        if data["anchors_sha256"] is not None and old.exists() and digest(old) != data["anchors_sha256"]:
            reasons.append("the anchors of the database before were altered after it was set aside")
    return notes, reasons
