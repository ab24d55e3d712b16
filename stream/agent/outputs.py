"""How a chunk goes out: Forward with acknowledgement, or HTTP. One connection per chunk in flight, kept for the next one.

Every fault of the network is `RETRY`: the agent keeps the chunk. Answers are taken as Fluent Bit takes them: an
acknowledgement is what one read gives; over HTTP 200 to 205 is delivered, 206, 3xx, 408, 429 and 5xx come again, and any other
4xx throws the chunk away.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

import msgpack

from stream.agent.buffer import Chunk
from stream.forward_client import ClientOptions, pack_message
from stream.forward_client import connect as connect_to

_READ = 65_536
_AGAIN = frozenset({206, 408, 429})


class Verdict(Enum):
    """What became of one try."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DROPPED = "dropped"


class Output(Protocol):
    """Where chunks go; used from many threads at once."""

    def deliver(self, tag: str, chunk: Chunk) -> Verdict: ...
    def close(self) -> None:
        """Cut every connection; a try that is under way ends with `RETRY`."""
        ...


class _Connections:
    """Idle connections to take again, and all that are open, to cut them."""

    def __init__(self, open_one: Callable[[], socket.socket], keep_alive: float) -> None:
        self._open_one, self._keep_alive = open_one, keep_alive
        self._lock = threading.Lock()
        self._idle: list[tuple[float, socket.socket]] = []
        self._open: set[socket.socket] = set()
        self._closed = False
        self.opened = 0

    def take(self) -> socket.socket:
        """Return a connection that is ready: one that was kept, if the receiver has not closed it, or a new one."""
        while (kept := self._kept()) is not None:
            readable, _, _ = select.select([kept], [], [], 0)
            if not readable:
                return kept
            self.drop(kept)  # closed by the receiver, or talking out of turn
        fresh = self._open_one()
        with self._lock:
            self.opened += 1
            if not self._closed:
                self._open.add(fresh)
                return fresh
        fresh.close()
        raise OSError("the output is closed")

    def keep(self, connection: socket.socket) -> None:
        """Take back a connection on which everything was answered."""
        with self._lock:
            if not self._closed:
                self._idle.append((time.monotonic(), connection))
                return
        self.drop(connection)

    def drop(self, connection: socket.socket) -> None:
        """Close a connection that is of no more use."""
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def close(self) -> None:
        """Cut all of them; who waits on one gets an error and drops it."""
        with self._lock:
            self._closed = True
            idle = [connection for _, connection in self._idle]
            busy = self._open.difference(idle)
            self._idle.clear()
            for each in busy:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for each in idle:
            self.drop(each)

    def _kept(self) -> socket.socket | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if time.monotonic() - since < self._keep_alive:
                return connection
            self.drop(connection)


class ForwardOutput:
    """Forward with `require_ack_response`, gzip, and the handshake that `options` ask for."""

    def __init__(
        self, address: Callable[[], tuple[str, int]], options: ClientOptions, *, keep_alive: float
    ) -> None:
        self._options = options
        self._connections = _Connections(lambda: connect_to(address(), options), keep_alive)

    @property
    def connections(self) -> int:
        """Connections that were ever opened."""
        return self._connections.opened

    def deliver(self, tag: str, chunk: Chunk) -> Verdict:
        """Send one chunk and wait for its acknowledgement."""
        message = pack_message(tag, chunk.entries, chunk.events, chunk.id, compress=self._options.gzip)
        try:
            connection = self._connections.take()
        except OSError:
            return Verdict.RETRY
        try:
            connection.sendall(message)
            answer = msgpack.unpackb(connection.recv(_READ), raw=False)
        except (OSError, ValueError, msgpack.UnpackException):
            self._connections.drop(connection)
            return Verdict.RETRY
        if not isinstance(answer, dict) or answer.get("ack") != chunk.id:
            self._connections.drop(connection)
            return Verdict.RETRY
        self._connections.keep(connection)
        return Verdict.DELIVERED

    def close(self) -> None:
        self._connections.close()


class HttpOutput:
    """`format: msgpack`, `compress: gzip`, the tag in X-Fluent-Tag; the body is the same on every try."""

    def __init__(
        self,
        address: Callable[[], tuple[str, int]],
        agent: str,
        *,
        answer: float,
        connect: float,
        keep_alive: float,
        path: str = "/v1/ingest",
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> None:
        self._head = f"POST {path} HTTP/1.1\r\nHost: mayday\r\nX-Agent-Id: {agent}\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in (headers or {}).items()
        )
        self.statuses: dict[int, int] = {}
        self._lock = threading.Lock()

        def open_one() -> socket.socket:
            options = ClientOptions(
                tls=tls, server_hostname=server_hostname, connect_seconds=connect, answer_seconds=answer
            )
            return connect_to(address(), options)

        self._connections = _Connections(open_one, keep_alive)

    def deliver(self, tag: str, chunk: Chunk) -> Verdict:
        """Send one chunk and wait for the status."""
        body = gzip.compress(chunk.entries, 6, mtime=0)
        head = (
            f"{self._head}X-Fluent-Tag: {tag}\r\nContent-Type: application/msgpack\r\n"
            f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            connection = self._connections.take()
        except OSError:
            return Verdict.RETRY
        try:
            connection.sendall(head.encode() + body)
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            response.read()
        except (OSError, http.client.HTTPException):
            self._connections.drop(connection)
            return Verdict.RETRY
        if response.will_close or response.status >= 300:
            self._connections.drop(connection)
        else:
            self._connections.keep(connection)
        with self._lock:
            self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        return verdict_of(response.status)

    def close(self) -> None:
        self._connections.close()


def verdict_of(status: int) -> Verdict:
    """Return what the agent makes of an HTTP status.

    >>> [verdict_of(status).value for status in (200, 206, 302, 400, 429, 503)]
    ['delivered', 'retry', 'retry', 'dropped', 'retry', 'retry']
    """
    if 200 <= status <= 205:
        return Verdict.DELIVERED
    return Verdict.DROPPED if 400 <= status < 500 and status not in _AGAIN else Verdict.RETRY
