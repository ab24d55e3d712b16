"""How far the spool is synced, told to readers in other processes through one small file.

The writer overwrites it after every sync and before any acknowledgement; readers never pass what it says. It
is not synced itself except when a segment begins: after a power loss it may be old by less than one segment,
never ahead, and recovery looks at the segment itself.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final, NamedTuple

from stream.spool.entry import Position
from stream.spool.files import FileOperations
from stream.spool.slot import Slot, read_slot

_MAGIC: Final = b"MDYCOMM1"
_FORM: Final = struct.Struct("<8sQQQqQ")


class Committed(NamedTuple):
    """`position` is where the next block will stand; `received_ns` is the spool time of the last block.

    `duplicates` counts the messages that were acknowledged again without being stored, over the spool's life.
    """

    position: Position
    received_ns: int
    duplicates: int


def path_of(directory: Path) -> Path:
    """Where the file stands."""
    return directory / "committed"


class Publisher:
    """The writer's side."""

    def __init__(self, directory: Path, files: FileOperations) -> None:
        self._slot = Slot(path_of(directory), _FORM, files)

    def publish(self, committed: Committed) -> None:
        """Tell readers. Raises `OSError`."""
        self._slot.put(_MAGIC, *committed.position, committed.received_ns, committed.duplicates)

    def sync(self) -> None:
        """Put what was published last on the disk. Raises `OSError`."""
        self._slot.sync()

    def close(self) -> None:
        """Give the descriptor back."""
        self._slot.close()


def read_committed(directory: Path) -> Committed | None:
    """What the writer published last; None if there has been no writer yet or the file is damaged."""
    fields: tuple[Any, ...] | None = read_slot(path_of(directory), _FORM)
    if fields is None or fields[0] != _MAGIC:
        return None
    _, segment, offset, seq, received_ns, duplicates = fields
    return Committed(Position(segment, offset, seq), received_ns, duplicates)
