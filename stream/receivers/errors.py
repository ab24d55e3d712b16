"""Errors of the receivers. Their text never quotes what came over the wire, nor a key."""

from __future__ import annotations

from typing import ClassVar

from models.errors import BadInput, MaydayError


class ReceiverUnsafe(BadInput):
    """A listener would take log lines from the network without key, token or TLS."""

    code: ClassVar[str] = "receiver_unsafe"
    meaning: ClassVar[str] = (
        "Without key, token or TLS a receiver listens on this machine's loopback address only."
    )
    remedy: ClassVar[str] = (
        "Set `receive.shared_key`, write `[[receive.tokens]]` or `[receive.tls]`, or listen on 127.0.0.1."
    )


class ReceiverAddress(BadInput):
    """An address cannot be listened on."""

    code: ClassVar[str] = "receiver_address"
    meaning: ClassVar[str] = "An address to listen on is malformed, in use, or not this machine's."
    remedy: ClassVar[str] = (
        "Give HOST:PORT with a free port; port 0 takes any free one, `off` switches a listener off."
    )


class SecretUnusable(BadInput):
    """A key, password, token or certificate that the configuration names cannot be used."""

    code: ClassVar[str] = "secret_unusable"
    meaning: ClassVar[str] = (
        "A secret or certificate named in the configuration is missing, empty or unreadable."
    )
    remedy: ClassVar[str] = "Check the variable or file that is named, and that this user may read it."


class NotForward(MaydayError):
    """Bytes on a Forward connection are no message of the protocol; `detail` is a code. The connection is closed."""

    code: ClassVar[str] = "not_forward"
    meaning: ClassVar[str] = (
        "A client sent bytes that are no Forward message, or one beyond the limits; its connection was closed."
    )
    remedy: ClassVar[str] = (
        "Check that the agent's output is `forward` and that TLS is on or off on both sides; see `receive.max_message_bytes`."
    )
