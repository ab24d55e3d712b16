"""The temporary directory of a replay. What a killed one left behind goes when the next one begins.

The owner holds a lock on a file in it for as long as it lives, and the kernel lets go of that however the owner ends; so a
directory whose lock is free is nobody's. Age says nothing: a replay may take days.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PREFIX: Final = "mayday-replay-"
LOCK: Final = "owner.lock"


@contextmanager
def own_place() -> Iterator[Path]:
    """Yield a directory that goes at the end, with those of owners that are dead."""
    remove_left_behind(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as made:
        place = Path(made)
        unlocked = place / f"{LOCK}.new"
        with unlocked.open("xb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unlocked.rename(place / LOCK)  # under its name it is never seen unlocked while we live
            yield place


def remove_left_behind(folder: Path) -> None:
    """Remove the directories of replays in `folder` that are this user's and whose owner is dead."""
    for place in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            found = place.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                _remove_if_free(place)


def _remove_if_free(place: Path) -> None:
    """Remove `place` while holding its lock; raises `OSError` where there is none, or another holds it."""
    descriptor = os.open(place / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(place)
    finally:
        os.close(descriptor)
