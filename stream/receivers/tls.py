"""TLS of all listeners: 1.2 or later, optionally with client certificates, which then name the agent."""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio import sslproto
from typing import Any, ClassVar, Final

from stream.receivers.errors import SecretUnusable
from stream.receivers.settings import TlsSettings

_CLOSING_SECONDS: Final = 5.0  # for the client to say that it saw the end; it would hold its place for 30 s


class _Tls(sslproto.SSLProtocol):
    """TLS of one connection with a small buffer: asyncio's own takes 256 KiB from the first byte of a handshake on."""

    max_size: ClassVar[int] = 32 * 1024


async def shake_hands(
    link: asyncio.BufferedProtocol, connection: socket.socket, context: ssl.SSLContext, seconds: float
) -> None:
    """Return when the handshake is through and `link` has its transport. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    through: asyncio.Future[None] = loop.create_future()
    protocol = _Tls(
        loop,
        link,
        context,
        through,
        server_side=True,
        ssl_handshake_timeout=seconds,  # type: ignore[arg-type]  # any number will do
        ssl_shutdown_timeout=_CLOSING_SECONDS,
    )
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection)
    try:
        await through
    except BaseException:
        transport.abort()
        raise


def server_context(settings: TlsSettings | None) -> ssl.SSLContext | None:
    """Return the context that `settings` describe, None for connections in the clear. Raises `SecretUnusable`."""
    if settings is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        # An encrypted key would make OpenSSL ask at the terminal; an empty answer is refused instead.
        context.load_cert_chain(settings.certificate, settings.key, password="")
    except (OSError, ValueError) as error:
        raise SecretUnusable(
            f"receive.tls: certificate and key cannot be used ({type(error).__name__})",
            hint="Both are PEM, belong together, and the key has no passphrase",
        ) from None
    if settings.client_ca is not None:
        try:
            context.load_verify_locations(settings.client_ca)
        except (OSError, ValueError) as error:
            raise SecretUnusable(
                f"receive.tls.client_ca cannot be used ({type(error).__name__})",
                hint="It is a PEM file of one or more CAs",
            ) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def common_name(certificate: Any) -> str | None:
    """Return the common name of a peer's certificate (as `getpeercert` gives it), None without one.

    >>> common_name({"subject": ((("commonName", "agent-1"),),)})
    'agent-1'
    """
    for part in (certificate or {}).get("subject", ()):
        for key, value in part:
            if key == "commonName" and value:
                return str(value)
    return None
