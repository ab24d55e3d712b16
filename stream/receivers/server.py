"""Listening on one address and keeping track of its connections; the part that all receivers share."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Callable

from stream.receivers.address import Address
from stream.receivers.errors import ReceiverAddress
from stream.receivers.link import SCRATCH_BYTES, Link

_LAST_SECONDS = 1.0
_REASONS = {
    errno.EADDRINUSE: "is in use by another process",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.EACCES: "is not allowed for this user",
}


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
        name: str,
        wanted: Address,
        make: Callable[[set[Link], bytearray], Link],
        tls: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        self.name = name
        self._wanted, self._make, self._tls, self._handshake_seconds = wanted, make, tls, handshake_seconds
        self._bound = wanted
        self._links = Links()
        self._scratch = bytearray(SCRATCH_BYTES)
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> Address:
        """Where it listens; before `start`, where it is meant to."""
        return self._bound

    async def start(self) -> None:
        """Begin to listen. Raises `ReceiverAddress`."""
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: self._make(self._links, self._scratch),
                self._wanted.host,
                self._wanted.port,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_seconds if self._tls else None,
                backlog=1024,
            )
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, "cannot be listened on")
            raise ReceiverAddress(
                f"the {self.name} listener's address {self._wanted} {reason}",
                hint="Give another HOST:PORT, or `off`",
            ) from None
        host, port, *_ = self._server.sockets[0].getsockname()
        self._bound = Address(host, port)

    def stop_reading(self) -> None:
        """Take no further connection and no further message."""
        if self._server is not None:
            self._server.close()
        for link in tuple(self._links):
            link.stop_reading()

    async def close(self) -> None:
        """Close every connection once its last answer has left; after a second, whatever it does."""
        for link in tuple(self._links):
            link.close()
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self._links.gone.wait()
        except TimeoutError:
            for link in tuple(self._links):
                link.abort()
