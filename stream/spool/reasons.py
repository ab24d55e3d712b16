"""What can be wrong with a place of the spool, in sentences of ours: the same whoever finds it, and kept as they are."""

from __future__ import annotations

from typing import Final

from models.sanitizer.safe_text import SafeText, phrase

COPY_ALTERED: Final = phrase("one copy of the segment's header was altered")
HEADER_ALTERED: Final = phrase("both copies of the segment's header were altered")
OTHER_SEGMENT: Final = phrase("the segment bears the number of another one")
SEGMENT_REMOVED: Final = phrase("the segment was removed")
SEGMENTS_MISSING: Final = phrase("segments are missing")
BLOCKS_MISSING: Final = phrase("blocks are missing")
CUT_SHORT: Final = phrase("the segment is cut short")
BLOCK_ALTERED: Final = phrase("the content of a block was altered")
BETWEEN_ALTERED: Final = phrase("bytes between two blocks were altered")
NOTHING_FURTHER: Final = phrase("no further block in the segment is readable")
BLOCK_TWICE: Final = phrase("a block stands here a second time")
OTHER_SPOOL: Final = phrase(
    "the place that was read to is not in this spool; it is read from where it may be new"
)
UNNAMED: Final = phrase("it was found damaged")

_KEPT: Final = {
    str(reason): reason
    for reason in (
        COPY_ALTERED, HEADER_ALTERED, OTHER_SEGMENT, SEGMENT_REMOVED, SEGMENTS_MISSING, BLOCKS_MISSING, CUT_SHORT,
        BLOCK_ALTERED, BETWEEN_ALTERED, NOTHING_FURTHER, BLOCK_TWICE,
    )
}  # fmt: skip


def reason_of(text: str) -> SafeText:
    """Return the reason that reads `text`; whatever else stands in a file is not repeated.

    >>> reason_of("segments are missing"), reason_of("anything")
    ('segments are missing', 'it was found damaged')
    """
    return _KEPT.get(text, UNNAMED)
