"""An ASGI application on a socket that is already bound, in a thread: starts and ends without polling."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from websockets.exceptions import InvalidState


class Serving(uvicorn.Server):
    """A server for one loopback application.

    `begin` returns once requests are answered, `end` once the thread is gone; `serve_here` serves in the calling
    thread until SIGINT or SIGTERM.
    """

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="critical",
                access_log=False,
                ws_ping_interval=20.0,
                timeout_graceful_shutdown=1,
                server_header=False,
                date_header=False,
            )
        )
        self._sock = sock
        self._answers = threading.Event()
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self.serve_here, name="workspace", daemon=True)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        self._answers.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for _ in range(20):
            try:
                return await super().shutdown(sockets=sockets)
            except (
                InvalidState
            ):  # one connection was just closing by itself; the others still have to be told
                await asyncio.sleep(0.05)
        return await super().shutdown(sockets=sockets)

    async def main_loop(self) -> None:
        await self._over.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._finish()

    def _finish(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._over.set)

    def serve_here(self) -> None:
        self.run(sockets=[self._sock])

    def begin(self) -> None:
        self._thread.start()
        self._answers.wait()

    def end(self) -> None:
        self._finish()
        self._thread.join()
        self._sock.close()


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an application on a free loopback port; yields its base URL."""
    sock = socket.create_server(("127.0.0.1", 0))
    server = Serving(app, sock)
    server.begin()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.end()
