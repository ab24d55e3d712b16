"""What is written down before raw lines leave the spool, and where it waits while nobody owns the audit chain.

An `ExportNote` says who took which blocks, when and why; it holds nothing of any log line. Where the command center
runs it enters the note in the audit chain at once. Where it does not, the note waits below `exports/` as a sealed file
of its own, on the disk before the first line is printed, until the command center takes it in
(`command_center.exports`). The seal keeps a note from being altered or made up without the key; that somebody who
may delete files deletes one is not prevented, but whoever can do that and has the key can read the spool without us.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from models.sanitizer import SafeText
from models.sanitizer.safe_text import stored
from storage.engine import sync_file, write_in_place
from storage.errors import StoreError
from storage.layout import Layout
from storage.seal import KeyRing, SealBroken

_SUFFIX, _BAD, _PART = ".note", ".unreadable", ".new"


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
    uid: int = Field(ge=0, description="Unix user id of who exports")
    at: AwareDatetime = Field(description="When, by the clock of who exports")
    first_block: int = Field(ge=0)
    end_block: int = Field(ge=0)
    reason: SafeText | None = Field(default=None, description="Why, in words that have passed the gate")


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


def waiting_notes(layout: Layout, ring: KeyRing) -> Iterator[tuple[Path, ExportNote | None]]:
    """Yield each file that waits with its note, None for one that does not open; oldest name first."""
    if not layout.exports.is_dir():
        return
    seal = ring.seal("exports")
    for path in sorted(layout.exports.glob(f"*{_SUFFIX}")):
        try:
            plain = seal.open(path.read_bytes(), _context(path.stem))
            yield path, ExportNote.model_validate_json(plain, context={"admit": stored})
        except FileNotFoundError:
            continue
        except (SealBroken, ValidationError):
            yield path, None


def forget_note(path: Path) -> None:
    """Remove the file of a note that stands in the chain."""
    path.unlink(missing_ok=True)
    sync_file(path.parent)


def set_aside(path: Path) -> None:
    """Keep a file that is no note of ours under another name, for whoever looks into it."""
    path.replace(path.with_suffix(_BAD))
    sync_file(path.parent)


def _context(id: str) -> bytes:
    return b"mayday export " + id.encode()
