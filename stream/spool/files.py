"""The few file operations that durability rests on, as one small port.

The writer is given an instance; tests give one whose disk fails or fills at a chosen moment. All raise
`OSError`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_MAX_PARTS: Final = 512  # the kernel takes 1024 at once


class FileOperations:
    """The real operations. Files are readable by their owner alone."""

    def create(self, path: Path) -> int:
        """Make a file that must not exist yet and return its descriptor, open for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def update(self, path: Path) -> int:
        """Open a file for reading and writing, made if it is not there."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, parts: Sequence[bytes], offset: int) -> None:
        """Write all of `parts` one after the other from `offset` on."""
        if len(parts) > _MAX_PARTS:
            parts = (b"".join(parts),)
        written = os.pwritev(descriptor, parts, offset)
        total = sum(map(len, parts))
        while written < total:  # a short write: near a full disk, or above the kernel's 2 GB
            rest = memoryview(b"".join(parts))[written:]
            written += os.pwrite(descriptor, rest, offset + written)

    def sync(self, descriptor: int) -> None:
        """Return once the file's data and length are on the disk."""
        os.fdatasync(descriptor)

    def sync_directory(self, directory: Path) -> None:
        """Return once names made, moved or removed in `directory` are on the disk."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def is_at(self, descriptor: int, path: Path) -> bool:
        """Say whether the open file is the one that stands at `path`."""
        try:
            there = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        ours = os.fstat(descriptor)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def free_bytes(self, directory: Path) -> int:
        """Bytes that this process may still write to the file system of `directory`."""
        status = os.statvfs(directory)
        return status.f_bavail * status.f_frsize

    def replace(self, path: Path, content: bytes) -> None:
        """Put `content` in the place of `path`; whoever reads sees the old or the new, even after a crash."""
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        descriptor = self.create(draft)
        try:
            self.write(descriptor, (content,), 0)
            self.sync(descriptor)
        finally:
            os.close(descriptor)
        draft.rename(path)
        self.sync_directory(path.parent)
