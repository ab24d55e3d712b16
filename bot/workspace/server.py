"""The workspace as a server: page, Web API, Socket Mode and control on one port.

It listens on loopback unless told otherwise, and then answers only requests that were meant for it: the Host
must be a loopback name and a browser's Origin must be this server, so that no web page elsewhere can press
buttons here.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from types import TracebackType
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.workspace.control import Control
from bot.workspace.core import Workspace
from bot.workspace.defaults import Credentials
from bot.workspace.errors import WorkspaceAddressRefused
from bot.workspace.model import Json
from bot.workspace.page_api import PageApi
from bot.workspace.serving import Serving
from bot.workspace.settings import WorkspaceSettings
from models.clock import Clock

PAGE = Path(__file__).parent / "page"
_SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class OnlyOwnVisitors:
    """Turns away requests whose Host or Origin is not this server's."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str] | None, port: Callable[[], int]) -> None:
        self._app, self._hosts, self._port = app, hosts, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] in ("http", "websocket")
            and self._hosts is not None
            and not self._welcome(Headers(scope=scope))
        ):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 4003})
            else:
                answer = PlainTextResponse("this workspace answers its own page and local programs only", 403)
                await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _welcome(self, headers: Headers) -> bool:
        assert self._hosts is not None
        if (urlsplit(f"//{headers.get('host', '')}").hostname or "") not in self._hosts:
            return False
        if (origin := headers.get("origin")) is None:
            return True
        parts = urlsplit(origin)
        return parts.scheme == "http" and parts.hostname in self._hosts and parts.port == self._port()


def bind(settings: WorkspaceSettings) -> socket.socket:
    """A listening socket on the configured address, or a sentence why not."""
    try:
        loopback = settings.host == "localhost" or ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not settings.allow_remote:
        raise WorkspaceAddressRefused(
            "the workspace listens on loopback only, because every visitor can act as anyone",
            hint="Use 127.0.0.1, or set allow_remote = true if you mean it",
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((settings.host, settings.port))
        sock.listen(256)
    except OSError as error:
        sock.close()
        raise WorkspaceAddressRefused(
            f"cannot listen on port {settings.port} of the configured host",
            hint="Something else may listen there; choose another port, or 0 for any free one",
        ) from error
    return sock


class WorkspaceServer:
    """A running stand-in for Slack.

    `start` returns once it answers; `stop` ends it; it is also a context manager. Everything it knows is in
    memory.
    `credentials` and `manifest` make the app what you want; without them keys are made anew and the app
    answers every slash command.
    """

    def __init__(
        self,
        settings: WorkspaceSettings,
        clock: Clock,
        rng: Random,
        *,
        credentials: Credentials | None = None,
        manifest: Json | None = None,
    ) -> None:
        self._sock = bind(settings)
        self.host, self.port = settings.host, int(self._sock.getsockname()[1])
        name = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"http://{name}:{self.port}"
        self.settings = settings
        try:
            self._workspace = Workspace(settings, clock, rng, self.url, credentials, manifest)
        except BaseException:
            self._sock.close()
            raise
        self._server = Serving(self.asgi(), self._sock)
        self._running = False

    @property
    def api_url(self) -> str:
        """What `WebClient(base_url=...)` takes."""
        return f"{self.url}/api/"

    @property
    def app_id(self) -> str:
        return self._workspace.app.id

    @property
    def bot_user(self) -> str:
        return self._workspace.app.bot_user

    @property
    def credentials(self) -> Credentials:
        """Keys of the app."""
        app = self._workspace.app
        return Credentials(
            bot_token=app.bot_token, app_token=app.app_token, signing_secret=app.signing_secret
        )

    @property
    def config_token(self) -> str:
        """Key for apps.manifest.*"""
        return self._workspace.state.config_token

    def asgi(self) -> ASGIApp:
        """The whole server as one ASGI application."""
        workspace = self._workspace
        api = workspace.webapi

        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            await workspace.open()
            yield
            await workspace.close()

        routes: list[BaseRoute] = [
            Route("/", _page),
            Route("/archives/{channel}", _to_message),
            Route("/archives/{channel}/{ts}", _to_message),
            Route("/api/{method:path}", api.handle, methods=["GET", "POST"]),
            Route("/response/{key}", api.response_url, methods=["POST"]),
            Route("/upload/{file}", api.upload, methods=["POST", "PUT"]),
            Route("/files/{file}", api.download),
            WebSocketRoute("/link/", workspace.sockets.serve),
            WebSocketRoute("/_page/live", workspace.live.serve),
            *PageApi(workspace).routes(),
            *Control(workspace).routes(),
            Mount("/static", StaticFiles(directory=PAGE)),
        ]
        hosts = (
            None
            if self.settings.allow_remote
            else frozenset({"127.0.0.1", "localhost", "::1", self.settings.host})
        )
        inner = Starlette(routes=routes, lifespan=lifespan)
        return OnlyOwnVisitors(inner, hosts=hosts, port=lambda: self.port)

    def start(self) -> WorkspaceServer:
        """Serve in a thread of its own; returns when it answers."""
        self._server.begin()
        self._running = True
        return self

    def serve_forever(self) -> None:
        """Serve in this thread until SIGINT or SIGTERM."""
        self._server.serve_here()

    def stop(self) -> None:
        """End it and wait until it has ended."""
        if self._running:
            self._running = False
            self._server.end()
        self._sock.close()

    def __enter__(self) -> WorkspaceServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


async def _page(_: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers=_SECURITY)


async def _to_message(request: Request) -> Response:
    """A permalink leads to the page, at the message."""
    channel, ts = request.path_params["channel"], request.path_params.get("ts", "")
    return RedirectResponse(f"/#{channel}/{ts}")


def run_workspace(
    settings: WorkspaceSettings,
    clock: Clock,
    rng: Random,
    *,
    credentials: Credentials | None = None,
    manifest: Json | None = None,
    announce: Callable[[WorkspaceServer], None] = lambda _: None,
) -> None:
    """Run a workspace until SIGINT or SIGTERM; `announce` is called once its address is known."""
    server = WorkspaceServer(settings, clock, rng, credentials=credentials, manifest=manifest)
    announce(server)
    server.serve_forever()
