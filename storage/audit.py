"""The audit chain: every action and every refusal, each entry hashed together with the one before.

An entry's hash is `SHA-256(prev_hash + payload)` over the text exactly as stored, so an edited, removed or
reordered entry shows. A cut tail does not show in the chain itself; that is what the signed anchors are for
(`storage.anchors`). Entries hold ids, numbers, times and `SafeText`, nothing else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Protocol

from models.sanitizer import SafeText
from storage.errors import NotSafe

GENESIS = "0" * 64
AuditValue = SafeText | str | int | float | datetime | None

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+/@-]{0,127}")


class _Executes(Protocol):
    def execute(self, sql: str, params: list[object], /) -> list[tuple[object, ...]]: ...


def payload_text(seq: int, at: datetime, actor: str, action: str, data: Mapping[str, AuditValue]) -> str:
    """Return the text of an entry as it is hashed and stored: JSON, keys sorted, no spaces."""
    entry = {
        "seq": seq,
        "ts": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": _checked("actor", actor),
        "action": _checked("action", action),
        "data": {key: _checked(key, value) for key, value in data.items()},
    }
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _checked(key: str, value: AuditValue) -> str | int | float | None:
    """Let numbers, times, `SafeText` and ids pass; a plain `str` must look like an id."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, str) and not isinstance(value, SafeText) and value and not _ID.fullmatch(value):
        raise NotSafe(f"the audit entry's {key} is neither an id nor safe text", hint=NotSafe.remedy)
    return str(value) if isinstance(value, str) else value


def link(prev_hash: str, payload: str) -> str:
    """Return the hash of an entry.

    >>> link(GENESIS, "{}")[:16]
    '5508d2b710e64bc4'
    """
    return hashlib.sha256((prev_hash + payload).encode()).hexdigest()


def append(
    tx: _Executes, at: datetime, actor: str, action: str, data: Mapping[str, AuditValue]
) -> tuple[int, str]:
    """Append one entry inside the caller's transaction; returns its place in the chain and its hash."""
    last = tx.execute("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1", [])
    seq, prev = (int(str(last[0][0])) + 1, str(last[0][1])) if last else (0, GENESIS)
    payload = payload_text(seq, at, actor, action, data)
    digest = link(prev, payload)
    tx.execute("INSERT INTO audit_log VALUES (?, ?, ?, ?)", [seq, payload, prev, digest])
    return seq, digest
