"""Refusals of people whom nobody knows, in an audit trail that they cannot fill.

Whoever can reach a listener can be refused as often as they like. The first refusal of each kind has its entry at
once; the others of the same minute are counted, and their number is entered when the minute is over (or when Mayday
stops). What a crash takes is that number for the running minute, never the first entry.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

from command_center.incidents.journal import as_id
from models.clock import Clock
from storage.database import Database
from storage.transaction import Transaction


@dataclass(slots=True)
class _Minute:
    began: datetime
    more: int = 0


class Refusals:
    """See the module's first lines. Safe to use from several threads. `cause` and `reason` must be words of the
    program, never something that the asking side chose: one of each pair is remembered."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._lock = threading.Lock()
        self._minutes: dict[tuple[str, str], _Minute] = {}

    def add(self, cause: str, reason: str) -> None:
        """Record that somebody unknown was turned away; raises what the database raises, and then counts nothing."""
        minute = _minute_of(self._clock())
        key = (as_id(cause), as_id(reason))
        with self._lock:
            running = self._minutes.get(key)
            if running is not None and running.began == minute:
                running.more += 1
                return

            def work(tx: Transaction) -> None:
                if running is not None:
                    _sum(tx, key, running)
                tx.audit("refused", "unknown", cause=key[0], reason=key[1])

            self._db.write(work)
            self._minutes[key] = _Minute(minute)

    def settle(self, now: datetime | None = None) -> None:
        """Enter the numbers of the minutes that are over at `now`; without it, those of the running ones too."""
        with self._lock:
            over = {
                key: each
                for key, each in self._minutes.items()
                if now is None or each.began != _minute_of(now)
            }
            if any(each.more for each in over.values()):

                def work(tx: Transaction) -> None:
                    for key, each in over.items():
                        _sum(tx, key, each)

                self._db.write(work)
            for key in over:
                del self._minutes[key]


def _sum(tx: Transaction, key: tuple[str, str], minute: _Minute) -> None:
    """Enter how many more there were in a minute, if there were."""
    if minute.more:
        tx.audit("refused", "unknown", cause=key[0], reason=key[1], more=minute.more, minute=minute.began)


def _minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
