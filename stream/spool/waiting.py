"""What of the spool the stream has not made durable on its side yet, told from outside: it holds also of a stream that hangs.

Only numbers in the open are read; no key is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stream.spool import frame
from stream.spool.committed import read_committed
from stream.spool.consumed import read_consumed
from stream.spool.entry import Position
from stream.spool.segment import FRAMES_AT, header_of, numbers, path_of


class Waiting(NamedTuple):
    """How many blocks wait, and the receive time of the oldest of them (ns since 1970), None where it cannot be told."""

    blocks: int
    oldest_ns: int | None


def waiting(directory: Path) -> Waiting:
    """Look at a spool from any process. Raises `OSError`."""
    committed = read_committed(directory)
    present = numbers(directory)
    if committed is None or not present:
        return Waiting(0, None)
    header = header_of(directory, present[0])
    oldest = Position(present[0], FRAMES_AT, header.first_seq if header is not None else 0)
    at = max(read_consumed(directory) or oldest, oldest)
    blocks = max(0, committed.position.seq - at.seq)
    return Waiting(blocks, _received_ns(directory, at) if blocks else None)


def _received_ns(directory: Path, at: Position) -> int | None:
    """Receive time of the block at `at`, or of the first of the next segment where `at` is the end of its own."""
    places = [(at.segment, at.offset), *((n, FRAMES_AT) for n in numbers(directory) if n > at.segment)]
    for number, offset in places[:2]:
        try:
            with path_of(directory, number).open("rb") as file:
                file.seek(offset)
                header = frame.parse(file.read(frame.HEADER_BYTES))
        except FileNotFoundError:  # retention was faster
            continue
        if header is not None and header.seq >= at.seq:
            return header.received_ns
    return None
