"""The way from a whole message to its answer, shared by all receivers: append to the spool, wait for the sync, answer.

Everything but the spool's own thread happens on the event loop. Futures that the spool resolves in a group wake the loop once,
and are answered some per step, so that a large group keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Final

from models.clock import Clock
from models.sanitizer.safe_text import SafeText, phrase
from storage.seal import KeyRing
from stream.receivers.budget import Budget
from stream.receivers.metrics import Metrics
from stream.receivers.names import Alias
from stream.receivers.places import Places
from stream.spool import Entry, SpoolClosed, SpoolFull, SpoolReplaced, SpoolWriter, Stored
from stream.spool.moment import nanoseconds

LOG = logging.getLogger(__name__)
_OVERHEAD = 512  # bytes that an entry costs beside its content
_SETTLED_AT_ONCE = 64  # answers in one step of the event loop
_LOOKS = 10  # in the time that reading may pause
_QUIET_SECONDS = 10.0  # one line per kind of trouble in this time
_NOT_STORED: Final = (
    (
        SpoolFull,
        phrase("receive: for want of room a message was not stored nor acknowledged; it comes again"),
    ),
    (
        SpoolClosed,
        phrase("receive: while stopping, a message was not stored nor acknowledged; it comes again"),
    ),
    (SpoolReplaced, phrase("receive: the spool is gone; a message was not acknowledged and comes again")),
    (
        Exception,
        phrase("receive: a message was not stored nor acknowledged; it comes again; the spool says why"),
    ),
)
Answer = Callable[[Stored | None], None]


class Intake:
    """One per process. `submit` is the only way into the spool from the network."""

    def __init__(
        self,
        writer: SpoolWriter,
        ring: KeyRing,
        clock: Clock,
        in_flight_bytes: int,
        connections: int,
        stalled_seconds: float = 5.0,
    ) -> None:
        self.metrics = Metrics()
        self.budget = Budget(in_flight_bytes, self._paused)
        self.paused_since: datetime | None = None  # reading pauses because too much is held
        self._stalled_seconds = stalled_seconds
        self._look_again: asyncio.TimerHandle | None = None
        self._looks = 0
        self.places = Places(connections)
        self.alias = Alias(ring)
        self.stopping = False
        self._writer, self._clock = writer, clock
        self._loop = asyncio.get_running_loop()
        self._done: deque[tuple[Entry, int, float, Future[Stored], Answer]] = deque()
        self._settling = False  # what is in `_done` has its step to come
        self._in_flight = 0
        self._all_answered = asyncio.Event()
        self._all_answered.set()
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}
        writer.room.on_change(self._room_changed)
        self.budget.set_room(writer.room.has_room)

    @property
    def has_room(self) -> bool:
        """Whether the spool takes more from clients."""
        return self._writer.room.has_room

    def now_ns(self) -> int:
        """Receive time, ns since 1970."""
        return nanoseconds(self._clock())

    def submit(self, entry: Entry, answer: Answer, *, non_log: bool = False) -> None:
        """Store `entry`; `answer(stored)` is called on the loop once it is durable, `answer(None)` if it was refused."""
        size = len(entry.raw) + _OVERHEAD
        counters = self.metrics.agent(entry.agent)
        counters.messages += 1
        counters.bytes += len(entry.raw)
        counters.non_log += non_log
        counters.in_flight_bytes += size
        counters.last_seen_ns = entry.received_ns
        self.budget.began(size)
        self._in_flight += 1
        self._all_answered.clear()
        future = self._writer.append(entry)
        item = (entry._replace(raw=b""), size, self._loop.time(), future, answer)
        if future.done():
            self._settle(*item)
        else:
            future.add_done_callback(lambda _future: self._from_writer(item))

    async def answered(self, seconds: float) -> bool:
        """Wait until nothing is in flight any more, at most `seconds`; say whether that was reached."""
        try:
            async with asyncio.timeout(seconds):
                await self._all_answered.wait()
        except TimeoutError:
            return False
        return True

    def trouble(self, kind: str, sentence: SafeText) -> None:
        """Log a sentence of ours about a client, at most once per kind and 10 s, with how many were left out."""
        now = self._loop.time()
        if now - self._said.get(kind, -_QUIET_SECONDS) < _QUIET_SECONDS:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        more = self._unsaid.pop(kind, 0)
        self._said[kind] = now
        if more:
            LOG.warning("%s (%d more like it)", sentence, more)
        else:
            LOG.warning("%s", sentence)

    def _from_writer(self, item: tuple[Entry, int, float, Future[Stored], Answer]) -> None:
        """Called on the spool's thread: a group of futures wakes the loop once."""
        self._done.append(item)
        if len(self._done) == 1:
            self._wake(self._settle_first)

    def _settle_first(self) -> None:
        if (
            not self._settling
        ):  # else it came while the queue was being emptied: two rows of steps would be too many
            self._settle_some()

    def _settle_some(self) -> None:
        try:
            for _ in range(min(len(self._done), _SETTLED_AT_ONCE)):
                self._settle(*self._done.popleft())
        finally:
            self._settling = bool(self._done)
            if (
                self._settling
            ):  # what came meanwhile saw a queue that was not empty, and did not wake the loop
                self._loop.call_soon(self._settle_some)

    def _settle(self, entry: Entry, size: int, since: float, future: Future[Stored], answer: Answer) -> None:
        counters = self.metrics.agent(entry.agent)
        counters.in_flight_bytes -= size
        error = future.exception()
        stored = None if error is not None else future.result()
        if stored is None:
            self.metrics.not_stored += 1
            self.trouble("not_stored", next(said for kind, said in _NOT_STORED if isinstance(error, kind)))
        else:
            counters.duplicates += stored.duplicate
            self.metrics.acked_after(self._loop.time() - since)
        try:
            answer(stored)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._all_answered.set()
            self.budget.ended(size)

    def _paused(self, tight: bool) -> None:
        self.paused_since = self._clock() if tight else None
        self._looks = 0
        if self._look_again is not None:
            self._look_again.cancel()
            self._look_again = None
        if tight:
            self._look_later()

    def _look_later(self) -> None:
        self._look_again = self._loop.call_later(self._stalled_seconds / _LOOKS, self._look_at_parts)

    def _look_at_parts(self) -> None:
        """Count the looks at which nothing but the rest of messages is waited for; with the last one, let go of parts."""
        self._look_later()
        self._looks += not self.budget.pending
        if self._looks >= _LOOKS:
            self._looks = 0
            self.budget.shed()

    def _room_changed(self, _room: bool) -> None:
        """Called on whatever thread noticed."""
        self._wake(self._look_at_room)

    def _wake(self, callback: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            self._loop.call_soon_threadsafe(callback)

    def _look_at_room(self) -> None:
        self.budget.set_room(self._writer.room.has_room)
