"""TLS of all listeners: 1.2 or later, optionally with client certificates, which then name the agent."""

from __future__ import annotations

import ssl
from typing import Any

from stream.receivers.errors import SecretUnusable
from stream.receivers.settings import TlsSettings


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
