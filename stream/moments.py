"""Event times as the flow counts them: integer nanoseconds since 1970, UTC, and their minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND_NS: Final = 10**9
MINUTE_NS: Final = 60 * SECOND_NS
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ns: int) -> datetime:
    """Return `ns` as a time, to the microsecond; what lies before 1970 is 1970.

    >>> moment(1772420400123456789).isoformat(), moment(-5).year
    ('2026-03-02T03:00:00.123456+00:00', 1970)
    """
    return _EPOCH + timedelta(microseconds=max(ns, 0) // 1000)
