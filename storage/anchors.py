"""Anchors of the audit chain: its head, signed, written where the database cannot reach.

The chain alone shows an edited, removed or moved entry. That its end was cut off shows only against an
anchor, a line `{"seq", "hash", "ts", "signature"}` in the append-only file `store/audit-anchors.jsonl`; the
caller makes one every minute. The key that signs them stands in `storage.audit_key`. Copy `keys/audit.pub` and the
anchor file to another machine, and nobody on this one can rewrite the past unseen.
`storage/verify_audit.py` checks the same with nothing of ours; `storage.verify` is the check within.

A line is written whole or taken back. What a crash cuts off all the same is recognised as the file's last line
without its end; the next anchor moves it to `store/audit-anchors.torn` and begins on a line of its own.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.layout import Layout
from storage.transaction import Transaction


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


class AnchorFile(NamedTuple):
    """What an anchor file holds: its anchors, how many of its lines are none, and the bytes of a torn last line."""

    anchors: list[Anchor]
    unreadable: int
    torn: int


def signed_bytes(seq: int, digest: str, ts: str) -> bytes:
    """Return what is signed for an anchor.

    >>> signed_bytes(3, "ab", "2026-01-01T00:00:00+00:00")
    b'mayday-audit\\n3\\nab\\n2026-01-01T00:00:00+00:00'
    """
    return f"mayday-audit\n{seq}\n{digest}\n{ts}".encode()


def anchor_path(layout: Layout) -> Path:
    """Return where the anchor file stands."""
    return layout.store / "audit-anchors.jsonl"


def torn_path(layout: Layout) -> Path:
    """Return where lines are kept that a crash cut off."""
    return layout.store / "audit-anchors.torn"


def make_anchor(tx: Transaction, layout: Layout, key: Ed25519PrivateKey) -> Anchor | None:
    """Sign the head of the chain and write it to the file, then to the table; None when it has not moved.

    The file is written first: a crash in between leaves an anchor that the table lacks, never the reverse. Raises
    `OSError` when the file cannot be written; nothing of the line is left then.
    """
    head = tx.execute("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1")
    if not head or tx.execute("SELECT 1 FROM audit_anchor WHERE seq = ?", [head[0][0]]):
        return None
    seq, digest = int(head[0][0]), str(head[0][1])
    ts = tx.now.astimezone(UTC).isoformat(timespec="microseconds")
    anchor = Anchor(seq, digest, ts, key.sign(signed_bytes(seq, digest, ts)).hex())
    append_line(anchor_path(layout), json.dumps(anchor._asdict()).encode(), torn_path(layout))
    tx.execute(
        "INSERT INTO audit_anchor VALUES (?, ?, ?, ?)",
        [seq, digest, datetime.fromisoformat(ts), anchor.signature],
    )
    tx.changed.add("audit_anchor")
    return anchor


def append_line(path: Path, line: bytes, torn: Path) -> None:
    """Add a line, whole and synced or not at all; what an earlier crash left of one is moved to `torn` first."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        end = _whole_lines(descriptor, torn)
        try:
            _write_all(descriptor, line + b"\n")
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)


def read_anchors(path: Path) -> AnchorFile:
    """Return what an anchor file holds; nothing of one that is not there."""
    *lines, rest = path.read_bytes().split(b"\n") if path.exists() else [b""]
    found = [_anchor(line) for line in lines]
    last = _anchor(rest)
    anchors = [anchor for anchor in (*found, last) if anchor is not None]
    return AnchorFile(anchors, found.count(None), len(rest) if last is None else 0)


def _anchor(line: bytes) -> Anchor | None:
    try:
        fields: dict[str, Any] = json.loads(line)
        return Anchor(int(fields["seq"]), str(fields["hash"]), str(fields["ts"]), str(fields["signature"]))
    except (ValueError, TypeError, KeyError):
        return None


def _whole_lines(descriptor: int, torn: Path) -> int:
    """Leave the file at the end of a line and return its length."""
    size = os.fstat(descriptor).st_size
    content = _read_all(descriptor, size)
    rest = content[content.rfind(b"\n") + 1 :]
    if not rest:
        return size
    if _anchor(rest) is not None:  # only the end of the line is missing
        _write_all(descriptor, b"\n")
        return size + 1
    aside = os.open(torn, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        _write_all(aside, rest + b"\n")
        os.fsync(aside)
    finally:
        os.close(aside)
    os.ftruncate(descriptor, size - len(rest))
    os.fsync(descriptor)
    return size - len(rest)


def _read_all(descriptor: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := os.pread(descriptor, size, sum(map(len, parts)))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write_all(descriptor: int, data: bytes) -> None:
    """Write everything: a full disk takes a part without an error, and says so at the next byte."""
    while data:
        data = data[os.write(descriptor, data) :]
