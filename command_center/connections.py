"""How many connections the webhook holds: what never sends its request gives way to whoever does.

Each open connection is a file of the process that owns the database, which needs some for itself. When there are more
than `most`, those that have been open for longest and whose request is not being carried out are hung up on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

CONNECTIONS: Final = 64


class Connections:
    """Those of one server. To be used from its loop alone."""

    def __init__(self, most: int = CONNECTIONS) -> None:
        self._most = most
        self._served = set[asyncio.BaseProtocol]()

    @contextmanager
    def serving(self, request: web.Request) -> Iterator[None]:
        """Keep the connection of a request that is here as a whole, until it has been carried out."""
        self._served.add(request.protocol)
        try:
            yield
        finally:
            self._served.discard(request.protocol)

    def bounded(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """Return what makes a protocol for each connection that `server` is to serve."""
        loop = asyncio.get_running_loop()

        def connect() -> asyncio.Protocol:
            loop.call_soon(self._make_room, server)
            return server()

        return connect

    def _make_room(self, server: web.Server) -> None:
        held = [each for each in server.connections if each.transport and not each.transport.is_closing()]
        waiting = [each for each in held if each not in self._served]
        for each in waiting[: max(0, len(held) - self._most)]:
            assert each.transport is not None
            each.transport.abort()  # nothing is waited for: whoever does not send may not read either
