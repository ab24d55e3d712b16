"""How far the stream has consumed the spool: the dataflow's commit hook writes it, retention looks at it.

It is called only once everything below the position is durable downstream. The record is overwritten in place, so
that marking works on a full disk, where it is what lets retention free space. A damaged or missing file means
"nothing yet": retention then keeps more than it must, and nothing else depends on it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

from stream.spool.entry import Position
from stream.spool.files import FileOperations
from stream.spool.slot import Slot, read_slot

_MAGIC: Final = b"MDYCONS1"
_FORM: Final = struct.Struct("<8sQQQ")


def path_of(directory: Path) -> Path:
    """Where the file stands."""
    return directory / "consumed"


def make_room_for_consumed(directory: Path, files: FileOperations, first_seq: int = 0) -> None:
    """Have the file take its place on the disk while there is some. Raises `OSError`.

    What is below `first_seq`, the oldest block that is there, nobody can tell any more when the file was lost.
    """
    if not path_of(directory).exists():
        mark_consumed(directory, Position(0, 0, first_seq), files)


def mark_consumed(directory: Path, position: Position, files: FileOperations | None = None) -> None:
    """Record that everything below `position` is durable downstream. Raises `OSError`.

    A lower position than before is taken as it is: after a restore the stream goes through the blocks again.
    """
    slot = Slot(path_of(directory), _FORM, files or FileOperations())
    try:
        slot.put(_MAGIC, *position)
        slot.sync()
    finally:
        slot.close()


def read_consumed(directory: Path) -> Position | None:
    """The position marked last, None if there is none."""
    fields: tuple[Any, ...] | None = read_slot(path_of(directory), _FORM)
    if fields is None or fields[0] != _MAGIC or fields[1] == 0:  # segments are numbered from 1
        return None
    return Position(*fields[1:])


def consumed_below(directory: Path) -> int | None:
    """Number of the first block that was not consumed, None where the record of it is missing or damaged."""
    fields: tuple[Any, ...] | None = read_slot(path_of(directory), _FORM)
    if fields is None or fields[0] != _MAGIC:
        return None
    return int(fields[3])
