"""Listening on one address and keeping track of its connections; the part that all receivers share.

Connections are accepted here rather than by asyncio's own server: a handshake that fails is counted, a shortage of file
descriptors pauses the accepting instead of spinning, and stopping leaves no connection half made.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

from models.sanitizer.safe_text import SafeText, phrase
from stream.receivers.address import Address
from stream.receivers.errors import ReceiverAddress
from stream.receivers.intake import Intake
from stream.receivers.link import SCRATCH_BYTES, Link
from stream.receivers.places import Place
from stream.receivers.tls import shake_hands
from stream.spool.disk import name_of

_REASONS = {
    errno.EADDRINUSE: "is in use by another process",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.EACCES: "is not allowed for this user",
}
_NO_TLS = phrase("no TLS, no client certificate that is trusted, or the client does not trust ours")
_BACKLOG = 1024
_AT_ONCE = 64  # connections accepted in one turn of the loop
_PAUSE_SECONDS = 0.5  # without a free file descriptor
_LAST_SECONDS = 1.0


class Links(set[Link]):
    """The open connections of one server; `gone` is set while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.Event()
        self.gone.set()

    def add(self, link: Link) -> None:
        super().add(link)
        self.gone.clear()

    def discard(self, link: object) -> None:
        super().discard(link)
        if not self:
            self.gone.set()


class LinkServer:
    """Makes one `Link` per connection. `make(links, scratch)` is called for each."""

    def __init__(
        self,
        name: SafeText,
        wanted: Address,
        intake: Intake,
        make: Callable[[set[Link], bytearray], Link],
        tls: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        self.name: str = name
        self._said = name
        self._bound = self._wanted = wanted
        self._intake, self._make = intake, make
        self._tls, self._handshake_seconds = tls, handshake_seconds
        self._links = Links()
        self._opening: set[asyncio.Task[None]] = set()
        self._scratch = bytearray(SCRATCH_BYTES)
        self._listening: socket.socket | None = None
        self._again: asyncio.TimerHandle | None = None

    @property
    def address(self) -> Address:
        """Where it listens, or did last; before `start`, where it is meant to."""
        return self._bound

    async def start(self) -> None:
        """Begin to listen. Raises `ReceiverAddress`."""
        host, port = self._wanted
        six = ":" in host
        try:
            self._listening = socket.create_server(
                (host, port),
                family=socket.AF_INET6 if six else socket.AF_INET,
                backlog=_BACKLOG,
                dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
            )
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, "cannot be listened on")
            raise ReceiverAddress(
                f"the {self.name} listener's address {self._wanted} {reason}",
                hint="Give another HOST:PORT, or `off`",
            ) from None
        self._listening.setblocking(False)
        bound = self._listening.getsockname()
        self._bound = Address(bound[0], bound[1])
        self._watch()

    def stop_reading(self) -> None:
        """Take no further connection and no further message."""
        if self._listening is not None:
            if self._again is not None:
                self._again.cancel()
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        for link in tuple(self._links):
            link.stop_reading()

    async def close(self) -> None:
        """Close every connection once its last answer has left; after a second, whatever it does."""
        if self._opening:  # those in the clear are made, and refused, at once; handshakes get their second
            _, late = await asyncio.wait(self._opening, timeout=_LAST_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for link in tuple(self._links):
            link.close()
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self._links.gone.wait()
        except TimeoutError:
            for link in tuple(self._links):
                link.abort()
        await asyncio.sleep(0)  # a transport lets go of its socket in the turn after it was closed

    def _watch(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        assert self._listening is not None
        loop = asyncio.get_running_loop()
        for _ in range(_AT_ONCE):
            try:
                connection, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # Out of file descriptors: the waiting connection would wake the loop for ever.
                loop.remove_reader(self._listening)
                self._again = loop.call_later(_PAUSE_SECONDS, self._watch)
                sentence = phrase("{}: no connection can be accepted now ({})", self._said, name_of(error))
                self._intake.trouble("accept", sentence)
                return
            place = self._intake.places.take()
            if place is None:
                self._turn_away(connection, str(peer[0]))
                continue
            task = loop.create_task(self._open(connection, place))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _turn_away(self, connection: socket.socket, address: str) -> None:
        connection.close()
        self._intake.metrics.refused["too_many_connections"] += 1
        client = self._intake.alias(address)
        sentence = phrase(
            "{}: closed a connection from {}: {} are open already",
            self._said,
            client,
            self._intake.places.most,
        )
        self._intake.trouble("too_many_connections", sentence)

    async def _open(self, connection: socket.socket, place: Place) -> None:
        link = self._make(self._links, self._scratch)
        link.place = place
        try:
            if self._tls is not None:
                await shake_hands(link, connection, self._tls, self._handshake_seconds)
            else:
                await asyncio.get_running_loop().connect_accepted_socket(lambda: link, connection)
        except OSError as error:  # ssl.SSLError, a time-out, a connection that went away: all are of its kind
            connection.close()
            place.give_back()
            if self._tls is not None:
                self._intake.metrics.failed_handshakes += 1
                self._intake.metrics.refused["tls"] += 1
                late = isinstance(
                    error, TimeoutError | ConnectionAbortedError
                )  # asyncio says it with the second
                why = phrase("it took too long") if late else _NO_TLS
                self._intake.trouble("tls", phrase("{}: a TLS handshake failed: {}", self._said, why))
        except BaseException:  # the receiver closes in the middle of a handshake
            place.give_back()
            raise
