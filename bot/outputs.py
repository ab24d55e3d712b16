"""Files that a command writes for people: their place is looked at before the work begins, and they appear there whole or not at all.

What is read is never written over, by whatever name it is given. A pipe or a device is written to as it is. Failure modes:
`BadInput`, with what to do.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from models.errors import BadInput


def check_output(path: Path, option: str, read: Iterable[Path] = ()) -> None:
    """Raise `BadInput` if what `option` names cannot be written, or is one of `read`, or stands in a directory of them.

    A new file in a directory that is read is none of its files.
    """
    try:
        if path.is_dir():
            raise BadInput(f"{path.name} is a directory", hint=f"Give {option} the name of a file in it")
        if path.exists() and not path.is_file():
            if not os.access(path, os.W_OK):
                raise _unwritable(path, option)
            return
        target = _target(path, option)
        if not target.parent.is_dir():
            raise BadInput(
                f"the directory for {path.name} is not there", hint=f"Make it, or give {option} another place"
            )
        if path.exists() and any(_is_of(target, each) for each in read):
            raise BadInput(
                f"{path.name} is among what is read, so it is not written over",
                hint=f"Give {option} another name",
            )
        if path.exists() and not os.access(target, os.W_OK):
            raise _unwritable(path, option)
        aside = _aside(target)
        aside.touch(
            0o600, exist_ok=False
        )  # the only way to know: a directory may be read-only, or full, or no real one
        aside.unlink()
    except OSError:
        raise _unwritable(path, option) from None


def check_apart(*outputs: tuple[Path | None, str]) -> None:
    """Raise `BadInput` if two outputs, each with its option, are one file."""
    seen: dict[str, str] = {}
    for path, option in outputs:
        if path is None:
            continue
        place = os.path.realpath(path)
        if place in seen and (path.is_file() or not path.exists()):
            raise BadInput(f"{seen[place]} and {option} name one file", hint="Give each a file of its own")
        seen[place] = option


def write_output(path: Path, option: str, text: str, *, errors: str = "strict") -> None:
    """Write `text` beside its place and move it there with the mode of what stood there; a link is followed to its file."""
    target = _target(path, option)
    aside: Path | None = None
    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", errors=errors, newline="") as file:
                file.write(text)
            return
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666
        descriptor = os.open(_aside(target), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        aside = _aside(target)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors=errors, newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except BrokenPipeError:
        raise
    except OSError as error:
        if aside is not None:  # what another has put there is left alone
            aside.unlink(missing_ok=True)
        raise _unwritable(path, option) from error


def _target(path: Path, option: str) -> Path:
    target = Path(os.path.realpath(path))
    if target.is_symlink():  # a loop of links
        raise _unwritable(path, option)
    return target


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name[:100]}.{os.getpid()}.part")


def _is_of(target: Path, read: Path) -> bool:
    """Say whether a file is `read` itself, by whatever name, or stands below it."""
    if not read.exists():
        return False
    if not read.is_dir():
        return target.samefile(read)
    if target.is_relative_to(os.path.realpath(read)):
        return True
    same = target.stat()
    return any(
        each.is_file() and os.path.samestat(each.stat(), same) for each in read.rglob("*")
    )  # a link to it, hard or soft


def _unwritable(path: Path, option: str) -> BadInput:
    return BadInput(
        f"{path.name} cannot be written", hint=f"Give {option} a file in a directory that is yours"
    )
