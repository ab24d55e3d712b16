"""Files that people write for Mayday and that are read whole: never more of one than it may have, and never from what has no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from models.errors import BadInput


def read_small(path: Path, most: int, error: type[BadInput] = BadInput) -> bytes:
    """Return what stands in `path`; raises `error` if that is no regular file or has more than `most` bytes, and `OSError`."""
    # Without the flag a pipe that nobody writes to would hold us up.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not _has_an_end(os.fstat(descriptor)):
            raise error(
                f"{path.name} is a pipe, a directory or a device", hint="Write what belongs there into a file"
            )
        content = file.read(most + 1)
    if len(content) > most:
        raise error(
            f"{path.name} is longer than {most >> 20} MB", hint="Give the right file, or a part of it"
        )
    return content


def _has_an_end(found: os.stat_result) -> bool:
    null = Path(os.devnull).stat()
    return stat.S_ISREG(found.st_mode) or (stat.S_ISCHR(found.st_mode) and found.st_rdev == null.st_rdev)
