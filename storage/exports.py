"""What is written down before raw lines leave the spool, and where it waits while nobody owns the audit chain.

An `ExportNote` says who took which blocks, when and why; it holds nothing of any log line. Where the command center
runs it enters the note in the audit chain at once. Where it does not, the note waits below `exports/` as a sealed file
of its own, on the disk before the first line is printed, until the command center takes it in
(`command_center.exports`). The seal keeps a note from being altered or made up without the key; that somebody who
may delete files deletes one is not prevented, but whoever can do that and has the key can read the spool without us.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.sanitizer import SafeText
from models.sanitizer.safe_text import stored
from storage.engine import sync_file, write_in_place
from storage.errors import StoreError
from storage.layout import Layout
from storage.seal import KeyRing, Seal, SealBroken

_SUFFIX, _BAD = ".note", ".unreadable"
_ID: Final = re.compile(r"[0-9a-f]{32}")
_BLOCKS: Final = 2**63 - 1  # what the spool's numbers and the chain's readers hold
_MOST_BYTES: Final = 1 << 20  # a note has a few hundred; the longest that the command center takes, 64 KiB
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class ExportNotRecorded(StoreError):
    code = "export_not_recorded"
    meaning = "An export of raw lines could not be written down, so nothing was printed."
    remedy = "Free the disk or mend the rights of the state directory, or start the command center; then export again."


class ExportNote(BaseModel):
    """One export. Blocks are numbered as in the spool: from `first_block` up to, not including, `end_block`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    id: str = Field(
        pattern=r"^[0-9a-f]{32}$", description="Random; tells a repeated note from another export"
    )
    uid: int = Field(ge=0, lt=2**32, description="Unix user id of who exports")
    at: AwareDatetime = Field(
        ge=datetime(1970, 1, 1, tzinfo=UTC),
        lt=datetime(2200, 1, 1, tzinfo=UTC),
        description="When, by the clock of who exports",
    )
    first_block: int = Field(ge=0, le=_BLOCKS)
    end_block: int = Field(ge=0, le=_BLOCKS)
    reason: SafeText | None = Field(default=None, description="Why, in words that have passed the gate")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_block < self.first_block:
            raise ValueError("end_block is before first_block")
        return self


class Waiting(NamedTuple):
    """One file that waits; `note` is None for one that is no note of ours."""

    path: Path
    note: ExportNote | None


def keep_note(layout: Layout, ring: KeyRing, note: ExportNote) -> None:
    """Write a note that waits; durable on return. Raises `ExportNotRecorded`."""
    sealed = ring.seal("exports").seal(note.model_dump_json().encode(), _context(note.id))
    try:
        layout.exports.mkdir(mode=0o700, exist_ok=True)
        write_in_place(layout.exports / f"{note.id}{_SUFFIX}", sealed)
        sync_file(layout.root)
    except OSError as error:
        raise ExportNotRecorded(
            f"the export could not be recorded ({type(error).__name__}), so nothing was printed",
            hint=ExportNotRecorded.remedy,
        ) from None


def waiting_notes(layout: Layout, ring: KeyRing, most: int, left: frozenset[str]) -> list[Waiting]:
    """Return up to `most` files that wait, in the order of their names, without those whose names are in `left`.

    Raises `OSError` when the folder cannot be listed or this process may open no more files.
    """
    try:
        with os.scandir(layout.exports) as entries:
            names = (each.name for each in entries if each.name.endswith(_SUFFIX) and each.name not in left)
            chosen = sorted(islice(names, most))
    except FileNotFoundError:
        return []
    seal = ring.seal("exports")
    found = (_waiting(layout.exports / name, seal) for name in chosen)
    return [each for each in found if each is not None]


def _waiting(path: Path, seal: Seal) -> Waiting | None:
    """Read one file; None when it has gone."""
    try:
        if not _ID.fullmatch(path.stem):
            return Waiting(path, None)
        note = _opened(_content(path), path.stem, seal)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _EXHAUSTED:
            raise  # this says nothing about the file
        note = None
    return Waiting(path, note)


def _content(path: Path) -> bytes:
    """Return the bytes of a regular file, empty for anything else; never waits for a pipe or follows a link."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return b""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        known = os.fstat(descriptor)  # between the two looks it may have been replaced
        return file.read(_MOST_BYTES) if stat.S_ISREG(known.st_mode) and known.st_size <= _MOST_BYTES else b""


def _opened(sealed: bytes, id: str, seal: Seal) -> ExportNote | None:
    try:
        plain = seal.open(sealed, _context(id))
        note = ExportNote.model_validate_json(plain, context={"admit": stored})
    except (SealBroken, ValidationError):
        return None
    return note if note.id == id else None


def forget_note(path: Path) -> None:
    """Remove the file of a note that stands in the chain. Raises `OSError`."""
    path.unlink(missing_ok=True)
    sync_file(path.parent)


def set_aside(path: Path) -> None:
    """Keep a file that is no note of ours under a name of its own, for whoever looks into it. Raises `OSError`."""
    path.rename(path.with_name(f"{name_of(path)}.{secrets.token_hex(4)}{_BAD}"))
    sync_file(path.parent)


def name_of(path: Path) -> str:
    """Return what may be said of a file's name: a note's id as it is, of any other name a hash.

    >>> name_of(Path("0123456789abcdef" * 2 + ".note")), name_of(Path("zorblax.note"))[:7]
    ('0123456789abcdef0123456789abcdef', 'sha256-')
    """
    if _ID.fullmatch(path.stem):
        return path.stem
    return f"sha256-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}"


def _context(id: str) -> bytes:
    return b"mayday export " + id.encode()
