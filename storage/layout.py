"""Where everything stands below one state directory. Every path of Mayday's own is made here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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

    def prepare(self) -> Layout:
        """Make every directory with mode 0700 and return self."""
        for path in (
            self.root,
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
        ):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
        return self
