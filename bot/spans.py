"""Lengths of time as people type them: `90m`, `2h`, `1h30m`, `1d`, `45 s`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m(?:in)?)?(?:(\d{1,7})s)?", re.ASCII)
LONGEST = timedelta(days=366)
HOW = "Write it as 90m, 2h, 1h30m or 1d."


def read_span(text: str) -> timedelta | None:
    """Return the length that `text` names, units from the greatest to the smallest; None if it names none.

    >>> read_span("1h30m"), read_span("90 min"), read_span("soon"), read_span("45")
    (datetime.timedelta(seconds=5400), datetime.timedelta(seconds=5400), None, None)
    """
    fits = _SPAN.fullmatch("".join(text.split()).lower())
    if fits is None or not any(fits.groups()):
        return None
    return timedelta(
        seconds=sum(int(n) * unit for n, unit in zip(fits.groups(), _UNITS.values(), strict=True) if n)
    )
