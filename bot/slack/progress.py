"""Tells a person whose answer takes long that it is being worked on, once; who is answered soon hears nothing of it.

Slack lets an app neither change nor take away a message that it showed to one person, so a note that comes before
every answer would stand beside it for good.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Progress(Generic[T]):
    """Calls `tell(job)` for each job that is not settled `after` seconds after it was expected.

    `start` and `stop` once; the other methods from any thread. `tell` must not block.
    """

    def __init__(
        self, after: float, tell: Callable[[T], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._after, self._tell, self._monotonic = after, tell, monotonic
        self._changed = threading.Condition()
        self._waiting: deque[tuple[float, str, T]] = deque()  # in the order in which they are due
        self._open: set[str] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="slack-progress", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def expect(self, id: str, job: T) -> None:
        """Somebody waits for the answer to `job` from now on."""
        with self._changed:
            self._open.add(id)
            self._waiting.append((self._monotonic() + self._after, id, job))
            self._changed.notify_all()

    def settle(self, id: str) -> None:
        """The answer to a job is on its way, or there will be none."""
        with self._changed:
            self._open.discard(id)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._tell(job)

    def _next(self) -> T | None:
        """Return the next job that has taken too long; None when it is time to stop."""
        with self._changed:
            while not self._stopping:
                while self._waiting and self._waiting[0][1] not in self._open:
                    self._waiting.popleft()
                left = self._waiting[0][0] - self._monotonic() if self._waiting else None
                if left is not None and left <= 0:
                    _, id, job = self._waiting.popleft()
                    self._open.discard(id)
                    return job
                self._changed.wait(left)
        return None
