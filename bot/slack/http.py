"""The HTTP transport: a loopback listener that lets only signed requests through to the Bolt app, each once.

A TLS proxy stands in front of it. Whatever is not signed, too old or taken before is answered with 401 and leaves an
audit entry; requests larger than Slack's are cut off while they are read.
"""

from __future__ import annotations

import socket
import threading

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.slack.errors import BadSignature, CannotListen
from bot.slack.settings import SlackSettings
from bot.slack.signed import check_signature
from command_center.center import CommandCenter
from models.clock import Clock
from storage.database import Database

PATH = "/slack/events"
MAX_BODY = 1 << 20  # bytes


class SignedHttp:
    """Listens on `settings.http_host:http_port` for `POST /slack/events` from `start` until `stop`."""

    def __init__(
        self,
        app: App,
        database: Database,
        center: CommandCenter,
        settings: SlackSettings,
        secret: str,
        clock: Clock,
    ) -> None:
        self._app, self._secret, self._clock = app, secret, clock
        self._database, self._center = database, center
        try:
            self._socket = socket.create_server((settings.http_host, settings.http_port))
        except OSError as error:
            raise CannotListen(
                f"port {settings.http_port} cannot be listened on ({type(error).__name__})",
                hint="Something else may use it; choose another with slack.http_port",
            ) from None
        config = uvicorn.Config(
            Starlette(routes=[Route(PATH, self._take, methods=["POST"])]),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="slack-http", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}{PATH}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    async def _take(self, request: Request) -> Response:
        try:
            body = await self._body(request)
            signature = check_signature(dict(request.headers), body, self._secret, self._clock())
            if not await run_in_threadpool(self._is_first, signature):
                raise BadSignature("the request has been taken already", hint=BadSignature.remedy)
        except BadSignature as error:
            reason = error.reason
            await run_in_threadpool(lambda: self._center.refuse("slack-http", reason, "unknown"))
            return PlainTextResponse("", status_code=401)
        try:
            taken = to_bolt_request(request, body)
        except ValueError:  # signed, and yet not what Slack sends
            await run_in_threadpool(lambda: self._center.refuse("slack-http", "bad_interaction", "unknown"))
            return PlainTextResponse("", status_code=400)
        return to_starlette_response(await run_in_threadpool(self._app.dispatch, taken))

    def _is_first(self, signature: str) -> bool:
        return self._database.write(lambda tx: tx.first_time(f"slack-signature|{signature}"))

    async def _body(self, request: Request) -> bytes:
        parts, size = [], 0
        async for part in request.stream():
            parts.append(part)
            if (size := size + len(part)) > MAX_BODY:
                raise BadSignature(
                    "the request is larger than Slack's are", hint=BadSignature.remedy, reason="too_large"
                )
        return b"".join(parts)
