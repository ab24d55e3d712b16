"""Wall-clock time as integer nanoseconds since 1970, UTC, without the rounding of floats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def nanoseconds(at: datetime) -> int:
    """Return `at` in nanoseconds, exact to the microsecond.

    >>> nanoseconds(datetime(2026, 3, 2, 3, 0, 0, 123456, tzinfo=UTC))
    1772420400123456000
    """
    return (at - _EPOCH) // _MICROSECOND * 1000
