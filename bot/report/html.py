"""Small pieces of HTML. Whatever comes from outside this folder goes through `e`, numbers are written for people, times carry UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from models.sanitizer import SafeText


def e(text: SafeText | str) -> str:
    """Return a text as it may stand between tags and in an attribute.

    >>> e('<IP> said "no" & left')
    '&lt;IP&gt; said &quot;no&quot; &amp; left'
    """
    return escape(text, quote=True)


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    >>> count(1, "line"), count(62568, "line"), count(2, "entry", "entries")
    ('1 line', '62,568 lines', '2 entries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def clock(at: datetime, form: str) -> str:
    """Return a time of UTC: `s` to the second, `m` to the minute, `d` before either with its day; `full` says all.

    The script of the page writes the same forms in the reader's zone.

    >>> at = datetime(2026, 2, 3, 12, 21, 51, tzinfo=UTC)
    >>> [clock(at, form) for form in ("s", "m", "dm", "full")]
    ['12:21:51', '12:21', '3 Feb 12:21', '3 Feb 2026 12:21:51 UTC']
    """
    at = at.astimezone(UTC)
    if form == "full":
        return f"{at.day} {at:%b} {at.year:04d} {at:%H:%M:%S} UTC"
    day = f"{at.day} {at:%b} " if form.startswith("d") else ""
    return day + f"{at:%H:%M:%S}" if form.endswith("s") else day + f"{at:%H:%M}"


def when(at: datetime, form: str) -> str:
    """Return a `time` element: UTC in the data and in the tip, and as text until the page's script knows better."""
    utc = at.astimezone(UTC)
    stamp = utc.isoformat(timespec="seconds").replace("+00:00", "Z")
    return (
        f'<time datetime="{stamp}" data-form="{form}" title="{clock(utc, "full")}">{clock(utc, form)}</time>'
    )


def icon(symbol: str) -> str:
    """Return one of the page's shapes beside a text that says the same."""
    return f'<svg class="icon" viewBox="-8 -8 16 16" aria-hidden="true"><use href="#{symbol}"/></svg>'
