"""What is wrong with a spool's segments as far as headers, sizes and numbering tell: quick, whatever the spool holds.

Frames are not opened; a reader finds what is wrong inside. Which blocks are lost is told by the numbers in the open: those
between the last whole frame before the damage and the first block behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from stream.spool.damage import Lost
from stream.spool.entry import Damage, Position
from stream.spool.reasons import COPY_ALTERED, CUT_SHORT, HEADER_ALTERED, OTHER_SEGMENT, SEGMENTS_MISSING
from stream.spool.segment import SegmentHeader, headers_in, last_frame_in_the_open, numbers, path_of


class Survey(NamedTuple):
    """The damage that was seen, and the blocks lost with it."""

    damage: tuple[Damage, ...]
    lost: tuple[Lost, ...]


class _End(NamedTuple):
    """What is known from behind: the first block there, and where the segment before it validly ended."""

    number: int
    previous: int
    previous_end: int
    first_seq: int


def survey(directory: Path, reached: Position, consumed: Callable[[], int | None]) -> Survey:
    """Look at every segment up to `reached`, the furthest place that anything says was written. Raises `OSError`.

    `consumed` says below which number retention may have removed blocks, or that it is not known; it is asked after the
    segments were listed, because retention goes on meanwhile.
    """
    damage: list[Damage] = []
    lost: list[Lost] = []
    last: SegmentHeader | None = None
    torn = False  # whether anything between `last` and what comes next is damaged
    for number in numbers(directory):
        try:
            copies, size = headers_in(path_of(directory, number)), path_of(directory, number).stat().st_size
        except FileNotFoundError:  # retention was faster
            continue
        header = next((copy for copy in copies if copy.number == number), None)
        if header is None:
            damage.append(Damage(number, 0, size, OTHER_SEGMENT if copies else HEADER_ALTERED))
            torn = True
            continue
        found = _between(directory, last, _End(*header[:4]), consumed)
        damage += found
        if found or torn:
            lost += _lost(directory, last, header.first_seq, consumed)
        if len(copies) < 2:
            damage.append(Damage(number, 0, 0, COPY_ALTERED))
        last, torn = header, False
    if last is None or reached.segment > last.number:
        if not torn and reached.segment:
            damage.append(Damage(last.number + 1 if last is not None else 1, 0, 0, SEGMENTS_MISSING))
        lost += _lost(directory, last, reached.seq, consumed) if reached.segment else []
    else:
        end = _End(last.number + 1, last.number, reached.offset, reached.seq)
        found = _between(directory, last, end, consumed) if reached.segment == last.number else []
        damage += found
        if found or torn:
            lost += _lost(directory, last, reached.seq, consumed)
    return Survey(tuple(damage), tuple(lost))


def _between(
    directory: Path, last: SegmentHeader | None, end: _End, consumed: Callable[[], int | None]
) -> list[Damage]:
    """What is wrong between the segment `last` and what follows it."""
    if last is None:  # whatever was consumed may have been removed
        below = consumed()
        gone = below is not None and end.first_seq > below
        return [Damage(max(1, end.previous), 0, 0, SEGMENTS_MISSING)] if gone else []
    if end.previous == last.number:
        try:
            size = path_of(directory, last.number).stat().st_size
        except FileNotFoundError:  # retention was faster
            return []
        short = size < end.previous_end
        return [Damage(last.number, size, end.previous_end - size, CUT_SHORT)] if short else []
    between = range(last.number + 1, end.number)
    if end.previous in between and not all(path_of(directory, n).exists() for n in between):
        return [Damage(last.number + 1, 0, 0, SEGMENTS_MISSING)]
    return []


def _lost(
    directory: Path, last: SegmentHeader | None, first_behind: int, consumed: Callable[[], int | None]
) -> list[Lost]:
    """The numbers from the last whole frame of `last` on that nothing holds any more."""
    if last is None:
        first = consumed()
    else:
        try:
            frame, _ = last_frame_in_the_open(path_of(directory, last.number))
        except FileNotFoundError:
            return []
        first = last.first_seq if frame is None else frame.seq + 1
    return [Lost(first, first_behind)] if first is not None and first < first_behind else []
