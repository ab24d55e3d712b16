"""How many connections signed HTTP holds, and for how long: what never sends its request gives way.

A connection has `Config.timeout_keep_alive` seconds to send the head of a request, whether it is its first or not
(the body has its own time, see `http.py`). When there are more than `CONNECTIONS`, the one that has kept us waiting
longest for the rest of its request is hung up on, so that whoever sends theirs is served however many do not.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 64


class BoundedConnection(H11Protocol):
    """One connection; uvicorn makes one per accepted socket and keeps them in `connections`."""

    began = 0.0  # seconds of the loop's clock, when it was last served or opened
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > CONNECTIONS:
            waiting = [
                each
                for each in self.connections
                if isinstance(each, BoundedConnection) and not each.is_served
            ]
            min(waiting, key=lambda each: each.began).hang_up()  # this one waits, so there is one

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    @property
    def is_served(self) -> bool:
        """Whether its request is here as a whole and not answered yet."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def hang_up(self) -> None:
        """End the connection without an answer."""
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self) -> None:
        """Give it time to send a head, from now on."""
        self.began = self.loop.time()
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(self.config.timeout_keep_alive, self._expire)

    def _expire(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.hang_up()
