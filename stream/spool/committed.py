"""How far the spool is synced, told to readers in other processes through one small file.

The writer overwrites it after every sync and before any acknowledgement; readers never pass what it says. It
is not synced itself except when a segment begins: after a power loss it may be old by less than one segment,
never ahead, and recovery looks at the segment itself. A checksum tells a reader that it looked in the middle
of a write.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from stream.spool.entry import Position
from stream.spool.files import FileOperations

_MAGIC: Final = b"MDYCOMM1"
_FIELDS: Final = struct.Struct("<8sQQQqQ")
_CHECK: Final = struct.Struct("<I")
_BYTES: Final = _FIELDS.size + _CHECK.size
_LOOKS: Final = 50


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
        self._files = files
        self._descriptor = files.update(path_of(directory))

    def publish(self, committed: Committed) -> None:
        """Tell readers. Raises `OSError`."""
        position = committed.position
        fields = _FIELDS.pack(
            _MAGIC,
            position.segment,
            position.offset,
            position.seq,
            committed.received_ns,
            committed.duplicates,
        )
        self._files.write(self._descriptor, (fields + _CHECK.pack(zlib.crc32(fields)),), 0)

    def sync(self) -> None:
        """Put what was published last on the disk. Raises `OSError`."""
        self._files.sync(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)


def read_committed(directory: Path) -> Committed | None:
    """What the writer published last; None if there has been no writer yet or the file is damaged."""
    try:
        descriptor = os.open(path_of(directory), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        for _ in range(_LOOKS):
            content = os.pread(descriptor, _BYTES, 0)
            if (committed := _parse(content)) is not None:
                return committed
        return None
    finally:
        os.close(descriptor)


def _parse(content: bytes) -> Committed | None:
    if len(content) != _BYTES or content[:8] != _MAGIC:
        return None
    (check,) = _CHECK.unpack_from(content, _FIELDS.size)
    if zlib.crc32(content[: _FIELDS.size]) != check:
        return None
    _, segment, offset, seq, received_ns, duplicates = _FIELDS.unpack_from(content)
    return Committed(Position(segment, offset, seq), received_ns, duplicates)
