"""How an incident follows its signals: opened, grown, reopened, made worse, blamed on a change. Inside a
transaction.

Every step writes the record one version later, what is news to the timeline, and what changes its state to
the audit chain. Repeats of a signal are counted and told only at the 10th, 100th, 1000th time. Severity
rises and never falls by itself; what a person has said or set stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from command_center.changes import markers
from command_center.changes.suspect import suspect
from command_center.incidents import wording
from command_center.incidents.category import FLAPPING, UNKNOWN
from command_center.incidents.correlate import Decision, Verdict
from command_center.incidents.evidence import (
    Picture,
    Trace,
    people_chose_severity,
    picture,
    traces,
    traffic_of,
)
from command_center.incidents.graph import ServiceGraph
from command_center.incidents.journal import STREAM, enter, load, save
from command_center.incidents.learnt_calls import LearntCalls
from command_center.incidents.lifecycle import amended, moved, touched
from command_center.incidents.severity import Ruled
from command_center.incidents.weight import Fingerprint
from command_center.settings import CenterSettings
from models.sanitizer import SafeText, phrase
from storage.facts import BlockFacts
from storage.records import ChangeMarker, ChangeMarkerKind, Incident, IncidentStatus
from storage.transaction import Reader, Transaction

SET_ANEW = frozenset((ChangeMarkerKind.CONFIG, ChangeMarkerKind.FLAG))
FOLDED = (10, 100, 1000, 10_000)  # repeats of one signal that the timeline still mentions


class Upkeep:
    """Keeps incidents as their signals say; holds settings only. `name` is the gate's, for names of
    services."""

    def __init__(self, settings: CenterSettings, name: Callable[[str], SafeText]) -> None:
        self._settings, self._name = settings, name
        self._configured = ServiceGraph(
            (caller, callee) for caller, callees in settings.calls.items() for callee in callees
        )
        self._learnt: LearntCalls | None = None

    @property
    def name(self) -> Callable[[str], SafeText]:
        """The gate's way with names."""
        return self._name

    @property
    def graph(self) -> ServiceGraph:
        """Who calls whom: as configured, or as learnt where nothing is."""
        if self._configured or self._learnt is None:
            return self._configured
        return self._learnt.graph()

    def learn(self, reader: Reader, facts: Sequence[BlockFacts]) -> None:
        """Learn from new sentences who calls whom; from all that are stored, the first time."""
        if self._configured:
            return
        if self._learnt is None:
            self._learnt = LearntCalls()
            for row in reader.execute(
                "SELECT service, template_id, template FROM error_pattern ORDER BY first_seen"
            ):
                self._learnt.note(*row)
        for report in facts:
            for pattern in report.patterns:
                self._learnt.note(str(pattern.service), pattern.template_id, str(pattern.template))
            for traffic in report.traffic:
                self._learnt.name(str(traffic.service))

    def look(self, reader: Reader, found: Sequence[Trace], until: datetime) -> Picture:
        """Return what the traces of one incident (at least one) say with the traffic of `until`."""
        services = {trace.service for trace in found}
        first = min(trace.first_at for trace in found)
        traffic = traffic_of(reader, services, first, until, self._settings.traffic_window)
        window = timedelta(seconds=self._settings.correlation.change_window)
        last = max(trace.first_at for trace in found)
        anew = [marker for marker in markers.between(reader, first - window, last) if marker.kind in SET_ANEW]

        def configured(service: str, at: datetime) -> bool:
            return any(each.service == service and at - window <= each.at <= at for each in anew)

        return picture(found, traffic, self.graph, self._settings, self._name, configured)

    def open(self, tx: Transaction, incident_id: str) -> None:
        found = traces(tx, [incident_id])[incident_id]
        seen = self.look(tx, found, max(trace.last_at for trace in found))
        change = self._suspect(tx, seen.root, seen.affected, seen.fault_at)
        at = tx.now
        incident = Incident(
            id=incident_id,
            title=seen.title,
            severity=seen.severity,
            service=seen.affected[0],
            root_service=seen.root,
            affected_services=seen.affected,
            category=seen.category,
            suspect_change=change.id if change else None,
            summary=seen.summary,
            opened_by=STREAM,
            fault_at=seen.fault_at,
            detected_at=at,
            updated_at=at,
            last_signal_at=seen.last_at,
            signal_count=seen.signals,
            version=1,
        )
        tx.insert(incident)
        enter(
            tx,
            incident_id,
            at,
            "opened",
            STREAM,
            phrase("SEV{} opened: {}", int(seen.severity), seen.title),
            severity=int(seen.severity),
            category=seen.category,
            **_rule(seen.ruled),
        )
        for trace in found:
            self._tell(tx, incident_id, at, trace)
        if change is not None:
            self._blame(tx, incident, at, change)
        tx.audit("incident.open", STREAM, incident=incident_id, severity=int(seen.severity), version=1)

    def grow(
        self,
        tx: Transaction,
        incident_id: str,
        decisions: Sequence[Decision],
        before: Mapping[tuple[str, *Fingerprint], Trace],
    ) -> None:
        incident = load(tx, incident_id)
        found = traces(tx, [incident_id])[incident_id]
        seen = self.look(tx, found, max(decision.found.signal.at for decision in decisions))
        reopened = any(decision.verdict is Verdict.REOPENED for decision in decisions)
        over = incident.status in (IncidentStatus.RESOLVED, IncidentStatus.CLOSED) and not reopened
        grown = (
            moved(incident, IncidentStatus.DETECTED, tx.now, STREAM)
            if reopened
            else touched(incident, tx.now, STREAM)
        )
        grown = amended(
            grown,
            signal_count=seen.signals,
            last_signal_at=max(seen.last_at, incident.last_signal_at or seen.last_at),
            fault_at=incident.fault_at or seen.fault_at,
        )
        if reopened:
            enter(
                tx,
                incident_id,
                grown.updated_at,
                "status",
                STREAM,
                phrase("Reopened: it has come back after it was resolved"),
                **{"from": incident.status.value, "to": grown.status.value},
            )
            tx.audit(
                "incident.reopen",
                STREAM,
                incident=incident_id,
                version=grown.version,
            )
        for trace in found:
            old = before.get((incident_id, *trace.mark.fingerprint))
            if old is None or any(old.times < times <= trace.times for times in FOLDED):
                self._tell(tx, incident_id, grown.updated_at, trace)
        if not over:
            grown = self._repaint(tx, grown, seen)
            grown = self._flapping(tx, grown, decisions)
        save(tx, grown)

    def _repaint(self, tx: Transaction, incident: Incident, seen: Picture) -> Incident:
        """Return `incident` with what its signals now say, and enter what is news. A person's words stay."""
        own = incident.opened_by == STREAM
        flapping = incident.category == FLAPPING and seen.category == UNKNOWN
        affected = tuple(dict.fromkeys((*(name for name in incident.affected_services), *seen.affected)))
        painted = amended(
            incident,
            root_service=seen.root,
            affected_services=affected,
            category=FLAPPING if flapping else seen.category,
            service=seen.affected[0] if incident.service == wording.NOBODY else incident.service,
            title=seen.title if own and not flapping else incident.title,
            summary=seen.summary if own or incident.summary is None else incident.summary,
        )
        change = self._suspect(tx, seen.root, affected, painted.fault_at or seen.fault_at)
        if change is not None and change.id != incident.suspect_change:
            painted = amended(painted, suspect_change=change.id)
            self._blame(tx, painted, painted.updated_at, change)
        elif change is None and incident.suspect_change is not None and seen.root != incident.root_service:
            painted = amended(painted, suspect_change=None)
            self._clear(tx, painted, incident.suspect_change)
        if seen.severity < painted.severity and not people_chose_severity(tx, painted):
            painted = self._raise(tx, painted, seen)
        return painted

    def _raise(self, tx: Transaction, incident: Incident, seen: Picture) -> Incident:
        enter(
            tx,
            incident.id,
            incident.updated_at,
            "severity",
            STREAM,
            phrase(
                "Raised from SEV{} to SEV{} as more is affected", int(incident.severity), int(seen.severity)
            ),
            **{"from": int(incident.severity), "to": int(seen.severity)},
            **_rule(seen.ruled),
        )
        tx.audit(
            "incident.severity",
            STREAM,
            incident=incident.id,
            severity=int(seen.severity),
            version=incident.version,
        )
        return amended(incident, severity=seen.severity)

    def _flapping(self, tx: Transaction, incident: Incident, decisions: Sequence[Decision]) -> Incident:
        """Say once that the same signal keeps coming back."""
        settings = self._settings.correlation
        last = max(decision.found.signal.at for decision in decisions)
        returns = tx.execute(
            "SELECT count(*) FROM signal WHERE incident_id = ? AND returned AND ts >= ?",
            [incident.id, last - timedelta(seconds=settings.flap_window)],
        )[0][0]
        told = tx.execute(
            "SELECT 1 FROM incident_event WHERE incident_id = ? AND kind = 'flapping' LIMIT 1", [incident.id]
        )
        if returns < settings.flap_times or told:
            return incident
        enter(
            tx,
            incident.id,
            incident.updated_at,
            "flapping",
            STREAM,
            phrase(
                "It comes and goes: {} returns within {}. Further ones are counted, not told",
                returns,
                wording.span(timedelta(seconds=settings.flap_window)),
            ),
            returns=returns,
        )
        if incident.category != UNKNOWN or incident.opened_by != STREAM:
            return incident
        root = incident.root_service or incident.service
        others = sum(name != root for name in incident.affected_services)
        return amended(incident, category=FLAPPING, title=wording.title(FLAPPING, root, others))

    def _tell(self, tx: Transaction, incident_id: str, at: datetime, trace: Trace) -> None:
        repeats = phrase("{} ({} times so far)", trace.sentence, trace.times)
        text = repeats if trace.times >= min(FOLDED) else trace.sentence
        enter(
            tx,
            incident_id,
            at,
            "signal",
            STREAM,
            text,
            signal=trace.kind.value,
            template=trace.template_id,
            lines=trace.lines,
            times=trace.times,
        )

    def _suspect(
        self, tx: Transaction, root: SafeText | None, affected: Sequence[SafeText], fault_at: datetime
    ) -> ChangeMarker | None:
        window = timedelta(seconds=self._settings.changes.suspect_window)
        services = {*affected, root} - {None}
        found = markers.between(tx, fault_at - window, fault_at, [str(name) for name in services])
        beside = timedelta(seconds=self._settings.changes.suspect_beside)
        return suspect(found, root, affected, fault_at, window, beside)

    def _blame(self, tx: Transaction, incident: Incident, at: datetime, change: ChangeMarker) -> None:
        before = (incident.fault_at or at) - change.at
        enter(
            tx,
            incident.id,
            at,
            "change",
            STREAM,
            phrase(
                "Suspect: {}, {} before the first line",
                wording.change(change.kind, change.service, change.version),
                wording.span(before),
            ),
            change=change.id,
        )

    def _clear(self, tx: Transaction, incident: Incident, change: str) -> None:
        enter(
            tx,
            incident.id,
            incident.updated_at,
            "change",
            STREAM,
            phrase(
                "The change is no longer suspected: the cause seems to lie in {}",
                incident.root_service or incident.service,
            ),
            change=change,
        )

    def changed(self, tx: Transaction, marker: ChangeMarker) -> list[str]:
        """Look whether a change that was just recorded explains open incidents; returns those it changed."""
        window = timedelta(seconds=self._settings.changes.suspect_window)
        touched_ids: list[str] = []
        for incident in tx.rows(
            Incident,
            "status NOT IN ('resolved', 'closed') AND fault_at BETWEEN ? AND ? ORDER BY id",
            [marker.at, marker.at + window],
        ):
            services = (incident.service, *incident.affected_services)
            assert incident.fault_at is not None
            change = self._suspect(tx, incident.root_service, services, incident.fault_at)
            if change is None or change.id != marker.id or incident.suspect_change == marker.id:
                continue
            blamed = touched(incident, tx.now, STREAM, suspect_change=marker.id)
            self._blame(tx, blamed, blamed.updated_at, marker)
            save(tx, blamed)
            touched_ids.append(incident.id)
        return touched_ids

    def worse(self, reader: Reader) -> list[tuple[Incident, Picture]]:
        """Return the open incidents that the traffic of now shows to be worse than their severity says.

        Looks at those the stream opened and that have had a signal within the window, counted from the
        newest line of their services; a severity that a person chose is left alone.
        """
        found: list[tuple[Incident, Picture]] = []
        window = timedelta(seconds=self._settings.correlation.window)
        for incident in reader.rows(
            Incident,
            "opened_by = 'stream' AND severity > 1 AND status NOT IN ('resolved', 'closed') ORDER BY id",
        ):
            until = reader.execute(
                "SELECT max(last_ts) FROM service_traffic WHERE service IN (SELECT unnest(?::VARCHAR[]))",
                [[str(name) for name in incident.affected_services]],
            )[0][0]
            if until is None or incident.last_signal_at is None or incident.last_signal_at < until - window:
                continue
            evidence = traces(reader, [incident.id]).get(incident.id)
            seen = self.look(reader, evidence, until) if evidence else None
            if seen and seen.severity < incident.severity and not people_chose_severity(reader, incident):
                found.append((incident, seen))
        return found

    def worsen(self, tx: Transaction) -> list[str]:
        """Raise the severity of what is `worse`; returns the incidents concerned."""
        raised = self.worse(tx)
        for incident, seen in raised:
            grown = amended(touched(incident, tx.now, STREAM), summary=seen.summary)
            save(tx, self._raise(tx, grown, seen))
        return [incident.id for incident, _ in raised]


def _rule(ruled: Ruled) -> dict[str, int | float]:
    """Return why a severity was given, for the timeline: the row of the table and what it was held against then."""
    return {"rule": ruled.rule, "error_share": round(ruled.error_share, 3), "errors": ruled.errors}
