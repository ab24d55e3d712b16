"""One frame: a marker, a checksummed header in the open, and a sealed box.

```
marker 8 | seq u64 | received_ns i64 | part u32 | box length u32 | nonce 12 | crc32 of all these u32 | box
```
Little-endian. The box is sealed under the segment's own data key; header and segment are authenticated with it,
so a frame opens nowhere else. A reader that lost its way looks for the next marker whose header checks. `part`
is the number of entries in a block, and the index inside the block in the quarantine.

>>> parse(bytes(HEADER_BYTES)) is None
True
"""

from __future__ import annotations

import struct
import zlib
from typing import Final, NamedTuple

from storage.seal import TAG_BYTES, Seal, SealBroken, new_nonce

MARKER: Final = bytes.fromhex("f1b0c8a96d7e3352")
_FIELDS: Final = struct.Struct("<8sQqII12s")
_CHECK: Final = struct.Struct("<I")
HEADER_BYTES: Final = _FIELDS.size + _CHECK.size
MAX_BOX: Final = 1 << 30


class FrameHeader(NamedTuple):
    """What stands in the open before a box of `length` bytes."""

    seq: int
    received_ns: int
    part: int
    length: int
    nonce: bytes

    @property
    def frame_bytes(self) -> int:
        """Bytes of the whole frame."""
        return HEADER_BYTES + self.length


def make(
    seal: Seal, context: bytes, seq: int, received_ns: int, part: int, plain: bytes
) -> tuple[bytes, bytes]:
    """Return header and box of a new frame; `context` names the segment."""
    nonce = new_nonce()
    fields = _FIELDS.pack(MARKER, seq, received_ns, part, len(plain) + TAG_BYTES, nonce)
    return fields + _CHECK.pack(zlib.crc32(fields)), seal.box(nonce, plain, context + fields)


def parse(header: bytes) -> FrameHeader | None:
    """Return the header that stands at the beginning of `header`, None if none does."""
    if len(header) < HEADER_BYTES or header[: len(MARKER)] != MARKER:
        return None
    fields = header[: _FIELDS.size]
    (check,) = _CHECK.unpack_from(header, _FIELDS.size)
    _, seq, received_ns, part, length, nonce = _FIELDS.unpack(fields)
    if zlib.crc32(fields) != check or not TAG_BYTES <= length <= MAX_BOX:
        return None
    return FrameHeader(seq, received_ns, part, length, nonce)


def open_box(seal: Seal, context: bytes, header: FrameHeader, box: bytes) -> bytes | None:
    """Return the plain bytes, None if header, box or segment are not those it was sealed with."""
    fields = _FIELDS.pack(MARKER, header.seq, header.received_ns, header.part, header.length, header.nonce)
    try:
        return seal.unbox(header.nonce, box, context + fields)
    except SealBroken:
        return None
