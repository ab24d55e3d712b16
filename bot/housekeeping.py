"""What the command center does by the clock: publish the live copy, anchor the audit chain, move settled rows, take in
exports that happened while it was away, see what is due.

What fails for lack of room, or for another reason that may pass, is said in the log and in the status, and tried again
at the next look that is due. Only a database that has stopped itself ends the process: a new start may open it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from models.clock import Clock
from models.errors import Guarded, MaydayError
from storage.errors import DatabaseClosed, DatabaseStopped
from storage.settings import StorageSettings

LOG = logging.getLogger(__name__)
NEVER = datetime.min.replace(tzinfo=UTC)


class Task(StrEnum):
    """A piece of work, named as the status names it."""

    EXPORTS = "taking in exports"
    TIMERS = "looking at what is due"
    TIDYING = "moving rows to segments"
    PUBLISHING = "publishing the live copy"
    ANCHORING = "anchoring the audit chain"


class Housekeeping:
    """Call `step` about every second from one thread; `trouble` may be asked from any."""

    LOOK_EVERY = 1.0
    TRY_AGAIN = 10.0  # seconds between two attempts at what fails

    def __init__(
        self,
        database: Any,
        center: Any,
        clock: Clock,
        settings: StorageSettings,
        take_in: Callable[[], int] = lambda: 0,
    ) -> None:
        self._database, self._center, self._clock, self._settings = database, center, clock, settings
        self._take_in = take_in
        self._changed = threading.Event()
        self._published = self._anchored = NEVER
        self._failed: dict[Task, tuple[datetime, str]] = {}
        center.on_change(lambda _incident: self._changed.set())

    @property
    def trouble(self) -> str | None:
        """What cannot be done just now and why; None when all is well."""
        tasks: dict[str, list[str]] = {}
        for task, (_, why) in dict(self._failed).items():
            tasks.setdefault(why.rstrip("."), []).append(task.value)
        return (
            "; ".join(f"{', '.join(names)}: this fails, because {why}" for why, names in tasks.items())
            or None
        )

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; one last publication leaves the live copy as fresh as the database."""
        while not stop.wait(self.LOOK_EVERY):
            self.step(self._clock())
        self._do(Task.PUBLISHING, self._database.publish, self._clock())

    def step(self, now: datetime) -> None:
        """Do what is due at `now`. A change of an incident is published sooner than anything else."""
        self._do(Task.EXPORTS, self._take_in, now)
        self._do(Task.TIMERS, lambda: self._center.tick(now), now)
        if not self._waits(Task.TIDYING, now):
            self._do(Task.TIDYING, lambda: self._database.tidy(now), now)
        settings = self._settings
        pause = settings.publish_soon_s if self._changed.is_set() else settings.publish_s
        if (now - self._published).total_seconds() >= pause and not self._waits(Task.PUBLISHING, now):
            self._changed.clear()
            if self._do(Task.PUBLISHING, self._database.publish, now):
                self._published = now
        due = (now - self._anchored).total_seconds() >= settings.anchor_s
        if (
            due
            and not self._waits(Task.ANCHORING, now)
            and self._do(Task.ANCHORING, self._database.anchor, now)
        ):
            self._anchored = now

    def _waits(self, task: Task, now: datetime) -> bool:
        """Whether something failed so short a time ago that it is not tried again yet."""
        failed = self._failed.get(task)
        return failed is not None and 0 <= (now - failed[0]).total_seconds() < self.TRY_AGAIN

    def _do(self, task: Task, work: Callable[[], object], now: datetime) -> bool:
        """Do one piece of work; False, with the reason kept, when it fails and may be tried again."""
        try:
            work()
        except (DatabaseStopped, DatabaseClosed):
            raise  # nothing can be done with this database any more
        except (MaydayError, OSError) as error:
            known = error if isinstance(error, MaydayError) else Guarded.from_foreign(error, doing=task.value)
            if self._failed.get(task, (now, ""))[1] != str(known):
                LOG.error("%s fails and is tried again: %s", task, known)
            self._failed[task] = (now, str(known))
            return False
        if self._failed.pop(task, None) is not None:
            LOG.warning("%s works again", task)
        return True
