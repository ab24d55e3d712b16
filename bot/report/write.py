"""Where a report goes: a place is looked at before the work begins, and the file appears there whole or not at all.

What stands there is written over only if it is an earlier report. Failure modes: `BadInput`, with what to do.
"""

from __future__ import annotations

import os
from pathlib import Path

from bot.report.page import MARK
from models.errors import BadInput


def check_place(path: Path) -> None:
    """Raise `BadInput` if a report cannot be written to `path`, or if something else stands there."""
    if not path.parent.is_dir():
        raise BadInput(
            f"the directory for {path.name} is not there", hint="Make it, or give --report another place"
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _unwritable(path)
    if path.is_dir():
        raise BadInput(f"{path.name} is a directory", hint="Give --report the name of a file in it")
    if path.exists() and not is_report(path):
        raise BadInput(
            f"{path.name} is no earlier report, so it is not written over",
            hint="Give --report another name, or remove the file",
        )


def is_report(path: Path) -> bool:
    """Say whether a file begins as a report does."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(MARK)) == MARK.encode()
    except OSError:
        return False


def write_report(path: Path, page: str) -> None:
    """Write a report beside its place and move it there, looked at once more; a link is followed to its file."""
    check_place(path)
    target = path.resolve()
    aside = target.with_name(f".{target.name[:100]}.{os.getpid()}.part")
    try:
        with aside.open("x", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except FileExistsError as error:  # another's, left alone
        raise _unwritable(path) from error
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise _unwritable(path) from error


def _unwritable(path: Path) -> BadInput:
    return BadInput(
        f"{path.name} cannot be written", hint="Give --report a file in a directory that is yours"
    )
