"""The options of a Forward message: found without making objects of anything that nobody asked for.

A map of options may hold whatever fits into a message, nested as deep as the scanner allows. Only headers are read and
values skipped; of what is wanted the bytes are returned, for the caller to unpack within limits of its own.

>>> wanted_options(msgpack.packb({"chunk": "c1", "size": 3, "more": [[]] * 9}), frozenset({b"chunk"}))
{b'chunk': b'\\xa2c1'}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgpack

from stream.msgpack_header import BIN, MAP, NIL, NUMBER, STR, header

MOST_OPTIONS: Final = 64  # agents send up to five
_LONGEST_NAME: Final = 64


class BadOptions(ValueError):
    """The bytes are no map, or one of more than `MOST_OPTIONS` options."""


def wanted_options(raw: bytes, wanted: frozenset[bytes]) -> dict[bytes, bytes]:
    """Return the packed values of the `wanted` options in `raw`, one whole map; of a name that comes twice, the last.

    Raises `BadOptions`, and the scanner's own errors for bytes that are no MessagePack.
    """
    outer = header(raw, 0)
    if outer is None or outer.kind != MAP or outer.length > 2 * MOST_OPTIONS:
        raise BadOptions
    scanner = msgpack.Unpacker(max_buffer_size=max(len(raw), 1))
    scanner.feed(raw)
    found: dict[bytes, bytes] = {}
    for _ in range(scanner.read_map_header()):
        at = scanner.tell()
        key = header(raw, at)
        scanner.skip()
        name = b""
        if key is not None and key.kind in (STR, BIN) and key.length <= _LONGEST_NAME:
            name = raw[key.end : key.end + key.length]
        at = scanner.tell()
        scanner.skip()
        if name in wanted:
            found[name] = raw[at : scanner.tell()]
    return found


def signal_of(found: Mapping[bytes, bytes]) -> int | None:
    """Return what a message carries by its `fluent_signal`: 0 logs, 1 metrics, 2 traces; None for anything else.

    >>> signal_of({}), signal_of({b"fluent_signal": b"\\xcc\\x01"}), signal_of({b"fluent_signal": b"\\xa1x"})
    (0, 1, None)
    """
    packed = found.get(b"fluent_signal")
    if packed is None or packed == b"\xc2":  # `false`
        return 0
    about = header(packed, 0)
    if about is None or about.kind not in (NUMBER, NIL):
        return None
    signal = msgpack.unpackb(packed) or 0
    return int(signal) if signal in (0, 1, 2) else None
