"""Joins the lines of traces of one service, each source by itself, before anything is learnt from them.

What comes out are the lines that are events, in order, and the lines that were joined to one, by its template. Where a line
is in a block, and which blocks the lines of a trace came in, makes no difference: what waits is part of the state. Nothing waits
for ever: a trace without a further line is over after some ticks, one that grows too long goes on as another event, and a source
that makes room for others gives back what waited.

Blocks in which nothing looks like a part of a trace cost a glance at the first letters of each line (`trace_lines.suspects`).

>>> from stream.fields import Lines
>>> join = TraceJoin(ticks=2, chars=1000, sources=10)
>>> lines = Lines("api", [1, 2, 3], ["a"] * 3, [17, 0, 0], ["lost it", "  at A.b (a.js:1:2)", "next"], ["s"] * 3)
>>> joined = join.take(lines)
>>> joined.events.text, joined.more
(['lost it', 'next'], [(0, '  at A.b (a.js:1:2)')])
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from models.levels import Level
from stream.fields import Lines
from stream.trace_lines import Source, Verdict, is_blank, suspects

_ERROR: Final = int(Level.ERROR)
_Key = tuple[str, str]
"""Source and host."""
_Event = tuple[int, str, int, str, str]
"""Time, host, level, text and source."""
State = tuple[int, list[tuple[_Key, Source]]]


@dataclass(slots=True)
class Joined:
    """What a block comes to: its events, and each line that was joined to one, with the event's place or its template's id."""

    events: Lines
    more: list[tuple[int | str, str]] = field(default_factory=list)


class _Work:
    """One block while it is being joined. An event that waited until line `n` has the number `~n` until all are numbered."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.gone = set[int]()  # lines that are no events, or wait
        self.more = list[tuple[int | str, str]]()
        self.late: dict[int, _Event] = {}  # line -> what waited until it came
        self.left = list[_Event]()  # what waited in sources that made room

    def text(self, at: int) -> tuple[str, int, int]:
        return self.lines.text[at], self.lines.level[at], self.lines.ts[at]

    def joined(self, heads: Sequence[Source]) -> Joined:
        """Return the outcome; the heads of the sources become places in it."""
        if not (self.gone or self.late or self.left):
            return Joined(self.lines)
        lines, events = self.lines, Lines(self.lines.service)
        place: dict[int, int] = {}
        for event in self.left:
            _add(events, event)
        for at in range(len(lines)):
            if at in self.late:
                place[~at] = len(events)
                _add(events, self.late[at])
            if at not in self.gone:
                place[at] = len(events)
                origin = lines.source[at] if lines.source else ""
                _add(events, (lines.ts[at], lines.host[at], lines.level[at], lines.text[at], origin))
        for source in heads:
            if isinstance(source.head, int):
                source.head = place[source.head]
        return Joined(
            events, [(place[head] if isinstance(head, int) else head, text) for head, text in self.more]
        )


class TraceJoin:
    """Joins the lines of one service.

    Parameters
    ----------
    ticks : without a further line after which a trace is over
    chars : of a trace, beyond which another event begins
    sources : that are remembered
    """

    def __init__(self, ticks: int, chars: int, sources: int) -> None:
        self._ticks, self._chars, self._most = ticks, chars, sources
        self._sources: OrderedDict[_Key, Source] = OrderedDict()
        self._waiting: set[_Key] = set()  # those whose next line has to be looked at
        self._tick = 0
        self._unbound: list[Source] = []

    @property
    def held(self) -> list[str]:
        """The lines that wait."""
        if not self._waiting:
            return []
        return [text for source in self._sources.values() for text in source.held]

    def take(self, lines: Lines) -> Joined:
        """Take the lines of a block (at least one); `bind` is then to be told the template ids of the events."""
        work = _Work(lines)
        begin = frozenset(suspects(lines.text))  # once: there may be as many sources as lines
        failing = max(lines.level) >= _ERROR
        touched = list[Source]()
        for key, places in self._members(lines, last=not (begin or failing)).items():
            source = self._source(key, work)
            self._walk(key, source, places, _stops(lines, places, begin, failing=failing), work)
            if source.eager:
                self._waiting.add(key)
            else:
                self._waiting.discard(key)
            touched.append(source)
        self._unbound = touched
        return work.joined(touched)

    def bind(self, ids: Sequence[str]) -> None:
        """Take in the template ids of the events that `take` returned."""
        for source in self._unbound:
            if isinstance(source.head, int):
                source.head = ids[source.head]
        self._unbound = []

    def tick(self, service: str) -> Lines:
        """Let a tick go by; return what has waited for long enough."""
        self._tick += 1
        if not self._waiting:
            return Lines(service)
        over = [key for key, source in self._sources.items() if key in self._waiting and self._over(source)]
        return self._forget(service, over)

    def close(self, service: str) -> Lines:
        """Forget everything; return what waited."""
        return self._forget(service, list(self._sources))

    def dump(self) -> State:
        """Return the state, for `load`. It holds raw text."""
        return self._tick, list(self._sources.items())

    def load(self, state: State) -> None:
        """Go on from what `dump` returned."""
        self._tick = state[0]
        self._sources = OrderedDict(state[1])
        self._waiting = {key for key, source in self._sources.items() if source.eager}

    # -- what is remembered -------------------------------------------------------------------------------------

    def _source(self, key: _Key, work: _Work) -> Source:
        source = self._sources.get(key)
        if source is None or self._over(source):
            if source is None and len(self._sources) >= self._most:
                gone, left = self._sources.popitem(last=False)
                self._waiting.discard(gone)
                if left.held:
                    work.left.append(_held_event(gone, left))
            source = self._sources[key] = Source()
        self._sources.move_to_end(key)
        source.tick = self._tick
        return source

    def _over(self, source: Source) -> bool:
        return self._tick - source.tick >= self._ticks

    def _forget(self, service: str, keys: Sequence[_Key]) -> Lines:
        lines = Lines(service)
        for key in keys:
            source = self._sources.pop(key)
            self._waiting.discard(key)
            if source.held:
                _add(lines, _held_event(key, source))
        return lines

    # -- one block ----------------------------------------------------------------------------------------------

    def _members(self, lines: Lines, *, last: bool) -> Mapping[_Key, Sequence[int]]:
        """Return the places of each source's lines; of its `last` line alone, if the others would say nothing."""
        origins, count = lines.source or [""] * len(lines), len(lines)
        if len(set(origins)) == 1 == len(set(lines.host)):
            return {(origins[0], lines.host[0]): range(count)}
        keys = list(zip(origins, lines.host, strict=True))
        if last and self._waiting.isdisjoint(keys):
            return _by_last({key: (at,) for key, at in dict(zip(keys, range(count), strict=True)).items()})
        found: dict[_Key, list[int]] = {}
        for at, key in enumerate(keys):
            found.setdefault(key, []).append(at)
        return _by_last(found)

    def _walk(self, key: _Key, source: Source, places: Sequence[int], stops: list[int], work: _Work) -> None:
        """Judge the lines of a source that have to be; those between are events."""
        done, count = 0, len(places)
        while done < count:
            if not source.eager:
                turn = bisect_left(stops, done)
                ahead = stops[turn] if turn < len(stops) else count
                if ahead > done:
                    at = places[ahead - 1]
                    source.begin(at, *work.text(at))
                    done = ahead
                    continue
            self._judge(key, source, places[done], work)
            done += 1

    def _judge(self, key: _Key, source: Source, at: int, work: _Work) -> None:
        text, level, ts = work.text(at)
        full = source.size + len(text) > self._chars
        verdict = Verdict.BEGINS if full else source.judge(text, level, ts)
        if source.held and verdict is not Verdict.JOINS:
            guessed = not source.sure
            work.late[at] = _held_event(key, source)
            source.release(~at)
            if guessed and not full:  # it was an event after all, and what comes now is held against it
                verdict = source.judge(text, level, ts)
        if verdict is Verdict.BEGINS:
            if not is_blank(text):
                source.begin(at, text, level, ts)
                source.open_as(text)
            return
        work.gone.add(at)
        if verdict is Verdict.WAITS:
            source.hold(text, level, ts)
        elif source.sure:
            source.held.append(text)
            source.held_level = max(source.held_level, level)
        else:  # with the exception that waited to see whether it is a part of the error above it
            assert source.head is not None
            work.more += [(source.head, each) for each in (*source.held, text)]
            source.held = []


def _held_event(key: _Key, source: Source) -> _Event:
    return source.held_ns, key[1], source.held_level, "\n".join(source.held), key[0]


def _by_last(members: Mapping[_Key, Sequence[int]]) -> Mapping[_Key, Sequence[int]]:
    """Put the source of the newest line last, as if each line had been a block."""
    return dict(sorted(members.items(), key=lambda item: item[1][-1]))


def _stops(lines: Lines, places: Sequence[int], begin: frozenset[int], *, failing: bool) -> list[int]:
    """Return which of a source's lines, by number, are not events at first sight: suspects, and those below an error."""
    if not begin and not failing:
        return []
    if isinstance(places, range):
        found = set(begin)
    else:
        found = {number for number, at in enumerate(places) if at in begin}
    if failing:
        level = lines.level
        found.update(number + 1 for number, at in enumerate(places) if level[at] >= _ERROR)
    return sorted(found)


def _add(lines: Lines, event: _Event) -> None:
    for column, value in zip(
        (lines.ts, lines.host, lines.level, lines.text, lines.source), event, strict=True
    ):
        column.append(value)  # type: ignore[attr-defined]
