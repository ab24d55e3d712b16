"""Cutting a Forward byte stream into messages without decoding what they carry.

Only headers are looked at: the outer array, the tag, the kind of payload and the options behind it. A packed payload is
jumped over by its length; entries are skipped by the MessagePack library's own scanner, which keeps its place between
reads and makes no objects. A length beyond the limit is refused from its header, before anything is buffered for it.
Anything that is no message raises `NotForward` with a code: `not_a_message`, `tag_too_long`, `message_too_large`,
`nested_too_deep`, `bad_options`.

>>> framer = Framer(max_message=1 << 20, max_tag=64)
>>> framer.feed(msgpack.packb(["app", [[1, {"log": "x"}]], {"chunk": "c1"}]) + b"\\xc0")
>>> [(message.tag, message.chunk) for message in framer.messages()]
[('app', 'c1')]
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple

import msgpack

from stream.forward_options import MOST_OPTIONS, signal_of, wanted_options
from stream.msgpack_header import (
    ARRAY,
    BIN,
    EXT,
    MAP,
    NIL,
    NUMBER,
    STR,
    Header,
    claims_more,
    header,
)
from stream.receivers.errors import NotForward

# What a scanner is fed at once; its buffer holds two pieces, so hundreds of half messages cost little beside their bytes.
_PIECE = 8 * 1024
MAX_CHUNK = 256  # bytes: an acknowledgement repeats the chunk id and must stay below 512
_OPTIONS = frozenset({b"chunk", b"fluent_signal"})


class Message(NamedTuple):
    """One message as received; `signal` is 0 for logs, 1 for metrics, 2 for traces."""

    raw: bytes
    tag: str
    chunk: str | None
    signal: int


class Framer:
    """One per connection. Sizes in bytes."""

    def __init__(self, *, max_message: int, max_tag: int) -> None:
        self._max_message, self._max_tag = max_message, max_tag
        self._buffer = bytearray()
        self._scan: Generator[None, None, Message | None] | None = None

    @property
    def partial(self) -> int:
        """Bytes held of a message that is not whole yet."""
        return len(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the client; `messages` then yields what has become whole."""
        self._buffer += data

    def drop(self) -> None:
        """Let go of what is held of a message that is not whole."""
        self._buffer, self._scan = bytearray(), None

    def messages(self) -> Iterator[Message]:
        """Yield whole messages; `nil` between them is dropped. Raises `NotForward`."""
        while self._buffer:
            if self._scan is None:
                self._scan = self._one()
            try:
                next(self._scan)
                return
            except StopIteration as whole:
                self._scan = None
                if whole.value is not None:
                    yield whole.value

    def _one(self) -> Generator[None, None, Message | None]:
        """Scan one message; yields when more bytes are needed, returns it when whole (None: nil)."""
        buffer = self._buffer
        outer = yield from self._header(0)
        if outer.kind == NIL:
            del buffer[: len(buffer) - len(buffer.lstrip(b"\xc0"))]  # all at once: they cost a client nothing
            return None
        if outer.kind != ARRAY or not 2 <= outer.length <= 4:
            raise NotForward("not_a_message")
        tag_at = yield from self._header(outer.end)
        if tag_at.kind not in (STR, BIN):
            raise NotForward("not_a_message")
        if tag_at.length > self._max_tag:
            raise NotForward("tag_too_long")
        yield from self._need(tag_at.end + tag_at.length)
        tag = buffer[tag_at.end : tag_at.end + tag_at.length].decode("utf-8", "surrogateescape")

        second = yield from self._header(tag_at.end + tag_at.length)
        if second.kind in (STR, BIN) and outer.length <= 3:
            end = second.end + second.length
            yield from self._need(end)
            options_follow = outer.length == 3
        elif second.kind == ARRAY and outer.length <= 3:
            end = yield from self._skip(second.end, second.length)
            options_follow = outer.length == 3
        elif second.kind in (NUMBER, EXT, NIL) and outer.length >= 3:
            end = yield from self._skip(second.end + second.length, 1)
            options_follow = outer.length == 4
        else:
            raise NotForward("not_a_message")
        chunk, signal = None, 0
        if options_follow:
            start = end
            first = yield from self._header(start)
            if first.kind not in (MAP, NIL) or first.length > 2 * MOST_OPTIONS:
                raise NotForward("bad_options")
            end = yield from self._skip(start, 1)
            if first.kind == MAP:
                chunk, signal = _options(bytes(memoryview(buffer)[start:end]))
        raw = bytes(memoryview(buffer)[:end])
        del buffer[:end]
        return Message(raw, tag, chunk, signal)

    def _need(self, end: int) -> Generator[None, None, None]:
        if end > self._max_message:
            raise NotForward("message_too_large")
        while len(self._buffer) < end:
            yield

    def _header(self, at: int) -> Generator[None, None, Header]:
        while (found := header(self._buffer, at)) is None:
            yield
        if found.length > self._max_message:
            raise NotForward("message_too_large")
        return found

    def _skip(self, at: int, count: int) -> Generator[None, None, int]:
        """Skip `count` objects from `at` on; returns where the next one begins."""
        buffer, limit = self._buffer, self._max_message
        if at + count > limit:
            raise NotForward("message_too_large")
        scanner = msgpack.Unpacker(read_size=2 * _PIECE, max_buffer_size=limit + (1 << 20))
        start, fed, begun = at, at, at
        while count:
            if fed < len(buffer):
                with memoryview(buffer) as view:
                    scanner.feed(view[fed : fed + _PIECE])
                fed = min(len(buffer), fed + _PIECE)
            try:
                while count:
                    scanner.skip()
                    count -= 1
                    begun = start + scanner.tell()
            except msgpack.OutOfData:
                if fed < len(buffer):
                    continue
                if len(buffer) > limit or claims_more(buffer, begun, limit):
                    raise NotForward("message_too_large") from None
                yield
            except (ValueError, msgpack.UnpackException) as error:
                code = "nested_too_deep" if isinstance(error, msgpack.StackError) else "not_a_message"
                raise NotForward(code) from None
        if begun > limit:
            raise NotForward("message_too_large")
        return begun


def _options(raw: bytes) -> tuple[str | None, int]:
    """Return chunk id and signal; unknown options are of no concern here, nor is a signal that there is not."""
    try:
        found = wanted_options(raw, _OPTIONS)
    except (ValueError, msgpack.UnpackException):
        raise NotForward("bad_options") from None
    chunk = found.get(b"chunk", b"\xc0")
    about = header(chunk, 0)
    if about is None or about.kind not in (STR, BIN, NIL) or about.length > MAX_CHUNK:
        raise NotForward("bad_options")
    text = chunk[about.end :].decode("utf-8", "surrogateescape")
    return text or None, signal_of(found) or 0
