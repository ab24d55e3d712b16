"""`/api/*`: from an HTTP request to a method and back, with keys, scopes, rate limits and faults on the way.

Also `response_url`s and the two plain endpoints that file uploads use.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from bot.workspace import posting
from bot.workspace.errors import SlackError
from bot.workspace.faults import Fault, Faults
from bot.workspace.methods import METHODS, AnyMethod, Call
from bot.workspace.methods.base import missing_scope
from bot.workspace.methods.files import FILE_BYTES
from bot.workspace.model import App, Json
from bot.workspace.ratelimits import RateLimits
from bot.workspace.recorder import Entry, Recorder
from bot.workspace.sockets import Sockets
from bot.workspace.state import State


class LostAnswer(Response):
    """Closes the connection in the middle of an answer: the caller cannot know what happened."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


@dataclass(slots=True)
class WebApi:
    """The Web API of one workspace."""

    state: State
    sockets: Sockets
    faults: Faults
    recorder: Recorder
    limits: RateLimits
    base_url: str
    rate_limits: bool

    async def handle(self, request: Request) -> Response:
        """Answer one call: faults first, then the method, then what a fault does to the answer."""
        name = request.path_params["method"]
        try:
            arguments = await _arguments(request)
        except SlackError as error:
            return _json(error.answer())
        token = _token(request, arguments)
        app = self.state.app_by_token(token)
        entry = self.recorder.begin(self.state.now(), "call", app.id if app else "", name, arguments)
        fault = self.faults.take_for_call(name)
        entry.fault = fault.kind if fault else ""
        response = await self._respond(name, arguments, token, app, entry, fault)
        entry.outcome = "ok" if isinstance(entry.answer, dict) and entry.answer.get("ok") else "refused"
        self.recorder.finish(entry, self.state.now())
        return response

    async def _respond(
        self, name: str, arguments: Json, token: str, app: App | None, entry: Entry, fault: Fault | None
    ) -> Response:
        if fault and fault.kind == "rate_limited":
            return self._recorded(entry, _rate_limited(int(fault.seconds)), METHODS.get(name), app)
        if fault and fault.kind == "api_error":
            return self._recorded(entry, SlackError(fault.error), METHODS.get(name), app)
        if fault and fault.kind in ("http_error", "drop") and not fault.applied:
            return self._lost(entry, fault)
        response = self._call(name, arguments, token, app, entry)
        if fault and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault and fault.kind in ("http_error", "drop"):
            return self._lost(entry, fault)
        return response

    def _lost(self, entry: Entry, fault: Fault) -> Response:
        if fault.kind == "drop":
            return LostAnswer()
        entry.status = fault.status
        return PlainTextResponse("upstream request failed", status_code=fault.status)

    def _call(self, name: str, arguments: Json, token: str, app: App | None, entry: Entry) -> Response:
        method = METHODS.get(name)
        try:
            if method is None:
                raise SlackError("unknown_method", fields={"req_method": name})
            app = self._allowed(method, token, app)
            if self.rate_limits and (
                seconds := self.limits.wait(
                    app.id, method, str(arguments.get("channel", "")), self.state.now()
                )
            ):
                raise _rate_limited(seconds)
            call = Call(self.state, app, self.sockets, self.base_url)
            answer = {"ok": True, **method.run(call, _checked(method, arguments))}
        except SlackError as error:
            return self._recorded(entry, error, method, app)
        entry.answer, entry.status = answer, 200
        return _json(answer, headers=_scope_headers(method, app))

    def _recorded(
        self, entry: Entry, error: SlackError, method: AnyMethod | None, app: App | None
    ) -> Response:
        entry.answer, entry.status = error.answer(), error.status
        headers = {**_scope_headers(method, app), **error.headers}
        return _json(entry.answer, status=error.status, headers=headers)

    def _allowed(self, method: AnyMethod, token: str, app: App | None) -> App:
        """The app behind the token, if this kind of token with its scopes may call the method."""
        if method.key == "none":
            return app or next(iter(self.state.apps.values()))
        if not token:
            raise SlackError("not_authed")
        if token == self.state.config_token:
            if method.key != "config":
                raise SlackError("not_allowed_token_type")
            return next(iter(self.state.apps.values()))
        if app is None:
            raise SlackError("invalid_auth")
        kind = "app" if token == app.app_token else "bot"
        if kind != method.key:
            raise SlackError("not_allowed_token_type")
        if not app.installed:
            raise SlackError("account_inactive")
        granted = app.app_scopes if kind == "app" else app.scopes
        if method.scopes and not granted.intersection(method.scopes):
            raise missing_scope(method.scopes, granted)
        return app

    async def response_url(self, request: Request) -> Response:
        """Take what an app says through a `response_url`."""
        url = self.state.response_urls.get(request.path_params["key"])
        raw = await request.body()
        entry = self.recorder.begin(
            self.state.now(), "response_url", url.app_id if url else "", "response_url", {}
        )
        try:
            body = orjson.loads(raw)
            entry.request = body
            if not isinstance(body, dict):
                raise SlackError("invalid_payload", status=400)
            if url is None:
                raise SlackError("no_such_url", status=404)
            if self.state.now() - url.issued_at > self.state.settings.response_url_seconds:
                raise SlackError("expired_url", status=404)
            if url.uses >= self.state.settings.response_url_uses:
                raise SlackError("used_url", status=404)
            url.uses += 1
            channel = self.state.channels[url.channel]
            posting.respond(self.state, self.state.apps[url.app_id], channel, url.user, body, ts=url.ts)
        except orjson.JSONDecodeError:
            return self._refused(entry, "invalid_payload", 400)
        except SlackError as error:
            return self._refused(entry, error.error, error.status if error.status != 200 else 400)
        entry.answer, entry.status, entry.outcome = "ok", 200, "ok"
        self.recorder.finish(entry, self.state.now())
        return PlainTextResponse("ok")

    def _refused(self, entry: Entry, error: str, status: int) -> Response:
        entry.answer, entry.status, entry.outcome = error, status, "refused"
        self.recorder.finish(entry, self.state.now())
        return PlainTextResponse(error, status_code=status)

    async def upload(self, request: Request) -> Response:
        """Take the bytes of a file whose upload URL was issued before."""
        known = self.state.files.get(request.path_params["file"])
        if known is None:
            return PlainTextResponse("no such upload", status_code=404)
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > FILE_BYTES:
                return PlainTextResponse("too large", status_code=413)
        known["content"], known["size"] = bytes(content), len(content)
        return PlainTextResponse(f"OK - {len(content)}")

    async def download(self, request: Request) -> Response:
        """Give a file back, as a download and never as something a browser would run."""
        known = self.state.files.get(request.path_params["file"])
        if known is None or "content" not in known:
            return PlainTextResponse("no such file", status_code=404)
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(known["content"], media_type="application/octet-stream", headers=headers)


def _json(body: Json, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(body), status_code=status, media_type="application/json; charset=utf-8", headers=headers
    )


def _rate_limited(seconds: int) -> SlackError:
    return SlackError("ratelimited", status=429, headers={"Retry-After": str(max(1, seconds))})


def _scope_headers(method: AnyMethod | None, app: App | None) -> dict[str, str]:
    if method is None or app is None:
        return {}
    granted = app.app_scopes if method.key == "app" else app.scopes
    return {
        "x-oauth-scopes": ",".join(sorted(granted)),
        "x-accepted-oauth-scopes": ",".join(method.scopes),
        "x-content-type-options": "nosniff",
    }


def _token(request: Request, arguments: Json) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = str(arguments.pop("token", ""))
    return token.strip() if scheme.lower() == "bearer" else given


async def _arguments(request: Request) -> Json:
    """The arguments of a call, from JSON, a form or the query, in Slack's order of precedence."""
    arguments: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        raw = await request.body()
        try:
            body = orjson.loads(raw) if raw.strip() else {}
        except orjson.JSONDecodeError as error:
            raise SlackError("invalid_json") from error
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        return arguments | body
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        async with request.form() as form:
            arguments |= {key: value for key, value in form.items() if not isinstance(value, UploadFile)}
        return arguments
    if kind and await request.body():
        raise SlackError("invalid_post_type")
    return arguments


_STRUCTURES = {
    "blocks": "invalid_blocks_format",
    "attachments": "invalid_attachments",
    "metadata": "invalid_metadata_format",
}


def _checked(method: AnyMethod, arguments: Json) -> Any:
    """The arguments as the method's model, or Slack's refusal."""
    try:
        return method.args.model_validate(
            {key: value for key, value in arguments.items() if value is not None}
        )
    except ValidationError as error:
        messages = []
        for each in error.errors(include_input=False, include_url=False, include_context=False):
            field = str(each["loc"][0]) if each["loc"] else ""
            if field in _STRUCTURES:
                raise SlackError(_STRUCTURES[field]) from error
            pointer = "".join(f"/{part}" for part in each["loc"])
            missing = each["type"] == "missing"
            sentence = f"missing required field: {field}" if missing else each["msg"]
            messages.append(sentence if missing else f"{sentence} [json-pointer:{pointer}]")
        raise SlackError("invalid_arguments", messages=tuple(messages)) from error
