"""The key handshake of Forward protocol v1, without any I/O: HELO, PING, PONG.

Digests are compared in constant time, an unknown user is treated like a known one with another password, and the client is
told one reason for every refusal. Whoever uses this closes the connection right after a refusal: agents would otherwise send
data on it without shaking hands again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgpack

from stream.msgpack_header import ARRAY, BIN, STR, header
from stream.receivers.errors import NotForward

_LONGEST = 1024  # bytes of each field of a PING


class Credentials(NamedTuple):
    """What clients have to know: the shared key, and a user's password when there are any users."""

    shared_key: bytes
    users: Mapping[bytes, bytes]
    hostname: str


class Verdict(NamedTuple):
    """The answer to a PING: the PONG to send, whether to go on, and what the client called itself."""

    pong: bytes
    accepted: bool
    username: str
    self_hostname: str


class Handshake:
    """One handshake. `random(n)` returns n bytes nobody can guess."""

    def __init__(
        self, credentials: Credentials, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._credentials = credentials
        self._nonce = random(16)
        self._auth = random(16) if credentials.users else b""
        self._unknown = random(16)
        self._buffer = bytearray()

    def hello(self) -> bytes:
        """Return the HELO, the server's first bytes."""
        return bytes(
            msgpack.packb(
                ["HELO", {"nonce": self._nonce, "auth": self._auth, "keepalive": True}], use_bin_type=True
            )
        )

    def feed(self, data: bytes) -> tuple[Verdict, bytes] | None:
        """Take bytes from the client; None while the PING is not whole, else the verdict and the bytes after it.

        Raises `NotForward` for anything that is no PING.
        """
        self._buffer += data
        outer = header(self._buffer, 0)
        if outer is None:
            return None
        if outer.kind != ARRAY or outer.length != 6:  # events before the handshake are none
            raise NotForward("no_ping")
        parts: list[bytes] = []
        at = outer.end
        while len(parts) < 6:
            found = header(self._buffer, at)
            if found is None:
                return None
            if found.kind not in (STR, BIN) or found.length > _LONGEST:
                raise NotForward("no_ping")
            at = found.end + found.length
            if at > len(self._buffer):
                return None
            parts.append(bytes(self._buffer[found.end : at]))
            if parts[0] != b"PING":
                raise NotForward("no_ping")
        return self._judge(*parts[1:]), bytes(self._buffer[at:])

    def _judge(self, host: bytes, salt: bytes, digest: bytes, username: bytes, password: bytes) -> Verdict:
        key, users, hostname = self._credentials
        good = hmac.compare_digest(digest, _hex(salt, host, self._nonce, key))
        if users:
            known = users.get(username, self._unknown)
            good &= hmac.compare_digest(password, _hex(self._auth, username, known))
        server = hostname.encode()
        answer = (
            [b"PONG", good, b"", server, _hex(salt, server, self._nonce, key)]
            if good
            else [b"PONG", False, b"shared key, user name or password is wrong", b"", b""]
        )
        pong = msgpack.packb(answer, use_bin_type=False)  # every field is a str for the agent
        return Verdict(bytes(pong), good, _text(username) if users else "", _text(host))


def _hex(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).hexdigest().encode()


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
