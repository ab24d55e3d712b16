"""Files on a disk, packed or not, as bytes to be read from the front: gzip, bzip2, xz and zstd, known by their endings.

However many are read side by side, they can be: those beyond the process's limit of open files are opened anew for each
read. A file that breaks off gives what can be unpacked, and then ends with one of `BROKEN`; none ends as if it were whole.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import zstandard

from models.errors import MaydayError

BROKEN: Final = (EOFError, OSError, zstandard.ZstdError, lzma.LZMAError)
"""How reading ends where a file breaks off, was altered, or can no longer be read."""
_BUFFER: Final = 1 << 16
_KEPT_BACK: Final = 128  # descriptors for the database and what else the process has open
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE)
_ZSTD_STEP: Final = 256  # unpacks to 8 MB at most: a block of 128 KiB takes four bytes


class TooFewFiles(MaydayError):
    code = "too_few_open_files"
    meaning = "The process may not even open one file more."
    remedy = "Raise the limit of open files (`ulimit -n`) and run the command again."


class Handles:
    """How many files may be kept open between two reads."""

    def __init__(self, most: int) -> None:
        self.free = most

    @classmethod
    def allowed(cls) -> Handles:
        """Return half of what this process's limit leaves over."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return cls(1 << 20 if soft == resource.RLIM_INFINITY else max(0, soft - _KEPT_BACK) // 2)


class _Raw(io.RawIOBase):
    """The bytes of a regular file; without a free handle it is opened, and known again, at each read."""

    def __init__(self, path: Path, handles: Handles) -> None:
        self._path, self._handles, self._at = path, handles, 0
        self._same: tuple[int, int] | None = None
        self._kept: int | None = None
        descriptor = self._opened()
        if handles.free > 0:
            handles.free -= 1
            self._kept = descriptor
        else:
            os.close(descriptor)

    def _opened(self) -> int:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise TooFewFiles(
                    "no more files may be opened, not even one", hint=TooFewFiles.remedy
                ) from None
            raise
        found = os.fstat(descriptor)
        same = (found.st_dev, found.st_ino)
        if not stat.S_ISREG(found.st_mode) or (self._same or same) != same:
            os.close(descriptor)
            raise OSError(errno.ESTALE, "another file stands there now")
        self._same = same
        return descriptor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        descriptor = self._opened() if self._kept is None else self._kept
        try:
            size = os.preadv(descriptor, [buffer], self._at)
        finally:
            if self._kept is None:
                os.close(descriptor)
        self._at += size
        return size

    def close(self) -> None:
        if self._kept is not None:
            os.close(self._kept)
            self._kept = None
            self._handles.free += 1
        super().close()


class _Zstd(io.RawIOBase):
    """The content of zstd frames one after the other; the library's own reader takes the end of a cut frame for that of the file."""

    def __init__(self, packed: io.BufferedIOBase) -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._within = False
        self._next, self._ready = b"", memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            piece = self._next or self._packed.read(_ZSTD_STEP)
            if not piece:
                if self._within:
                    raise EOFError("the file ends within a frame")
                return 0
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready = memoryview(self._frame.decompress(piece))
            self._next = self._frame.unused_data if self._frame.eof else b""
            self._within = not self._frame.eof
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


_OPENERS: Final[dict[str, Callable[[Any], Any]]] = {
    ".gz": lambda packed: gzip.GzipFile(fileobj=packed),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": lambda packed: io.BufferedReader(_Zstd(packed), _BUFFER),
}
PACKINGS: Final = frozenset(_OPENERS)
"""The endings of files that are unpacked."""


@contextmanager
def open_unpacked(path: Path, handles: Handles) -> Iterator[io.BufferedIOBase]:
    """Open a regular file to be read once from its beginning, unpacked by its ending.

    Raises one of `BROKEN` where that fails, and `TooFewFiles`.
    """
    opener = _OPENERS.get(path.suffix.lower())
    with io.BufferedReader(_Raw(path, handles), _BUFFER) as packed:
        if opener is None:
            yield packed
            return
        with opener(packed) as unpacked:
            yield unpacked
