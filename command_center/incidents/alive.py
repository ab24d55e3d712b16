"""Until when an incident lives: as long as lines that were new with it follow each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta


def alive_at(
    since: datetime, minutes: Iterable[datetime], looked_from: datetime, pause: timedelta
) -> datetime:
    """Return the last of `minutes` (beginnings of minutes with such lines) that follows on `since` with no longer pause in between.

    Only minutes from `looked_from` on are known; what had no pause since then is taken to have had none before. Lines that come
    back after a pause are new trouble, or the same come back, and do not give an incident its life back.

    >>> at = datetime(2026, 3, 2, 3)
    >>> said = [at + timedelta(minutes=each) for each in (1, 2, 4, 58, 59)]
    >>> alive_at(at, said, at - timedelta(minutes=10), timedelta(minutes=3)).minute
    4
    """
    alive = max(since, looked_from)
    for minute in sorted(minutes):
        if minute - alive > pause:
            break
        alive = max(alive, minute)
    return alive if alive > looked_from else since
