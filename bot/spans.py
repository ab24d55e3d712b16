"""Lengths of time as people type them: `90m`, `2h`, `1h30m`, `1d`, `45 s`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = (86_400, 3600, 60, 1)  # s in a day, an hour, a minute, a second
_SPAN = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m(?:in)?)?(?:(\d{1,7})s)?", re.ASCII)
_LONGEST = 366 * 86_400  # s
HOW = "Write it as 90m, 2h, 1h30m or 1d."


def read_span(text: str) -> timedelta | None:
    """Return the length that `text` names, units from the greatest to the smallest; None if it names none, or one of no
    length or of more than a year.

    >>> read_span("1h30m"), read_span("90 min")
    (datetime.timedelta(seconds=5400), datetime.timedelta(seconds=5400))
    >>> read_span("soon"), read_span("45"), read_span("0m"), read_span("9999d")
    (None, None, None, None)
    """
    fits = _SPAN.fullmatch("".join(text.split()).lower())
    if fits is None or not any(fits.groups()):
        return None
    seconds = sum(int(n) * unit for n, unit in zip(fits.groups(), _UNITS, strict=True) if n)
    return timedelta(seconds=seconds) if 0 < seconds <= _LONGEST else None
