"""Anchors of the audit chain: its head, signed, written where the database cannot reach.

The chain alone shows an edited, removed or moved entry. That its end was cut off shows only against an
anchor, a line `{"seq", "hash", "ts", "signature"}` in the append-only file `store/audit-anchors.jsonl`; the
caller makes one every minute. The Ed25519 key stands in `keys/audit.key`, its public half in
`keys/audit.pub`: copy the latter and the anchor file to another machine, and nobody on this one can rewrite
the past unseen. `storage/verify_audit.py` checks the same with nothing of ours.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from storage.engine import write_in_place
from storage.errors import DatabaseDamaged
from storage.layout import Layout
from storage.transaction import Reader, Transaction

_BROKEN = """
SELECT min(seq) FROM (
  SELECT seq, prev_hash, hash, sha256(prev_hash || payload) AS again,
    lag(hash, 1, repeat('0', 64)) OVER chain AS hash_before, lag(seq, 1, -1) OVER chain AS seq_before,
    CAST(json_extract(payload, '$.seq') AS BIGINT) AS stated
  FROM audit_log WINDOW chain AS (ORDER BY seq))
WHERE prev_hash <> hash_before OR hash <> again OR seq <> seq_before + 1 OR stated IS DISTINCT FROM seq"""


class Anchor(NamedTuple):
    """A signed head of the chain. `ts` is ISO 8601 in UTC, `signature` hex."""

    seq: int
    hash: str
    ts: str
    signature: str

    @property
    def signed(self) -> bytes:
        """The bytes that the signature covers."""
        return signed_bytes(self.seq, self.hash, self.ts)


class AuditReport(NamedTuple):
    """What verifying found. `broken_at` is the first entry that does not fit, None when all do."""

    ok: bool
    entries: int
    anchors: int
    broken_at: int | None
    reasons: tuple[str, ...]
    sentence: str


def signed_bytes(seq: int, digest: str, ts: str) -> bytes:
    """Return what is signed for an anchor.

    >>> signed_bytes(3, "ab", "2026-01-01T00:00:00+00:00")
    b'mayday-audit\\n3\\nab\\n2026-01-01T00:00:00+00:00'
    """
    return f"mayday-audit\n{seq}\n{digest}\n{ts}".encode()


def anchor_path(layout: Layout) -> Path:
    """Return where the anchor file stands."""
    return layout.store / "audit-anchors.jsonl"


def signing_key(layout: Layout) -> Ed25519PrivateKey:
    """Return the key that signs anchors, made on first use; its public half is written beside it."""
    path, public = layout.keys / "audit.key", layout.keys / "audit.pub"
    if not path.exists():
        fresh = Ed25519PrivateKey.generate()
        write_in_place(path, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise DatabaseDamaged("keys/audit.key is not an Ed25519 key", hint="Restore it from a backup")
    if not public.exists():
        write_in_place(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return key


def make_anchor(tx: Transaction, layout: Layout, key: Ed25519PrivateKey) -> Anchor | None:
    """Sign the head of the chain and write it to the file, then to the table; None when it has not moved.

    The file is written first: a crash in between leaves an anchor that the table lacks, never the reverse.
    """
    head = tx.execute("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1")
    if not head or tx.execute("SELECT 1 FROM audit_anchor WHERE seq = ?", [head[0][0]]):
        return None
    seq, digest = int(head[0][0]), str(head[0][1])
    ts = tx.now.astimezone(UTC).isoformat(timespec="microseconds")
    anchor = Anchor(seq, digest, ts, key.sign(signed_bytes(seq, digest, ts)).hex())
    line = json.dumps(anchor._asdict()) + "\n"
    descriptor = os.open(anchor_path(layout), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    tx.execute(
        "INSERT INTO audit_anchor VALUES (?, ?, ?, ?)",
        [seq, digest, datetime.fromisoformat(ts), anchor.signature],
    )
    tx.changed.add("audit_anchor")
    return anchor


def verify(reader: Reader, layout: Layout, public: Ed25519PublicKey) -> AuditReport:
    """Check the chain entry by entry, and every anchor of the file against it."""
    ((entries,),) = reader.execute("SELECT count(*) FROM audit_log")
    ((broken_at,),) = reader.execute(_BROKEN)
    hashes = {int(seq): str(digest) for seq, digest in reader.execute("SELECT seq, hash FROM audit_log")}
    reasons = (
        [f"entry {broken_at} was edited, or one before it was removed or moved"]
        if broken_at is not None
        else []
    )
    anchors, unreadable = read_anchors(anchor_path(layout))
    if unreadable:
        reasons.append("the anchor file has lines that are no anchors")
    for anchor in anchors:
        try:
            public.verify(bytes.fromhex(anchor.signature), anchor.signed)
        except (InvalidSignature, ValueError):
            reasons.append(f"the anchor of entry {anchor.seq} has a wrong signature")
            continue
        if anchor.seq not in hashes:
            reasons.append(f"entry {anchor.seq} is anchored and missing: the end was cut off")
        elif hashes[anchor.seq] != anchor.hash:
            reasons.append(f"entry {anchor.seq} is not the one that was anchored: the chain was rewritten")
    kept = {anchor.seq for anchor in anchors}
    if any(int(seq) not in kept for (seq,) in reader.execute("SELECT seq FROM audit_anchor")):
        reasons.append("the anchor file lacks anchors that the database has: it was cut or replaced")
    sentence = (
        f"The audit chain is whole: {entries} entries, {len(anchors)} signed anchors."
        if not reasons
        else f"The audit chain does not hold: {'; '.join(reasons)}."
    )
    return AuditReport(not reasons, int(entries), len(anchors), broken_at, tuple(reasons), sentence)


def read_anchors(path: Path) -> tuple[list[Anchor], int]:
    """Return the anchors of a file and how many of its lines are none. A last line cut by a crash counts as
    none.
    """
    anchors: list[Anchor] = []
    unreadable = 0
    for line in path.read_text("utf-8", "replace").splitlines() if path.exists() else []:
        try:
            fields: dict[str, Any] = json.loads(line)
            anchors.append(
                Anchor(int(fields["seq"]), str(fields["hash"]), str(fields["ts"]), str(fields["signature"]))
            )
        except (ValueError, TypeError, KeyError):
            unreadable += 1
    return anchors, unreadable
