"""What `mayday up` knows of the processes it watches, in `run/up.json`, for `mayday status` and `mayday doctor`.

Written whole and renamed into place whenever something happens. `failures` counts how often a process has ended since
it last came up or lived long enough; the reason is the sentence with which it ended, which quotes no log data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from storage.layout import Layout

LONGEST: Final = 600  # characters of a sentence that are kept
_TAIL: Final = 64 * 1024  # bytes of a process's output that are looked at
_VOICE: Final = b"mayday: "


class Watched(BaseModel):
    """One process as its supervisor sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pid: int | None = Field(default=None, description="Process id; none between two starts")
    failures: int = Field(default=0, ge=0, description="Endings since it was last well")
    ending: str | None = Field(default=None, description="How it ended the last time, such as `exit code 1`")
    reason: str | None = Field(default=None, description="The sentence with which it ended the last time")

    @property
    def sentence(self) -> str:
        """Say how it stands with a process that does not stay up."""
        times = "once" if self.failures == 1 else f"{self.failures} times in a row"
        said = self.reason or "it gave no reason; its log file may say more"
        return f"ended {times} ({self.ending}): {said}"


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    up: int
    processes: dict[str, Watched]


_FILE = TypeAdapter(_File)


def path_of(layout: Layout) -> Path:
    """Return where the file stands."""
    return layout.run / "up.json"


def write(layout: Layout, processes: Mapping[str, Watched]) -> None:
    """Put the file in place. Raises `OSError`."""
    part = path_of(layout).with_name("up.json.tmp")
    part.write_text(_File(up=os.getpid(), processes=dict(processes)).model_dump_json(), "utf-8")
    part.replace(path_of(layout))


def read(layout: Layout) -> dict[str, Watched]:
    """Return what a `mayday up` that still runs says of its processes; empty when none does."""
    try:
        file = _FILE.validate_json(path_of(layout).read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}
    return file.processes if Path(f"/proc/{file.up}").exists() else {}


def last_words(out: Path, since: int) -> str | None:
    """Return the last sentence of ours in a process's output from byte `since` on, without the name before it.

    Libraries write there too; only a line of Mayday's own is taken.
    """
    try:
        with out.open("rb") as file:
            file.seek(max(since, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read(_TAIL).splitlines()
    except OSError:
        return None
    said = next((line for line in reversed(lines) if line.startswith(_VOICE)), None)
    return None if said is None else said[len(_VOICE) :].decode("utf-8", "replace")[:LONGEST]
