"""The segments as one growing log: where the next block goes, and what was published of it.

Used by the writer's thread alone. Every method that touches the disk raises `OSError`; after that the caller
must `abandon` the segment and `begin` another, and nothing that failed can ever be read.
"""

from __future__ import annotations

import os
from pathlib import Path

from storage.seal import KeyRing
from stream.spool.committed import Committed, Publisher
from stream.spool.entry import Position
from stream.spool.errors import SpoolReplaced
from stream.spool.files import FileOperations
from stream.spool.recovery import Recovered
from stream.spool.retention import Kept
from stream.spool.segment import FRAMES_AT, Segment, path_of
from stream.spool.settings import SpoolSettings

_MINUTE_NS = 60 * 10**9


class SegmentLog:
    """Blocks go in at the end; `kept` are the closed segments, oldest first, for retention to shorten.

    `received_ns` is the spool time of the last block, `seq` the number of the next one. Each log draws a series for
    its blocks: where the directory was taken back to an older copy, a number comes a second time, in another series.
    """

    def __init__(
        self,
        directory: Path,
        ring: KeyRing,
        settings: SpoolSettings,
        files: FileOperations,
        recovered: Recovered,
    ) -> None:
        self._directory, self._ring, self._settings, self._files = directory, ring, settings, files
        self.kept = list(recovered.kept)
        self.received_ns, self.seq = recovered.received_ns, recovered.next_seq
        self._number = recovered.number
        self._previous, self._previous_end = recovered.previous, recovered.previous_end
        self._segment: Segment | None = None
        self._offset = 0
        self._publisher = Publisher(directory, files)
        self._series_id = os.urandom(16)

    @property
    def is_open(self) -> bool:
        """Whether there is a segment to write to."""
        return self._segment is not None

    @property
    def position(self) -> Position:
        """Where the next block will stand; while there is no segment, the end of the last one."""
        if self._segment is None:
            return Position(self._previous, self._previous_end, self.seq)
        return Position(self._segment.header.number, self._offset, self.seq)

    @property
    def total_bytes(self) -> int:
        """Size of all segments."""
        return sum(kept.bytes for kept in self.kept) + (self._offset if self._segment is not None else 0)

    def write(self, received_ns: int, part: int, plain: bytes, duplicates: int) -> int:
        """Write and sync one block and return its number. It is not published yet.

        Raises `SpoolReplaced` when nobody would find it: then all is to be given up.
        """
        segment = self._segment
        if segment is None or self._is_full(segment, len(plain), received_ns):
            segment = self.begin(received_ns, duplicates)
        parts = segment.make(self.seq, received_ns, part, plain)
        self._files.write(segment.descriptor, parts, self._offset)
        self._files.sync(segment.descriptor)
        self.check_place()
        seq = self.seq
        self.seq, self.received_ns = seq + 1, received_ns
        self._offset += sum(map(len, parts))
        return seq

    def check_place(self) -> None:
        """See that the segment is still where readers look for it. Raises `SpoolReplaced`."""
        if self._segment is None:
            return
        number = self._segment.header.number
        if not self._files.is_at(self._segment.descriptor, path_of(self._directory, number)):
            raise SpoolReplaced(
                f"Segment {number} was removed or replaced while it was written", hint=SpoolReplaced.remedy
            )

    def begin(self, now_ns: int, duplicates: int) -> Segment:
        """Begin the next segment, whose header says where the last one validly ended, and publish it."""
        started = max(self.received_ns, now_ns)
        at = self.position
        segment = Segment.create(
            path_of(self._directory, self._number),
            self._ring,
            self._files,
            number=self._number,
            previous=at.segment,
            previous_end=at.offset,
            first_seq=self.seq,
            started_ns=started,
            series_id=self._series_id,
        )
        self.abandon()
        self._segment, self._offset, self._number = segment, FRAMES_AT, self._number + 1
        self.publish(duplicates)
        self.sync_published()
        return segment

    def abandon(self) -> None:
        """Close the segment; it ends behind the last block that was synced."""
        if self._segment is not None:
            self._previous, self._previous_end = self._segment.header.number, self._offset
            self.kept.append(Kept(self._previous, self._segment.size(), self.received_ns))
            self._segment.close()
            self._segment = None

    def publish(self, duplicates: int) -> None:
        """Let readers see everything that was written."""
        self._publisher.publish(Committed(self.position, self.received_ns, duplicates))

    def sync_published(self) -> None:
        """Put what was published on the disk, so that after a power loss it is old by one segment at most."""
        self._publisher.sync()

    def close(self) -> None:
        """Give the descriptors back."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        self._publisher.close()

    def _is_full(self, segment: Segment, more: int, now_ns: int) -> bool:
        aged = now_ns - segment.header.started_ns >= self._settings.segment_minutes * _MINUTE_NS
        over = self._offset + more > self._settings.segment_bytes
        return self._offset > FRAMES_AT and (aged or over)
