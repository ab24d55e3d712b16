"""The HTTP receiver: bodies of log records and OTLP/HTTP logs, stored as they come.

Nothing is unpacked here: body, content type and encoding go into the spool, and decoding happens behind it. 200 is answered
only once the body is durable. "Not now" (no room, stopping, the spool failed) is 503, which agents retry; what is never
taken (`http_admission.py`, and bytes that are no HTTP) is a 4xx. A refused request's body is read to its end and
dropped, so that the answer arrives; so is what follows the last request of a connection.

Until a connection has sent the head of a request with the right path, method and token, it is a stranger's: it has
`handshake_seconds` for that in all, because every open connection takes a place from the others.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final

import h11

from models.sanitizer.safe_text import phrase
from stream.decode.entry import JSON, PROTOBUF, media_type
from stream.receivers.address import Address
from stream.receivers.http_admission import Admission, Admitted, Client, Refusal, Token
from stream.receivers.intake import Intake
from stream.receivers.link import Link
from stream.receivers.server import LinkServer
from stream.receivers.settings import ReceiveSettings
from stream.spool import Entry, Kind, Stored

_HEAD_BYTES: Final = 16 * 1024
_DRAIN_SECONDS: Final = 5.0
_WHOLE: Final = (h11.DONE, h11.MUST_CLOSE)
_OVER: Final = (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)
_NOT_HTTP: Final = phrase("what it sent is no HTTP (is its output `http`, and TLS on or off on both sides?)")
_NAMES: Final = {"http": phrase("http"), "otlp": phrase("otlp")}
OTLP_PATH: Final = "/v1/logs"
AT_ONCE: Final = 192
"""Heads, pieces and ends of bodies of one connection that one step of the event loop takes: 64 small requests."""


class HttpLink(Link):
    """One HTTP/1.1 connection; `admission` says which requests are taken."""

    kind = phrase("http")

    def __init__(
        self,
        intake: Intake,
        settings: ReceiveSettings,
        links: set[Link],
        scratch: bytearray,
        admission: Admission,
        waits_for_room: bool,
    ) -> None:
        super().__init__(intake, settings, links, scratch)
        self.waits_for_room = waits_for_room
        self._admission = admission
        self._stranger_until: float | None = 0.0  # on the event loop's clock; None: it is known
        self._http = self._fresh()
        self._body = bytearray()
        self._request: Admitted | None = None
        self._stopping = self._broken = False
        self._looking = False  # what was read is being taken, in `_events`
        self._due = False  # a turn for what was read already is to come
        self._head_only = False  # the request is a HEAD: its answer has no body

    @staticmethod
    def _fresh() -> h11.Connection:
        return h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)

    def opened(self) -> None:
        self._stranger_until = asyncio.get_running_loop().time() + self._settings.handshake_seconds
        self._wait()

    def _wait(self) -> None:
        """Wait for the next request: of a stranger as long as is left of its time."""
        if self._stranger_until is None:
            self.limit_time(self._settings.idle_seconds, "idle")
        else:
            self.limit_time(self._left_to_strangers(), "stranger")

    def _left_to_strangers(self) -> float:
        if self._stranger_until is None:
            return self._settings.handshake_seconds
        return max(0.0, self._stranger_until - asyncio.get_running_loop().time())

    def received(self, data: memoryview) -> None:
        if self._broken or self._http.their_state in _OVER:
            return  # read to its end and dropped
        if self._http.our_state is h11.IDLE and self._http.their_state is h11.IDLE and self._limit_is_idle():
            self.limit_time(self._left_to_strangers(), "head")
        try:
            self._http.receive_data(bytes(data))
            self._events()
        except h11.RemoteProtocolError as error:
            self._no_http(error.error_status_hint)

    def _limit_is_idle(self) -> bool:
        return self._limit is None or self._limit[1] in ("idle", "stranger")

    def _events(self) -> None:
        self._looking = True
        try:
            for _ in range(AT_ONCE):
                if not self.open or self._http.their_state in _OVER:
                    return
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                self._take(event)
        finally:
            self._looking = False
        self.want(False)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._due = False
        if self.open and not self._broken and not self._busy:
            self.want(not self._stopping)
            self._carry_on()

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Request):
            self._begin(event)
        elif isinstance(event, h11.Data):
            self._more(event.data)
        elif isinstance(event, h11.EndOfMessage):
            self._whole()
        elif isinstance(event, h11.ConnectionClosed):
            self.close()

    # -- one request ------------------------------------------------------------------------------------------

    def _begin(self, request: h11.Request) -> None:
        self.limit_time(self._settings.message_seconds, "message")
        self._head_only = request.method == b"HEAD"
        headers = {name.decode("latin-1"): _text(value) for name, value in request.headers}
        try:
            agent = self._admission.agent_of(request, headers, Client(self.address, self.certificate))
            self._stranger_until = None
            self._request = self._admission.admit(request, headers, agent)
        except Refusal as refusal:
            self._request = None
            self._answer(refusal.status, refusal.sentence, *refusal.headers)
            return
        if self._http.they_are_waiting_for_100_continue:
            self.send(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")

    def _more(self, data: bytes | bytearray) -> None:
        if self._request is None:
            return  # refused: read to its end and dropped
        if len(self._body) + len(data) > self._settings.max_message_bytes:
            self._drop_body()
            self._request = None
            self._answer(413, "the body is larger than receive.max_message_bytes")
            return
        self._body += data
        self._intake.budget.hold(self, len(self._body))

    def _whole(self) -> None:
        self.no_limit()
        if self._request is None:
            self._next()
            return
        kind, agent, tag, headers = self._request
        body = bytes(self._body)
        self._drop_body()
        otlp = media_type(headers) or PROTOBUF if kind is Kind.OTLP else None
        if not body:
            self._answer(200, otlp=otlp)
            self._next()
            return
        self.want(False)  # one request at a time: the next one waits in the kernel
        entry = Entry(kind, self._intake.now_ns(), agent, self.peer, tag, None, headers, body)

        def answer(stored: Stored | None) -> None:
            if not self.open:
                return
            if stored is None:
                self._answer(503, "not now; send again later")
            else:
                self._answer(200, otlp=otlp)
            self._next()
            if self.open and not self._broken:
                self.want(not self._stopping)
                self._carry_on()

        self._intake.submit(entry, answer)

    def _carry_on(self) -> None:
        """Look at what of a further request had come in the same read.

        Where the answer was there at once, whoever is looking already goes on: else many of them would pile up.
        """
        if self._looking:
            return
        try:
            self._events()
        except h11.RemoteProtocolError as error:
            self._no_http(error.error_status_hint)

    def _drop_body(self) -> None:
        self._body = bytearray()
        self._intake.budget.hold(self, 0)

    def _answer(
        self, status: int, sentence: str = "", *more: tuple[str, str], otlp: str | None = None
    ) -> None:
        """Answer the request that is being read, if it still waits; `otlp` is the type of an OTLP response."""
        if self._http.our_state not in (h11.SEND_RESPONSE, h11.IDLE):
            return
        self._intake.metrics.statuses[status] += 1
        if status >= 400:
            self._intake.metrics.refused[f"http_{status}"] += 1
        body = f"{sentence}\n".encode() if sentence else b"{}" if otlp == JSON else b""
        content = otlp or "text/plain; charset=utf-8"
        headers = [("Content-Length", str(len(body))), ("Content-Type", content), *more]
        if status == 413 or self._stopping:
            headers.append(("Connection", "close"))
        head = self._http.send(h11.Response(status_code=status, headers=headers)) or b""
        tail = (self._http.send(h11.Data(data=body)) or b"") if body and not self._head_only else b""
        self.send(head + tail + (self._http.send(h11.EndOfMessage()) or b""))
        if status >= 400:
            self.limit_time(_DRAIN_SECONDS, "drain")

    def _next(self) -> None:
        """Go on to the next request of this connection, or close it."""
        self._request = None
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE and not self._stopping:
            self._http.start_next_cycle()
            self._wait()
        elif self.tls and self._http.their_state is not h11.SEND_BODY:
            self.close()
        elif self._http.their_state is not h11.SEND_BODY:
            self._end()

    def _end(self) -> None:
        """End the connection so that the answer arrives: closing with bytes unread would reset it."""
        if self._stopping:
            self.close()
            return
        self._broken = True
        self.want(True)
        self.limit_time(_DRAIN_SECONDS, "drain")
        self.finish_sending()

    def _no_http(self, status: int) -> None:
        self._drop_body()
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._intake.metrics.statuses[status] += 1
            text = b"this is no HTTP request\n"
            self.send(
                b"HTTP/1.1 %d Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
                b"Connection: close\r\n\r\n%s" % (status, len(text), text)
            )
        self.blame("not_http", _NOT_HTTP)
        self._end()

    # -- the connection ---------------------------------------------------------------------------------------

    def ended(self) -> bool:
        if self._broken:
            return False
        if self._busy:
            self._stopping = True  # half closed after a whole request: answer, then close
            return True
        return False

    @property
    def _busy(self) -> bool:
        """Whether a whole request waits for its answer."""
        return self._http.our_state is h11.SEND_RESPONSE and self._http.their_state in _WHOLE

    def stop_reading(self) -> None:
        self._stopping = True
        if not self._busy:
            if self._request is not None:
                self._drop_body()
                self._answer(503, "not now; send again later")
            self.close()

    def shed(self) -> None:
        self._drop_body()
        if self._request is not None:
            self._request = None
            self._answer(503, "not now; send again later")
        self.refuse_stalled()

    def timed_out(self, what: str) -> None:
        if what in ("idle", "drain"):
            self.close()
        elif what == "stranger":
            self.refuse("no_request", phrase("it sent no request for us in time"))
        else:
            self._drop_body()
            if self._request is not None:
                self._answer(408, "the rest of the request did not come")
            self.refuse("message_timeout", phrase("the rest of a request did not come"))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


class HttpReceiver(LinkServer):
    """Listens for log records over HTTP; as `otlp` for OTLP alone.

    While there is no room, the HTTP listener answers 503. The OTLP listener does not read instead: agents have been seen
    to count a whole chunk as delivered when only a later part of it was taken.
    """

    def __init__(
        self,
        name: str,
        wanted: Address,
        intake: Intake,
        settings: ReceiveSettings,
        tokens: Sequence[Token],
        tls: ssl.SSLContext | None,
    ) -> None:
        paths = (
            {OTLP_PATH: Kind.OTLP}
            if name == "otlp"
            else {settings.ingest_path: Kind.HTTP, OTLP_PATH: Kind.OTLP}
        )
        admission = Admission(intake, settings, paths, tokens)
        super().__init__(
            _NAMES[name],
            wanted,
            intake,
            lambda links, scratch: HttpLink(intake, settings, links, scratch, admission, name == "otlp"),
            tls,
            settings.handshake_seconds,
        )
        self._protection = " and ".join(
            word
            for word, given in (
                (
                    "TLS with client certificates" if settings.tls and settings.tls.client_ca else "TLS",
                    tls is not None,
                ),
                ("token", bool(tokens)),
            )
            if given
        )

    def describe(self) -> str:
        """Return one line for people."""
        return f"{self.name} {self.address} ({self._protection or 'loopback only: neither token nor TLS'})"
