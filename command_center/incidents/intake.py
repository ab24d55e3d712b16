"""From signals to incidents, inside the transaction that adds the facts they came with.

Reads what is known, lets `correlate` decide, and writes what was decided: signal rows, incidents, timeline,
audit. Everything is derived from rows of the same transaction, so a block that is applied once is judged
once.

A signal that was held for its few lines is tried again when more of them come. One of a service under maintenance is kept quiet,
and tried again if it goes on after that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from command_center.changes import markers
from command_center.incidents import wording
from command_center.incidents.alive import alive_at
from command_center.incidents.correlate import Decision, Known, Verdict, correlate
from command_center.incidents.evidence import (
    SignalRecord,
    Trace,
    traces,
)
from command_center.incidents.upkeep import Upkeep
from command_center.incidents.weight import NEW, Candidate, Fingerprint
from command_center.maintenance.silencing import Quiet, noticed_at, quiet_around, silence
from command_center.settings import CenterSettings
from models.levels import Level
from models.sanitizer import SafeText
from storage.facts import BlockFacts, Signal, SignalKind
from storage.records import Incident
from storage.transaction import Transaction

_NO_LINES = frozenset((SignalKind.TEMPLATE_SILENCE, SignalKind.FORECAST))
"""Signals of a template that no line of it shows."""


@dataclass
class Taken:
    """What one round changed."""

    signals: int = 0
    opened: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class _Waiting(NamedTuple):
    """A signal whose row stands there and that is tried again: its lines so far, and whether some have come since."""

    record: SignalRecord
    lines: int
    more: bool


class Intake:
    """The way from facts to incidents; holds settings only. `text` is the gate's, for words among the evidence."""

    def __init__(self, upkeep: Upkeep, settings: CenterSettings, text: Callable[[str], SafeText]) -> None:
        self._upkeep, self._settings, self._text = upkeep, settings, text

    def take(self, tx: Transaction, facts: Sequence[BlockFacts]) -> Taken:
        """Judge the facts that were just added; `facts` are the fresh ones only."""
        taken = Taken()
        self._upkeep.learn(tx, facts)
        counted = _counted(facts)
        fresh = self._unseen(tx, facts, counted)
        newest = _newest(facts)
        settings = self._settings
        quiet = quiet_around(
            tx,
            [*map(noticed_at, fresh), *newest.values()],
            self._upkeep.graph,
            settings.correlation.depth,
            settings.maintenance,
        )
        back = quiet.outlived(tx, newest)
        awake = [record for record in fresh if not _silenced(tx, quiet, record, known=False)]
        taken.signals = len(fresh)
        moments = [record.at for record in awake] or list(newest.values() if counted else ())
        held = [
            _Waiting(record, record.lines, more)
            for record, more in (self._held(tx, moments, counted) if moments else ())
            if not _silenced(tx, quiet, record, known=True)
        ]
        held += [_Waiting(each.record, each.lines, True) for each in back]
        if awake or held:
            self._judge(tx, held, awake, newest, taken)
        return taken

    def _unseen(
        self, tx: Transaction, facts: Sequence[BlockFacts], counted: Counter[tuple[str, str]]
    ) -> list[SignalRecord]:
        """Return the signals of `facts` as rows to be, without those that are known already."""
        signals = {signal.id: signal for report in facts for signal in report.signals}
        known = (
            {
                row[0]
                for row in tx.execute(
                    "SELECT id FROM signal WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(signals)]
                )
            }
            if signals
            else set()
        )
        return [
            _as_record(signal, counted, self._text)
            for identity, signal in sorted(signals.items())
            if identity not in known
        ]

    def _held(
        self, tx: Transaction, moments: Sequence[datetime], counted: Counter[tuple[str, str]]
    ) -> list[tuple[SignalRecord, bool]]:
        """Return the held signals that may still become something, their new lines added, and whether there are such."""
        window = timedelta(seconds=self._settings.correlation.window)
        held = tx.rows(
            SignalRecord,
            "verdict = 'held' AND ts BETWEEN ? AND ? ORDER BY ts, id",
            [min(moments) - window, max(moments) + window],
        )
        now: list[tuple[SignalRecord, bool]] = []
        for row in held:
            more = counted[str(row.service), row.template_id or ""]
            if more:
                tx.execute('UPDATE signal SET "lines" = "lines" + ? WHERE id = ?', [more, row.id])
                tx.changed.add(SignalRecord.table)
            now.append((row.having(lines=row.lines + more), more > 0))
        return now

    def _judge(
        self,
        tx: Transaction,
        held: Sequence[_Waiting],
        fresh: Sequence[SignalRecord],
        newest: Mapping[str, datetime],
        taken: Taken,
    ) -> None:
        was_held = {each.record.id for each in held}
        records = {record.id: record for record in (*(each.record for each in held), *fresh)}
        settings = self._settings.correlation
        decisions = correlate(
            self._known(tx, [record.at for record in records.values()]),
            [
                Candidate(
                    each.record.signal(),
                    each.lines,
                    newest.get(str(each.record.service)) if each.more else None,
                    not each.more,
                )
                for each in held
            ],
            [Candidate(record.signal(), record.lines) for record in fresh],
            self._upkeep.graph,
            settings,
            self._changes(tx, [record.at for record in records.values()]),
        )
        by_incident: dict[str, list[Decision]] = {}
        for decision in decisions:
            if decision.incident is not None:
                by_incident.setdefault(decision.incident, []).append(decision)
        ids = {
            key: tx.next_id("INC") if key.startswith("new-") else key
            for key in sorted(by_incident, key=_order)
        }
        seen = self._seen(tx, ids.values())
        last_at = {key: trace.last_at for key, trace in seen.items()}
        gap = timedelta(seconds=settings.flap_gap)
        for decision in decisions:
            record = records[decision.found.signal.id]
            incident = None if decision.incident is None else ids[decision.incident]
            mark = (incident or "", *decision.found.fingerprint)
            returned = mark in last_at and record.at - last_at[mark] >= gap
            last_at[mark] = max(record.at, last_at.get(mark, record.at))
            self._write_signal(tx, record, decision, incident, returned, known=record.id in was_held)
        for key, incident in ids.items():
            if key.startswith("new-"):
                self._upkeep.open(tx, incident)
                taken.opened.append(incident)
            else:
                self._upkeep.grow(tx, incident, by_incident[key], seen)
                taken.changed.append(incident)

    def _changes(self, tx: Transaction, moments: Sequence[datetime]) -> Callable[[str, datetime], bool]:
        """Return what says whether a service was changed just before a time."""
        window = timedelta(seconds=self._settings.correlation.change_window)
        found = markers.between(tx, min(moments) - window, max(moments), None)

        def changed(service: str, at: datetime) -> bool:
            return any(each.service == service and at - window <= each.at <= at for each in found)

        return changed

    def _known(self, tx: Transaction, moments: Sequence[datetime]) -> list[Known]:
        settings, oldest = self._settings.correlation, min(moments)
        since = oldest - timedelta(seconds=settings.quiet)
        incidents = tx.rows(
            Incident, "status NOT IN ('resolved', 'closed') OR resolved_at >= ? ORDER BY id", [since]
        )
        marks = traces(tx, [incident.id for incident in incidents]) if incidents else {}
        looked_from = oldest - timedelta(seconds=settings.window)
        said = _said(
            tx,
            {trace.template_id for found in marks.values() for trace in found if trace.kind in NEW},
            looked_from,
            max(moments),  # a host whose clock is ahead says nothing about what lives now
        )
        pause = timedelta(seconds=settings.joining + 60)  # of what is said only the minute is known
        return [
            Known(
                id=incident.id,
                status=incident.status,
                since=incident.fault_at or incident.detected_at,
                services=frozenset(
                    str(name)
                    for name in (incident.service, *incident.affected_services)
                    if name != wording.NOBODY
                ),
                resolved_at=incident.resolved_at,
                marks={trace.mark.fingerprint: trace.mark for trace in marks.get(incident.id, [])},
                alive_at=alive_at(
                    max(
                        (trace.lively_at for trace in marks.get(incident.id, ())),
                        default=incident.detected_at,
                    ),
                    chain.from_iterable(
                        said.get(trace.template_id, ())
                        for trace in marks.get(incident.id, ())
                        if trace.kind in NEW
                    ),
                    looked_from,
                    pause,
                ),
            )
            for incident in incidents
        ]

    def _seen(self, tx: Transaction, ids: Iterable[str]) -> dict[tuple[str, *Fingerprint], Trace]:
        return {
            (incident, *trace.mark.fingerprint): trace
            for incident, found in traces(tx, ids).items()
            for trace in found
        }

    def _write_signal(
        self,
        tx: Transaction,
        record: SignalRecord,
        decision: Decision,
        incident: str | None,
        returned: bool,
        *,
        known: bool,
    ) -> None:
        if known:
            tx.execute(
                """UPDATE signal SET ts = ?, "lines" = ?, verdict = ?, reason = ?, incident_id = ?, returned = ?
                   WHERE id = ?""",
                [
                    record.at,
                    record.lines,
                    decision.verdict.value,
                    decision.reason,
                    incident,
                    returned,
                    record.id,
                ],
            )
            tx.changed.add(SignalRecord.table)
            return
        tx.insert(
            record.having(
                verdict=decision.verdict.value,
                reason=decision.reason,
                incident_id=incident,
                returned=returned,
            )
        )


def _silenced(tx: Transaction, quiet: Quiet, record: SignalRecord, *, known: bool) -> bool:
    """Keep a signal quiet if its service is worked on; says whether it was."""
    window = quiet.of(record)
    if window is not None:
        silence(tx, record, window, known=known)
    return window is not None


def _order(key: str) -> tuple[int, str]:
    """Sort keys of correlation so that new incidents are numbered in the order they were decided on."""
    return (int(key.removeprefix("new-")), key) if key.startswith("new-") else (0, key)


def _said(
    tx: Transaction, templates: Collection[str | None], since: datetime, until: datetime
) -> dict[str | None, list[datetime]]:
    """Return the minutes from `since` to `until` in which each template was counted above INFO."""
    rows = tx.execute(
        """SELECT template_id, list("minute") FROM pattern_minute
           WHERE "minute" BETWEEN ? AND ? AND template_id IN (SELECT unnest(?::VARCHAR[])) AND (level = 0 OR level >= ?)
           GROUP BY template_id""",
        [since, until, sorted(each for each in templates if each), int(Level.WARN)],
    )
    return {row[0]: row[1] for row in rows}


def _newest(facts: Iterable[BlockFacts]) -> dict[str, datetime]:
    """Return the time of the newest line of each service; none is newer than its receipt, whatever its clock says."""
    newest: dict[str, datetime] = {}
    for report in facts:
        for traffic in report.traffic:
            service, at = str(traffic.service), min(traffic.last_ts, report.received_at)
            newest[service] = max(at, newest.get(service, at))
    return newest


def _counted(facts: Iterable[BlockFacts]) -> Counter[tuple[str, str]]:
    """Return lines per (service, template) of everything above INFO."""
    counted: Counter[tuple[str, str]] = Counter()
    for report in facts:
        for fact in report.counts:
            if fact.level == Level.UNKNOWN or fact.level >= Level.WARN:
                counted[str(fact.service), fact.template_id] += fact.count
    return counted


def _as_record(
    signal: Signal, counted: Counter[tuple[str, str]], text: Callable[[str], SafeText]
) -> SignalRecord:
    evidence = {
        key: text(value) if isinstance(value, str) else value
        for key, value in signal.evidence.items()
        if not isinstance(value, bool)
    }
    lines = 0
    if signal.template_id is not None and signal.kind not in _NO_LINES:
        lines = max(
            1, int(signal.evidence.get("count", 0)), counted[str(signal.service), signal.template_id or ""]
        )
    fields = {name: getattr(signal, name) for name in Signal.model_fields if name != "evidence"}
    return SignalRecord(**fields, evidence=evidence, lines=lines, verdict=Verdict.HELD.value, reason="new")
