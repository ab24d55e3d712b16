"""The one thread that writes, with group commit.

Pieces of work that wait while a commit is under way run together in the next transaction, so that one sync
serves many callers. Each is isolated: when one of a group raises, or the commit fails, the group is rolled
back and every piece runs again in a transaction of its own, in order, so that only the one at fault fails and
each sees exactly the rows it would have seen alone. Work may therefore run twice and must touch nothing but
its transaction.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import duckdb

from models.clock import Clock
from storage.engine import Connection, typed
from storage.errors import DatabaseClosed
from storage.transaction import Transaction

T = TypeVar("T")
GROUP = 256  # pieces of work in one commit


@dataclass
class _Job:
    work: Callable[[Transaction], Any]
    future: Future[Any] = field(default_factory=Future)


class Writer:
    """Runs work in order on one cursor; `committed(tables)` is called after each commit, in the writer's
    thread. `admit` is called before each transaction and raises what forbids one.
    """

    def __init__(
        self,
        cursor: Connection,
        clock: Clock,
        committed: Callable[[set[str]], None],
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        self._cursor, self._clock, self._committed, self._admit = cursor, clock, committed, admit
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._loop, name="mayday-writer", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Pieces of work in the queue."""
        return self._queue.qsize()

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Queue work; the future resolves after its commit, or with what the work raised."""
        job = _Job(work)
        with self._door:  # nothing may enter behind the last item
            if not self._open:
                raise DatabaseClosed("the database is closed", hint=DatabaseClosed.remedy)
            self._queue.put(job)
        return cast("Future[T]", job.future)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run work and return its result after the commit."""
        if threading.current_thread() is self._thread:
            raise DatabaseClosed(
                "work inside the writer may not write through the database", hint="Use its transaction"
            )
        return self.submit(work).result()

    def close(self) -> None:
        """Finish what is queued, then stop."""
        with self._door:
            if self._open:
                self._open = False
                self._queue.put(None)
        self._thread.join()

    def _loop(self) -> None:
        last = False
        while not last:
            group: list[_Job] = []
            item = self._queue.get()
            while True:
                if item is None:
                    last = True
                    break
                group.append(item)
                if len(group) >= GROUP:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            group = [job for job in group if job.future.set_running_or_notify_cancel()]
            if len(group) > 1 and self._attempt(group):
                continue
            for job in group:
                self._attempt([job])

    def _attempt(self, group: list[_Job]) -> bool:
        """Run a group in one transaction. False, with nothing changed, when a group of several has to run
        singly.
        """
        results: list[Any] = []
        try:
            self._admit()
            self._cursor.execute("BEGIN TRANSACTION")
            tx = Transaction(self._cursor, self._clock)
            results.extend(job.work(tx) for job in group)
            self._cursor.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it through the future
            self._roll_back()
            if len(group) > 1:
                return False
            failure = typed(error, doing="a commit") if isinstance(error, duckdb.Error) else error
            group[0].future.set_exception(failure)
            return True
        self._committed(tx.changed)
        for job, result in zip(group, results, strict=True):
            job.future.set_result(result)
        return True

    def _roll_back(self) -> None:
        try:
            self._cursor.execute("ROLLBACK")
        except duckdb.Error:
            return  # a failed COMMIT has rolled back by itself
