"""Which words of a service's lines are ids of sessions: found in a sample of its lines, by their own regularity.

An id is a token with a digit that stands behind the same lead-in (`trace=`, `blk_`, `[req-`, `order `). It is one of sessions if
its values come in lines of several templates, do not live on like the names of hosts or people, and new ones keep coming. Times are ns.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice
from typing import Final, NamedTuple

_SECOND: Final = 10**9
_LEAST, _MOST = 4, 64  # characters of an id
_CORE: Final = rf"(?=[A-Za-z-]*[0-9])[0-9A-Za-z][0-9A-Za-z-]{{{_LEAST - 1},{_MOST - 1}}}(?![0-9A-Za-z])"
_TOKEN: Final = re.compile(r"(?<![0-9A-Za-z])(?<![0-9A-Za-z]-)[A-Za-z-]*[0-9][0-9A-Za-z-]*")
_LEAD: Final = re.compile(r"(?:(?<![0-9A-Za-z])[A-Za-z]{1,30}[^0-9A-Za-z\s]{0,2} ?|[^0-9A-Za-z]{1,2})\Z")
_NAMED: Final = re.compile(r"[A-Za-z]+-")
_PER_LINE: Final = 8
_CHARS: Final = 1000
_TEMPLATES: Final = 4
_LEADS: Final = 200
_EARLY: Final = 20
"""Values that have to be seen in the first half of a sample."""
LEAST_QUIET_NS: Final = 5 * _SECOND
MOST_QUIET_NS: Final = 600 * _SECOND


class Form(NamedTuple):
    """How the ids of sessions are written, and for how long a session is quiet when it is over."""

    lead: str
    quiet_ns: int

    def finder(self) -> re.Pattern[str]:
        """Return the pattern whose first group is an id."""
        return re.compile(
            f"{re.escape(self.lead)}-?({_CORE})"
        )  # begins with a literal, so `re` skips quickly


class _Value:
    __slots__ = ("first", "gap", "last", "last_ns", "lines", "templates")

    def __init__(self, at: int, at_ns: int, template_id: str) -> None:
        self.first = self.last = at
        self.last_ns = at_ns
        self.gap = 0
        self.lines = 1
        self.templates: tuple[str, ...] = (template_id,)

    def add(self, at: int, at_ns: int, template_id: str) -> None:
        self.gap = max(self.gap, at_ns - self.last_ns)
        self.last, self.last_ns = at, max(at_ns, self.last_ns)
        self.lines += 1
        if len(self.templates) < _TEMPLATES and template_id not in self.templates:
            self.templates += (template_id,)


class IdSample:
    """A sample of `size` lines of one service.

    >>> sample = IdSample(400)
    >>> for n in range(200):
    ...     sample.add(f"asked by req=a{n:04}", "t1", n * 10**9)
    ...     sample.add(f"answered req=a{n:04} on host node-0001", "t2", n * 10**9)
    >>> sample.form()
    Form(lead='req=', quiet_ns=5000000000)
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.lines = 0
        self._leads: dict[str, dict[str, _Value]] = {}

    def add(self, text: str, template_id: str, at_ns: int) -> None:
        """Look at one line."""
        at, self.lines = self.lines, self.lines + 1
        text = text[:_CHARS]
        tokens = (each for each in _TOKEN.finditer(text) if _LEAST <= len(each[0]) <= _MOST)
        for match in islice(tokens, _PER_LINE):
            lead, value = _parts(text, match.start(), match[0])
            if len(value) < _LEAST:
                continue
            values = self._leads.get(lead)
            if values is None:
                if len(self._leads) >= _LEADS:
                    continue
                values = self._leads[lead] = {}
            known = values.get(value)
            if known is None:
                values[value] = _Value(at, at_ns, template_id)
            elif known.last != at:
                known.add(at, at_ns, template_id)

    def form(self, unfit: Collection[str] = ()) -> Form | None:
        """Return the form of ids that most lines have in common with others; None if there is none that is regular."""
        best: tuple[int, str] | None = None
        for lead, values in self._leads.items():
            lines = self._regular(list(values.values()))
            if lead and lead not in unfit and lines and (best is None or (lines, lead) > best):
                best = lines, lead
        if best is None:
            return None
        over = sorted(each.gap for each in self._leads[best[1]].values() if each.last < self._part(3))
        gap = over[min(len(over) - 1, len(over) * 199 // 200)]
        return Form(best[1], min(MOST_QUIET_NS, max(LEAST_QUIET_NS, 3 * gap)))

    def _part(self, quarters: int) -> int:
        return self.lines * quarters // 4

    def _regular(self, values: list[_Value]) -> int:
        """Return the lines of values that come in several templates; 0 if they are not ids of sessions."""
        half, end = self._part(2), self._part(3)
        early = [each for each in values if each.first < half]
        several = sum(len(each.templates) > 1 for each in early)
        gone = sum(each.last < end for each in early)
        lines = sum(each.lines for each in values if len(each.templates) > 1)
        fits = (
            len(early) >= _EARLY
            and 2 * several >= len(early)
            and 4 * gone >= 3 * len(early)
            and 2 * (len(values) - len(early)) >= len(early)
            and 5 * lines >= self.lines
        )
        return lines if fits else 0


def _parts(text: str, start: int, token: str) -> tuple[str, str]:
    """Return what stands before an id, and the id: of `[req-3f2a` they are `[req-` and `3f2a`."""
    value = token.lstrip("-")
    before = _LEAD.search(text, max(0, start - 34), start)
    lead = before[0] if before is not None else ""
    named = _NAMED.match(value)
    if named is not None and any(map(str.isdigit, value[named.end() :])):
        return lead + token[: len(token) - len(value)] + named[0], value[named.end() :]
    return lead, value
