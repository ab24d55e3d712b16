"""Which HTTP requests are taken, from their heads alone: path, method, bearer token, length, tag, encoding, content type.

A 4xx makes agents drop the data, so it is used only for what can never be taken.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import h11

from models.sanitizer.safe_text import phrase
from stream.decode.compression import ENCODINGS
from stream.decode.entry import JSON, NO_LINES, PROTOBUF, media_type
from stream.receivers.identity import agent_name
from stream.receivers.intake import Intake
from stream.receivers.settings import ReceiveSettings
from stream.spool import Kind

_KEPT_HEADERS: Final = ("content-type", "content-encoding")
_PROTOBUF: Final = frozenset({PROTOBUF, "application/protobuf", ""})


class Token(NamedTuple):
    """A bearer token by its digest, and the one agent that uses it, if it is one's own."""

    digest: bytes
    agent: str | None

    @classmethod
    def of(cls, secret: bytes, agent: str | None) -> Token:
        return cls(hashlib.sha256(secret).digest(), agent)


class Refusal(Exception):
    """A request that is not taken: what it is answered."""

    def __init__(self, status: int, sentence: str, *headers: tuple[str, str]) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


class Admitted(NamedTuple):
    """What is kept of the head of a request that is taken."""

    kind: Kind
    agent: str
    tag: str
    headers: dict[str, str]


class Client(NamedTuple):
    """Who a connection is from, as far as the connection tells."""

    address: str
    certificate: str | None


class Admission:
    """The rules of one listener; `paths` says which kind of entry each path takes."""

    def __init__(
        self, intake: Intake, settings: ReceiveSettings, paths: Mapping[str, Kind], tokens: Sequence[Token]
    ) -> None:
        self._intake, self._settings, self._paths, self._tokens = intake, settings, paths, tokens

    def agent_of(self, request: h11.Request, headers: Mapping[str, str], client: Client) -> str:
        """Return the name of an agent that sends to us at all; raises `Refusal` for whoever else it is."""
        if self._kind_of(request) is None:
            raise Refusal(404, f"there is nothing here; log records go to {' or '.join(self._paths)}")
        if request.method != b"POST":
            raise Refusal(405, "log records are sent with POST", ("Allow", "POST"))
        return agent_name(
            certificate=client.certificate,
            username=self._authorised(headers, client) or "",
            hostname=headers.get("x-agent-id", ""),
            address=client.address,
        )

    def admit(self, request: h11.Request, headers: Mapping[str, str], agent: str) -> Admitted:
        """Look at the rest of the head; raises `Refusal`."""
        kind = self._kind_of(request)
        assert kind is not None
        if self._intake.stopping or not self._intake.has_room:
            raise Refusal(503, "not now; send again later")
        if "content-length" not in headers and "transfer-encoding" not in headers:
            raise Refusal(411, "a body needs a Content-Length")
        if int(headers.get("content-length", 0)) > self._settings.max_message_bytes:
            raise Refusal(413, "the body is larger than receive.max_message_bytes")
        tag = headers.get("x-fluent-tag", "")
        if len(tag.encode("utf-8", "surrogateescape")) > self._settings.max_tag_bytes:
            raise Refusal(400, "the tag is longer than receive.max_tag_bytes")
        if headers.get("content-encoding", "").strip().lower() not in ENCODINGS:
            raise Refusal(415, "bodies are taken plain or with Content-Encoding gzip, zstd or snappy")
        if kind is Kind.HTTP and media_type(headers).startswith(NO_LINES):
            raise Refusal(415, "log lines are sent as JSON, NDJSON, MessagePack or text")
        if kind is Kind.OTLP and media_type(headers) not in (*_PROTOBUF, JSON):
            raise Refusal(415, "OTLP is taken as application/x-protobuf or application/json")
        return Admitted(kind, agent, tag, {name: headers[name] for name in _KEPT_HEADERS if name in headers})

    def _kind_of(self, request: h11.Request) -> Kind | None:
        return self._paths.get(request.target.partition(b"?")[0].decode("latin-1"))

    def _authorised(self, headers: Mapping[str, str], client: Client) -> str | None:
        """Return the agent whose own the token is, if it is one's; raises `Refusal` for a wrong token."""
        if not self._tokens:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(given.strip().encode("utf-8", "surrogateescape")).digest()
        fitting = [token for token in self._tokens if hmac.compare_digest(token.digest, digest)]
        if scheme.lower() == "bearer" and fitting:
            return fitting[0].agent
        self._intake.metrics.failed_handshakes += 1
        sentence = phrase("http: {} sent no token or a wrong one", self._intake.alias(client.address))
        self._intake.trouble("wrong_token", sentence)
        raise Refusal(
            self._settings.unauthorised_status, "the bearer token is wrong", ("WWW-Authenticate", "Bearer")
        )
