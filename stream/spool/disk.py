"""What the writing sides share: the lock on a directory, and how a refusing disk is put into words."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from stream.spool.errors import SpoolError, SpoolFull, SpoolLocked
from stream.spool.files import FileOperations

#: What a disk says when there is no space: waiting may help, another segment at once does not.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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


def name_of(error: OSError) -> str:
    """Return the symbolic name of an error, never its text: that may quote a path.

    >>> name_of(OSError(28, "a text"))
    'ENOSPC'
    """
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def refused(what: str, error: OSError) -> SpoolError:
    """Return the error for a caller: `what` could not be done, in a sentence of ours."""
    if error.errno in FULL:
        return SpoolFull(f"{what}: the disk is full ({name_of(error)})", hint=SpoolFull.remedy)
    return SpoolError(f"{what} ({name_of(error)})", hint="Look at the disk; clients send again by themselves")
