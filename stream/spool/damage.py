"""Damage that was found, kept beside the segments for whoever has to know of it: `damage.jsonl`.

Whoever meets damage writes it down: the receiver at its start, the stream, an export, `spool info --verify`. The writer
looks at the file again and again and forgets the keys of the lost blocks, so that a message in them is taken when it
comes again; status and doctor are red while it names anything.

```
{"at": spool time, "damage": [segment, offset, length, reason]}
{"at": spool time, "lost": [first, end], "kept": number}
```
`lost` are block numbers, `end` not included. Blocks below `kept` had been consumed: their keys are never forgotten, for
what they held would be counted twice. A row goes once no key can be as old as what it tells.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.spool.committed import read_committed
from stream.spool.consumed import consumed_below, read_consumed
from stream.spool.entry import Damage
from stream.spool.files import FileOperations
from stream.spool.reasons import OTHER_SPOOL, SEGMENT_REMOVED, SEGMENTS_MISSING, reason_of
from stream.spool.segment import numbers

_LARGEST: Final = 4 << 20  # bytes of the file; what is found beyond is in the log of who found it


class Lost(NamedTuple):
    """Blocks from number `first` on that stand nowhere any more; `end` is the first behind them."""

    first: int
    end: int


class Ledger(NamedTuple):
    """What is known to be damaged. `forget` are the lost blocks that nobody had consumed."""

    damage: tuple[Damage, ...] = ()
    lost: tuple[Lost, ...] = ()
    forget: tuple[Lost, ...] = ()


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    at: int
    damage: tuple[int, int, int, str] | None = None
    lost: tuple[int, int] | None = None
    kept: int = Field(default=0, ge=0)


def path_of(directory: Path) -> Path:
    """Where the file stands."""
    return directory / "damage.jsonl"


def read_damage(directory: Path) -> Ledger:
    """Return all that was found so far, from any process; lines that are damaged themselves are passed over.

    Raises `OSError` when the file is there and cannot be read.
    """
    damage: dict[Damage, None] = {}
    kept: dict[Lost, int] = {}
    for row in _rows(directory):
        if row.damage is not None:
            damage[Damage(*row.damage[:3], reason_of(row.damage[3]))] = None
        if row.lost is not None:
            lost = Lost(*row.lost)
            kept[lost] = max(kept.get(lost, 0), row.kept)
    forget = (Lost(max(lost.first, below), lost.end) for lost, below in kept.items())
    return Ledger(tuple(damage), tuple(kept), tuple(lost for lost in forget if lost.first < lost.end))


def record_damage(directory: Path, damage: Sequence[Damage], lost: Sequence[Lost]) -> None:
    """Write down what of this is not known yet, synced. Raises `OSError`."""
    if not damage and not lost:
        return
    known = read_damage(directory)
    committed = read_committed(directory)
    at = committed.received_ns if committed is not None else 0
    rows = [
        _Row(at=at, damage=(place.segment, place.offset, place.length, str(place.reason)))
        for place in dict.fromkeys(damage)
        if place not in known.damage and place.reason != OTHER_SPOOL and not _let_go(directory, place)
    ]
    below = consumed_below(directory)
    rows += [
        _Row(at=at, lost=tuple(gone), kept=gone.end if below is None else below)
        for gone in dict.fromkeys(lost)
        if gone not in known.lost  # what was consumed when it was found first stays consumed
    ]
    content = b"".join(row.model_dump_json(exclude_none=True).encode() + b"\n" for row in rows)
    with _locked(directory) as descriptor:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":  # a crash cut the last line
            content = b"\n" + content
        if rows and size + len(content) <= _LARGEST:
            FileOperations().write(descriptor, (content,), size)
            os.fsync(descriptor)


def forget_damage(directory: Path, older_than_ns: int, files: FileOperations) -> None:
    """Take out what was found before the spool time `older_than_ns`. Raises `OSError`."""
    rows = _rows(directory)
    if all(row.at >= older_than_ns for row in rows):
        return
    with _locked(directory):
        left = [row for row in _rows(directory) if row.at >= older_than_ns]
        content = b"".join(row.model_dump_json(exclude_none=True).encode() + b"\n" for row in left)
        files.replace(path_of(directory), content)


def _let_go(directory: Path, place: Damage) -> bool:
    """Say whether retention removed the segment, in its order, while somebody read it."""
    consumed, present = read_consumed(directory), numbers(directory)
    oldest = present[0] if present else 0
    gone = place.reason in (SEGMENT_REMOVED, SEGMENTS_MISSING)
    return gone and consumed is not None and place.segment < min(consumed.segment, oldest)


def _rows(directory: Path) -> list[_Row]:
    try:
        lines = path_of(directory).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return list(_valid(lines))


def _valid(lines: Iterable[bytes]) -> Iterator[_Row]:
    for line in lines:
        with contextlib.suppress(ValidationError):
            yield _Row.model_validate_json(line)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """The file, held against others who write to it or put another in its place."""
    files = FileOperations()
    while True:
        descriptor = files.update(path_of(directory))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if files.is_at(descriptor, path_of(directory)):
                yield descriptor
                return
        finally:
            os.close(descriptor)
