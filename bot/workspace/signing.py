"""Slack's request signature, version 0: HMAC-SHA256 over `v0:<timestamp>:<body>`, hexadecimal."""

from __future__ import annotations

import hashlib
import hmac


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of the header X-Slack-Signature.

    >>> signature("s", 1, b"x")[:10]
    'v0=a665c97'
    """
    text = f"v0:{timestamp}:".encode() + body
    return "v0=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def signed_headers(secret: str, timestamp: int, body: bytes, content_type: str) -> dict[str, str]:
    """All headers that Slack sends with a delivery."""
    return {
        "Content-Type": content_type,
        "User-Agent": "Slackbot 1.0 (local workspace)",
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": signature(secret, timestamp, body),
    }
