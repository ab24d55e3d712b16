"""What sessions of one kind have in common, worked out from counted shapes and nothing else.

Every limit comes from the sessions themselves: each shape that was seen once is held against all others as
if it had not been seen (leave one out), which says how often a usual session looks new, and how new. Rates
are shares of sessions, costs are shares of a session (0 equal, 1 nothing in common).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from models.detectors.shape_index import ShapeIndex
from models.detectors.shape_table import Shape, ShapeTable

INCOMPLETE: Final = 1 / 3
"""Share of what a session should have from which on it is broken off without it."""
_LEAST_PLACES: Final = 5
"""Different places at which sessions stop from which on stopping is taken for a cut in the log."""
_SAMPLE: Final = 200
"""Single shapes that are held against all others; the latest of them."""
_FAILURES: Final = 0.05
"""Share of what was learnt that may be failures of all kinds together."""
_COMMON: Final = 0.05
"""Share of sessions from which on an event cannot belong to failures alone."""
_EARLY: Final = 0.1
"""How much earlier than the last event present a missing one may usually come, and still be its sequel."""


class Nearest(NamedTuple):
    """The known shape that is nearest to one, and how far it is."""

    shape: Shape
    cost: float


@dataclass(frozen=True, slots=True)
class Norms:
    """Limits for one kind of session; see `fit`."""

    novelty: float = 1.0
    """Share of sessions that bring an event never seen before."""
    rare_support: int = 0
    """An event in no more sessions than this is too rare to be usual."""
    cost_limit: float = 1.0
    """A shape never seen before is suspicious from more than this cost on."""
    always: dict[str, tuple[str, ...]] | None = None
    """Events that come with an event but for half the share that may be contaminated."""
    mostly: dict[str, tuple[str, ...]] | None = None
    """Events that come with an event but for the share that may be contaminated."""
    commonest: dict[str, float] | None = None
    """The greatest share of the sessions with some common event that an event is in."""
    usual_counts: dict[str, tuple[int, int]] | None = None
    """How often an event comes in a session that has it, but for the share that may be contaminated."""
    fixed_counts: dict[str, tuple[int, tuple[int, ...]]] | None = None
    """How often an event comes in nearly all sessions that have it, and all the counts that are common."""
    cut: bool = False
    """Whether the log is cut, so that sessions stop anywhere."""
    stops: tuple[str, ...] = ()
    """Events after which sessions stop oftener than cuts explain."""


def fit(table: ShapeTable, false_alarms: float, contamination: float) -> Norms:
    """Work out the limits. `table` holds unlabelled sessions, of which some may be anomalies.

    `false_alarms` is the share of usual sessions that each limit may flag, `contamination` the share
    up to which a way to fail may be repeated among the sessions that were learnt.
    """
    exceptions = contamination / 2
    together = _together(table)
    supports = dict(table.supports())
    mostly = implications(together, supports, contamination, least=math.ceil(2 / contamination))
    cut, stops = _stops(table, mostly)
    whole = table.without({shape for shape, _ in table if incomplete(shape, mostly)})
    rarest = Counter[int]()
    for shape, n in whole:
        rarest[min(supports[name] for name, _ in shape)] += n
    always = implications(
        _together(whole), dict(whole.supports()), exceptions, least=math.ceil(2 / exceptions)
    )
    counts = _counts(whole, contamination)
    return Norms(
        novelty=rarest[1] / max(1, table.sessions),
        rare_support=_rare_support(rarest, 2 * false_alarms * table.sessions),
        cost_limit=_cost_limit(whole, false_alarms * table.sessions),
        always=always,
        mostly=mostly,
        commonest=_commonest(together, supports, table.sessions),
        usual_counts=_usual_counts(counts, contamination),
        fixed_counts=_fixed_counts(counts, contamination),
        cut=cut,
        stops=stops,
    )


def _together(table: ShapeTable) -> dict[str, dict[str, int]]:
    """Return in how many sessions two events are together, by the first and the second; not of single ones."""
    names = [name for name, n in table.supports() if n > 1]
    counts = table.index().together([n for _, n in table], names)
    return {
        name: {names[at]: int(row[at]) for at in np.flatnonzero(row)}
        for name, row in zip(names, counts, strict=True)
    }


def implications(
    together: dict[str, dict[str, int]], supports: dict[str, int], exceptions: float, least: int
) -> dict[str, tuple[str, ...]]:
    """Return event -> events that all sessions with it have, but for a share of `exceptions`.

    Only events of at least `least` sessions: fewer cannot show a share that small.
    """
    rules = {}
    for name, counter in sorted(together.items()):
        enough = (1 - exceptions) * supports[name]
        due = tuple(sorted(other for other, n in counter.items() if other != name and n >= enough))
        if supports[name] >= least and due:
            rules[name] = due
    return rules


def _commonest(
    together: dict[str, dict[str, int]], supports: dict[str, int], sessions: int
) -> dict[str, float]:
    commonest: dict[str, float] = {}
    for name, counter in sorted(together.items()):
        if supports[name] < max(100, _COMMON * sessions):
            continue
        for other, n in counter.items():
            if other != name:
                commonest[other] = max(commonest.get(other, 0.0), n / supports[name])
    return dict(sorted(commonest.items()))


def incomplete(shape: Shape, mostly: dict[str, tuple[str, ...]] | None) -> bool:
    """Whether a session lacks so much that it counts as broken off, however often that was seen."""
    lacking, due = missing(shape, mostly)
    return bool(lacking) and len(lacking) >= INCOMPLETE * due


def missing(shape: Shape, rules: dict[str, tuple[str, ...]] | None) -> tuple[list[str], int]:
    """Return the events that `shape` lacks by `rules`, and how many the rules ask for."""
    present = {name for name, _ in shape}
    due = {other for name in present for other in (rules or {}).get(name, ())}
    return sorted(due - present), len(due)


def stops_early(shape: Shape, lacking: list[str], table: ShapeTable) -> bool:
    """Whether what is missing is only what would have come after what is there."""
    absent = min(table.place(name) for name in lacking)
    return all(table.place(name) <= absent + _EARLY for name, _ in shape)


def last_of(shape: Shape, table: ShapeTable) -> str:
    """Return the event of `shape` that usually comes last."""
    return max(shape, key=lambda cell: table.place(cell[0]))[0]


def _stops(table: ShapeTable, rules: dict[str, tuple[str, ...]]) -> tuple[bool, tuple[str, ...]]:
    """Return whether the log is cut, and after which events sessions stop too often for that.

    Cuts in a log end sessions anywhere, about equally often; a failure stops them at its one place.
    """
    stops: Counter[str] = Counter()
    for shape, n in table:
        lacking, _ = missing(shape, rules)
        if lacking and stops_early(shape, lacking, table):
            stops[last_of(shape, table)] += n
    if len(stops) < _LEAST_PLACES:
        return False, ()
    times: Counter[str] = Counter()  # an event that comes three times is three places
    for shape, n in table:
        for name, count in shape:
            times[name] += n * count
    rates = {name: n / (times[name] / table.support(name)) for name, n in stops.items()}
    limit = 3 * sorted(rates.values())[len(rates) // 2] + 2
    return True, tuple(sorted(name for name, rate in rates.items() if rate > limit))


def _counts(table: ShapeTable, exceptions: float) -> dict[str, Counter[int]]:
    """Return event -> how often it comes -> in how many sessions; events of too few sessions are left out."""
    counts: dict[str, Counter[int]] = {}
    for shape, n in table:
        for name, count in shape:
            counts.setdefault(name, Counter())[count] += n
    return {name: seen for name, seen in sorted(counts.items()) if seen.total() * exceptions >= 0.5}


def _usual_counts(counts: dict[str, Counter[int]], exceptions: float) -> dict[str, tuple[int, int]]:
    """Return event -> how often it comes at least and at most; `exceptions` are left out at either end."""
    return {
        name: (_beyond(seen, sorted(seen), exceptions), _beyond(seen, sorted(seen, reverse=True), exceptions))
        for name, seen in counts.items()
    }


def _fixed_counts(
    counts: dict[str, Counter[int]], exceptions: float
) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Return event -> how often it comes, where that is always the same, and what else is common."""
    fixed = {}
    for name, seen in counts.items():
        ((count, n),) = seen.most_common(1)
        if n >= (1 - _FAILURES) * seen.total():
            common = tuple(sorted(other for other, n in seen.items() if n >= exceptions * seen.total()))
            fixed[name] = count, common
    return fixed


def _beyond(seen: Counter[int], order: list[int], exceptions: float) -> int:
    left = exceptions * seen.total()
    for count in order:
        left -= seen[count]
        if left < 0:
            return count
    return order[-1]


def _rare_support(rarest: Counter[int], budget: float) -> int:
    """Return the largest support such that sessions with an event that rare stay within `budget`."""
    limit, spent = 0, 0
    for support in sorted(rarest):
        spent += rarest[support]
        if spent > budget:
            break
        limit = support
    return limit


def _cost_limit(table: ShapeTable, budget: float) -> float:
    """Return the cost beyond which usual sessions never seen before come no oftener than `budget`.

    The lesser of two: what the single sessions themselves show, which contamination raises, and an
    exponential tail through their median, which it hardly moves. A budget below one session cannot be
    seen in the sessions at all, and only the tail tells.
    """
    index = table.index()
    single = [row for row, shape in enumerate(index.shapes) if table.count(shape) == 1]
    if len(single) <= budget:
        return 0.0
    sample = single[-_SAMPLE:]
    costs = sorted((_leave_one_out(index, row) for row in sample), reverse=True)
    tail = float(np.median(costs)) / math.log(2) * math.log(len(single) / budget)
    return min(costs[math.floor(budget * len(sample) / len(single))], tail) if budget >= 1 else tail


def _leave_one_out(index: ShapeIndex, row: int) -> float:
    cost = index.costs(index.shapes[row])
    cost[row] = 1.0
    return float(cost.min())


def nearest(table: ShapeTable, shape: Shape) -> Nearest | None:
    """Return the known shape nearest to `shape`, of equals the commonest; None where none is known."""
    if not len(table):
        return None
    index = table.index()
    costs = index.costs(shape)
    least = costs.min()
    known = max((index.shapes[row] for row in np.flatnonzero(costs == least)), key=table.count)
    return Nearest(known, float(least))
