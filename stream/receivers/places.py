"""How many connections may be open at once: what is configured, or fewer where the process may not open as many files.

One place is one file descriptor, from the moment a connection is accepted: TLS handshakes that are not through count. Some
descriptors are kept back for the spool's segments and keys, the status and the log, so that no client can stop the intake
of the others by connections alone.
"""

from __future__ import annotations

import resource

KEPT_BACK = 64  # descriptors that connections never take; about 20 are in use without any


def raise_limit() -> int:
    """Raise this process's limit of open files as far as it may by itself; return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # some systems name a limit that they do not grant
            return soft
    return hard


def most_connections(wanted: int, open_files: int) -> int:
    """Return how many connections may be open at once with a limit of `open_files` descriptors.

    >>> most_connections(4096, 1 << 20), most_connections(4096, 1024), most_connections(4096, 100)
    (4096, 960, 50)
    """
    if open_files == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, max(open_files - KEPT_BACK, open_files // 2)))


class Place:
    """One connection's place, given back once however often that is said."""

    __slots__ = ("_places",)

    def __init__(self, places: Places) -> None:
        self._places: Places | None = places

    def give_back(self) -> None:
        """Let another connection have it."""
        if self._places is not None:
            self._places.taken -= 1
            self._places = None


class Places:
    """The places of one process, over all its listeners. Used on the event loop."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    def take(self) -> Place | None:
        """Return a place, None when all are taken.

        >>> places = Places(1)
        >>> place = places.take()
        >>> places.take() is None
        True
        >>> place.give_back(); place.give_back(); places.taken
        0
        """
        if self.taken >= self.most:
            return None
        self.taken += 1
        return Place(self)
