"""What the store does by the clock, besides publishing and anchoring: move, merge and retire segments,
forget.

`Tidy.step(now)` does what is due and is cheap when nothing is. Everything it does may be repeated or cut off
at any point. Times are the caller's clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.segments import Segments, Store
from storage.settings import StorageSettings

LOOK_S = 10.0  # how often the size of the hot tables is looked at
COMPACT_S = 3600.0


class Tidy:
    """Keeps the hot tables small and the segments few."""

    def __init__(self, store: Store, segments: Segments, settings: StorageSettings) -> None:
        self._store, self._segments, self._settings = store, segments, settings
        self._look_at: datetime | None = None
        self._flush_at: datetime | None = None
        self._compact_at: datetime | None = None

    def step(self, now: datetime) -> int:
        """Do what is due at `now`; returns the hot rows that were moved. The first call starts the clocks.

        What fails stays due.
        """
        if self._look_at is None or self._flush_at is None or self._compact_at is None:
            self._look_at = now + timedelta(seconds=LOOK_S)
            self._flush_at = now + timedelta(seconds=self._settings.flush_s)
            self._compact_at = now + timedelta(seconds=COMPACT_S)
            return 0
        moved = 0
        if now >= self._look_at:
            if now >= self._flush_at or self._segments.hot_rows() > self._settings.flush_rows:
                moved = self._segments.flush(now)
                self._flush_at = now + timedelta(seconds=self._settings.flush_s)
            self._look_at = now + timedelta(seconds=LOOK_S)
        if now >= self._compact_at:
            self._segments.compact(now)
            self._segments.retire(now)
            old = now - timedelta(seconds=self._settings.keep_seen_s)
            self._store.write(lambda tx: tx.forget_seen(old))
            self._compact_at = now + timedelta(seconds=COMPACT_S)
        return moved
