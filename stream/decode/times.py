"""Points in time as records carry them: seconds, milli-, micro- or nanoseconds, or ISO 8601 text.

Everything becomes (seconds, nanoseconds) since 1970 in UTC. A text without zone is taken as UTC. What lies before 1970 or
after March 2242 is no time that a line was written at, but a placeholder or a slip: reckoning with it would leave the calendar,
and it would make all that follows old. The line counts as one without a time.

>>> event_time("2026-03-02T08:14:05.101234567Z"), event_time(1772439245.421), event_time(1772439245421)
((1772439245, 101234567), (1772439245, 421000000), (1772439245, 421000000))
>>> event_time("teapot"), event_time(True), event_time("9999-12-31T23:59:59Z")
(None, None, None)
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, Final

# Where JSON records carry their time, best first: Fluent Bit's `date`, Elastic's, GELF's and everybody's names.
TIME_KEYS = ("date", "@timestamp", "timestamp", "time", "ts", "eventTime", "datetime")
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?\s?(Z|z|UTC|[+-]\d\d:?\d\d|[+-]\d\d)?\Z"
)
_NUMBER = re.compile(r"\d{9,19}(?:\.\d+)?\Z")
LATEST: Final = 1 << 33  # seconds; the year 2242: a larger number counts in a smaller unit


def event_time(value: Any) -> tuple[int, int] | None:
    """Return `value` as (seconds, nanoseconds), or None when it is no point in time after 1970."""
    kind = type(value)
    if kind is float:
        return _from_float(value)
    if kind is int:
        return _from_int(value)
    if kind is str:
        return _from_text(value)
    return None


def _from_int(value: int) -> tuple[int, int] | None:
    if value <= 0 or value >= LATEST * 10**9:
        return None
    unit = 1
    while value >= LATEST * unit:
        unit *= 1000
    seconds, rest = divmod(value, unit)
    return seconds, rest * (10**9 // unit)


def _from_float(value: float) -> tuple[int, int] | None:
    if not math.isfinite(value) or value <= 0:
        return None
    if value >= LATEST:
        return _from_int(int(value))
    seconds = int(value)
    micros = round((value - seconds) * 1e6)  # a double of today's seconds holds no more than microseconds
    return (seconds + 1, 0) if micros == 10**6 else (seconds, micros * 1000)


def _from_text(value: str) -> tuple[int, int] | None:
    if len(value) > 64:
        return None
    found = _ISO.match(value)
    if found is None:
        if not _NUMBER.match(value):
            return None
        return _from_float(float(value)) if "." in value else _from_int(int(value))
    day, clock, fraction, zone = found.groups()
    zone = "+00:00" if zone in (None, "Z", "z", "UTC") else zone
    try:
        at = datetime.fromisoformat(f"{day}T{clock}{zone}")
    except ValueError:
        return None
    seconds = int((at - _EPOCH).total_seconds())
    if not 0 < seconds < LATEST:
        return None
    return seconds, int((fraction or "0").ljust(9, "0"))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record_time(record: dict[str, Any]) -> tuple[int, int] | None:
    """Return the time that a record without one on the wire carries in its fields, or None."""
    for key in TIME_KEYS:
        if key in record:
            found = event_time(record[key])
            if found is not None:
                return found
    return None
