"""A bounded pool of connections, as database drivers have one: whoever does not give back starves the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class PoolTimeoutError(Exception):
    """No connection became free in time."""


class ConnectionPool:
    """At most `size` connections are out at once; `acquire` waits up to `timeout` seconds for one.

    >>> pool = ConnectionPool(size=1, timeout=0.01)
    >>> with pool.connection():
    ...     pool.in_use
    1
    >>> pool.in_use
    0
    """

    def __init__(self, size: int, timeout: float) -> None:
        self.size, self.timeout = size, timeout
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self.in_use = 0

    def acquire(self) -> None:
        """Take a connection; raises `PoolTimeoutError`."""
        if not self._free.acquire(timeout=self.timeout):
            raise PoolTimeoutError
        with self._lock:
            self.in_use += 1

    def release(self) -> None:
        """Give a connection back."""
        with self._lock:
            self.in_use -= 1
        self._free.release()

    def reset(self) -> None:
        """Close every connection that is out, as restarting the process would."""
        with self._lock:
            leaked, self.in_use = self.in_use, 0
        for _ in range(leaked):
            self._free.release()

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Take a connection and give it back whatever happens."""
        self.acquire()
        try:
            yield
        finally:
            self.release()
