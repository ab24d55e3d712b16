"""Data keys of the files that DuckDB writes: random, one per file or key epoch, kept wrapped beside what they
open.

Changing the master key re-wraps these small files and touches no data; deleting one destroys what it opens.
"""

from __future__ import annotations

from pathlib import Path

from storage.engine import write_in_place
from storage.errors import DatabaseDamaged
from storage.seal import KeyRing, new_data_key


def data_key(path: Path, ring: KeyRing, *, create: bool) -> bytes:
    """Return the 32-byte key wrapped in `path`; with `create` a missing one is made.

    Raises `WrongKey` when another master key wrapped it and `DatabaseDamaged` when it is missing.
    """
    if path.exists():
        return ring.unwrap(path.read_bytes())
    if not create:
        raise DatabaseDamaged(
            f"{path.name} is missing, and without it its data cannot be opened",
            hint="Restore it from the backup that holds the database",
        )
    key = new_data_key()
    write_in_place(path, ring.wrap(key))
    return key
