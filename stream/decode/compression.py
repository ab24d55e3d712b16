"""Decompression with a hard cap on what comes out, whatever a header claims.

Work is done in small steps: no call can unfold more than a few MB beyond the cap. Raises `Undecodable` with the
reasons `too_large`, `bad_gzip`, `bad_zstd`, `bad_snappy` and `unknown_encoding`.

>>> import gzip
>>> decompress(gzip.compress(b"one") + gzip.compress(b" two"), "gzip", cap=100)
b'one two'
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

import cramjam
import zstandard

from stream.decode.record import Undecodable

_STEP = 1 << 16
_ZSTD_STEP = 1 << 10  # a block of 4 bytes may stand for 128 kB: 1 kB of input unfolds to 32 MB at the most
_ZSTD_WINDOW = 1 << 27
_MEMBERS = 4096  # gzip members or zstd frames in one message; senders concatenate a handful


def decompress(data: bytes, encoding: str, cap: int) -> bytes:
    """Return `data` without its `encoding` (`gzip`, `zstd`, `snappy`; "" and `identity` return it as it is).

    Raises `Undecodable` when more than `cap` bytes would come out or the data are damaged or cut off.
    """
    if encoding in ("", "identity", "text"):
        if len(data) > cap:
            raise Undecodable("too_large")
        return data
    method = _METHODS.get(encoding)
    if method is None:
        raise Undecodable("unknown_encoding")
    return method(data, cap)


def _gzip(data: bytes, cap: int) -> bytes:
    out, size, members = [], 0, 0
    member = zlib.decompressobj(wbits=31)
    view, at = memoryview(data), 0
    piece: bytes | memoryview = b""
    try:
        while piece or at < len(view):
            if not piece:
                piece, at = view[at : at + _STEP], at + _STEP
            if member.eof:
                members += 1
                if members > _MEMBERS:
                    raise Undecodable("bad_gzip")
                member = zlib.decompressobj(wbits=31)
            part = member.decompress(piece, cap - size + 1)
            out.append(part)
            size += len(part)
            if size > cap:
                raise Undecodable("too_large")
            piece = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error:
        raise Undecodable("bad_gzip") from None
    if not member.eof:
        raise Undecodable("bad_gzip")
    return b"".join(out)


def _zstd(data: bytes, cap: int) -> bytes:
    out, size, frames = [], 0, 0
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = decoder.decompressobj()
    view, at = memoryview(data), 0
    piece: bytes | memoryview = b""
    try:
        while piece or at < len(view):
            if not piece:
                piece, at = view[at : at + _ZSTD_STEP], at + _ZSTD_STEP
            if frame.eof:
                frames += 1
                if frames > _MEMBERS:
                    raise Undecodable("bad_zstd")
                frame = decoder.decompressobj()
            part = frame.decompress(bytes(piece))
            out.append(part)
            size += len(part)
            if size > cap:
                raise Undecodable("too_large")
            piece = frame.unused_data if frame.eof else b""
    except (zstandard.ZstdError, MemoryError):
        raise Undecodable("bad_zstd") from None
    if not frame.eof:
        raise Undecodable("bad_zstd")
    return b"".join(out)


def _snappy(data: bytes, cap: int) -> bytes:
    try:
        if cramjam.snappy.decompress_raw_len(data) > cap:
            raise Undecodable("too_large")
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError:
        raise Undecodable("bad_snappy") from None


_METHODS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "zstd": _zstd,
    "snappy": _snappy,
}
ENCODINGS: Final = frozenset({"", "identity", *_METHODS})
"""What a body may say of its encoding over HTTP."""
