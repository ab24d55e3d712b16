"""Where a report goes: like every output (`bot/outputs.py`), and what stands there is written over only if it is an earlier report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bot.outputs import check_output, write_output
from bot.report.page import MARK
from models.errors import BadInput

OPTION = "--report"


def check_place(path: Path, read: Iterable[Path] = ()) -> None:
    """Raise `BadInput` if a report cannot be written to `path`, or if something else stands there."""
    check_output(
        path, OPTION, () if is_report(path) else read
    )  # an earlier report is not read, wherever it stands
    if path.is_file() and not is_report(path):
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
    """Write a report to its place, looked at once more."""
    check_place(path)
    write_output(path, OPTION, page)
