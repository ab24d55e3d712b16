"""How a payload reaches an app and what comes back: Socket Mode or signed HTTP, three seconds, faults,
retries.

`deliver` sends one payload once and says how it was received; `event` sends an event in the background,
again and again as Slack does, until it is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
import orjson

from bot.workspace.faults import Fault, Faults
from bot.workspace.model import App, Json
from bot.workspace.recorder import Entry, Recorder
from bot.workspace.signing import signed_headers
from bot.workspace.sockets import Sockets
from bot.workspace.state import State

DeliveryKind = Literal["slash_commands", "interactive", "events_api"]
TIMEOUT, FAILED = "operation_timeout", "dispatch_failed"


@dataclass(frozen=True, slots=True)
class Ack:
    """How an app took a delivery: `reason` is "ok" or why it failed, `body` what the app answered."""

    reason: str
    body: Json = field(default_factory=dict)
    status: int = 0
    no_retry: bool = False

    @property
    def ok(self) -> bool:
        return self.reason == "ok"


class Deliveries:
    """Sends payloads to apps. `open` before use and `close` afterwards, on the loop that owns the state."""

    def __init__(self, state: State, sockets: Sockets, faults: Faults, recorder: Recorder) -> None:
        self._state, self._sockets, self._faults, self._recorder = state, sockets, faults, recorder
        self._tasks: set[asyncio.Task[Any]] = set()
        self._held: list[asyncio.Future[None]] = []
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._http = aiohttp.ClientSession(auto_decompress=True, trust_env=False)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` in the background until it ends or the workspace stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def event(self, app: App, payload: Json) -> None:
        """Deliver an event in the background, with retries."""
        self.run(self._event(app, payload))

    async def _event(self, app: App, payload: Json) -> None:
        reason = ""
        for attempt, pause in enumerate((0.0, *self._state.settings.retry_seconds)):
            await asyncio.sleep(pause)
            ack = await self.deliver(app, "events_api", payload, attempt=attempt, retry_reason=reason)
            if ack.ok or ack.no_retry:
                return
            reason = (
                "timeout" if ack.reason == TIMEOUT else "http_error" if ack.status else "connection_failed"
            )

    async def deliver(
        self, app: App, kind: DeliveryKind, payload: Json, *, attempt: int = 0, retry_reason: str = ""
    ) -> Ack:
        """Send one payload and wait for its acknowledgement, at most `ack_seconds`."""
        entry = self._recorder.begin(self._state.now(), "delivery", app.id, kind, payload)
        entry.transport, entry.attempt = app.transport, attempt
        fault = self._faults.take_for_delivery(kind)
        entry.fault = fault.kind if fault else ""
        ack = await self._faulty(app, kind, payload, entry, fault, retry_reason)
        entry.outcome, entry.answer, entry.status = ack.reason, ack.body, ack.status
        self._recorder.finish(entry, self._state.now())
        return ack

    async def _faulty(
        self,
        app: App,
        kind: DeliveryKind,
        payload: Json,
        entry: Entry,
        fault: Fault | None,
        retry_reason: str,
    ) -> Ack:
        async def send(*, secret: str = "", age: float = 0.0) -> Ack:
            return await self._send(app, kind, payload, entry.attempt, retry_reason, secret=secret, age=age)

        match fault.kind if fault else "":
            case "lose":
                await asyncio.sleep(self._state.settings.ack_seconds)
                return Ack(TIMEOUT)
            case "stall_ack":
                await asyncio.gather(send(), asyncio.sleep(self._state.settings.ack_seconds))
                return Ack(TIMEOUT)
            case "duplicate":
                assert fault is not None
                answers = await asyncio.gather(*(send() for _ in range(fault.copies)))
                return next((ack for ack in answers if ack.ok), answers[0])
            case "reorder":
                assert fault is not None
                await self._hold(fault.copies, fault.seconds)
            case "expired_trigger":
                if trigger := self._state.triggers.get(payload.get("trigger_id", "")):
                    trigger.issued_at -= self._state.settings.trigger_seconds + 1
            case "forged":
                return await send(secret=self._state.mint_key())
            case "stale":
                assert fault is not None
                return await send(age=fault.seconds)
        return await send()

    async def _hold(self, count: int, seconds: float) -> None:
        """Wait until `count` deliveries are held or `seconds` passed, then go on, last first."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held.append(turn)
        if len(self._held) >= count:
            self._release()
        else:
            self.run(self._release_after(seconds, turn))
        await turn

    async def _release_after(self, seconds: float, turn: asyncio.Future[None]) -> None:
        await asyncio.wait({turn}, timeout=seconds)
        if not turn.done():
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for turn in reversed(held):
            turn.set_result(None)

    async def _send(
        self,
        app: App,
        kind: DeliveryKind,
        payload: Json,
        attempt: int,
        retry_reason: str,
        *,
        secret: str,
        age: float,
    ) -> Ack:
        if app.transport == "http":
            return await self._post(app, kind, payload, attempt, retry_reason, secret=secret, age=age)
        connection = self._sockets.next_connection(app.id)
        if connection is None:
            return Ack(FAILED)
        envelope: Json = {
            "envelope_id": self._state.mint_key(),
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": retry_reason}
        answer = await self._sockets.send(connection, envelope, self._state.settings.ack_seconds)
        if answer is None:
            return Ack(TIMEOUT)
        body = answer.get("payload")
        return Ack("ok", body if isinstance(body, dict) else {})

    async def _post(
        self,
        app: App,
        kind: DeliveryKind,
        payload: Json,
        attempt: int,
        retry_reason: str,
        *,
        secret: str,
        age: float,
    ) -> Ack:
        content_type, body = encode(kind, payload)
        stamp = int(self._state.now() - age)
        headers = signed_headers(secret or app.signing_secret, stamp, body, content_type)
        if attempt:
            reason = "http_timeout" if retry_reason == "timeout" else retry_reason
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
        return await self._exchange(app, body, headers)

    async def _exchange(self, app: App, body: bytes, headers: dict[str, str]) -> Ack:
        assert self._http is not None, "opened with the workspace"
        limit = aiohttp.ClientTimeout(total=self._state.settings.ack_seconds)
        try:
            async with self._http.post(
                app.request_url, data=body, headers=headers, timeout=limit
            ) as response:
                raw = await response.read()
                no_retry = response.headers.get("X-Slack-No-Retry") == "1"
                if response.status != 200:
                    return Ack("dispatch_unknown_error", status=response.status, no_retry=no_retry)
                return Ack("ok", decode(raw), 200)
        except TimeoutError:
            return Ack(TIMEOUT)
        except (aiohttp.ClientError, ValueError):
            return Ack(FAILED)

    async def resend(self, app: App, entry: Entry, *, age: float = 0.0) -> Ack:
        """Deliver a recorded payload again; `age` in seconds makes an HTTP signature that old."""
        kinds: dict[str, DeliveryKind] = {
            "slash_commands": "slash_commands",
            "interactive": "interactive",
            "events_api": "events_api",
        }
        again = self._recorder.begin(self._state.now(), "delivery", app.id, entry.name, entry.request)
        again.transport, again.attempt, again.fault = (
            app.transport,
            entry.attempt,
            f"replay of {entry.number}",
        )
        ack = await self._send(app, kinds[entry.name], entry.request, entry.attempt, "", secret="", age=age)
        again.outcome, again.answer, again.status = ack.reason, ack.body, ack.status
        self._recorder.finish(again, self._state.now())
        return ack

    async def verify_url(self, app: App) -> bool:
        """Ask the app's request URL to echo a challenge, as Slack does before it uses it."""
        challenge = self._state.mint_key()
        question = {"type": "url_verification", "token": app.verification_token, "challenge": challenge}
        body = orjson.dumps(question)
        headers = signed_headers(app.signing_secret, int(self._state.now()), body, "application/json")
        ack = await self._exchange(app, body, headers)
        return ack.ok and challenge in (ack.body.get("challenge"), ack.body.get("text"))


def encode(kind: DeliveryKind, payload: Json) -> tuple[str, bytes]:
    """Content type and body of a delivery over HTTP.

    >>> encode("slash_commands", {"command": "/incident", "is_enterprise_install": False})[1]
    b'command=%2Fincident&is_enterprise_install=false'
    """
    if kind == "events_api":
        return "application/json", orjson.dumps(payload)
    form = {"payload": orjson.dumps(payload).decode()} if kind == "interactive" else payload
    words = {key: str(value).lower() if isinstance(value, bool) else value for key, value in form.items()}
    return "application/x-www-form-urlencoded", urlencode(words).encode()


def decode(raw: bytes) -> Json:
    """An app's answer: JSON, or plain text as `{"text": ...}`; empty for an empty body.

    >>> decode(b''), decode(b'hello'), decode(b'{"response_action": "clear"}')
    ({}, {'text': 'hello'}, {'response_action': 'clear'})
    """
    if not raw.strip():
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {"text": raw.decode("utf-8", "replace")}
    return body if isinstance(body, dict) else {"text": raw.decode("utf-8", "replace")}
