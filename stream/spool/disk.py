"""What the writing sides share: the lock on a directory, and how a refusing disk is put into words."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import MappingProxyType
from typing import Final

from models.sanitizer.safe_text import SafeText, phrase
from stream.spool.errors import SpoolError, SpoolFull, SpoolLocked
from stream.spool.files import FileOperations

#: What a disk says when there is no space: waiting may help, another segment at once does not.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


_NAMES: Final = MappingProxyType(
    {
        errno.EACCES: phrase("EACCES, no permission"),
        errno.EBADF: phrase("EBADF, the file was closed"),
        errno.EDQUOT: phrase("EDQUOT, over the quota"),
        errno.EFBIG: phrase("EFBIG, over the largest file allowed"),
        errno.EIO: phrase("EIO, the disk failed"),
        errno.EMFILE: phrase("EMFILE, too many files open"),
        errno.ENFILE: phrase("ENFILE, too many files open on this machine"),
        errno.ENOENT: phrase("ENOENT, a file or directory is gone"),
        errno.ENOSPC: phrase("ENOSPC, no space left"),
        errno.ENOTDIR: phrase("ENOTDIR, a directory is a file"),
        errno.EPERM: phrase("EPERM, not permitted"),
        errno.EROFS: phrase("EROFS, read-only"),
        errno.ESTALE: phrase("ESTALE, the file is gone"),
    }
)


def lock_directory(directory: Path, files: FileOperations) -> int:
    """Return the descriptor that holds the lock of `directory`; closing it, or dying, gives it back.

    Raises `SpoolLocked` if another process, or this one, has it already.
    """
    descriptor = files.update(directory / "lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SpoolLocked(
            "Another process already writes to this spool",
            hint="Stop it, or give this one a state directory of its own",
        ) from None
    return descriptor


def name_of(error: OSError) -> SafeText:
    """Return what is wrong in words of ours, never the error's text: that may quote a path.

    >>> name_of(OSError(28, "a text")), name_of(OSError(62, "a text"))
    ('ENOSPC, no space left', 'error 62 of the system')
    """
    return _NAMES.get(error.errno or 0) or phrase("error {} of the system", error.errno or 0)


def refused(what: str, error: OSError) -> SpoolError:
    """Return the error for a caller: `what` could not be done, in a sentence of ours."""
    if error.errno in FULL:
        return SpoolFull(f"{what}: the disk is full ({name_of(error)})", hint=SpoolFull.remedy)
    return SpoolError(f"{what} ({name_of(error)})", hint="Look at the disk; clients send again by themselves")
