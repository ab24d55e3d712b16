"""What a button carries: what it does, to which incident, drawn at which version, valid until when; signed by us.

A valid value proves that we drew the button, never that the person may press it: that is decided at the click and
again when the worker carries it out.

>>> key = b"k" * 32
>>> value = seal(key, Button("ack", "INC-12", 3, 2_000))
>>> unseal(key, value, now=1_999)
Button(verb='ack', incident='INC-12', version=3, expires=2000)
>>> len(value) < 150
True
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import NamedTuple

from bot.slack.errors import ButtonRefused

_TEXT = re.compile(
    r"([a-z_]{1,32}(?:\.[a-z]{1,16})?)\|(-|[A-Z]{3}-[1-9][0-9]{0,8})\|([0-9]{1,9})\|([0-9]{1,12})", re.ASCII
)


class Button(NamedTuple):
    """`verb` may carry a choice after a dot (`status.resolving`); `expires` is in seconds since the epoch."""

    verb: str
    incident: str
    version: int
    expires: int


def seal(key: bytes, button: Button) -> str:
    """Return the button as text with its MAC (128 bits)."""
    text = f"{button.verb}|{button.incident}|{button.version}|{button.expires}"
    return f"{text}|{_mac(key, b'button', text)}"


def unseal(key: bytes, value: str, now: float) -> Button:
    """Return what was sealed; raises `ButtonRefused` if it was forged, altered or has expired."""
    text, _, mac = value.rpartition("|")
    if not hmac.compare_digest(_mac(key, b"button", text).encode(), mac.encode("utf-8", "replace")):
        raise ButtonRefused("that button was not made here", hint="Use the card itself, or type the command")
    fits = _TEXT.fullmatch(text)
    if fits is None:
        raise ButtonRefused(
            "that button belongs to another version of Mayday", hint="Type the command instead"
        )
    button = Button(fits[1], fits[2], int(fits[3]), int(fits[4]))
    if now >= button.expires:
        raise ButtonRefused(
            "that button has expired", hint=f"Type the command, for example `ack {button.incident}`"
        )
    return button


def seal_place(key: bytes, channel: str) -> str:
    """Return a form's `private_metadata`: the channel it was asked for in, signed."""
    return f"{channel}|{_mac(key, b'place', channel)}"


def unseal_place(key: bytes, value: str) -> str | None:
    """Return the channel, or None if it was altered (a form then answers by direct message)."""
    channel, _, mac = value.rpartition("|")
    genuine = hmac.compare_digest(_mac(key, b"place", channel).encode(), mac.encode("utf-8", "replace"))
    return channel if genuine and channel else None


def _mac(key: bytes, purpose: bytes, text: str) -> str:
    data = purpose + b"\0" + text.encode("utf-8", "surrogatepass")
    return hmac.new(key, data, hashlib.sha256).hexdigest()[:32]
