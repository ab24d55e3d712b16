"""What the spool says about itself, for `mayday spool info`, metrics and the doctor. Numbers only."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from models.metrics import condition, counter, gauge, moment
from storage.seal import KeyRing
from stream.spool import frame
from stream.spool.committed import read_committed
from stream.spool.consumed import consumed_below, read_consumed
from stream.spool.damage import Lost, read_damage, record_damage
from stream.spool.entry import Damage, Position
from stream.spool.quarantine import count_quarantined
from stream.spool.reader import SpoolReader
from stream.spool.segment import FRAMES_AT, header_of, numbers, path_of
from stream.spool.survey import survey


class SpoolInfo(BaseModel):
    """State of one spool. Blocks are numbered without gaps; `next_seq` is the number of the next one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segments: Annotated[int, gauge("files")] = Field(description="Segment files on disk.")
    bytes: Annotated[int, gauge("bytes")] = Field(description="Bytes of all segment files.")
    blocks: Annotated[int, gauge("blocks")] = Field(description="Blocks on disk, damaged ones included.")
    first_seq: Annotated[int, gauge("block number")] = Field(
        description="Number of the oldest block on disk; equals next_seq when there is none."
    )
    next_seq: Annotated[int, gauge("block number")] = Field(
        description="Number that the next block will have."
    )
    committed: Annotated[Position | None, gauge("segment, offset, block number")] = Field(
        description="Where the next block will stand: readers go up to here."
    )
    consumed: Annotated[Position | None, gauge("segment, offset, block number")] = Field(
        description="What the stream has made durable on its side."
    )
    waiting_blocks: Annotated[int, gauge("blocks")] = Field(
        description="Committed blocks that the stream has not consumed yet."
    )
    duplicates: Annotated[int, counter("messages")] = Field(
        description="Messages acknowledged again without being stored, since the beginning."
    )
    keys: Annotated[int | None, gauge("keys")] = Field(
        default=None, description="Keys held to recognise duplicates (the writer knows)."
    )
    has_room: Annotated[bool | None, condition()] = Field(
        default=None, description="Whether clients are read from (the writer knows)."
    )
    no_room: Annotated[str | None, condition()] = Field(
        default=None, description="Why clients are not read from."
    )
    oldest_ns: Annotated[int | None, moment("ns since 1970")] = Field(
        default=None, description="Receive time of the oldest block, ns since 1970."
    )
    newest_ns: Annotated[int | None, moment("ns since 1970")] = Field(
        default=None, description="Receive time of the newest block, ns since 1970."
    )
    quarantined: Annotated[dict[str, int] | None, gauge("messages, by reason")] = Field(
        default=None,
        description="Messages kept aside because they did not decode, by reason (needs the key).",
    )
    damage: Annotated[tuple[Damage, ...] | None, gauge("places")] = Field(
        default=None, description="Damaged places that were found; null when nobody has looked or found any."
    )


def spool_info(directory: Path, ring: KeyRing | None = None, *, verify: bool = False) -> SpoolInfo:
    """Look at a spool from any process, numbers only.

    With `ring`, messages in quarantine are counted; with `verify` too, every block is opened, which takes as
    long as reading all of it.
    """
    committed, consumed = read_committed(directory), read_consumed(directory)
    present = numbers(directory)
    headers = [header for number in present if (header := header_of(directory, number)) is not None]
    position = committed.position if committed is not None else None
    next_seq = position.seq if position is not None else 0
    first_seq = min(headers[0].first_seq, next_seq) if headers else next_seq
    damage: tuple[Damage, ...] | None = read_damage(directory).damage or None
    if verify and ring is not None:
        damage = find_damage(directory, ring)
    return SpoolInfo(
        segments=len(present),
        bytes=sum(_size(directory, number) for number in present),
        blocks=next_seq - first_seq,
        first_seq=first_seq,
        next_seq=next_seq,
        committed=position,
        consumed=consumed,
        waiting_blocks=max(0, next_seq - max(first_seq, consumed.seq if consumed else 0)),
        duplicates=committed.duplicates if committed is not None else 0,
        oldest_ns=_oldest(directory, present) if next_seq > first_seq else None,
        newest_ns=committed.received_ns if committed is not None and next_seq > first_seq else None,
        quarantined=count_quarantined(directory, ring) if ring is not None else None,
        damage=damage,
    )


def oldest_seq(directory: Path) -> int:
    """Number of the first block of the oldest segment whose header can be read, 0 without any."""
    headers = (header_of(directory, number) for number in numbers(directory))
    return next((header.first_seq for header in headers if header is not None), 0)


def find_damage(directory: Path, ring: KeyRing) -> tuple[Damage, ...]:
    """Read every block, write down what is damaged and return all that is known to be. Raises `OSError`."""
    with SpoolReader(directory, ring) as reader:
        while reader.read(64):
            pass
        return noted(directory, reader.damage, reader.lost)


def noted(directory: Path, damage: Sequence[Damage], lost: Sequence[Lost]) -> tuple[Damage, ...]:
    """Write down what a reader met, and return it with what is known besides.

    Headers and sizes are looked at too: a reader that begins with the oldest segment cannot miss one before it.
    """
    known = read_damage(directory).damage
    committed = read_committed(directory)
    if committed is not None:
        seen = survey(directory, committed.position, lambda: consumed_below(directory))
        damage, lost = (*damage, *seen.damage), (*lost, *seen.lost)
    with contextlib.suppress(PermissionError):  # who may only read is told all the same
        record_damage(directory, damage, lost)
    return tuple(dict.fromkeys((*damage, *known)))


def _size(directory: Path, number: int) -> int:
    try:
        return path_of(directory, number).stat().st_size
    except FileNotFoundError:  # retention was faster
        return 0


def _oldest(directory: Path, present: list[int]) -> int | None:
    """Receive time in the first frame that can be read in the open."""
    for number in present:
        try:
            with path_of(directory, number).open("rb") as file:
                file.seek(FRAMES_AT)
                header = frame.parse(file.read(frame.HEADER_BYTES))
        except FileNotFoundError:
            continue
        if header is not None:
            return header.received_ns
    return None
