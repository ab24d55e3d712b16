"""One connection: reading into a buffer shared by all, being paused, time limits, who the peer is.

Reads go through one scratch buffer per server (the event loop fills and empties it in one step), so an idle
connection costs next to nothing and hundreds of them are fine. A time limit stands still while we ourselves do not read.
Whoever does not read our answers has a limit of its own, which nothing stops: it would hold its place for ever.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any, cast

from models.sanitizer.safe_text import SafeText, phrase
from stream.receivers.intake import Intake
from stream.receivers.places import Place
from stream.receivers.settings import ReceiveSettings
from stream.receivers.tls import common_name

SCRATCH_BYTES = 256 * 1024


class Link(asyncio.BufferedProtocol, ABC):
    """Base of the connections of all receivers. `links` is the server's set of open ones."""

    waits_for_room = True
    kind = phrase("link")

    def __init__(
        self, intake: Intake, settings: ReceiveSettings, links: set[Link], scratch: bytearray
    ) -> None:
        self._intake, self._settings, self._links, self._scratch = intake, settings, links, scratch
        self._transport: asyncio.Transport | None = None
        self._reading = self._allowed = self._wanted = self._writable = True
        self._timer: asyncio.TimerHandle | None = None
        self._limit: tuple[float, str] | None = None
        self._unread: asyncio.TimerHandle | None = None  # runs while our answers are not read
        self._finished = False
        self.place: Place | None = None  # given back when the connection is over
        self.certificate: str | None = None
        self.address = ""
        self.peer = ""
        self.tls = False

    # -- what a protocol adds ---------------------------------------------------------------------------------

    @abstractmethod
    def opened(self) -> None:
        """The connection stands (with TLS: after its handshake)."""

    @abstractmethod
    def received(self, data: memoryview) -> None:
        """Take bytes; they are only valid during the call."""

    @abstractmethod
    def timed_out(self, what: str) -> None:
        """A time limit that `limit_time` set has passed."""

    @abstractmethod
    def shed(self) -> None:
        """Drop the part of a message that is held, and end the connection: too much is held, and the rest does not come."""

    def ended(self) -> bool:
        """The peer will send no more. Return True to keep the connection for what is still to be answered."""
        return False

    def stop_reading(self) -> None:
        """The receiver stops: take nothing new. Connections with nothing to answer close."""
        self.want(False)

    # -- asyncio ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer: Any = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self.peer = f"{peer[0]}:{peer[1]}" if peer else ""
        self.certificate = common_name(transport.get_extra_info("peercert"))
        self.tls = transport.get_extra_info("ssl_object") is not None
        metrics = self._intake.metrics
        metrics.connections += 1
        if self._intake.stopping:  # it was on its way in when the receiver stopped
            transport.close()
            return
        self._links.add(self)
        metrics.open_connections += 1
        self._intake.budget.add(self)
        self.opened()
        if not self._reading:
            asyncio.get_running_loop().call_soon(self._pause_again)

    def _pause_again(self) -> None:
        """Undo what Python before 3.11.4 does after `connection_made`: it begins to read although it was paused there."""
        if not self._reading and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._transport.pause_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        self._stop_timer()
        self._stop_waiting()
        self._transport = None
        if self.place is not None:
            self.place.give_back()
        if self in self._links:
            self._links.discard(self)
            self._intake.metrics.open_connections -= 1
            self._intake.budget.remove(self)

    def get_buffer(self, _sizehint: int) -> memoryview:
        return memoryview(self._scratch)

    def buffer_updated(self, count: int) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self.received(memoryview(self._scratch)[:count])

    def eof_received(self) -> bool:
        return self.ended() and not self.tls  # TLS has no half-closed connections

    def pause_writing(self) -> None:
        self._writable = False  # it does not read our answers: do not take more that needs one
        self._wait_for_reader()
        self._follow()

    def resume_writing(self) -> None:
        self._writable = True
        self._stop_waiting()
        self._follow()

    # -- for protocols ----------------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether something can still be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        """Send in one write; asyncio sets TCP_NODELAY, so it leaves as one segment where it fits."""
        if self._transport is not None and not self._finished:
            self._transport.write(data)

    def finish_sending(self) -> None:
        """Send the end of the stream and go on reading; TLS has no half-closed connections, and nothing happens."""
        if self._transport is not None and not self._finished and self._transport.can_write_eof():
            self._finished = True
            self._transport.write_eof()

    def close(self) -> None:
        """Close after what was sent has left, in a while even if it is not read."""
        if self._transport is not None:
            self._transport.close()
            self._wait_for_reader()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def refuse(self, code: str, sentence: SafeText) -> None:
        """Count and log why this connection is closed, and close it."""
        self.blame(code, sentence)
        self.close()

    def blame(self, code: str, sentence: SafeText) -> None:
        """Count and log what is wrong with this connection."""
        self._intake.metrics.refused[code] += 1
        client = self._intake.alias(self.address)
        self._intake.trouble(code, phrase("{}: closed a connection from {}: {}", self.kind, client, sentence))

    def refuse_stalled(self) -> None:
        """End the connection because its part of a message stood still while too much was held."""
        self.refuse("stalled", phrase("too much is held, and the rest of its message does not come"))

    def want(self, reading: bool) -> None:
        """Say whether this connection itself wants to be read from now."""
        self._wanted = reading
        self._follow()

    def let_read(self, allowed: bool) -> None:
        """Say whether the budget lets it be read from now."""
        self._allowed = allowed
        self._follow()

    def _follow(self) -> None:
        reading = self._wanted and self._allowed and self._writable
        if reading is self._reading or self._transport is None or self._transport.is_closing():
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
            if self._limit is not None:
                self.limit_time(*self._limit)
        else:
            self._transport.pause_reading()
            if self._timer is not None and self._limit is not None:  # what is left of it, not all of it again
                left = self._timer.when() - asyncio.get_running_loop().time()
                self._limit = (max(0.0, left), self._limit[1])
            self._stop_timer()

    def limit_time(self, seconds: float, what: str) -> None:
        """Call `timed_out(what)` unless another limit is set, or none, within `seconds` of reading."""
        self._stop_timer()
        self._limit = (seconds, what)
        if self._reading:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._passed, what)

    def no_limit(self) -> None:
        self._stop_timer()
        self._limit = None

    def _passed(self, what: str) -> None:
        self._timer = self._limit = None
        self.timed_out(what)

    def _wait_for_reader(self) -> None:
        if self._unread is None:
            loop = asyncio.get_running_loop()
            self._unread = loop.call_later(self._settings.message_seconds, self._not_read)

    def _stop_waiting(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _not_read(self) -> None:
        self._unread = None
        self.blame("answers_not_read", phrase("it does not read its answers"))
        self.abort()  # closing would wait for what is not read

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
