"""What agents are called where raw names must not stand: a short code that is the same as long as the key is."""

from __future__ import annotations

import hashlib

from models.sanitizer.safe_text import SafeText, phrase
from storage.seal import KeyRing


class Alias:
    """Turns raw names of agents and addresses into codes for logs; a holder of the key can tell them apart.

    >>> alias = Alias(KeyRing(b"k" * 32))
    >>> alias("agent-1") == alias("agent-1") != alias("agent-2")
    True
    """

    def __init__(self, ring: KeyRing) -> None:
        self._secret = ring.secret("agent-alias")

    def __call__(self, name: str) -> SafeText:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=4)
        return phrase("agent-{:08x}", int.from_bytes(digest.digest(), "big"))
