"""What stands in the spool: entries as received, and the blocks that one group commit made of them.

Entries are packed when they are appended, blocks are put together when they are written: `version (1 byte) |
array of two: receive times (ns), entries`, as MessagePack. Names may hold any Python text, lone surrogates
included, because agents send bytes that are not UTF-8; packing keeps them exactly.

>>> entry = Entry(Kind.FORWARD, 7, "agent-1", "10.0.0.9:4711", "app.billing", "c1", {}, b"raw")
>>> unpack_entries(pack_block([entry.received_ns], [pack_entry(entry)])) == (entry,)
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import msgpack

from models.sanitizer.safe_text import SafeText
from storage.seal import SealBroken

_VERSION: Final = b"\x01"
_SURROGATES: Final = "surrogatepass"


class Kind(IntEnum):
    """How an entry came in."""

    FORWARD = 1
    HTTP = 2
    OTLP = 3
    TEXT = 4
    CONTROL = 5


class Entry(NamedTuple):
    """One message as received: `raw` is the message or body untouched, `received_ns` is ns since 1970, UTC.

    `chunk` is the sender's id of the message, None if it gave none; `headers` are those that decoding needs.
    """

    kind: Kind
    received_ns: int
    agent: str
    peer: str
    tag: str
    chunk: str | None
    headers: dict[str, str]
    raw: bytes


class Position(NamedTuple):
    """A place between two blocks: the next byte to read in `segment`, and the number of the next block.

    >>> Position(2, 8192, 40) > Position(1, 90000, 39)
    True
    """

    segment: int
    offset: int
    seq: int


class Bookmark(NamedTuple):
    """A position to go on from later, with the series of its segment: it fits no other spool."""

    position: Position
    series: str


class Block(NamedTuple):
    """What one group commit wrote. `received_ns` never goes back; `after` is where to resume.

    `series` and `seq` together name the block for ever: numbers alone come again when a spool is removed or is taken
    back to an older copy. Blocks from before there were series have an empty one.
    """

    seq: int
    received_ns: int
    entries: tuple[Entry, ...]
    after: Position
    series: str = ""


class Stored(NamedTuple):
    """The answer to an append: the block that holds the entry, and whether it had been there before."""

    seq: int
    duplicate: bool


class Damage(NamedTuple):
    """Bytes that should hold blocks and do not, or (with length 0) a place that is not as it was."""

    segment: int
    offset: int
    length: int
    reason: SafeText


def identity(entry: Entry) -> tuple[bytes, ...] | None:
    """Return what makes a resent `entry` the same one, None for entries that are never taken for duplicates.

    A Forward chunk id is a hash of the content: two agents with equal lines have equal ids, so agent and tag
    belong to it. HTTP and OTLP have no ids; their bodies are equal to the byte when they are sent again, to the same
    path (each takes one kind), with the same tag and the same headers that say how to read them.
    """
    if entry.kind in (Kind.HTTP, Kind.OTLP):
        headers = [part for item in sorted(entry.headers.items()) for part in map(_bytes, item)]
        names = (b"body", bytes((entry.kind,)), _bytes(entry.agent), _bytes(entry.tag))
        return (*names, hashlib.sha256(entry.raw).digest(), *headers)
    if entry.kind is Kind.CONTROL or entry.chunk is None:
        return None
    return (b"chunk", _bytes(entry.agent), _bytes(entry.tag), _bytes(entry.chunk))


def pack_entry(entry: Entry) -> bytes:
    """Return all of `entry` but its receive time, which is settled when the block is written."""
    packed: bytes = msgpack.packb(
        (int(entry.kind), entry.agent, entry.peer, entry.tag, entry.chunk, entry.headers, entry.raw),
        unicode_errors=_SURROGATES,
    )
    return packed


def pack_block(received_ns: Sequence[int], packed: Sequence[bytes]) -> bytes:
    """Return the plain bytes of a block of entries packed by `pack_entry`, one receive time for each."""
    times: bytes = msgpack.packb(list(received_ns))
    return b"".join((_VERSION, b"\x92", times, b"\xdd", len(packed).to_bytes(4, "big"), *packed))


def unpack_entries(plain: bytes) -> tuple[Entry, ...]:
    """Return the entries of a block. Its bytes were authenticated: only the version can be wrong."""
    if plain[:1] != _VERSION:
        raise SealBroken("This block was written by a later version", hint="Use the version that wrote it")
    times, rows = msgpack.unpackb(memoryview(plain)[1:], unicode_errors=_SURROGATES)
    return tuple(
        Entry(Kind(kind), at, agent, peer, tag, chunk, headers, raw)
        for at, (kind, agent, peer, tag, chunk, headers, raw) in zip(times, rows, strict=True)
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", _SURROGATES)
