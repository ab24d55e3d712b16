"""Where to go on in a spool that may not be the one that was read before.

A bookmark names a series and a place in it. A segment that bears both the series and the number is the very one
that was read, or an older copy of it; every segment before it in this spool was read as well, because a series
follows the one before it. What lies behind may belong to another history of the same numbers, and is new.
So where a spool was removed, replaced or taken back to an older copy, nothing in it is passed over; some blocks
may be read a second time, and whoever takes them tells them by series and number.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stream.spool.committed import Committed
from stream.spool.entry import Bookmark, Position
from stream.spool.segment import FRAMES_AT, SegmentHeader, header_of, numbers, path_of


class TakenUp(NamedTuple):
    """Where reading goes on; `as_marked` is False when that is not where the bookmark lies."""

    position: Position
    as_marked: bool


def take_up(directory: Path, mark: Bookmark, committed: Committed) -> TakenUp:
    """Return where to go on from `mark` so that no block is left out that may not have been read. Raises `OSError`."""
    kept = [header for number in numbers(directory) if (header := header_of(directory, number)) is not None]
    at = mark.position
    read = [header for header in kept if header.series == mark.series and header.number <= at.segment]
    if read and read[-1].number == at.segment:
        if at.seq < read[-1].first_seq:  # from before series were written down, and from another spool
            read = []
        elif _reaches(directory, read[-1], _after(kept, read[-1]), at):
            return TakenUp(at, as_marked=True)
    following = _after(kept, read[-1]) if read else next(iter(kept), None)
    if following is None or following.number > committed.position.segment:
        return TakenUp(committed.position, as_marked=False)
    return TakenUp(Position(following.number, FRAMES_AT, following.first_seq), as_marked=False)


def _after(kept: list[SegmentHeader], header: SegmentHeader) -> SegmentHeader | None:
    return next((later for later in kept if later.number > header.number), None)


def _reaches(directory: Path, header: SegmentHeader, later: SegmentHeader | None, at: Position) -> bool:
    """Say whether the bytes below `at` are those of this segment.

    What was published last may be older than what was read, after a power loss and before the next writer: the file counts.
    """
    if later is None or later.previous != header.number:
        return at.offset <= path_of(directory, header.number).stat().st_size
    return at.offset <= later.previous_end and at.seq <= later.first_seq
