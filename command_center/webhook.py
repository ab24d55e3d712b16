"""`POST /v1/changes`: pipelines tell what they changed.

A call carries a bearer token; the configuration knows its SHA-256 and whose it is. The body is one JSON
object:

    {"change_id": "build-812", "service": "billing", "kind": "deploy", "version": "3.8.0",
     "at": "2026-03-02T03:00:00Z", "note": "new invoice layout"}

`change_id`, `at` and `note` may be left out; with a `change_id` a repeated call records nothing anew. Names,
ids and texts pass the gate before anything else sees them, and an answer repeats nothing of what was sent but
the `change_id`, which stands in the records as a token if it is more than words and a small number.

| status | meaning |
|---|---|
| 201 / 200 | recorded / was recorded already |
| 400, 408 | the body is not packed as its header says, or is cut off; it did not arrive in time |
| 401 | no token, or none that is known (recorded in the audit trail) |
| 403 | the token's owner may not record changes |
| 404, 405 | another path, another method |
| 413, 415, 422 | the body is too large, is not JSON, or does not fit; `fields` names what is wrong |
| 429 | too many calls for this token, or refusals for this address; `Retry-After` says how long to wait |
| 503 | the command center cannot record just now; try again |

It listens on loopback only; a proxy with TLS goes in front of it for calls from elsewhere. How many connections it
holds is bounded, see `connections.py`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from command_center.access.operators import Directory, Operator
from command_center.actions import RecordChange
from command_center.center import CommandCenter
from command_center.connections import Connections
from command_center.outcome import Outcome
from command_center.settings import WebhookSettings
from models.clock import Clock
from models.errors import BadInput, Guarded, MaydayError
from models.sanitizer.gate import Gate
from storage.records import ChangeMarkerKind

PATH = "/v1/changes"
ADDRESSES = 1024  # addresses and tokens whose calls are counted; the longest unseen is forgotten first
BODY_S, HEAD_S = 30.0, 10.0  # seconds that a body, and a head on an open connection, may take
_KNOWN = frozenset({"change_id", "service", "kind", "version", "at", "note"})
_log = logging.getLogger(__name__)


def _says_something(text: str) -> str:
    """Refuse what nobody could read: spaces, control characters and marks that are not shown."""
    if not any(each.isprintable() and not each.isspace() for each in text):
        raise ValueError("nothing in it can be read")
    return text


_Word = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_says_something)]


class ChangeCall(BaseModel):
    """The body as it is sent: plain text that has not passed the gate yet."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    change_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")
    service: _Word
    kind: ChangeMarkerKind
    version: _Word
    at: AwareDatetime | None = None
    note: Annotated[str, Field(max_length=2000)] | None = None


class Bearers:
    """Whose a bearer token is. Knows hashes only; every comparison takes the same time."""

    def __init__(self, tokens: Mapping[str, str], directory: Directory) -> None:
        self._owners: list[tuple[bytes, Operator]] = []
        for operator_id, digest in tokens.items():
            operator = directory.by_id(operator_id)
            if operator is None:
                raise BadInput(
                    "a webhook token belongs to nobody in the directory",
                    hint="Use the id of an operator with the role automation in [center.webhook.tokens]",
                )
            self._owners.append((bytes.fromhex(digest), operator))

    def owner(self, header: str | None) -> Operator | None:
        """Return the owner of the token in an `Authorization` header, or None."""
        scheme, _, token = (header or "").partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).digest()
        found: Operator | None = None
        for known, operator in self._owners:
            if hmac.compare_digest(known, digest):
                found = operator
        return found if scheme.lower() == "bearer" else None


class Meter:
    """Counts calls per caller and lets `per_minute` of them pass, with as many at once (a leaky bucket)."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._limit, self._clock = float(per_minute), clock
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, caller: str) -> int:
        """Count one call; returns 0 if it may pass, else the seconds until the next one may."""
        with self._lock:
            now = self._clock()
            level, last = self._levels.pop(caller, (0.0, now))
            level = max(0.0, level - max(0.0, (now - last).total_seconds()) * self._limit / 60)
            passes = level + 1 <= self._limit
            self._levels[caller] = (level + 1 if passes else level, now)
            if len(self._levels) > ADDRESSES:
                self._levels.popitem(last=False)
            return 0 if passes else max(1, round((level + 1 - self._limit) * 60 / self._limit))


class ChangeWebhook:
    """The endpoint; `app()` is started by the process that owns the command center."""

    def __init__(
        self,
        center: CommandCenter,
        gate: Gate,
        directory: Directory,
        settings: WebhookSettings,
        clock: Clock,
    ) -> None:
        self._center, self._gate, self._settings = center, gate, settings
        self._bearers = Bearers(settings.tokens, directory)
        self._calls = Meter(settings.per_minute, clock)
        self._refusals = Meter(settings.per_minute, clock)
        self.connections = Connections()

    def app(self) -> web.Application:
        """Return the application; its body limit is that of the settings."""
        app = web.Application(client_max_size=self._settings.max_bytes)
        app.router.add_post(PATH, self._record)
        return app

    async def _record(self, request: web.Request) -> web.Response:
        operator = self._bearers.owner(request.headers.get("Authorization"))
        if operator is None:
            with self.connections.serving(request):
                return await self._stranger(request.remote or "unknown")
        if seconds := self._calls.wait(operator.id):
            return _too_many(seconds)
        if request.content_type != "application/json":
            return _answer(415, "not_json", "Send JSON, with the header Content-Type: application/json.")
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
            call = ChangeCall.model_validate_json(body)
        except web.HTTPRequestEntityTooLarge:
            return _answer(413, "too_large", f"A change takes at most {self._settings.max_bytes} bytes.")
        except (web.RequestPayloadError, ConnectionError):  # of the latter nobody is told: it is gone
            return _answer(
                400, "bad_body", "The body is not packed as its Content-Encoding says, or is cut off."
            )
        except TimeoutError:
            return _answer(408, "too_slow", f"The body did not arrive within {BODY_S:.0f} s.")
        except ValidationError as error:
            return _unfit(error)
        try:
            with self.connections.serving(request):
                outcome = await asyncio.to_thread(self._carry_out, call, operator)
        except MaydayError as error:
            _log.error(
                "a change was not recorded: %s", Guarded.from_foreign(error, doing="recording a change")
            )
            return _answer(503, error.code, "It could not be recorded just now. Try again in a few seconds.")
        message = str(outcome.message)
        if not outcome.ok:
            refused = any(reason.startswith("needs_") for reason in outcome.reasons)
            return _answer(403 if refused else 422, outcome.reasons[0], message)
        assert outcome.marker is not None
        fresh = "already_done" not in outcome.reasons
        told = {"change_id": call.change_id or outcome.marker.id, "recorded": fresh, "message": message}
        return web.json_response(told, status=201 if fresh else 200)

    def _carry_out(self, call: ChangeCall, operator: Operator) -> Outcome:
        action = RecordChange(
            change_id=None if call.change_id is None else self._gate.name(call.change_id, "tag"),
            service=self._gate.name(call.service),
            kind=call.kind,
            version=self._gate.text(call.version),
            at=call.at,
            note=None if call.note is None else self._gate.text(call.note),
        )
        return self._center.perform(action, operator, cause="webhook")

    async def _stranger(self, address: str) -> web.Response:
        """Refuse a call without a known token; what comes too often is not written down each time."""
        if seconds := self._refusals.wait(address):
            return _too_many(seconds)
        await asyncio.to_thread(self._center.refuse, "webhook", "unknown_token", f"ip:{address}")
        response = _answer(401, "unknown_token", "Send a known token in the header Authorization: Bearer ...")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response


def _answer(status: int, code: str, message: str, **more: object) -> web.Response:
    return web.json_response({"error": code, "message": message, **more}, status=status)


def _too_many(seconds: int) -> web.Response:
    response = _answer(429, "too_many", f"Too many calls. Wait {seconds} s.")
    response.headers["Retry-After"] = str(seconds)
    return response


def _unfit(error: ValidationError) -> web.Response:
    """Say which fields do not fit, by our own names for them: what was sent is never repeated."""
    faults = error.errors(include_input=False, include_context=False, include_url=False)
    fields = sorted({str(fault["loc"][0]) for fault in faults if fault["loc"]} & _KNOWN)
    if any(fault["type"] == "json_invalid" for fault in faults):
        return _answer(422, "bad_input", "The body is not one JSON object.", fields=[])
    unknown = any(fault["type"] == "extra_forbidden" for fault in faults)
    parts = ([f"Missing or wrong: {', '.join(fields)}."] if fields else []) + (
        [f"Only these fields are known: {', '.join(sorted(_KNOWN))}."] if unknown else []
    )
    return _answer(422, "bad_input", " ".join(parts) or "The body is not one JSON object.", fields=fields)


def parse_listen(listen: str) -> tuple[str, int]:
    """Return host and port of an address as the settings hold it.

    >>> parse_listen("127.0.0.1:8095"), parse_listen("[::1]:0")
    (('127.0.0.1', 8095), ('::1', 0))
    """
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


class WebhookServer:
    """Serves a `ChangeWebhook` in a thread of its own between `start` and `stop`."""

    def __init__(self, webhook: ChangeWebhook, listen: str) -> None:
        self._webhook, self._listen = webhook, listen
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="mayday-webhook", daemon=True)
        self.port = 0

    def start(self) -> None:
        """Listen; `port` is then the port taken. Raises `BadInput` if the address cannot be had."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise BadInput(
                "the webhook's address cannot be listened on",
                hint="Choose another port in center.webhook.listen, or stop what holds it",
            )

    def stop(self) -> None:
        """Answer what is under way, then stop listening."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(
            self._webhook.app(), access_log=None, shutdown_timeout=5.0, keepalive_timeout=HEAD_S
        )
        await runner.setup()
        try:
            host, port = parse_listen(self._listen)
            assert runner.server is not None
            connect = self._webhook.connections.bounded(runner.server)
            try:
                listening = await self._loop.create_server(connect, host, port)
            except OSError as error:
                self._failure = error
                return
            self.port = int(listening.sockets[0].getsockname()[1])
            self._ready.set()
            await self._stop.wait()
            listening.close()
        finally:
            await runner.cleanup()
