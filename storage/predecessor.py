"""A database that was here and is gone: how that is noticed, and how a new one is begun in its place.

A first start finds nothing and makes a database without a word. Where anything speaks of an earlier one (its key, its
anchors, a live copy, the audit key, segments), a missing `ops.duckdb` means that rows were lost, and nothing goes on
until somebody decides: restore a backup, or begin anew. Beginning anew destroys nothing: what is left of the old store
is moved to `store-before-<time>/` beside it, and the first entry of the new audit chain names the last anchor of the
old one, in the same file that appears as the new database, so that either both stand or neither.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from storage.anchors import Anchor, anchor_path, read_anchors
from storage.audit import AuditValue
from storage.engine import sync_file
from storage.errors import DatabaseMissing
from storage.layout import Layout
from storage.transaction import Reader

NEW_DATABASE: Final = "database.new"
ASIDE: Final = "store-before-"


class Predecessor(NamedTuple):
    """The database that a new one takes the place of. `place` is the name of the directory it was moved to."""

    place: str
    anchors: int
    last: Anchor | None
    anchors_sha256: str | None

    def entry(self) -> dict[str, AuditValue]:
        """Return what the new chain's first entry says of it."""
        last = self.last
        return {
            "set_aside": self.place,
            "anchors": self.anchors,
            "anchors_sha256": self.anchors_sha256,
            "last_entry": last.seq if last else None,
            "last_hash": last.hash if last else None,
            "last_anchored_at": last.ts if last else None,
        }


def unfinished(layout: Layout) -> Path:
    """Return where a database stands while it is made, under its temporary name."""
    return layout.database.with_name(layout.database.name + ".new")


def key_path(layout: Layout) -> Path:
    """Return where the wrapped key of the database stands."""
    return layout.database.with_name(layout.database.name + ".key")


def set_aside(layout: Layout) -> list[Path]:
    """Return the stores that were set aside, oldest first."""
    return sorted(path for path in layout.root.glob(f"{ASIDE}*") if path.is_dir())


def traces(layout: Layout) -> tuple[str, ...]:
    """Return what speaks for an earlier database, as paths below the state directory; nothing on a first start.

    All of these are made once a database stands. Its key is put down just before, while the database still has its
    temporary name: the two together are a creation that was cut off.
    """
    store, live = layout.store, layout.live
    known = [
        store / "ops.duckdb.wal",
        anchor_path(layout),
        live,
        layout.keys / "audit.key",
        layout.keys / "audit.pub",
        *sorted(store.glob("segments-e*.key")),
        *sorted(store.glob("before-*.duckdb")),
        *set_aside(layout),
    ]
    if not unfinished(layout).exists():
        known.append(key_path(layout))
    found = [path for path in known if path.exists()]
    if any(path.name != "empty.parquet" for path in layout.segments.glob("e*/*/day=*/*.parquet")):
        found.append(layout.segments)
    return tuple(str(path.relative_to(layout.root)) for path in found)


def missing(layout: Layout) -> DatabaseMissing | None:
    """Return what is to be said when the database is gone although there was one, else None."""
    if layout.database.exists() or not (found := traces(layout)):
        return None
    named = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    return DatabaseMissing(
        f"the database store/ops.duckdb is missing, and there was one here ({named})",
        hint=DatabaseMissing.remedy,
    )


def retire(layout: Layout, now: datetime) -> Predecessor:
    """Move what is left of a store aside and return what the new chain has to say of it.

    The caller holds the store's lock. May be repeated after a crash: a store without files is not moved again.
    """
    place = layout.root / f"{ASIDE}{now.astimezone(UTC).strftime('%Y%m%dT%H%M%SZ')}"
    left = [path for path in layout.store.rglob("*") if path.is_file() and path.name != "ops.lock"]
    if (left or layout.live.exists()) and not place.exists():
        layout.store.rename(place)
        if layout.live.exists():
            layout.live.rename(place / layout.live.name)
        sync_file(layout.root)
        layout.prepare()
    return predecessor(layout)


def predecessor(layout: Layout) -> Predecessor:
    """Return the newest store that was set aside and has anchors, else the newest, else one without a place."""
    stores = set_aside(layout)
    if not stores:
        return Predecessor("none", 0, None, None)
    newest = next(
        (each for each in reversed(stores) if (each / anchor_path(layout).name).exists()), stores[-1]
    )
    path = newest / anchor_path(layout).name
    anchors = read_anchors(path).anchors
    return Predecessor(
        newest.name, len(anchors), anchors[-1] if anchors else None, digest(path) if path.exists() else None
    )


def begun_anew(reader: Reader) -> str | None:
    """Return when this database took the place of one that was gone, ISO 8601 in UTC; None when it is the first."""
    rows = reader.execute(
        """SELECT json_extract_string(payload, '$.ts') FROM audit_log
           WHERE seq = 0 AND json_extract_string(payload, '$.action') = ?""",
        [NEW_DATABASE],
    )
    return str(rows[0][0]) if rows else None


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
