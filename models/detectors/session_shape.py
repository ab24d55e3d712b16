"""A session that does not have the events that sessions here have."""

from __future__ import annotations

from typing import ClassVar

from models.detectors.base import ExplainingDetector, Features, Reason, against
from models.detectors.session_norms import (
    INCOMPLETE,
    Nearest,
    Norms,
    fit,
    incomplete,
    last_of,
    missing,
    nearest,
    stops_early,
)
from models.detectors.shape_table import Shape, ShapeTable, shape_of


class SessionShape(ExplainingDetector):
    """Score what is missing from a session, what it has too many, and how new that is.

    Sessions may be learnt unlabelled, anomalies among them: shapes are counted, and being known is not
    enough. A session is flagged for any of these reasons (`reasons`):

    - `new_event`: an event never seen in a session here, unless new ones are usual (`NOVELTY`);
    - `rare_event`: an event among the rarest, which together make up no more than `false_alarms`;
    - `rare_error`: an event that speaks of failure, in fewer sessions than may be contaminated;
    - `missing_event`: lacks what sessions with one of its events have but for half of `contamination`;
    - `incomplete`: lacks a third of what they have but for `contamination` of them, however often that
      was seen. Where sessions stop at many different places it is the log that was cut, and no reason;
    - `too_few`: an event that always comes the same number of times lacks a third of them, if it comes;
    - `repeated`: an event comes four times as often as it does in nearly all sessions;
    - `new_shape`: never seen, and further from all that was than single usual sessions are.

    Blind to a failure that repeats itself in what is learnt, lacks little and does not speak of failure,
    and to order: pair it with `SequenceBreak`. Flags nothing before `least_sessions`. The way back out of
    a flag that never ends is `WayBack`, over the reasons.

    O(events) for a known shape, O(cells) for another one; memory for `cells` events of shapes. `x` has
    `events`, the ids in their order, and may have `errors`, those of them that speak of failure.

    Examples
    --------
    >>> detector = SessionShape()
    >>> for n in range(400):
    ...     detector.learn_one({"events": ("open", *["read"] * (1 + n % 3), "close")})
    >>> detector.flags({"events": ("open", "read", "read", "close")}), detector.flags({"events": ("open",)})
    (False, True)
    >>> [reason.kind for reason in detector.reasons({"events": ("open", "read", "panic")})]
    ['new_event', 'incomplete', 'new_shape']
    """

    NOVELTY: ClassVar[float] = 0.005
    STORM: ClassVar[int] = 4

    def __init__(
        self,
        false_alarms: float = 0.0005,
        contamination: float = 0.02,
        least_sessions: int = 50,
        cells: int = 8000,
        memory: int = 20_000,
    ) -> None:
        self.false_alarms = false_alarms
        self.contamination = contamination
        self.least_sessions = least_sessions
        self.cells = cells
        self.memory = memory
        self._table = ShapeTable(cells, memory)
        self._norms = Norms()
        self._learnt = 0
        self._until_fit = 20

    @property
    def norms(self) -> Norms:
        """The limits as they were last worked out."""
        return self._norms

    def learn_one(self, x: Features) -> None:
        self._table.add(x["events"])
        self._learnt += 1
        self._until_fit -= 1
        if self._until_fit <= 0:
            self._norms = fit(self._table, self.false_alarms, self.contamination)
            self._until_fit = max(20, min(500, self._learnt // 10))

    def reasons(self, x: Features) -> list[Reason]:
        """Return what speaks against a session; only one with a score from `threshold` on is a finding."""
        table, norms = self._table, self._norms
        if table.sessions < self.least_sessions:
            return []
        shape = shape_of(x["events"])
        found = [
            *self._events(shape, frozenset(x.get("errors", ()))),
            *self._broken(shape),
        ]
        if not table.count(shape) and not self._is_cut(shape, missing(shape, norms.mostly)[0]):
            found += self._new(shape)
        return found

    def broken(self, x: Features) -> list[Reason]:
        """Return the reasons that say a session did not do its work, or did it over and over."""
        if self._table.sessions < self.least_sessions:
            return []
        shape = shape_of(x["events"])
        return self._broken(shape)

    def nearest(self, x: Features) -> Nearest | None:
        """Return the known shape that a session is nearest to: what is missing and too many shows there."""
        return nearest(self._table, shape_of(x["events"]))

    def _events(self, shape: Shape, errors: frozenset[str]) -> list[Reason]:
        table, norms, found = self._table, self._norms, []
        for name, _ in shape:
            support = table.support(name)
            share = max(support / table.sessions, (norms.commonest or {}).get(name, 0.0))
            if not support:
                if norms.novelty <= self.NOVELTY:
                    found.append(Reason("new_event", (name,), 1 - norms.novelty))
            elif name in errors and share < self.contamination:
                found.append(Reason("rare_error", (name,), 1 - against(share, self.contamination)))
            elif support <= norms.rare_support:
                found.append(Reason("rare_event", (name,), 1 - against(support, norms.rare_support)))
        return found

    def _broken(self, shape: Shape) -> list[Reason]:
        lacking, due = missing(shape, self._norms.mostly)
        if self._is_cut(shape, lacking):
            return self._repeated(shape)
        return [*self._lacking(shape, lacking, due), *self._too_few(shape), *self._repeated(shape)]

    def _lacking(self, shape: Shape, lacking: list[str], due: int) -> list[Reason]:
        norms = self._norms
        if incomplete(shape, norms.mostly):
            return [Reason("incomplete", tuple(lacking), 0.5 + len(lacking) / due / 2)]
        lacking, due = missing(shape, norms.always)
        if lacking:
            return [Reason("missing_event", tuple(lacking), 0.5 + len(lacking) / due / 2)]
        return []

    def _is_cut(self, shape: Shape, lacking: list[str]) -> bool:
        """Whether the log was cut before `lacking` came, as far as one can tell."""
        if not self._norms.cut or not lacking or not stops_early(shape, lacking, self._table):
            return False
        return last_of(shape, self._table) not in self._norms.stops

    def _too_few(self, shape: Shape) -> list[Reason]:
        fixed = self._norms.fixed_counts or {}
        cut_in = last_of(shape, self._table) if self._norms.cut and shape else ""
        found = []
        for name, count in shape:
            if name in fixed and name != cut_in:
                due, common = fixed[name]
                if due - count >= INCOMPLETE * due and count not in common:
                    found.append(Reason("too_few", (name,), 1 - against(count, 2 * due)))
        return found

    def _repeated(self, shape: Shape) -> list[Reason]:
        usual = self._norms.usual_counts or {}
        return [
            Reason("repeated", (name,), against(count, max(usual[name][1], 2) * self.STORM))
            for name, count in shape
            if name in usual and count > max(usual[name][1], 2) * self.STORM
        ]

    def _new(self, shape: Shape) -> list[Reason]:
        """Return the reason against a shape never seen, unless it only puts usual counts together anew."""
        near = nearest(self._table, shape)
        if near is None:
            return []
        usual, own, known = self._norms.usual_counts or {}, dict(shape), dict(near.shape)
        if own.keys() == known.keys() and all(
            name in usual and usual[name][0] <= count <= usual[name][1]
            for name, count in shape
            if count != known[name]
        ):
            return []
        limit = self._norms.cost_limit
        score = near.cost / (near.cost + limit) if near.cost > limit else min(against(near.cost, limit), 0.49)
        return [Reason("new_shape", _difference(shape, near.shape), score)]


def _difference(shape: Shape, known: Shape) -> tuple[str, ...]:
    """Return the events that come oftener (+) and more seldom (-) than in a shape that is known."""
    own, other = dict(shape), dict(known)
    return tuple(
        f"{'+' if own.get(name, 0) > other.get(name, 0) else '-'}{name}"
        for name in sorted({*own, *other})
        if own.get(name, 0) != other.get(name, 0)
    )
