"""What a writer does before it writes: find out where the spool ends, whatever the last writer died of.

- Half-made files are removed.
- In the last segment, whole frames beyond the last published place count as committed: their senders may have
  had the ack. They are written once more in place and synced, because after a failed sync the page cache can
  hold what the disk does not.
- What follows the last whole frame is a cut tail. It stays where it is, in a segment that is closed for good.
- Block numbers and spool time go on from the highest that anybody can have seen.

Raises `WrongKey` for another master key before anything is changed, and `OSError`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from storage.seal import KeyRing
from stream.spool.committed import Committed, read_committed
from stream.spool.consumed import consumed_below, read_consumed
from stream.spool.damage import Lost
from stream.spool.dedupe import DedupeIndex, KeyMaker
from stream.spool.entry import Damage, Position
from stream.spool.errors import PositionUnknown
from stream.spool.files import FileOperations
from stream.spool.reader import SpoolReader
from stream.spool.reasons import HEADER_ALTERED
from stream.spool.retention import Kept, finish
from stream.spool.segment import (
    FRAMES_AT,
    Segment,
    header_of,
    last_frame_in_the_open,
    numbers,
    path_of,
)
from stream.spool.survey import survey

_STEP: Final = 4 << 20


class Recovered(NamedTuple):
    """Where the spool ended. `kept` are all its segments, `cut` the bytes of a tail that is left behind."""

    number: int
    previous: int
    previous_end: int
    next_seq: int
    received_ns: int
    duplicates: int
    kept: tuple[Kept, ...]
    damage: tuple[Damage, ...]
    lost: tuple[Lost, ...]
    resumed_blocks: int
    cut: int


class _Tail(NamedTuple):
    end: int
    next_seq: int
    received_ns: int
    damage: tuple[Damage, ...]
    lost: tuple[Lost, ...]
    resumed_blocks: int


def recover(
    directory: Path, ring: KeyRing, files: FileOperations, synced: Position | None = None
) -> Recovered:
    """Return where to go on. The caller holds the directory's lock. All keys of the blocks below `synced` are stored."""
    present = numbers(directory)
    committed = read_committed(directory)
    if committed is None:  # the keys tell the least that was written
        committed = Committed(synced or Position(0, FRAMES_AT, 0), 0, 0)
    consumed = read_consumed(directory) or Position(0, 0, 0)
    reached = max(committed.position, consumed)
    seen = survey(directory, reached, lambda: consumed_below(directory))
    last = present[-1] if present else 0
    tail = _tail_of(directory, last, committed, ring, files) if last else _Tail(0, 0, 0, (), (), 0)
    for path in sorted(directory.glob("segment-*.*")):
        if path.suffix == ".new":
            path.unlink()
        elif path.suffix == ".removed":
            finish(path, files)
    return Recovered(
        number=max(last, reached.segment) + 1,
        previous=last,
        previous_end=tail.end,
        next_seq=max(tail.next_seq, committed.position.seq, consumed.seq),
        received_ns=max(tail.received_ns, committed.received_ns),
        duplicates=committed.duplicates,
        kept=_kept(directory, present, max(tail.received_ns, committed.received_ns)),
        damage=tuple(dict.fromkeys((*seen.damage, *tail.damage))),
        lost=(*seen.lost, *tail.lost),
        resumed_blocks=tail.resumed_blocks,
        cut=max(0, path_of(directory, last).stat().st_size - tail.end) if last else 0,
    )


def _tail_of(directory: Path, last: int, committed: Committed, ring: KeyRing, files: FileOperations) -> _Tail:
    path = path_of(directory, last)
    segment = Segment.open(path, ring)
    published = committed.position.offset if committed.position.segment == last else FRAMES_AT
    if segment is None:
        frame, end = last_frame_in_the_open(path)
        damage = (Damage(last, 0, end, HEADER_ALTERED),)
        if frame is None:
            return _Tail(max(end, published), 0, 0, damage, (), 0)
        return _Tail(max(end, published), frame.seq + 1, frame.received_ns, damage, (), 0)
    try:
        end, next_seq, received_ns = published, segment.header.first_seq, segment.header.started_ns
        if published > FRAMES_AT:
            next_seq = committed.position.seq
        resumed, doubtful, damage_seen, lost = 0, [], [], []
        for item in segment.walk(published, segment.size()):
            if isinstance(item, Damage):
                doubtful.append(item)  # a cut tail, unless a whole frame follows
                continue
            damage_seen += doubtful
            doubtful = []
            if item.header.seq > next_seq:
                lost.append(Lost(next_seq, item.header.seq))
            end, next_seq, received_ns = item.end, item.header.seq + 1, item.header.received_ns
            resumed += 1
    finally:
        segment.close()
    if end > published:
        _write_again(path, published, end, files)
    return _Tail(end, next_seq, received_ns, tuple(damage_seen), tuple(lost), resumed)


def _write_again(path: Path, start: int, end: int, files: FileOperations) -> None:
    descriptor = files.update(path)
    try:
        for at in range(start, end, _STEP):
            files.write(descriptor, (os.pread(descriptor, min(_STEP, end - at), at),), at)
        files.sync(descriptor)
    finally:
        os.close(descriptor)


def _kept(directory: Path, present: list[int], ended_ns: int) -> tuple[Kept, ...]:
    """All segments there; each ended when the next readable one began."""
    kept: list[Kept] = []
    for number in reversed(present):
        kept.append(Kept(number, path_of(directory, number).stat().st_size, ended_ns))
        header = header_of(directory, number)
        ended_ns = header.started_ns if header is not None else ended_ns
    return tuple(reversed(kept))


def restore_keys(
    directory: Path, ring: KeyRing, keys: DedupeIndex, key_of: KeyMaker
) -> tuple[list[Damage], list[Lost]]:
    """Add the keys of all blocks behind the last key checkpoint; return the damage met there, and the lost blocks."""
    try:
        return _read_keys(SpoolReader(directory, ring, keys.checkpointed), keys, key_of)
    except PositionUnknown:  # the checkpoint belongs to another spool: read everything there is
        return _read_keys(SpoolReader(directory, ring), keys, key_of)


def _read_keys(reader: SpoolReader, keys: DedupeIndex, key_of: KeyMaker) -> tuple[list[Damage], list[Lost]]:
    with reader:
        while blocks := reader.read(64):
            for block in blocks:
                made = (key_of(entry) for entry in block.entries)
                keys.add([key for key in made if key is not None], block.seq, block.received_ns)
    return reader.damage, reader.lost
