"""Cuts the sessions of one service out of its lines, as they end.

A sample of lines says how ids of sessions are written (`session_ids`); where none are, the service's lines pass untouched until
the next sample, a larger one. A session is over when it was quiet for long enough while other sessions went on: a service that says
nothing at all ends nothing. What came depends on the lines and their order alone, not on how they come in blocks. Times are ns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from models.detectors.session_ids import MOST_QUIET_NS, Form, IdSample
from models.recent import Recent

_SECOND: Final = 10**9
_FIRST_SAMPLE: Final = 2000
_MOST_SAMPLE: Final = 8000
_REST: Final = 25
"""Times the lines of a sample that pass before the next one."""
_WITHOUT: Final = 20_000
"""Lines in a row without an id after which the ids are looked for anew."""
_UNFIT: Final = 32
_OPEN: Final = 2048
_EVENTS: Final = 400
_CHECKED: Final = 500
"""Sessions after which it is asked how many of them came back."""


class Ended(NamedTuple):
    """A session that is over: its template ids in order of time, when it was last heard of, and the number of lines by then."""

    lead: str
    events: tuple[str, ...]
    at_ns: int
    line: int


class SessionCutter:
    """Bounded and picklable; see the module.

    >>> cutter, found = SessionCutter(), []
    >>> for n in range(3000):
    ...     found += cutter.take([f"asked req=a{n:04}", f"answered req=a{n:04}"], ["ask", "answer"], [n * 10**9] * 2)
    >>> found[0].lead, found[0].events
    ('req=', ('ask', 'answer'))
    """

    def __init__(self) -> None:
        self._lines = 0
        self._size = _FIRST_SAMPLE
        self._sample: IdSample | None = IdSample(self._size)
        self._rest = 0
        self._unfit: dict[str, None] = {}
        self._begin(None)

    def _begin(self, form: Form | None) -> None:
        self._form = form
        self._finder: re.Pattern[str] | None = None if form is None else form.finder()
        self._quiet_ns = 0 if form is None else form.quiet_ns
        self._open: dict[str, list[tuple[int, str]]] = {}  # the longest quiet first
        self._last: dict[str, int] = {}
        self._gone = Recent[str, bool](2 * _OPEN)
        self._now = self._sweep = self._whole = 0
        self._without = self._over = self._back = self._pushed = 0

    def take(self, texts: Sequence[str], ids: Sequence[str], times: Sequence[int]) -> list[Ended]:
        """Take in lines with their template ids and times; return the sessions that are over."""
        found: list[Ended] = []
        place = 0
        while place < len(texts):
            if self._sample is not None:
                place = self._look(texts, ids, times, place)
            elif self._finder is None:
                passed = min(self._rest, len(texts) - place)
                self._rest -= passed
                self._lines += passed
                place += passed
                if not self._rest:
                    self._sample = IdSample(self._size)
            else:
                place = self._cut(texts, ids, times, place, found)
        return found

    def _look(self, texts: Sequence[str], ids: Sequence[str], times: Sequence[int], place: int) -> int:
        sample = self._sample
        assert sample is not None
        end = min(len(texts), place + sample.size - sample.lines)
        for at in range(place, end):
            sample.add(texts[at], ids[at], times[at])
        self._lines += end - place
        if sample.lines >= sample.size:
            self._sample = None
            self._begin(sample.form(self._unfit))
            if self._form is None:
                self._rest = _REST * sample.size
                self._size = min(_MOST_SAMPLE, 2 * sample.size)
        return end

    def _cut(
        self, texts: Sequence[str], ids: Sequence[str], times: Sequence[int], place: int, found: list[Ended]
    ) -> int:
        assert self._finder is not None
        search, opened, lasts = self._finder.search, self._open, self._last
        now = self._now
        for at in range(place, len(texts)):
            match = search(texts[at])
            if match is None:
                self._without += 1
                if self._without >= _WITHOUT:
                    self._lines += at + 1 - place
                    self._anew(unfit=False)
                    return at + 1
                continue
            self._without = 0
            value, when = match[1], times[at]
            if when > now:
                now = self._now = when
                if not self._whole:
                    self._whole = now + self._quiet_ns
                if now >= self._sweep:
                    self._end(found, self._lines + at - place)
                    if self._over >= _CHECKED and not self._healthy():
                        self._lines += at - place
                        self._anew(unfit=True)
                        return at
            if value in lasts:
                del lasts[value]
                session = opened[value]
                if len(session) < _EVENTS:
                    session.append((when, ids[at]))
            else:
                opened[value] = [(when, ids[at])]
                self._back += self._gone.get(value) is not None
                if len(lasts) >= _OPEN:
                    oldest = next(iter(lasts))
                    del lasts[oldest], opened[oldest]
                    self._pushed += 1
            lasts[value] = now
        self._lines += len(texts) - place
        return len(texts)

    def _end(self, found: list[Ended], line: int) -> None:
        """Give what is over. What may have begun before the cutting did is not whole, and given to nobody."""
        assert self._form is not None
        over: list[str] = []
        limit = self._now - self._quiet_ns
        for value, last in self._last.items():
            if last > limit:
                break
            over.append(value)
        for value in over:
            last, session = self._last.pop(value), self._open.pop(value)
            self._gone.put(value, True)
            if session[0][0] < self._whole or len(session) >= _EVENTS:
                continue
            session.sort(key=itemgetter(0))
            found.append(Ended(self._form.lead, tuple(event for _, event in session), last, line))
        self._over += len(over)
        self._sweep = self._now + _SECOND

    def _healthy(self) -> bool:
        """Say whether what was taken for sessions is: they end, and do not come back."""
        back, pushed, over = self._back, self._pushed, self._over
        self._back = self._pushed = self._over = 0
        if 5 * back > over or pushed > over:
            return False
        if 100 * back > over:
            self._quiet_ns = min(MOST_QUIET_NS, 2 * self._quiet_ns)
        return True

    def _anew(self, *, unfit: bool) -> None:
        if unfit and self._form is not None:
            self._unfit[self._form.lead] = None
            while len(self._unfit) > _UNFIT:
                del self._unfit[next(iter(self._unfit))]
        self._begin(None)
        self._sample = IdSample(self._size)
