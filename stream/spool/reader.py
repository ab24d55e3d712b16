"""Reading the spool from any position, in any process, beside the writer.

Readers never pass the synced length, hold no lock and change no segment. In a closed segment they stop where the
next segment's header says that it validly ended, so the half-written tail of a failed sync is never seen.
Damaged bytes are put into `damage` and skipped up to the next frame marker; block numbers go on behind them.

From a `Bookmark` it goes on in any spool, so that nothing in it is left out (`taking_up`); a plain position is taken
at its word, and `PositionUnknown` is raised when the spool never had it. Fails with `WrongKey` when the spool was
sealed under another master key, and with `SpoolReplaced` when its files change hands while they are read.
"""

from __future__ import annotations

import logging
from pathlib import Path

from storage.seal import KeyRing
from stream.spool.committed import Committed, read_committed
from stream.spool.damage import Lost, record_damage
from stream.spool.disk import name_of
from stream.spool.entry import Block, Bookmark, Damage, Position, unpack_entries
from stream.spool.errors import PositionUnknown, SpoolReplaced
from stream.spool.files import FileOperations
from stream.spool.reasons import (
    BLOCK_TWICE,
    BLOCKS_MISSING,
    COPY_ALTERED,
    HEADER_ALTERED,
    OTHER_SEGMENT,
    OTHER_SPOOL,
    SEGMENT_REMOVED,
    SEGMENTS_MISSING,
)
from stream.spool.segment import (
    FRAMES_AT,
    Found,
    Segment,
    SegmentHeader,
    header_of,
    headers_in,
    numbers,
    path_of,
)
from stream.spool.settings import MIB
from stream.spool.taking_up import take_up

LOG = logging.getLogger(__name__)


class SpoolReader:
    """Blocks in order from `at` on (None: from the oldest that is kept). Not to be shared between threads.

    `position` is where the next `read` goes on; `bookmark` is what to keep and hand to another reader later; `damage`
    and `lost`, the numbers of blocks that were not there, grow.
    """

    def __init__(self, directory: Path, ring: KeyRing, at: Position | Bookmark | None = None) -> None:
        self._directory, self._ring = directory, ring
        self._mark = at if isinstance(at, Bookmark) else None
        self.position: Position | None = at.position if isinstance(at, Bookmark) else at
        self.damage: list[Damage] = []
        self.lost: list[Lost] = []
        self._recorded = (0, 0)
        self._explained = 0  # damage that stood in the list when the last block was read
        self._segment: Segment | None = None
        self._end: int | None = None  # where the open segment validly ends, once a later one says so
        self._stop_seq: int | None = None  # first block of the next segment: none of ours has this number
        self._checked = at is None

    @property
    def bookmark(self) -> Bookmark | None:
        """Where the next `read` goes on, in which series; None before anything was there."""
        position = self.position
        if position is None or not self._checked:
            return self._mark
        if self._segment is not None and self._segment.header.number == position.segment:
            return Bookmark(position, self._segment.header.series)
        header = header_of(self._directory, position.segment)
        return Bookmark(position, header.series if header is not None else "")

    def read(self, max_blocks: int, max_bytes: int = 32 * MIB) -> list[Block]:
        """Return up to `max_blocks` blocks, fewer when they exceed `max_bytes`; empty when all is read."""
        committed = read_committed(self._directory)
        if committed is None:
            return []
        position = self._begin(committed)
        self._check_place(position, committed)
        blocks: list[Block] = []
        size = 0
        while len(blocks) < max_blocks and size < max_bytes and position < committed.position:
            if not self._enter(position.segment):
                position = self._after_lost_segment(position, committed)
                continue
            found = self._next(position, committed)
            if found is None:
                position = self._after_segment(position, committed)
            elif isinstance(found, Damage):
                self.damage.append(found)
                position = position._replace(offset=found.offset + found.length)
            else:
                position = self._take(found, position, blocks)
                size += len(found.plain)
            self.position = position
        return blocks

    def record_damage(self) -> None:
        """Write down what was met since the last call, for the writer and for people.

        A disk that refuses is asked again at the next call.
        """
        seen = (len(self.damage), len(self.lost))
        if seen == self._recorded:
            return
        try:
            record_damage(self._directory, self.damage, self.lost)
            self._recorded = seen
        except OSError as error:
            LOG.error("spool: what is damaged could not be written down (%s)", name_of(error))

    def close(self) -> None:
        """Give the descriptor back; the position stays usable."""
        if self._segment is not None:
            self._segment.close()
        self._segment = self._end = self._stop_seq = None

    def __enter__(self) -> SpoolReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, committed: Committed) -> Position:
        """Return where to read, after checking once that this spool can have had the position."""
        position = self.position
        if position is None:
            kept = numbers(self._directory)
            first = header_of(self._directory, kept[0]) if kept else None
            if first is None:  # nothing, or an unreadable header: `_enter` reports it
                return Position(kept[0] if kept else committed.position.segment, FRAMES_AT, 0)
            return Position(first.number, FRAMES_AT, first.first_seq)
        if self._mark is not None and not self._checked:
            position = self._take_up(self._mark, committed)
        if not self._checked:
            header = header_of(self._directory, position.segment)
            following = self._header_after(position.segment)
            later = position.segment > committed.position.segment
            before = header is not None and position.seq < header.first_seq
            behind = following is not None and position.seq > following.first_seq
            if later or before or behind:
                raise PositionUnknown(
                    f"This spool does not have segment {position.segment}, block {position.seq}",
                    hint=PositionUnknown.remedy,
                )
            self._checked = True
        return position

    def _take_up(self, mark: Bookmark, committed: Committed) -> Position:
        """Return where to go on from a bookmark, noting it when that is another place."""
        found = take_up(self._directory, mark, committed)
        if not found.as_marked:
            self.damage.append(Damage(mark.position.segment, mark.position.offset, 0, OTHER_SPOOL))
        self.position, self._checked = found.position, True
        return found.position

    def _check_place(self, position: Position, committed: Committed) -> None:
        """See that the open segment is still the one of its name; retention may take the name away.

        A spool that another took the place of ends otherwise too: before the place that was read to. Only what was
        published may lag behind that, after a power loss and before the next writer.
        """
        if not self._enter(position.segment) or self._segment is None:
            return
        path = path_of(self._directory, position.segment)
        if FileOperations().is_at(self._segment.descriptor, path):
            return
        if path.exists() or position > committed.position:
            raise SpoolReplaced(
                f"Segment {position.segment} was removed or replaced while it was read",
                hint=SpoolReplaced.remedy,
            )

    def _enter(self, number: int) -> bool:
        """Have segment `number` open; False if it is gone or its header is unreadable."""
        if self._segment is not None and self._segment.header.number == number:
            return True
        self.close()
        try:
            self._segment = Segment.open(path_of(self._directory, number), self._ring)
        except FileNotFoundError:
            return False
        if self._segment is not None and self._segment.header.number != number:
            self.close()
        if self._segment is not None and self._segment.copies < 2:
            self.damage.append(Damage(number, 0, 0, COPY_ALTERED))
        return self._segment is not None

    def _next(self, position: Position, committed: Committed) -> Found | Damage | None:
        assert self._segment is not None
        end = self._end_of(position.segment, committed)
        found = self._segment.read(position.offset, end)
        if isinstance(found, Found) and self._stop_seq is not None and found.header.seq >= self._stop_seq:
            return None  # written, never synced, written again in the next segment
        return found

    def _end_of(self, number: int, committed: Committed) -> int:
        assert self._segment is not None
        if number == committed.position.segment:
            return committed.position.offset
        if self._end is None:
            header = self._header_after(number)
            self._stop_seq = header.first_seq if header else None
            whole = header is not None and header.previous == number
            self._end = header.previous_end if header is not None and whole else self._segment.size()
        return self._end

    def _header_after(self, number: int) -> SegmentHeader | None:
        """Return the header of the first readable segment behind `number`."""
        following = (header_of(self._directory, n) for n in numbers(self._directory) if n > number)
        return next((header for header in following if header is not None), None)

    def _take(self, found: Found, position: Position, blocks: list[Block]) -> Position:
        header = found.header
        after = Position(position.segment, found.end, header.seq + 1)
        if header.seq < position.seq:
            length = found.end - position.offset
            self.damage.append(Damage(position.segment, position.offset, length, BLOCK_TWICE))
            return after._replace(seq=position.seq)
        self._lose(position, header.seq)
        assert self._segment is not None
        entries, series = unpack_entries(found.plain), self._segment.header.series
        blocks.append(Block(header.seq, header.received_ns, entries, after, series))
        return after

    def _lose(self, position: Position, seq: int) -> None:
        """Note that the blocks from `position` up to number `seq`, which stands there or comes next, were not found."""
        if seq > position.seq:
            self.lost.append(Lost(position.seq, seq))
            if len(self.damage) == self._explained:
                self.damage.append(Damage(position.segment, position.offset, 0, BLOCKS_MISSING))
        self._explained = len(self.damage)

    def _at_end(self, position: Position, committed: Committed) -> Position:
        self._lose(position, committed.position.seq)
        return committed.position

    def _after_segment(self, position: Position, committed: Committed) -> Position:
        """Return the beginning of the next segment that is there."""
        number = next((n for n in numbers(self._directory) if n > position.segment), None)
        if number is None or number > committed.position.segment:
            return self._at_end(position, committed)
        header = header_of(self._directory, number)
        if header is not None and position.seq > header.first_seq:
            raise PositionUnknown(
                f"Block {position.seq} of segment {position.segment} is not in this spool",
                hint=PositionUnknown.remedy,
            )
        if header is not None and header.previous != position.segment:
            self.damage.append(Damage(position.segment + 1, 0, 0, SEGMENTS_MISSING))
        return Position(number, FRAMES_AT, position.seq)

    def _after_lost_segment(self, position: Position, committed: Committed) -> Position:
        """Report a segment that is gone or unreadable and return the place behind it."""
        path = path_of(self._directory, position.segment)
        if path.exists():
            length = path.stat().st_size
            reason = OTHER_SEGMENT if headers_in(path) else HEADER_ALTERED
        else:
            length, reason = 0, SEGMENT_REMOVED
        self.damage.append(Damage(position.segment, position.offset, length, reason))
        number = next((n for n in numbers(self._directory) if n > position.segment), None)
        if number is None or number > committed.position.segment:
            self.position = self._at_end(position, committed)
        else:
            self.position = Position(number, FRAMES_AT, position.seq)
        return self.position
