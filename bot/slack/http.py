"""The HTTP transport: a loopback listener that lets only signed requests through to the Bolt app, each once.

A TLS proxy stands in front of it. Whatever is not signed, too old or taken before is answered with 401, what is signed
and yet not what Slack sends with 400, and both are in the audit trail (of one kind and minute the first at once, the
others as a number). Requests larger than Slack's are cut off while they are read, those whose body does not come within
`PATIENCE` seconds are answered with 408; see `connections.py` for what bounds the rest.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.slack.connections import CONNECTIONS, BoundedConnection
from bot.slack.errors import BadSignature, CannotListen
from bot.slack.settings import SlackSettings
from bot.slack.signed import check_signature
from command_center.center import CommandCenter
from models.clock import Clock
from models.sanitizer.guard import described
from storage.database import Database

PATH = "/slack/events"
MAX_BODY = 1 << 20  # bytes
PATIENCE = 5  # seconds for a head, and again for a body
QUIET = 60.0  # seconds between two log lines about connections that cannot be accepted
LOG = logging.getLogger(__name__)
# Bolt reads bodies without looking at their shape first; what our own listeners raise never leaves it (`app.error`)
ODD = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


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
        *,
        patience: int = PATIENCE,
    ) -> None:
        self._patience, self._troubled = patience, -QUIET
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
            http=BoundedConnection,
            ws="none",
            log_config=None,
            log_level="error",  # its warnings come once per bad request
            access_log=False,
            backlog=CONNECTIONS,
            limit_concurrency=CONNECTIONS + 1,  # more are open only when all are being served
            timeout_keep_alive=patience,
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
        self._center.settle_refusals()

    def _serve(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._complain)
        await self._server.serve(sockets=[self._socket])

    def _complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what the loop cannot do, such as to accept a connection without a free file, and not each time."""
        if loop.time() - self._troubled >= QUIET:
            self._troubled = loop.time()
            error = context.get("exception")
            LOG.error("a connection failed: %s", "no reason given" if error is None else described(error))

    async def _take(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(self._patience):
                body = await self._body(request)
            signature = check_signature(dict(request.headers), body, self._secret, self._clock())
            if not await run_in_threadpool(self._is_first, signature):
                raise BadSignature("the request has been taken already", hint=BadSignature.remedy)
        except BadSignature as error:
            return await self._refuse(error.reason, 401)
        except TimeoutError:
            return await self._refuse("too_slow", 408)
        except ClientDisconnect:  # nobody is left to answer
            return PlainTextResponse("", status_code=400)
        try:
            taken = to_bolt_request(request, body)
            return to_starlette_response(await run_in_threadpool(self._app.dispatch, taken))
        except ODD as error:  # signed, and yet not what Slack sends
            LOG.warning("a signed request is not what Slack sends: %s", described(error))
            return await self._refuse("bad_interaction", 400)

    async def _refuse(self, reason: str, status: int) -> Response:
        await run_in_threadpool(self._center.refuse_unknown, "slack-http", reason)
        headers = {"Connection": "close"} if status == 408 else None
        return PlainTextResponse("", status_code=status, headers=headers)

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
