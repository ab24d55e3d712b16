"""Settings of the receivers: the table `[receive]` of `mayday.toml`. Sizes in bytes, times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from models.errors import BadInput
from stream.receivers.address import parse_address
from stream.receivers.errors import ReceiverAddress
from stream.receivers.secrets import SecretRef

MIB = 1 << 20
LISTENERS = ("forward", "http", "otlp")


def _off(value: Any) -> Any:
    return None if value == "off" else value


def _checked(value: str | None) -> str | None:
    if value is not None:
        try:
            parse_address(value)
        except BadInput as error:
            raise ValueError(str(error)) from None
    return value


Listen = Annotated[str | None, BeforeValidator(_off), AfterValidator(_checked)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TlsSettings(_Settings):
    """`[receive.tls]`: certificates of all listeners. TLS 1.2 or later."""

    certificate: Path = Field(description="PEM file of the server's certificate, with its chain")
    key: Path = Field(description="PEM file of its private key")
    client_ca: Path | None = Field(
        default=None,
        description="PEM file of the CA whose client certificates are taken; with it every client needs one",
    )


class TokenSettings(_Settings):
    """One bearer token of the HTTP and OTLP listeners."""

    token: SecretRef = Field(description="Where the token is: env:NAME or file:PATH")
    agent: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="The one agent that uses it; without, X-Agent-Id names the agent",
    )


class ReceiveSettings(_Settings):
    """`[receive]`: who may send, where to, and how much at once."""

    forward: Listen = Field(
        default="127.0.0.1:24224", description="HOST:PORT of the Forward listener, or off"
    )
    http: Listen = Field(
        default="127.0.0.1:9880", description="HOST:PORT of the HTTP listener, or off; takes OTLP too"
    )
    otlp: Listen = Field(default="127.0.0.1:4318", description="HOST:PORT of the OTLP/HTTP listener, or off")
    shared_key: SecretRef | None = Field(
        default=None, description="Shared key of the Forward listener: env:NAME or file:PATH"
    )
    users: dict[str, SecretRef] = Field(
        default_factory=dict,
        description="User names of agents and where their passwords are; needs shared_key",
    )
    hostname: str = Field(
        default="mayday",
        min_length=1,
        max_length=200,
        description="Name of this receiver in the Forward handshake",
    )
    tokens: tuple[TokenSettings, ...] = Field(
        default=(), description="Bearer tokens of the HTTP and OTLP listeners"
    )
    unauthorised_status: Literal[401, 503] = Field(
        default=401,
        description="Answer to a wrong token: with 401 agents drop the data, with 503 they keep it (for key rotations)",
    )
    tls: TlsSettings | None = Field(
        default=None, description="Certificates; without, connections are in the clear"
    )
    ingest_path: str = Field(
        default="/v1/ingest", pattern=r"^/[\x21-\x7e]*$", description="Path of the HTTP listener"
    )

    max_message_bytes: int = Field(
        default=16 * MIB, ge=1024, le=512 * MIB, description="Largest message or body taken"
    )
    max_tag_bytes: int = Field(default=1024, ge=16, le=65_536, description="Longest Fluent tag taken")
    max_in_flight_bytes: int = Field(
        default=64 * MIB,
        ge=64 * 1024,
        description="Bytes received and not yet durable, over all connections; above, reading pauses",
    )
    stalled_seconds: float = Field(
        default=5,
        gt=0,
        le=600,
        description="How long that pause may last for want of the rest of messages; then the connections whose "
        "messages have stood still longest are closed",
    )
    max_connections: int = Field(
        default=4096,
        ge=1,
        le=100_000,
        description="Connections at once over all listeners; more are closed at once. Fewer where the limit of open files "
        "(`ulimit -Hn`, less 64) is lower",
    )
    handshake_seconds: float = Field(
        default=10,
        gt=0,
        le=600,
        description="Time for a TLS or key handshake, or an HTTP head; a connection that has sent no request for us yet is "
        "closed after this",
    )
    message_seconds: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Time for the rest of a message once its first byte is there, and for an answer to be read",
    )
    idle_seconds: float = Field(
        default=300,
        ge=35,
        le=86_400,
        description="A connection with nothing to say is closed after this (agents reuse them for 30 s)",
    )
    stop_seconds: float = Field(
        default=10, gt=0, le=600, description="Time to answer what is in flight when stopping"
    )
    tick_seconds: float = Field(
        default=5, gt=0, le=3600, description="How often the clock is written into the spool"
    )

    @model_validator(mode="after")
    def _users_need_a_key(self) -> ReceiveSettings:
        if self.users and self.shared_key is None:
            raise ValueError("users need shared_key as well: agents refuse one without the other")
        return self

    def listening(self, listeners: Mapping[str, str]) -> ReceiveSettings:
        """Return a copy that listens where `listeners` (name → HOST:PORT or `off`) say.

        When any is given, a listener that neither they nor the configuration name is off, so that
        `mayday receive --forward ...` opens that one port alone. Raises `ReceiverAddress`.
        """
        if not listeners:
            return self
        changes: dict[str, str | None] = {
            name: None for name in LISTENERS if name not in self.model_fields_set and name not in listeners
        }
        for name, value in listeners.items():
            if name not in LISTENERS:
                raise ReceiverAddress(
                    "there are the listeners forward, http and otlp", hint="Name one of these"
                )
            if value != "off":
                parse_address(value)
            changes[name] = None if value == "off" else value
        return self.model_copy(update=changes)
