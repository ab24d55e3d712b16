"""Columns and ticks of the time axis: widths that people count in, as few as fit a page. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.report.facts import Axis

MOST_BUCKETS = 240  # columns; a bar is then about three points wide on a screen
MOST_TICKS = 9
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
WIDTHS = (
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7, 14, 28, 91, 182, 364)),
)


def axis_of(first: datetime, last: datetime) -> Axis:
    """Return the axis that holds both times, its columns beginning at round times of UTC.

    >>> at = datetime.fromisoformat
    >>> axis = axis_of(at("2026-03-02T03:00:30+00:00"), at("2026-03-02T05:30:00+00:00"))
    >>> axis.since.isoformat(), axis.width, axis.buckets
    ('2026-03-02T03:00:00+00:00', 60, 151)
    >>> axis_of(at("2026-03-02T00:00:00+00:00"), at("2026-03-02T23:59:59+00:00")).width
    600
    """
    for width in WIDTHS:
        since, buckets = _columns(first, last, width)
        if buckets <= MOST_BUCKETS:
            return Axis(since=since, width=width, buckets=buckets)
    width = WIDTHS[-1]
    while _columns(first, last, width)[1] > MOST_BUCKETS:
        width *= 2
    since, buckets = _columns(first, last, width)
    return Axis(since=since, width=width, buckets=buckets)


def _columns(first: datetime, last: datetime, width: int) -> tuple[datetime, int]:
    begin = _seconds(first) // width
    return datetime.fromtimestamp(begin * width, UTC), max(1, _seconds(last) // width - begin + 1)


def ticks(axis: Axis) -> tuple[datetime, ...]:
    """Return the round times at which the axis is labelled, at most nine; its beginning if none lies on it.

    >>> at = datetime.fromisoformat
    >>> axis = axis_of(at("2026-03-02T03:10:00+00:00"), at("2026-03-02T05:30:00+00:00"))
    >>> [f"{tick:%H:%M}" for tick in ticks(axis)]
    ['03:30', '04:00', '04:30', '05:00', '05:30']
    """
    span = axis.width * axis.buckets
    width = next((each for each in WIDTHS if span <= each * (MOST_TICKS - 1)), WIDTHS[-1])
    while span > width * (MOST_TICKS - 1):
        width *= 2
    begin = -(-_seconds(axis.since) // width)
    found = [datetime.fromtimestamp((begin + n) * width, UTC) for n in range(MOST_TICKS)]
    return tuple(tick for tick in found if tick <= axis.until) or (axis.since,)


def _seconds(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(seconds=1)
