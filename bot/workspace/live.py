"""What the page sees happen, as it happens: one WebSocket per open page, and a counter that scripts can wait
on.

A page gets what its person may see: ephemeral messages, modals and Home of that person only, direct
conversations they are in.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.workspace.model import Json
from bot.workspace.recorder import Entry
from bot.workspace.state import TEAM_ID, Change, State

QUEUE = 1000


@dataclass(slots=True, eq=False)
class _Page:
    user: str
    queue: asyncio.Queue[Json | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))


class Live:
    """Spreads changes to open pages; `version` grows with each."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._pages: set[_Page] = set()
        self._changed = asyncio.Event()
        self.version = 0

    def on_change(self, change: Change) -> None:
        wire: Json = {
            "kind": change.kind,
            "channel": change.channel,
            "user": change.user,
            "detail": change.detail,
        }
        if change.message:
            wire["message"] = change.message.to_wire(TEAM_ID, metadata=True)
        for page in list(self._pages):
            if self._may_see(page.user, change):
                self._push(page, wire)
        self._bump()

    def on_entry(self, entry: Entry) -> None:
        entire = entry.to_wire()
        short: Json = {
            "kind": "record",
            "entry": {key: value for key, value in entire.items() if key not in ("request", "answer")},
        }
        for page in list(self._pages):
            self._push(page, short)
        self._bump()

    def _bump(self) -> None:
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def _push(self, page: _Page, wire: Json) -> None:
        try:
            page.queue.put_nowait(wire)
        except asyncio.QueueFull:  # a page that does not read is cut off and will load everything anew
            self._pages.discard(page)
            page.queue.get_nowait()
            page.queue.put_nowait(None)

    def _may_see(self, user: str, change: Change) -> bool:
        if change.kind in ("view", "home", "notice") or (change.message and change.message.only_for):
            return change.user == user
        channel = self._state.channels.get(change.channel)
        return channel is None or channel.kind == "public" or user in channel.members

    async def wait(self, after: int, seconds: float) -> int:
        """Return the version once it is above `after`, or after `seconds` as it is."""
        try:
            async with asyncio.timeout(seconds):
                while self.version <= after:
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self.version

    async def serve(self, socket: WebSocket) -> None:
        """Feed one open page until it goes away."""
        await socket.accept()
        page = _Page(socket.query_params.get("user", ""))
        self._pages.add(page)
        gone = asyncio.ensure_future(_until_gone(socket))
        try:
            while not gone.done():
                item = asyncio.ensure_future(page.queue.get())
                await asyncio.wait({item, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not item.done() or (wire := item.result()) is None:
                    item.cancel()
                    break
                await socket.send_text(orjson.dumps(wire).decode())
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            self._pages.discard(page)
            gone.cancel()

    def close(self) -> None:
        """Let every open page go."""
        for page in list(self._pages):
            self._pages.discard(page)
            if page.queue.full():
                page.queue.get_nowait()
            page.queue.put_nowait(None)


async def _until_gone(socket: WebSocket) -> None:
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return
