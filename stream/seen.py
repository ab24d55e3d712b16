"""The lines of one block of one service as the watches see them: in columns, errors and warnings gathered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import floordiv, itemgetter
from typing import Final, NamedTuple

from models.levels import Level
from stream.fields import Lines

_ERROR, _WARN = int(Level.ERROR), int(Level.WARN)
_SAMPLES: Final = 64
"""Templates of which a line is looked at, per block."""


@dataclass(frozen=True, slots=True)
class First:
    """The first line of one template in a block: its time, the highest level, the host, and how many lines there are."""

    at: int
    level: int
    host: str
    count: int


class Group(NamedTuple):
    """Lines of one host, level and template in a block."""

    host: str
    level: int
    template_id: str
    lines: int
    first: int
    last: int


class Noted:
    """Lines of one grade (errors, or warnings) of a block: times, levels, hosts and template ids."""

    def __init__(self, rows: Iterable[tuple[int, int, str, str]]) -> None:
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def firsts(self) -> dict[str, First]:
        """Return the first line of each template."""
        found: dict[str, First] = {}
        for at, level, host, template_id in self.rows:
            first = found.get(template_id)
            if first is None:
                found[template_id] = First(at, level, host, 1)
            else:
                early = first if first.at <= at else First(at, level, host, 0)
                found[template_id] = First(early.at, max(first.level, level), early.host, first.count + 1)
        return found

    def slots(self, slot_of: Callable[[int], int], limit_ns: int) -> dict[int, Counter[str]]:
        """Return lines by slot and template; no time is later than `limit_ns`."""
        found: dict[int, Counter[str]] = {}
        for at, _, _, template_id in self.rows:
            found.setdefault(slot_of(min(at, limit_ns)), Counter())[template_id] += 1
        return found

    def groups(self) -> list[Group]:
        """Return the lines by host, level and template, in that order."""
        found: dict[tuple[str, int, str], list[int]] = {}
        for at, level, host, template_id in self.rows:
            group = found.get((host, level, template_id))
            if group is None:
                found[host, level, template_id] = [1, at, at]
            else:
                group[0] += 1
                group[1] = min(group[1], at)
                group[2] = max(group[2], at)
        return [Group(*key, count, first, last) for key, (count, first, last) in sorted(found.items())]


class Seen:
    """One block of one service.

    Parameters
    ----------
    lines, ids : the lines and their template ids
    fails : says whether a template speaks of failure, whatever its level
    received_ns : when the block came in
    slot_seconds : length of the windows that lines are counted in
    """

    def __init__(
        self,
        lines: Lines,
        ids: Sequence[str],
        fails: Callable[[str], bool],
        received_ns: int,
        slot_seconds: int,
    ) -> None:
        self.lines, self.ids, self.received_ns = lines, ids, received_ns
        self.counts = Counter(ids)
        self.newest_ns = max(lines.ts)
        self.known_ns = min(self.newest_ns, received_ns)
        """The newest time of a line, never ahead of its receipt."""
        self.slots = Counter(map(floordiv, self.times(), repeat(slot_seconds * 10**9)))
        """Lines by slot."""
        self.errors = self.warnings = Noted(())
        worst = max(lines.level)
        failing = {template_id for template_id in self.counts if fails(template_id)}
        if worst < _WARN and not failing:
            return
        rows = list(zip(lines.ts, lines.level, lines.host, ids, strict=True))
        if worst >= _ERROR:
            self.errors = Noted(row for row in rows if row[1] >= _ERROR)
        self.warnings = Noted(
            row for row in rows if row[1] < _ERROR and (row[1] >= _WARN or row[3] in failing)
        )

    def times(self) -> Iterable[int]:
        """Return the lines' times, none ahead of the receipt."""
        if self.newest_ns <= self.received_ns:
            return self.lines.ts
        return (min(at, self.received_ns) for at in self.lines.ts)

    def lasts(self) -> dict[str, int]:
        """Return the time of the last line of each template."""
        return dict(zip(self.ids, self.lines.ts, strict=True))

    def usual_counts(self) -> Mapping[str, int]:
        """Return the lines of each template that speaks of no trouble: nobody misses the others."""
        troubled = {row[3] for noted in (self.errors, self.warnings) for row in noted.rows}
        if not troubled:
            return self.counts
        return {each: count for each, count in self.counts.items() if each not in troubled}

    def hosts(self) -> dict[str, int]:
        """Return the time of the last line of each host."""
        return dict(zip(self.lines.host, self.lines.ts, strict=True))

    def host_counts(self) -> Mapping[str, int]:
        """Return the lines of each host."""
        return Counter(self.lines.host)

    def samples(self, due: Callable[[str, int], bool]) -> Iterator[tuple[str, str, int]]:
        """Yield (template id, text, time) of the last line of those templates that are `due`, of some when they are many."""
        places = dict(zip(self.ids, range(len(self.ids)), strict=True))
        left = _SAMPLES
        for template_id, place in sorted(places.items(), key=itemgetter(1)):
            at = min(self.lines.ts[place], self.received_ns)
            if left and due(template_id, at):
                left -= 1
                yield template_id, self.lines.text[place], at
