"""The stream's stored state below `recovery/`: made, looked over, set aside.

It can be done without. The command center knows every block that it has applied, so a stream without a state reads the
spool from its oldest block and only what was not counted is counted; what the detectors and the template miner had
learnt is learnt anew from what the spool still holds. What the spool has let go of was in the database before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from bytewax.recovery import init_db_dir

from storage.layout import Layout
from stream.flow_errors import RecoveryDamaged
from stream.spool import Position, SpoolLocked, mark_consumed
from stream.spool.disk import lock_directory
from stream.spool.files import FileOperations
from stream.spool.quarantine import path_in
from stream.spool.segment import header_of, numbers

_TABLES: Final = frozenset({b"parts", b"exs", b"fronts", b"commits", b"snaps"})


def prepared_recovery(directory: Path) -> Path:
    """Return the directory of Bytewax's stores, made if it is not there, whole or not at all.

    Raises `RecoveryDamaged` when a store that is there is no longer whole.
    """
    place = directory / "flow"
    if not place.is_dir():
        draft = directory / "flow.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        init_db_dir(draft, 1)  # type: ignore[no-untyped-call]
        draft.rename(place)
    elif not _is_whole(place):
        raise RecoveryDamaged("the stream's stored state is damaged", hint=RecoveryDamaged.remedy)
    return place


def set_aside(layout: Layout) -> Path | None:
    """Take the stored state away, so that the next start reads the spool from its oldest block.

    The newest state that was set aside is kept beside it; returns where, None if there was no state. From now on the
    spool keeps what it has until it was read again. The caller is the one stream of this state, or holds its lock.
    """
    place, kept = layout.recovery / "flow", layout.recovery / "flow.aside"
    mark_consumed(layout.spool, Position(0, 0, 0))
    if not place.is_dir():
        return None
    shutil.rmtree(kept, ignore_errors=True)
    place.rename(kept)
    return kept


def reread(layout: Layout) -> Path | None:
    """`set_aside` for a person. Raises `SpoolLocked` while a stream runs on this state."""
    path_in(layout.spool).mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        lock = lock_directory(path_in(layout.spool), FileOperations())
    except SpoolLocked:
        raise SpoolLocked("A stream runs on this state", hint="Stop `mayday stream` first") from None
    try:
        return set_aside(layout)
    finally:
        os.close(lock)


def holds_everything(spool: Path) -> bool:
    """Say whether the spool has never let go of a segment, so that reading it again leaves nothing out."""
    present = numbers(spool)
    oldest = header_of(spool, present[0]) if present else None
    return not present or (oldest is not None and oldest.previous == 0 and oldest.first_seq == 0)


def _is_whole(place: Path) -> bool:
    parts = sorted(place.glob("part-*.sqlite3"))
    for part in parts:
        try:
            with contextlib.closing(sqlite3.connect(f"{part.as_uri()}?mode=rw", uri=True)) as store:
                store.text_factory = bytes  # damaged text is no UTF-8
                found = store.execute("PRAGMA quick_check").fetchone()
                tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master")}
        except (sqlite3.Error, UnicodeDecodeError):  # the latter where a message quotes what was altered
            return False
        if found != (b"ok",) or not tables >= _TABLES:
            return False
    return bool(parts)
