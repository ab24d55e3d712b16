"""Bytewax's source over the spool: one partition, one item per block.

The resume point is the reader's bookmark: a place in a series of blocks, so that in a spool that was removed, replaced or
taken back to an older copy nothing is passed over. Bytewax asks for no input of the next epoch before everything of
the last one is stored, so the first poll after a snapshot means that all up to its position is processed,
handed over and durable: there the spool is told what it may let go. After the last epoch no poll follows,
and the spool keeps a little more than it must.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from models.sanitizer.guard import guarded
from stream.flow_errors import RecoveryDamaged
from stream.flow_settings import FlowSettings
from stream.flow_status import Progress
from stream.moments import moment
from stream.spool import Block, Bookmark, Position, SpoolReader

LOG = logging.getLogger(__name__)
PARTITION: Final = "spool"  # never renamed: the resume point is kept under it
ResumeState = tuple[int, int, int] | tuple[int, int, int, str, int]
"""Segment, offset, number of the next block and, since there are series, the segment's series and a checksum: one digit
that the disk altered would have blocks passed over."""


def state_of(mark: Bookmark) -> ResumeState:
    """Return a bookmark as it is stored."""
    return *mark.position, mark.series, _checksum(mark)


def bookmark_of(state: ResumeState | None) -> Bookmark | None:
    """Return where a stored state lies. Raises `RecoveryDamaged` when it is not as it was stored.

    >>> bookmark_of((1, 8192, 0)) == bookmark_of(state_of(Bookmark(Position(1, 8192, 0), "")))
    True
    """
    match state:
        case None:
            return None
        case (int(segment), int(offset), int(seq)):
            return Bookmark(Position(segment, offset, seq), "")
        case (int(segment), int(offset), int(seq), str(series), int(checksum)):
            mark = Bookmark(Position(segment, offset, seq), series)
            if checksum == _checksum(mark):
                return mark
    raise RecoveryDamaged("the stored place in the spool was altered", hint=RecoveryDamaged.remedy)


def _checksum(mark: Bookmark) -> int:
    return zlib.crc32(repr((*mark.position, mark.series)).encode())


class SpoolPartition(StatefulSourcePartition[Block, ResumeState | None]):
    """Blocks of the spool in order. See `SpoolSource` for the parameters."""

    def __init__(self, source: SpoolSource, at: Bookmark | None) -> None:
        self._source = source
        self._reader = source.open_reader(at)
        self._unconfirmed: Position | None = None
        self._idle = False

    def next_batch(self) -> Sequence[Block]:
        if self._unconfirmed is not None:
            with guarded("telling the spool what is stored"):
                self._source.committed(self._unconfirmed)
            self._unconfirmed = None
        if self._source.stop.is_set():
            raise StopIteration
        with guarded("reading the spool"):
            blocks = self._reader.read(self._source.settings.blocks_per_poll)
            self._idle = not blocks
            self._note(blocks)
        if self._idle and self._source.until_end:
            raise StopIteration
        return blocks

    def next_awake(self) -> datetime | None:
        """Poll again at once after blocks; Bytewax compares this with the system's clock."""
        if not self._idle:
            return None
        return datetime.now(UTC) + timedelta(milliseconds=self._source.settings.idle_ms)

    def snapshot(self) -> ResumeState | None:
        at = self._reader.bookmark
        self._unconfirmed = None if at is None else at.position
        self._source.stored = True
        return None if at is None else state_of(at)

    def close(self) -> None:
        self._reader.close()

    def _note(self, blocks: Sequence[Block]) -> None:
        progress = self._source.progress
        progress.newest_at = moment(blocks[-1].received_ns) if blocks else None
        for damage in self._reader.damage[progress.damage :]:
            LOG.error("stream: segment %d, byte %d, %d bytes: %s", *damage)
        progress.damage = len(self._reader.damage)
        self._reader.record_damage()
        progress.write("reading")


class SpoolSource(FixedPartitionedSource[Block, ResumeState | None]):
    """The spool as a source.

    Parameters
    ----------
    open_reader : makes the reader that goes on at a bookmark
    committed : called with a position once everything below it is durable downstream
    stop : ends the flow at the next poll, with its state stored
    until_end : end when all is read, for replays and tests
    """

    def __init__(
        self,
        open_reader: Callable[[Bookmark | None], SpoolReader],
        settings: FlowSettings,
        progress: Progress,
        committed: Callable[[Position], None],
        stop: threading.Event,
        *,
        until_end: bool = False,
    ) -> None:
        self.open_reader = open_reader
        self.settings = settings
        self.progress = progress
        self.committed = committed
        self.stop = stop
        self.until_end = until_end
        self.stored = False  # whether an epoch of this run has ended

    def list_parts(self) -> list[str]:
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: ResumeState | None) -> SpoolPartition:
        del step_id, for_part
        with guarded("opening the spool"):
            return SpoolPartition(self, bookmark_of(resume_state))
