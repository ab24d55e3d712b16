"""A small Forward v1 sender that behaves as Fluent Bit does: acknowledgements, back-off, the same chunk id on every resend.

One client is one connection with one chunk in flight; several in flight are several clients. `send` returns once the chunk is
acknowledged and tries for as long as it takes: back-off is random between `base_seconds` and a doubling bound.

>>> chunk_id(b"entries")
'PfKBU1CChpDMZxT6CKFOug=='
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import random
import secrets
import socket
import ssl
import struct
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import msgpack

from models.errors import MaydayError

_READ = 65_536
_FAULTS = (OSError, ValueError, msgpack.UnpackException)


class NotDelivered(MaydayError):
    """The client was told to stop before its chunk was acknowledged; the caller still has it."""

    code: ClassVar[str] = "not_delivered"
    meaning: ClassVar[str] = "A chunk was not acknowledged before its sender had to stop."
    remedy: ClassVar[str] = "Send it again later: the receiver recognises what it has already stored."


class Refused(MaydayError):
    """The receiver refused the handshake."""

    code: ClassVar[str] = "forward_refused"
    meaning: ClassVar[str] = "The receiver does not know this shared key, user or password."
    remedy: ClassVar[str] = "Compare the keys of agent and receiver."


class _Broken(OSError):
    """The connection did not do what the protocol says; the chunk is sent again on a new one."""


@dataclass(frozen=True)
class ClientOptions:
    """How a client connects and retries. Times in seconds."""

    ack: bool = True
    gzip: bool = False
    shared_key: str | None = None
    username: str = ""
    password: str = ""
    self_hostname: str = "localhost"
    tls: ssl.SSLContext | None = None
    server_hostname: str | None = None  # the name in the receiver's certificate
    connect_seconds: float = 5.0
    answer_seconds: float = 60.0
    base_seconds: float = 1.0
    cap_seconds: float = 15.0


class ForwardClient:
    """Sends chunks to `address` until `stop` is set. Not to be shared between threads.

    `attempts` counts every time a chunk was put on the wire, so `attempts - chunks` are resends.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        stop: threading.Event | None = None,
        options: ClientOptions | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.attempts = self.chunks = self.connections = 0
        self._address, self._options = address, options or ClientOptions()
        self._stop = stop or threading.Event()
        self._chance = chance or random.Random()
        self._socket: socket.socket | None = None

    def send(self, tag: str, events: Iterable[tuple[int, dict[str, Any]]]) -> str:
        """Send events, (unix nanoseconds, record) each, as one chunk; returns its id once it is acknowledged.

        Raises `NotDelivered` when `stop` is set between two tries, and `Refused` for a wrong key.
        """
        packed = [pack_event(at, record) for at, record in events]
        return self.send_packed(tag, b"".join(packed), len(packed))

    def send_packed(self, tag: str, entries: bytes, count: int) -> str:
        """Send `count` entries, already packed one behind the other, as one chunk; see `send`."""
        chunk = chunk_id(entries)
        message = pack_message(
            tag, entries, count, chunk if self._options.ack else None, compress=self._options.gzip
        )
        self.chunks += 1
        self._deliver(message, chunk)
        return chunk

    def close(self) -> None:
        """Close the connection; the next `send` opens one again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> ForwardClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _deliver(self, message: bytes, chunk: str) -> None:
        failures = 0
        while True:
            reused = self._socket is not None
            try:
                self._try(message, chunk)
                return
            except _FAULTS:
                self.close()
                if reused:
                    continue  # an idle connection that the receiver had closed: no reason to wait
            failures += 1
            bound = min(self._options.cap_seconds, self._options.base_seconds * 2**failures)
            if self._stop.wait(self._chance.uniform(min(self._options.base_seconds, bound), bound)):
                raise NotDelivered(
                    "a chunk was not acknowledged in time", hint="Send it again under the same id"
                )

    def _try(self, message: bytes, chunk: str) -> None:
        if self._socket is None:
            self._socket = connect(self._address, self._options)
            self.connections += 1
        self.attempts += 1
        self._socket.sendall(message)
        if not self._options.ack:
            return
        answer = _unpack(_read(self._socket))  # agents read once and do not reassemble
        if not isinstance(answer, dict) or answer.get("ack") != chunk:
            raise _Broken("the answer is not this chunk's acknowledgement")


def connect(address: tuple[str, int], options: ClientOptions) -> socket.socket:
    """Return a connection that is ready for events: TLS and the key handshake are done.

    Raises `Refused` for a wrong key, OSError for whatever else goes wrong.
    """
    connection = socket.create_connection(address, options.connect_seconds)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options.tls is not None:
            name = options.server_hostname or address[0]
            connection = options.tls.wrap_socket(connection, server_hostname=name)
        connection.settimeout(options.answer_seconds)
        if options.shared_key is not None:
            _shake_hands(connection, options, options.shared_key)
    except BaseException:
        with contextlib.suppress(OSError):
            connection.close()
        raise
    return connection


def _shake_hands(connection: socket.socket, options: ClientOptions, key: str) -> None:
    hello = _unpack(_read(connection), raw=True)
    if not (
        isinstance(hello, list) and len(hello) == 2 and hello[0] == b"HELO" and isinstance(hello[1], dict)
    ):
        raise _Broken("the receiver did not say HELO")
    nonce, auth = hello[1].get(b"nonce", b""), hello[1].get(b"auth", b"")
    salt, host = secrets.token_bytes(16), options.self_hostname.encode()
    user = options.username.encode()
    password = _hex(auth, user, options.password.encode()) if auth else b""
    ping = [b"PING", host, salt, _hex(salt, host, nonce, key.encode()), user, password]
    connection.sendall(msgpack.packb(ping, use_bin_type=False))
    pong = _unpack(_read(connection), raw=True)
    if not (isinstance(pong, list) and len(pong) == 5 and pong[0] == b"PONG"):
        raise _Broken("the receiver did not answer PONG")
    if pong[1] is not True:
        raise Refused("the receiver refused the handshake", hint=Refused.remedy)
    if pong[4] != _hex(salt, pong[3], nonce, key.encode()):
        raise Refused("the receiver does not know the shared key itself", hint=Refused.remedy)


def chunk_id(entries: bytes) -> str:
    """Return the id of a chunk: a hash of its content, so a resend has the same one."""
    return base64.b64encode(hashlib.sha512(entries).digest()[:16]).decode()


def pack_event(at_ns: int, record: dict[str, Any], metadata: dict[str, Any] | None = None) -> bytes:
    """Return one entry, `[[EventTime, metadata], record]`, as Fluent Bit 5 packs it."""
    time = msgpack.ExtType(0, struct.pack(">II", *divmod(at_ns, 10**9)))
    return bytes(msgpack.packb([[time, metadata or {}], record], unicode_errors="surrogateescape"))


def pack_message(tag: str, entries: bytes, count: int, chunk: str | None, *, compress: bool = False) -> bytes:
    """Return the whole message: Forward mode, or CompressedPackedForward with `compress`."""
    options: dict[str, Any] = {} if chunk is None else {"chunk": chunk}
    options["size"] = count
    if compress:
        options["compressed"] = "gzip"
    options["fluent_signal"] = 0
    head = b"\x93" + msgpack.packb(tag, unicode_errors="surrogateescape")
    # The time in a gzip header would make a resend differ, so there is none.
    body = (
        msgpack.packb(gzip.compress(entries, 6, mtime=0))
        if compress
        else b"\xdd" + struct.pack(">I", count) + entries
    )
    return bytes(head + body + msgpack.packb(options))


def _read(connection: socket.socket) -> bytes:
    data = connection.recv(_READ)
    if not data:
        raise _Broken("the receiver closed the connection")
    return data


def _unpack(data: bytes, *, raw: bool = False) -> Any:
    return msgpack.unpackb(
        data, raw=raw, unicode_errors=None if raw else "surrogateescape", strict_map_key=False
    )


def _hex(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).hexdigest().encode()
