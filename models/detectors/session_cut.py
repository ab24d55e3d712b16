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
_FIRST_SAMPLE: Final = 1000
_MOST_SAMPLE: Final = 8000
_REST, _LEAST_REST = 50, 5
"""Times the lines of a sample that pass before the next one, at most and at least: an hour of rest is enough."""
_HOUR_NS: Final = 3600 * _SECOND
_WITHOUT: Final = 20_000
"""Lines in a row without an id after which the ids are looked for anew."""
_UNFIT: Final = 32
_OPEN: Final = 2048
_EVENTS: Final = 400
_CHECKED: Final = 500
"""Sessions after which it is asked how many of them came back."""


class _Open:
    __slots__ = ("events", "last")

    def __init__(self) -> None:
        self.last = 0
        self.events: list[tuple[int, str]] = []


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
        self._rest = self._least_rest = self._rest_until = 0
        self._unfit: dict[str, None] = {}
        self._begin(None)

    def _begin(self, form: Form | None) -> None:
        self._form = form
        self._finder: re.Pattern[str] | None = None if form is None else form.finder()
        self._quiet_ns = 0 if form is None else form.quiet_ns
        self._open: dict[str, _Open] = {}  # the longest quiet first
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
                place = self._wait(times, place)
            else:
                place = self._cut(texts, ids, times, place, found)
        return found

    def _wait(self, times: Sequence[int], place: int) -> int:
        end = min(len(times), place + self._rest)
        late = range(min(end, place + max(0, self._least_rest)), end)
        end = next((at for at in late if times[at] >= self._rest_until), end)
        over = end < len(times) or end - place == self._rest
        self._rest -= end - place
        self._least_rest -= end - place
        self._lines += end - place
        if over:
            self._sample = IdSample(self._size)
        return end

    def _pause(self, now_ns: int) -> None:
        self._begin(None)
        self._rest, self._least_rest = _REST * self._size, _LEAST_REST * self._size
        self._rest_until = now_ns + _HOUR_NS

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
                self._pause(times[end - 1])
                self._size = min(_MOST_SAMPLE, 2 * sample.size)
        return end

    def _cut(
        self, texts: Sequence[str], ids: Sequence[str], times: Sequence[int], place: int, found: list[Ended]
    ) -> int:
        assert self._finder is not None
        search, opened = self._finder.search, self._open
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
            session = opened.pop(value, None)
            if session is None:
                session = _Open()
                self._back += self._gone.get(value) is not None
                if len(opened) >= _OPEN:
                    del opened[next(iter(opened))]
                    self._pushed += 1
                    if self._pushed >= _CHECKED + self._over:  # too many at once, or their time stands still
                        self._lines += at + 1 - place
                        self._pause(when)
                        return at + 1
            opened[value] = session
            session.last = now
            if len(session.events) < _EVENTS:
                session.events.append((when, ids[at]))
        self._lines += len(texts) - place
        return len(texts)

    def _end(self, found: list[Ended], line: int) -> None:
        """Give what is over. What may have begun before the cutting did is not whole, and given to nobody."""
        assert self._form is not None
        over: list[str] = []
        limit = self._now - self._quiet_ns
        for value, session in self._open.items():
            if session.last > limit:
                break
            over.append(value)
        for value in over:
            session = self._open.pop(value)
            events = session.events
            self._gone.put(value, True)
            if events[0][0] < self._whole or len(events) >= _EVENTS:
                continue
            events.sort(key=itemgetter(0))
            found.append(Ended(self._form.lead, tuple(event for _, event in events), session.last, line))
        self._over += len(over)
        self._sweep = self._now + _SECOND

    def _healthy(self) -> bool:
        """Say whether what was taken for sessions is: they end, and do not come back."""
        back, over = self._back, self._over
        self._back = self._pushed = self._over = 0
        if 5 * back > over:
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
