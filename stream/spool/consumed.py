"""How far the stream has consumed the spool: the dataflow's commit hook writes it, retention looks at it.

It is called only once everything below the position is durable downstream. A damaged or missing file means
"nothing yet": retention then keeps more than it must, and nothing else depends on it.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.spool.entry import Position
from stream.spool.files import FileOperations


class _Consumed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    segment: int = Field(ge=0)
    offset: int = Field(ge=0)
    seq: int = Field(ge=0)


def path_of(directory: Path) -> Path:
    """Where the file stands."""
    return directory / "consumed"


def mark_consumed(directory: Path, position: Position, files: FileOperations | None = None) -> None:
    """Record that everything below `position` is durable downstream. Raises `OSError`.

    A lower position than before is taken as it is: after a restore the stream goes through the blocks again.
    """
    content = _Consumed(segment=position.segment, offset=position.offset, seq=position.seq)
    (files or FileOperations()).replace(path_of(directory), content.model_dump_json().encode() + b"\n")


def read_consumed(directory: Path) -> Position | None:
    """The position marked last, None if there is none."""
    try:
        consumed = _Consumed.model_validate_json(path_of(directory).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return Position(consumed.segment, consumed.offset, consumed.seq)
