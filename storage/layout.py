"""Where everything stands below one state directory. Every path of Mayday's own is made here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.errors import StateUnusable

LONGEST_PATH: Final = 107  # bytes the kernel takes for a socket's path


@dataclass(frozen=True)
class Layout:
    """Paths below `root`; `prepare` makes the directories, readable by their owner alone.

    >>> str(Layout(Path("/var/lib/mayday")).live)
    '/var/lib/mayday/live/live.duckdb'
    """

    root: Path

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def master_key(self) -> Path:
        return self.keys / "master.key"

    @property
    def tokens(self) -> Path:
        """Slack tokens and other secrets that people typed in; mode 0600, never in `mayday.toml`."""
        return self.keys / "tokens.json"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def recovery(self) -> Path:
        return self.root / "recovery"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def database(self) -> Path:
        return self.store / "ops.duckdb"

    @property
    def segments(self) -> Path:
        return self.store / "segments"

    @property
    def temporary(self) -> Path:
        return self.store / "tmp"

    @property
    def live(self) -> Path:
        return self.root / "live" / "live.duckdb"

    @property
    def exports(self) -> Path:
        """Notes of exports that wait to be taken into the audit chain."""
        return self.root / "exports"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def socket(self) -> Path:
        """Unix socket of the command center. Kept short: the kernel allows 107 bytes."""
        return self.run / "command.sock"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every directory below the root, those above before those in them."""
        return (
            self.keys,
            self.spool,
            self.recovery,
            self.store,
            self.segments,
            self.temporary,
            self.live.parent,
            self.exports,
            self.run,
            self.logs,
        )

    def check(self, may: Callable[[Path, int], bool] = os.access) -> Layout:
        """Return self if this can be the state of this user, made or not; changes nothing. Raises `StateUnusable`.

        `may` says whether this process may read, write and enter a directory.
        """
        if len(os.fsencode(self.socket)) > LONGEST_PATH:
            raise StateUnusable(
                f"the path of the state directory is too long: that of its socket may have {LONGEST_PATH} bytes",
                hint="Choose a shorter state directory",
            )
        place = self.root
        while not os.path.lexists(place) and place != place.parent:
            place = place.parent
        if not place.is_dir():
            what = "the state directory" if place == self.root else "a directory above the state directory"
            raise StateUnusable(f"{what} is a file", hint="Choose a directory with --state")
        if not may(place, os.R_OK | os.W_OK | os.X_OK if place == self.root else os.X_OK):
            raise StateUnusable(
                f"the state directory belongs to the Unix user {place.stat().st_uid}, and this is {os.geteuid()}",
                hint="Run as its owner, or choose another one with --state",
            )
        for folder in self.folders:
            if os.path.lexists(folder) and not folder.is_dir():
                raise StateUnusable(
                    f"{folder.relative_to(self.root)} in the state directory is no directory",
                    hint="Move it away, or choose another state directory with --state",
                )
        return self

    def prepare(self) -> Layout:
        """Make every directory with mode 0700, those above it too, and return self. Raises `StateUnusable`."""
        try:
            return self._made()
        except (FileExistsError, NotADirectoryError):
            raise StateUnusable(
                "a file stands where the state directory or a folder of it belongs",
                hint="Move that file away, or choose another directory with --state",
            ) from None
        except PermissionError:
            raise StateUnusable(
                "the state directory cannot be made, or a part of it belongs to another user",
                hint="Give all of it to the user that runs Mayday (chown -R), or choose another one with --state",
            ) from None
        except OSError as error:
            raise StateUnusable(
                f"the state directory cannot be made ({os.strerror(error.errno or 0)})",
                hint="Choose another one with --state",
            ) from None

    def _made(self) -> Layout:
        for parent in reversed(self.root.parents):
            if not parent.exists():
                parent.mkdir(0o700)
        for path in (self.root, *self.folders):
            path.mkdir(0o700, exist_ok=True)
            path.chmod(0o700)
        return self
