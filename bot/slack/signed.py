"""Signed HTTP as Slack sends it: a signature over time and body, at most five minutes old."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from bot.slack.errors import BadSignature

WINDOW = 300.0  # seconds


def check_signature(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> str:
    """Return the signature when it is good; raises `BadSignature` with a reason code.

    `headers` has lower-case names. The comparison takes equally long wherever the two differ. That a request is
    taken only once is for the caller to see to, who has somewhere to remember it.
    """
    stamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise BadSignature(
            "the request has no usable timestamp", hint=BadSignature.remedy, reason="bad_timestamp"
        )
    if abs(now.timestamp() - int(stamp)) > WINDOW:
        raise BadSignature(
            "the request is too old, or from the future", hint=BadSignature.remedy, reason="stale_timestamp"
        )
    signed = b"v0:" + stamp.encode() + b":" + body
    wanted = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
        raise BadSignature(
            "the signature does not fit the request", hint=BadSignature.remedy, reason="forged_signature"
        )
    return signature
