"""Reading the spool from any position, in any process, beside the writer.

Readers never pass the synced length, hold no lock and change nothing. In a closed segment they stop where the
next segment's header says that it validly ended, so the half-written tail of a failed sync is never seen.
Damaged bytes are put into `damage` and skipped up to the next frame marker; block numbers go on behind them.

Fails with `WrongKey` when the spool was sealed under another master key and with `PositionUnknown` when it
never had the position it was told to go on from.
"""

from __future__ import annotations

from pathlib import Path

from storage.seal import KeyRing
from stream.spool.committed import Committed, read_committed
from stream.spool.entry import Block, Damage, Position, unpack_entries
from stream.spool.errors import PositionUnknown
from stream.spool.segment import FRAMES_AT, Found, Segment, SegmentHeader, header_of, numbers, path_of
from stream.spool.settings import MIB


class SpoolReader:
    """Blocks in order from `at` on (None: from the oldest that is kept). Not to be shared between threads.

    `position` is where the next `read` goes on, and what to hand to another reader later; `damage` grows.
    """

    def __init__(self, directory: Path, ring: KeyRing, at: Position | None = None) -> None:
        self._directory, self._ring = directory, ring
        self.position: Position | None = at
        self.damage: list[Damage] = []
        self._segment: Segment | None = None
        self._end: int | None = None  # where the open segment validly ends, once a later one says so
        self._stop_seq: int | None = None  # first block of the next segment: none of ours has this number
        self._checked = at is None

    def read(self, max_blocks: int, max_bytes: int = 32 * MIB) -> list[Block]:
        """Return up to `max_blocks` blocks, fewer when they exceed `max_bytes`; empty when all is read."""
        committed = read_committed(self._directory)
        if committed is None:
            return []
        position = self._begin(committed)
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
        if not self._checked:
            header = header_of(self._directory, position.segment)
            following = self._header_after(position.segment)
            later = position.segment > committed.position.segment
            before = header is not None and position.seq < header.first_seq
            behind = following is not None and position.seq > following.first_seq
            if later or before or behind:
                raise PositionUnknown(
                    f"This spool does not have segment {position.segment}, block {position.seq}",
                    hint="Restore spool and recovery state from the same backup, or remove both",
                )
            self._checked = True
        return position

    def _enter(self, number: int) -> bool:
        """Have segment `number` open; False if it is gone or its header is unreadable."""
        if self._segment is not None and self._segment.header.number == number:
            return True
        self.close()
        try:
            self._segment = Segment.open(path_of(self._directory, number), self._ring)
        except FileNotFoundError:
            return False
        if self._segment is not None and self._segment.copies < 2:
            self.damage.append(Damage(number, 0, 0, "one copy of the segment's header was altered"))
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
            self.damage.append(
                Damage(position.segment, position.offset, length, "a block stands here a second time")
            )
            return after._replace(seq=position.seq)
        blocks.append(Block(header.seq, header.received_ns, unpack_entries(found.plain), after))
        return after

    def _after_segment(self, position: Position, committed: Committed) -> Position:
        """Return the beginning of the next segment that is there."""
        number = next((n for n in numbers(self._directory) if n > position.segment), None)
        if number is None or number > committed.position.segment:
            return committed.position
        header = header_of(self._directory, number)
        if header is not None and position.seq > header.first_seq:
            raise PositionUnknown(
                f"Block {position.seq} of segment {position.segment} is not in this spool",
                hint="Restore spool and recovery state from the same backup, or remove both",
            )
        if header is not None and header.previous != position.segment:
            self.damage.append(Damage(position.segment + 1, 0, 0, "segments are missing"))
        return Position(number, FRAMES_AT, position.seq)

    def _after_lost_segment(self, position: Position, committed: Committed) -> Position:
        """Report a segment that is gone or unreadable and return the place behind it."""
        path = path_of(self._directory, position.segment)
        if path.exists():
            reason, length = "both copies of the segment's header were altered", path.stat().st_size
        else:
            reason, length = "the segment was removed", 0
        self.damage.append(Damage(position.segment, position.offset, length, reason))
        number = next((n for n in numbers(self._directory) if n > position.segment), None)
        if number is None or number > committed.position.segment:
            self.position = committed.position
        else:
            self.position = Position(number, FRAMES_AT, position.seq)
        return self.position
