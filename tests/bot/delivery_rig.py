"""Apps in the raw, over Socket Mode and HTTP, for tests of how deliveries reach them."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

import orjson
from slack_bolt import Ack, App
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Json
from bot.workspace.serving import serving

INCIDENTS = "C0INCIDENTS"


class SocketApp:
    """A Socket Mode app in the raw: keeps every frame and answers envelopes with what `answer` returns."""

    def __init__(self, socket: ClientConnection, answer: Callable[[Json], Json | None]) -> None:
        self.frames: queue.Queue[Json] = queue.Queue()
        self.seen: list[Json] = []
        self._socket, self._answer = socket, answer
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            for raw in self._socket:
                frame = orjson.loads(raw)
                self.seen.append(frame)
                self.frames.put(frame)
                if "envelope_id" in frame and (answer := self._answer(frame)) is not None:
                    self._socket.send(orjson.dumps({"envelope_id": frame["envelope_id"], **answer}).decode())
        self.frames.put({"type": "closed"})

    def next(self) -> Json:
        return self.frames.get(timeout=5)

    def envelopes(self) -> list[Json]:
        return [frame for frame in self.seen if "envelope_id" in frame]

    def close(self) -> None:
        self._socket.close()
        self._thread.join()


def ticket(workspace: RunningWorkspace) -> str:
    token = workspace.keys.app_token
    return str(workspace.web(token).apps_connections_open(app_token=token)["url"])


@contextlib.contextmanager
def socket_app(
    workspace: RunningWorkspace, answer: Callable[[Json], Json | None] = lambda _: {}, *, first: str = "hello"
) -> Iterator[SocketApp]:
    """Connect an app in the raw; its first frame is of type `first`."""
    with connect(ticket(workspace), proxy=None) as socket:
        app = SocketApp(socket, answer)
        assert app.next()["type"] == first
        yield app
        app.close()


@contextlib.contextmanager
def http_app(
    workspace: RunningWorkspace,
    status: Callable[[int], int] = lambda _: 200,
    headers: dict[str, str] | None = None,
) -> Iterator[queue.Queue[tuple[dict[str, str], bytes]]]:
    """An HTTP app in the raw; `status` is asked with the number of the request, from 0."""
    got: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
    count = iter(range(1000))

    async def take(request: Request) -> Response:
        body = await request.body()
        got.put((dict(request.headers), body))
        return PlainTextResponse("", status_code=status(next(count)), headers=headers)

    with serving(Starlette(routes=[Route("/slack/events", take, methods=["POST"])])) as url:
        workspace.client.use_http(f"{url}/slack/events")
        yield got


def notices(workspace: RunningWorkspace, user: str) -> list[str]:
    return [
        message["text"]
        for message in workspace.client.messages("#incidents", user)
        if message.get("is_ephemeral")
    ]


def acknowledge(app: App) -> None:
    @app.command("/incident")
    def command(ack: Ack) -> None:
        ack()
