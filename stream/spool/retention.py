"""What may be removed, as pure functions, and the removal itself.

Age and size limits touch closed segments only that the stream has consumed whole and whose keys are synced,
oldest first and without gaps. What nobody has consumed stays, whatever its age: then reading from clients
stops instead.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stream.spool.disk import FULL
from stream.spool.files import FileOperations
from stream.spool.segment import FRAMES_AT, path_of


class Kept(NamedTuple):
    """A closed segment: its file's bytes, and a spool time that none of its blocks is younger than."""

    number: int
    bytes: int
    ended_ns: int


def removable(
    kept: Sequence[Kept], *, below: int, older_than_ns: int, excess_bytes: int, shortage_bytes: int
) -> list[Kept]:
    """Return the segments to remove: those below number `below` that are too old, or that make up for a size.

    `older_than_ns` is spool time; `excess_bytes` is how far the spool is above its limit, `shortage_bytes`
    how much free disk is missing (neither matters below 1).

    >>> three = [Kept(1, 10, 100), Kept(2, 10, 200), Kept(3, 10, 300)]
    >>> [k.number for k in removable(three, below=3, older_than_ns=150, excess_bytes=0, shortage_bytes=0)]
    [1]
    >>> [k.number for k in removable(three, below=3, older_than_ns=0, excess_bytes=99, shortage_bytes=0)]
    [1, 2]
    """
    chosen: list[Kept] = []
    freed = 0
    for segment in kept:
        needed = segment.ended_ns < older_than_ns or freed < max(excess_bytes, shortage_bytes)
        if segment.number >= below or not needed:
            break
        chosen.append(segment)
        freed += segment.bytes
    return chosen


def remove(directory: Path, number: int, files: FileOperations) -> None:
    """Remove a segment. Its data key is overwritten first: what the disk may keep cannot be opened.

    A reader that has the file open goes on to its end. Raises `OSError`.
    """
    gone = path_of(directory, number).with_suffix(".removed")
    path_of(directory, number).rename(gone)
    finish(gone, files)
    files.sync_directory(directory)


def finish(gone: Path, files: FileOperations) -> None:
    """Overwrite the header of a file that was renamed for removal, and unlink it."""
    descriptor = files.update(gone)
    try:
        files.write(descriptor, (bytes(FRAMES_AT),), 0)
        files.sync(descriptor)
    except OSError as error:
        if error.errno not in FULL:  # where overwriting needs space, unlinking is what makes some
            raise
    finally:
        os.close(descriptor)
    gone.unlink()
