"""One checksummed record of fixed size at the beginning of a small file, overwritten in place.

Overwriting needs no free space once the file is there, so it works on a full disk, and a reader in another process that
looks in the middle of a write sees a wrong checksum and looks again.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Final

from stream.spool.files import FileOperations

_CHECK: Final = struct.Struct("<I")
_LOOKS: Final = 50


class Slot:
    """The writing side of the record in `path`, packed as `form`."""

    def __init__(self, path: Path, form: struct.Struct, files: FileOperations) -> None:
        self._form, self._files = form, files
        self._descriptor = files.update(path)

    def put(self, *fields: int | bytes) -> None:
        """Overwrite the record. Raises `OSError`."""
        content = self._form.pack(*fields)
        self._files.write(self._descriptor, (content + _CHECK.pack(zlib.crc32(content)),), 0)

    def sync(self) -> None:
        """Return once the record is on the disk. Raises `OSError`."""
        self._files.sync(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)


def read_slot(path: Path, form: struct.Struct) -> tuple[int | bytes, ...] | None:
    """Return the record's fields, None if there is no file or the record is damaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        for _ in range(_LOOKS):
            content = os.pread(descriptor, form.size + _CHECK.size, 0)
            if len(content) < form.size + _CHECK.size:
                return None
            (check,) = _CHECK.unpack_from(content, form.size)
            if zlib.crc32(content[: form.size]) == check:
                return form.unpack_from(content)
        return None
    finally:
        os.close(descriptor)
