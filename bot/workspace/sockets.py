"""Socket Mode: tickets, connections, envelopes and their acknowledgements.

An app may hold several connections; each envelope goes to one of them, in turn. A ticket opens one
connection and is good for thirty seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Literal

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.workspace.model import App, Json
from bot.workspace.state import Change, State

TICKET_SECONDS = 30.0
DisconnectReason = Literal["warning", "refresh_requested", "link_disabled", "too_many_websockets"]


@dataclass(slots=True, eq=False)
class Connection:
    """One open WebSocket of an app."""

    app_id: str
    socket: WebSocket
    closing: asyncio.Event = field(default_factory=asyncio.Event)


class Sockets:
    """All Socket Mode connections of a workspace."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._tickets: dict[str, tuple[str, float]] = {}
        self._connections: dict[str, list[Connection]] = {}
        self._turn: dict[str, int] = {}
        self._waiting: dict[str, list[asyncio.Future[Json]]] = {}
        self._changed = asyncio.Condition()

    def issue_ticket(self, app_id: str) -> str:
        now = self._state.now()
        self._tickets = {key: old for key, old in self._tickets.items() if now - old[1] < TICKET_SECONDS}
        ticket = self._state.mint_key()
        self._tickets[ticket] = (app_id, now)
        return ticket

    def count(self, app_id: str) -> int:
        return len(self._connections.get(app_id, []))

    async def wait_for_connections(self, app_id: str, count: int) -> None:
        """Return once the app holds at least `count` connections."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.count(app_id) >= count)

    async def serve(self, socket: WebSocket) -> None:
        """Hold one connection until either side ends it."""
        app_id, issued = self._tickets.pop(socket.query_params.get("ticket", ""), ("", 0.0))
        app = self._state.apps.get(app_id)
        if app is None or self._state.now() - issued > TICKET_SECONDS:
            await socket.close(4001)
            return
        await socket.accept()
        if self.count(app_id) >= self._state.settings.max_connections:
            await socket.send_bytes(orjson.dumps(self._disconnect("too_many_websockets")))
            await socket.close()
            return
        connection = Connection(app_id, socket)
        self._connections.setdefault(app_id, []).append(connection)
        reader = asyncio.ensure_future(self._read(connection))
        closing = asyncio.ensure_future(connection.closing.wait())
        try:
            await socket.send_text(orjson.dumps(self._hello(app)).decode())
            await self._told(app_id)
            await asyncio.wait({reader, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections[app_id].remove(connection)
            for task in (reader, closing):
                task.cancel()
            await asyncio.gather(reader, closing, return_exceptions=True)
            await self._told(app_id)

    async def _told(self, app_id: str) -> None:
        """Let everyone know that the number of connections changed."""
        self._state.tell(Change("app", detail=app_id))
        async with self._changed:
            self._changed.notify_all()

    async def _read(self, connection: Connection) -> None:
        while True:
            try:
                frame = await connection.socket.receive_text()
            except (WebSocketDisconnect, RuntimeError, KeyError):
                return
            try:
                answer = orjson.loads(frame)
            except orjson.JSONDecodeError:
                continue
            if isinstance(answer, dict):
                for waiting in self._waiting.get(str(answer.get("envelope_id")), []):
                    if not waiting.done():
                        waiting.set_result(answer)

    def next_connection(self, app_id: str) -> Connection | None:
        """The connection whose turn it is, or None if the app holds none."""
        if not (open_ones := self._connections.get(app_id)):
            return None
        self._turn[app_id] = turn = (self._turn.get(app_id, -1) + 1) % len(open_ones)
        return open_ones[turn]

    async def send(self, connection: Connection, envelope: Json, seconds: float) -> Json | None:
        """Send an envelope and wait for its acknowledgement; None if none came within `seconds`."""
        envelope_id = envelope["envelope_id"]
        waiting: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(envelope_id, []).append(waiting)
        try:
            async with asyncio.timeout(seconds):
                await connection.socket.send_text(orjson.dumps(envelope).decode())
                return await waiting
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            return None
        finally:
            self._waiting[envelope_id].remove(waiting)
            if not self._waiting[envelope_id]:
                del self._waiting[envelope_id]

    async def request_disconnect(self, app_id: str, reason: DisconnectReason) -> int:
        """Tell every connection of the app that it will be closed; returns how many were told."""
        told = list(self._connections.get(app_id, []))
        for connection in told:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await connection.socket.send_text(orjson.dumps(self._disconnect(reason)).decode())
        return len(told)

    async def drop(self, app_id: str) -> int:
        """Close every connection of the app without a word; returns how many there were."""
        dropped = list(self._connections.get(app_id, []))
        for connection in dropped:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it may be gone already
                await connection.socket.close(1011)
            connection.closing.set()
        return len(dropped)

    def _hello(self, app: App) -> Json:
        return {
            "type": "hello",
            "num_connections": self.count(app.id),
            "debug_info": {
                "host": "local-workspace",
                "build_number": 1,
                "approximate_connection_time": 18060,
            },
            "connection_info": {"app_id": app.id},
        }

    @staticmethod
    def _disconnect(reason: DisconnectReason) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": "local-workspace"}}
