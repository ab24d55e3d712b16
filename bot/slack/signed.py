"""Signed HTTP as Slack sends it: a signature over time and body, at most five minutes old, and taken once."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from bot.slack.errors import BadSignature

WINDOW = 300.0  # seconds


def check_signature(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> str:
    """Return the signature when it is good; raises `BadSignature` with the reason.

    `headers` has lower-case names. Compared in constant time.
    """
    stamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise BadSignature("the request has no usable timestamp", hint=BadSignature.remedy)
    if abs(now.timestamp() - int(stamp)) > WINDOW:
        raise BadSignature("the request is too old, or from the future", hint=BadSignature.remedy)
    wanted = (
        "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    )
    if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
        raise BadSignature("the signature does not fit the request", hint=BadSignature.remedy)
    return signature
