"""MessagePack headers: what kind of value begins here, and how long it says it is. Values are never read."""

from __future__ import annotations

from typing import Final, NamedTuple

NIL, BOOL, NUMBER, STR, BIN, ARRAY, MAP, EXT = range(8)


class Header(NamedTuple):
    """`length`: payload bytes, or items for arrays (pairs count twice for maps); `end`: where the payload begins."""

    kind: int
    length: int
    end: int


# First byte → kind, bytes of the length field, extra bytes between length and payload (the type of an ext), fixed length.
_FORMS: Final[dict[int, tuple[int, int, int, int]]] = {
    0xC0: (NIL, 0, 0, 0), 0xC2: (BOOL, 0, 0, 0), 0xC3: (BOOL, 0, 0, 0),
    0xC4: (BIN, 1, 0, 0), 0xC5: (BIN, 2, 0, 0), 0xC6: (BIN, 4, 0, 0),
    0xC7: (EXT, 1, 1, 0), 0xC8: (EXT, 2, 1, 0), 0xC9: (EXT, 4, 1, 0),
    0xCA: (NUMBER, 0, 0, 4), 0xCB: (NUMBER, 0, 0, 8),
    0xCC: (NUMBER, 0, 0, 1), 0xCD: (NUMBER, 0, 0, 2), 0xCE: (NUMBER, 0, 0, 4), 0xCF: (NUMBER, 0, 0, 8),
    0xD0: (NUMBER, 0, 0, 1), 0xD1: (NUMBER, 0, 0, 2), 0xD2: (NUMBER, 0, 0, 4), 0xD3: (NUMBER, 0, 0, 8),
    0xD4: (EXT, 0, 1, 1), 0xD5: (EXT, 0, 1, 2), 0xD6: (EXT, 0, 1, 4), 0xD7: (EXT, 0, 1, 8), 0xD8: (EXT, 0, 1, 16),
    0xD9: (STR, 1, 0, 0), 0xDA: (STR, 2, 0, 0), 0xDB: (STR, 4, 0, 0),
    0xDC: (ARRAY, 2, 0, 0), 0xDD: (ARRAY, 4, 0, 0), 0xDE: (MAP, 2, 0, 0), 0xDF: (MAP, 4, 0, 0),
}  # fmt: skip


def header(buffer: bytes | bytearray, at: int) -> Header | None:
    """Return the header at `at`, None when more bytes are needed to tell. The reserved byte counts as nil-length `BOOL`.

    >>> header(b"\\xdb\\x40\\x00\\x00\\x00", 0)
    Header(kind=3, length=1073741824, end=5)
    """
    if at >= len(buffer):
        return None
    first = buffer[at]
    if first <= 0x7F or first >= 0xE0:
        return Header(NUMBER, 0, at + 1)
    if first <= 0x8F:
        return Header(MAP, 2 * (first & 0x0F), at + 1)
    if first <= 0x9F:
        return Header(ARRAY, first & 0x0F, at + 1)
    if first <= 0xBF:
        return Header(STR, first & 0x1F, at + 1)
    kind, width, extra, fixed = _FORMS.get(first, (BOOL, 0, 0, 0))
    end = at + 1 + width + extra
    if end > len(buffer):
        return None
    length = int.from_bytes(buffer[at + 1 : at + 1 + width], "big") if width else fixed
    return Header(kind, 2 * length if kind == MAP else length, end)


def claims_more(buffer: bytes | bytearray, at: int, limit: int, *, look_at: int = 256) -> bool:
    """Say whether one of the first `look_at` headers from `at` on claims more than `limit` bytes or items.

    Nesting needs no account: headers follow each other in the order of the wire.
    """
    for _ in range(look_at):
        found = header(buffer, at)
        if found is None:
            return False
        if found.length > limit:
            return True
        at = found.end if found.kind in (ARRAY, MAP) else found.end + found.length
    return False
