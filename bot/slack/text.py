"""Slack's own escapes in what people type."""

from __future__ import annotations

import re

_LINK = re.compile(r"<(?:mailto:|tel:)?([^<>|]*)(?:\|([^<>]*))?>")


def unescape(text: str) -> str:
    """Return what the person typed: links and mentions as their words, `&amp;`, `&lt;` and `&gt;` as characters.

    >>> unescape("note <https://status.example|status page> &lt; 5 &amp;amp; more")
    'note status page < 5 &amp; more'
    """
    plain = _LINK.sub(lambda found: found[2] or found[1], text)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
