"""Run a Bolt app against a workspace, over either transport. For tests: production needs none of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.workspace.client import WorkspaceClient
from bot.workspace.model import Transport
from bot.workspace.server import WorkspaceServer
from bot.workspace.serving import serving

PING_SECONDS = (
    0.5  # the SDK notices a dropped connection at its next ping; its default of 10 s is long for a test
)


def bolt_asgi(app: App) -> ASGIApp:
    """A Bolt app as ASGI application: signed requests at /slack/events, each in a thread."""

    async def events(request: Request) -> Response:
        body = await request.body()
        return to_starlette_response(await run_in_threadpool(app.dispatch, to_bolt_request(request, body)))

    return Starlette(routes=[Route("/slack/events", events, methods=["POST"])])


def _close(handler: SocketModeHandler, client: WorkspaceClient) -> None:
    """End a Socket Mode handler without waiting for its receive timeout: the workspace hangs up first."""
    handler.client.auto_reconnect_enabled = False
    client.sockets("drop")
    try:
        handler.close()  # type: ignore[no-untyped-call]
    except (
        AttributeError
    ):  # the SDK's own threads closed the socket in the same moment: now there is none to close
        handler.close()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def connected(
    server: WorkspaceServer, app: App, transport: Transport, *, connections: int = 1
) -> Iterator[None]:
    """Connect a Bolt app to a workspace; deliveries reach it until the block ends."""
    client = WorkspaceClient(server.url)
    with contextlib.ExitStack() as stack:
        if transport == "http":
            url = stack.enter_context(serving(bolt_asgi(app)))
            client.use_http(f"{url}/slack/events")
        else:
            client.change_app(transport="socket")
            for _ in range(connections):
                token = server.credentials.app_token
                web = WebClient(token, base_url=server.api_url)
                handler = SocketModeHandler(app, token, web_client=web, ping_interval=PING_SECONDS)
                stack.callback(_close, handler, client)
                handler.connect()  # type: ignore[no-untyped-call]
            client.wait_for_connections(connections)
        yield


def make_bolt(server: WorkspaceServer, configure: Callable[[App], None] = lambda _: None) -> App:
    """A Bolt app with the workspace's keys; `configure` adds its listeners."""
    keys = server.credentials
    web = WebClient(keys.bot_token, base_url=server.api_url)
    app = App(client=web, signing_secret=keys.signing_secret, raise_error_for_unhandled_request=False)
    configure(app)
    return app
