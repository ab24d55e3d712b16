"""Applying the age and size limits to a spool: what `retention` chooses is removed, oldest first."""

from __future__ import annotations

from pathlib import Path

from stream.spool.consumed import read_consumed
from stream.spool.dedupe import HOUR_NS
from stream.spool.entry import Position
from stream.spool.files import FileOperations
from stream.spool.log import SegmentLog
from stream.spool.retention import removable, remove
from stream.spool.settings import SpoolSettings


def apply_limits(
    directory: Path,
    log: SegmentLog,
    synced: Position | None,
    now_ns: int,
    settings: SpoolSettings,
    files: FileOperations,
) -> None:
    """Remove what the limits ask for at spool time `now_ns`; keys are synced for all blocks below `synced`.

    Room for one more segment is kept below `max_bytes`, so that the limit is not met at every block. Raises
    `OSError`; what was removed until then is gone from `log.kept` too.
    """
    consumed = read_consumed(directory)
    if consumed is None or synced is None:
        return
    chosen = removable(
        log.kept,
        below=min(consumed.segment, synced.segment),
        older_than_ns=now_ns - int(settings.keep_hours * HOUR_NS),
        excess_bytes=log.total_bytes + settings.segment_bytes - settings.max_bytes,
        shortage_bytes=settings.min_free_bytes - files.free_bytes(directory),
    )
    for kept in chosen:
        remove(directory, kept.number, files)
        log.kept.remove(kept)
