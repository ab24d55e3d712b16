"""Which signals belong to which incident. Pure: what is known goes in, one decision per signal comes out.

Times compared are event times (of the lines), so a replay and a backlog decide as the live stream did. A host
whose clock is wrong by more than the window opens an incident of its own: too many is better than hidden.

The order in which a home is looked for, first hit wins:

1. an open incident near in time that has seen this very signal (same service, kind and template), or this
service; 2. an incident that was resolved a moment ago: an echo of what is over joins it and reopens
nothing, a signal of one of
   its services within the quiet time reopens it;
3. an open incident near in time whose supposed root calls this service or is called by it, over a few
calls; 4. an open incident near in time, where both burst and share a callee (or where no calls are known);
5. an open incident that has seen this very signal, however long ago. It has come back: it is counted there,
and draws
   nothing else in, so that an old incident nobody closed does not swallow new trouble.

An incident lives as long as lines that were new with it (`alive.py`). A weak signal that lasts, and two that are evidence
together, look for a home as a strong one does. What finds no home opens an incident if it is strong, unless so many were opened
just now that it is a storm: then it joins the first of those. Else it is held, and tried again while the window lasts: more lines
of it, or a second weak signal beside it, make it one. Harmless levels are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from command_center.incidents.graph import ServiceGraph
from command_center.incidents.root import root_of
from command_center.incidents.weight import (
    FAMILIES,
    Candidate,
    Fingerprint,
    beside_by_chance,
    harmless,
    lasting,
    only_consequences,
    strong,
)
from command_center.settings import CorrelationSettings
from models.detectors.failure_words import helps_itself
from models.levels import Level
from storage.facts import SignalKind
from storage.records import IncidentStatus

CAME_BACK = "came_back"  # reason of a decision: the same signal after a long pause


class Verdict(StrEnum):
    """What became of a signal; `reason` of the decision says why."""

    OPENED = "opened"
    JOINED = "joined"
    REOPENED = "reopened"
    ECHO = "echo"  # joined an incident that is over, without reopening it
    HELD = "held"
    IGNORED = "ignored"
    SILENCED = "silenced"  # its service was under maintenance; see `command_center.maintenance`


class Mark(NamedTuple):
    """What one incident has seen of one fingerprint. `lively_at` is the last time that was not a mere
    coming back."""

    service: str
    kind: SignalKind
    template_id: str | None
    first_at: datetime
    last_at: datetime
    lively_at: datetime
    score: float

    @property
    def fingerprint(self) -> Fingerprint:
        return self.service, self.kind, self.template_id


@dataclass(frozen=True)
class Known:
    """What correlation needs to know of an incident. `since` stands in for the time of its first signal; at `alive_at` it was
    last seen in lines that were new with it."""

    id: str
    status: IncidentStatus
    since: datetime
    services: frozenset[str]
    resolved_at: datetime | None = None
    marks: Mapping[Fingerprint, Mark] = field(default_factory=dict)
    alive_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.status not in (IncidentStatus.RESOLVED, IncidentStatus.CLOSED)

    @property
    def first_at(self) -> datetime:
        return min((mark.first_at for mark in self.marks.values()), default=self.since)

    @property
    def last_at(self) -> datetime:
        lively = max((mark.lively_at for mark in self.marks.values()), default=self.since)
        return lively if self.alive_at is None else max(lively, self.alive_at)

    def root(self, graph: ServiceGraph) -> str | None:
        """Return the service that is supposed to be the cause; None while no service is known."""
        first: dict[str, datetime] = dict.fromkeys(self.services, self.since)
        for mark in self.marks.values():
            first[mark.service] = min(first.get(mark.service, mark.first_at), mark.first_at)
        for service in only_consequences((mark.service, mark.kind) for mark in self.marks.values()):
            del first[service]
        return root_of(first, graph) if first else None

    def having(self, found: Candidate, *, reopened: bool = False, came_back: bool = False) -> Known:
        """Return what is known once `found` has joined."""
        signal, old = found.signal, self.marks.get(found.fingerprint)
        mark = Mark(
            *found.fingerprint,
            min(signal.at, old.first_at) if old else signal.at,
            max(signal.at, old.last_at) if old else signal.at,
            (old.lively_at if came_back else max(signal.at, old.lively_at)) if old else signal.at,
            max(signal.score, old.score) if old else signal.score,
        )
        return replace(
            self,
            services=self.services | {signal.service},
            marks={**self.marks, found.fingerprint: mark},
            status=IncidentStatus.DETECTED if reopened else self.status,
            resolved_at=None if reopened else self.resolved_at,
        )


class Decision(NamedTuple):
    """What becomes of one signal. `incident` is an id of a known incident, or "new-n" for the n-th to
    open."""

    found: Candidate
    verdict: Verdict
    incident: str | None
    reason: str


def correlate(
    known: Iterable[Known],
    held: Sequence[Candidate],
    fresh: Sequence[Candidate],
    graph: ServiceGraph,
    settings: CorrelationSettings,
    changed: Callable[[str, datetime], bool] = lambda _service, _at: False,
) -> list[Decision]:
    """Decide on every signal of `fresh`, and again on those of `held`; still held ones are not mentioned
    again.

    `changed` says whether a service was changed just before a time. The result is in the order of decision and does not
    depend on the order of the arguments.
    """
    return _Round(known, graph, settings, changed).run(held, fresh)


class _Round:
    """One call of `correlate`: incidents as they stand after the decisions so far."""

    def __init__(
        self,
        known: Iterable[Known],
        graph: ServiceGraph,
        settings: CorrelationSettings,
        changed: Callable[[str, datetime], bool],
    ) -> None:
        self._known = {each.id: each for each in known}
        self._graph, self._settings, self._changed = graph, settings, changed
        self._opened = 0
        self._made: list[Decision] = []

    def run(self, held: Sequence[Candidate], fresh: Sequence[Candidate]) -> list[Decision]:
        waiting: list[Candidate] = []
        for found in sorted([*held, *fresh], key=_in_time):
            if harmless(found.signal):
                self._made.append(Decision(found, Verdict.IGNORED, None, "harmless_level"))
                continue
            sure = strong(found, self._settings)
            if self._join(found, sure=sure):
                continue
            if sure and not found.again:
                self._open(found, "strong_signal")
            elif not self._lasts(found, held):
                waiting.append(found)
            elif not self._join(found, sure=True):
                self._open(found, "goes_on")
        again = {found.signal.id for found in held}
        for found in self._pair(waiting):
            if found.signal.id not in again:
                self._made.append(Decision(found, Verdict.HELD, None, "too_few_lines"))
        return self._made

    def _pair(self, waiting: list[Candidate]) -> list[Candidate]:
        """Let weak signals join what was opened meanwhile, or open one together; return those left alone."""
        alone: list[Candidate] = []
        for found in waiting:
            if self._join(found, sure=False):
                continue
            partner = next((other for other in alone if self._agree(other, found)), None)
            if partner is None:
                alone.append(found)
                continue
            alone.remove(partner)
            left = [each for each in (partner, found) if not self._join(each, sure=True)]
            if len(left) < 2:  # what one of them joined may now be the other's
                alone.extend(each for each in left if not self._join(each, sure=True))
                continue
            home = self._open(partner, "two_weak_signals")
            self._known[home] = self._known[home].having(found)
            self._made.append(Decision(found, Verdict.JOINED, home, "two_weak_signals"))
        return alone

    def _lasts(self, found: Candidate, held: Sequence[Candidate]) -> bool:
        service = found.signal.service
        before = [each for each in held if each.signal.service == service]
        return lasting(found, before, partial(self._changed, str(service)), self._settings)

    def _agree(self, one: Candidate, other: Candidate) -> bool:
        """Say whether two weak signals are evidence together: two different errors, of one service or of a caller and whom it
        calls, or two kinds of thing.

        Just after a change only errors are: a release words things anew, and is slow until it is warm.
        """
        a, b = one.signal, other.signal
        apart = abs(a.at - b.at)
        if apart > timedelta(seconds=self._settings.window) or one.fingerprint == other.fingerprint:
            return False
        if helps_itself(str(a.template or "")) or helps_itself(str(b.template or "")):
            return False
        if beside_by_chance(a, b) > self._settings.beside_chance:
            return False
        errors = a.level >= Level.ERROR and b.level >= Level.ERROR
        if a.service != b.service:
            callees = self._graph.callees
            calls = str(b.service) in callees(str(a.service)) or str(a.service) in callees(str(b.service))
            return errors and calls and apart <= timedelta(seconds=self._settings.sibling_window)
        if errors:
            return True
        if self._changed(str(a.service), max(a.at, b.at)):
            return False
        return one.family != other.family

    def _open(self, found: Candidate, reason: str) -> str:
        storm = self._storm(found)
        if storm is not None:
            self._known[storm.id] = storm.having(found)
            self._made.append(Decision(found, Verdict.JOINED, storm.id, "storm"))
            return storm.id
        self._opened += 1
        new = Known(f"new-{self._opened}", IncidentStatus.DETECTED, found.signal.at, frozenset())
        self._known[new.id] = new.having(found)
        self._made.append(Decision(found, Verdict.OPENED, new.id, reason))
        return new.id

    def _storm(self, found: Candidate) -> Known | None:
        """Return the incident that takes in what would open yet another when many opened just now: the oldest of them.

        So much at once has one cause that the graph does not know, and a page for each helps nobody.
        """
        settings = self._settings
        within = timedelta(seconds=settings.storm_window)
        at = found.signal.at
        near = [
            each
            for each in self._known.values()
            if each.open
            and abs(at - each.first_at) <= within
            and not any(FAMILIES[kind] == "privacy" for _, kind, _ in each.marks)
        ]
        if found.family == "privacy" or len(near) < settings.storm_incidents:
            return None
        return min(near, key=lambda each: (each.first_at, each.id))

    def _join(self, found: Candidate, *, sure: bool) -> bool:
        """Let a signal join an incident if there is one for it; `sure` says whether it would open one if there is not."""
        for verdict, reason, fits in self._homes(found, sure):
            homes = [each for each in self._known.values() if fits(each)]
            if homes:
                home = max(homes, key=lambda each: (each.last_at, each.id))
                self._known[home.id] = home.having(
                    found, reopened=verdict is Verdict.REOPENED, came_back=reason == CAME_BACK
                )
                self._made.append(Decision(found, verdict, home.id, reason))
                return True
        return False

    def _homes(self, found: Candidate, sure: bool) -> Iterable[tuple[Verdict, str, Callable[[Known], bool]]]:
        """Yield the ways into an incident, best first; see the top of the module."""
        signal, settings, graph = found.signal, self._settings, self._graph
        service, at = str(signal.service), signal.at
        window = timedelta(seconds=settings.window)

        joining = timedelta(seconds=settings.joining)

        def near(each: Known) -> bool:
            return each.first_at - window <= at <= each.last_at + window

        def close(each: Known) -> bool:
            # Data that gets out is a trouble of its own, whatever else fails beside it, but for the very lines it gets out in.
            alike = (found.family == "privacy") == any(
                FAMILIES[kind] == "privacy" for _, kind, _ in each.marks
            ) or (signal.template_id is not None and any(t == signal.template_id for _, _, t in each.marks))
            return each.open and alike and each.first_at - window <= at <= each.last_at + joining

        def related(each: Known) -> bool:
            root = each.root(graph)
            return root is not None and (
                root == service
                or graph.calls(root, service, settings.depth)
                or graph.calls(service, root, settings.depth)
            )

        def echoes(each: Known) -> bool:
            if each.open or each.resolved_at is None or at < each.first_at - window:
                return False
            over = found.family != "privacy" and at <= each.resolved_at + timedelta(seconds=settings.settle)
            return over and (service in each.services or related(each))

        def returns(each: Known) -> bool:
            if each.status is not IncidentStatus.RESOLVED or each.resolved_at is None:
                return False
            soon = timedelta(0) <= at - each.resolved_at <= timedelta(seconds=settings.quiet)
            return soon and (sure or found.fingerprint in each.marks) and service in each.services

        def bursts_beside(each: Known) -> bool:
            if not close(each) or not self._bursts(signal.kind, signal.score):
                return False
            beside_s = timedelta(seconds=settings.sibling_window)
            beside = {
                mark.service
                for mark in each.marks.values()
                if self._bursts(mark.kind, mark.score) and abs(mark.first_at - at) <= beside_s
            }
            return any(self._siblings(service, other) for other in beside)

        def called_by(each: Known) -> bool:
            # A service hears less when those who call it are in trouble.
            return any(graph.calls(caller, service, settings.depth) for caller in each.services)

        def seen(each: Known) -> bool:
            return each.open and found.fingerprint in each.marks

        yield Verdict.JOINED, "seen_before", lambda each: seen(each) and near(each)
        yield (
            Verdict.JOINED,
            "same_service",
            lambda each: close(each) and service in each.services,
        )
        yield Verdict.ECHO, "echo_of_resolved", echoes
        yield Verdict.REOPENED, "returned", returns
        if sure:
            yield Verdict.JOINED, "on_the_call_path", lambda each: close(each) and related(each)
            yield Verdict.JOINED, "burst_together", bursts_beside
        elif found.family == "absence":
            yield Verdict.JOINED, "on_the_call_path", lambda each: close(each) and related(each)
        if signal.kind is not SignalKind.SILENCE and found.family == "absence":
            yield Verdict.JOINED, "called_less", lambda each: close(each) and called_by(each)
        yield Verdict.JOINED, CAME_BACK, seen

    def _bursts(self, kind: SignalKind, score: float) -> bool:
        return kind is not SignalKind.SILENCE and score >= self._settings.strong_score

    def _siblings(self, one: str, other: str) -> bool:
        if one not in self._graph or other not in self._graph:
            return True
        return self._graph.shared_callee({one, other}) is not None


def _in_time(found: Candidate) -> tuple[datetime, str]:
    return found.signal.at, found.signal.id
