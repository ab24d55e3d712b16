"""The HTTP transport: a loopback listener that lets only signed requests through to the Bolt app, each once."""

from __future__ import annotations

import threading

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette import SlackRequestHandler
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.slack.errors import BadSignature
from bot.slack.settings import SlackSettings
from bot.slack.signed import check_signature
from command_center.center import CommandCenter
from models.clock import Clock
from storage.database import Database

MAX_BODY = 1 << 20


class SignedHttp:
    """Listens on `settings.http_host:http_port` for `POST /slack/events` until `stop`."""

    def __init__(
        self,
        app: App,
        database: Database,
        center: CommandCenter,
        settings: SlackSettings,
        secret: str,
        clock: Clock,
    ) -> None:
        self._handler, self._secret, self._clock = SlackRequestHandler(app), secret, clock
        self._database, self._center = database, center
        routes = [Route("/slack/events", self._take, methods=["POST"])]
        config = uvicorn.Config(
            Starlette(routes=routes),
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="slack-http", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        try:
            if len(body) > MAX_BODY:
                raise BadSignature("the request is larger than Slack's are", hint=BadSignature.remedy)
            signature = check_signature(dict(request.headers), body, self._secret, self._clock())
            if not await run_in_threadpool(lambda: self._database.write(lambda tx: tx.first_time(signature))):
                raise BadSignature("the request has been taken already", hint=BadSignature.remedy)
        except BadSignature as error:
            reason = error.code
            await run_in_threadpool(lambda: self._center.refuse("slack-http", reason, "unknown"))
            return PlainTextResponse("", status_code=401)
        return await self._handler.handle(request)
