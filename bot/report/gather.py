"""The facts of a report, read from the database at the end of a replay. The page stays small whatever the day was: columns,
services, incidents and changes beyond a limit are added up and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bot.replay import Ended, Summary
from bot.report.axis import axis_of
from bot.report.facts import Axis, ChangeShown, Day, HeldBack, Lane, Mark, Totals
from command_center.incidents.evidence import SignalRecord
from command_center.incidents.explain import Explanation
from command_center.incidents.reasons import plain_why
from command_center.incidents.weight import FAMILIES
from models.sanitizer import SafeText, phrase
from models.sanitizer.gate import Gate
from storage.facts import SignalKind
from storage.records import ChangeMarker, Incident
from storage.transaction import Reader

MOST_SERVICES = 24  # lanes; the others are one lane together
MOST_INCIDENTS = 60
MOST_CHANGES = 200
MOST_FOLDED = 30  # entries of one incident
MOST_HELD = 8
NAMES_SHOWN = 6
_MARKED = re.compile(r"(?:svc|tag|host)-[a-z0-9]{9}")  # what the gate makes of a name that is not listed


class _Cell(NamedTuple):
    service: str
    minute: datetime
    lines: int
    errors: int


def gather(ended: Ended) -> Day:
    """Return what a report of this replay shows."""
    center, gate, summary = ended.center, ended.gate, ended.summary
    incidents = tuple(reversed(center.incidents("all", None)))
    shown = sorted(
        sorted(incidents, key=lambda each: (each.severity, each.detected_at, _number(each)))[:MOST_INCIDENTS],
        key=lambda each: (each.detected_at, _number(each)),
    )
    told = tuple(_short(center.explain(each.id)) for each in shown)
    return ended.database.read(lambda reader: _day(reader, gate, summary, incidents, told))


def _number(incident: Incident) -> int:
    return int(incident.id.removeprefix("INC-"))


def _short(told: Explanation) -> Explanation:
    """Return an explanation with no more entries than a page takes; what is left out is counted."""
    return told.model_copy(
        update={
            "folded": told.folded[:MOST_FOLDED],
            "folded_more": told.folded_more + max(0, len(told.folded) - MOST_FOLDED),
            "held": told.held[:MOST_HELD],
            "held_more": told.held_more + max(0, len(told.held) - MOST_HELD),
        }
    )


def _day(
    reader: Reader, gate: Gate, summary: Summary, incidents: Sequence[Incident], told: tuple[Explanation, ...]
) -> Day:
    signals = reader.rows(SignalRecord, "true ORDER BY ts, id")
    changes = reader.rows(ChangeMarker, "true ORDER BY ts, id")
    cells = [
        _Cell(*row)
        for row in reader.execute(
            """SELECT service, minute, sum("lines")::BIGINT, sum(errors)::BIGINT
               FROM service_traffic GROUP BY service, minute ORDER BY service, minute"""
        )
    ]
    axis = None
    if summary.first is not None and summary.last is not None:
        axis = axis_of(summary.first, max(summary.first, summary.last))
    on_axis = [cell for cell in cells if axis and axis.since <= cell.minute < axis.until]
    names = {str(each.service) for each in signals} | {cell.service for cell in cells}
    totals = Totals(
        files=len(summary.files),
        lines=summary.lines - summary.blank,
        errors=sum(cell.errors for cell in cells),
        services=summary.services,
        templates=summary.templates,
        undecoded=summary.undecoded,
        outside=sum(cell.lines for cell in cells) - sum(cell.lines for cell in on_axis),
        signals=len(signals),
        folded=sum(each.incident_id is not None for each in signals),
        incidents=len(incidents),
        changes=len(changes),
        marked_names=sum(_MARKED.fullmatch(name) is not None for name in names),
    )
    return Day(
        axis=axis,
        totals=totals,
        lanes=() if axis is None else _lanes(axis, on_axis, signals, gate),
        incidents=told,
        changes=_changes(changes, incidents, gate),
        held=_held(signals),
    )


def _lanes(
    axis: Axis, cells: Iterable[_Cell], signals: Sequence[SignalRecord], gate: Gate
) -> tuple[Lane, ...]:
    """Return a lane per service, those with most errors first; those beyond the limit in one lane together."""
    lines: dict[str, Counter[int]] = {}
    errors: dict[str, Counter[int]] = {}
    for cell in cells:
        at = axis.bucket(cell.minute)
        lines.setdefault(cell.service, Counter())[at] += cell.lines
        errors.setdefault(cell.service, Counter())[at] += cell.errors
    marks: dict[str, list[SignalRecord]] = {}
    for record in signals:
        marks.setdefault(str(record.service), []).append(record)
    in_incident = {str(record.service) for record in signals if record.incident_id is not None}
    ordered = sorted(
        {*lines, *marks},
        key=lambda name: (
            name not in in_incident,
            -sum(errors.get(name, {}).values()),
            -sum(lines.get(name, {}).values()),
            name,
        ),
    )
    alone = ordered if len(ordered) <= MOST_SERVICES else ordered[: MOST_SERVICES - 1]
    lanes = [
        _lane(
            axis,
            gate.name(service),
            lines.get(service, {}),
            errors.get(service, {}),
            marks.get(service, ()),
        )
        for service in alone
    ]
    rest = ordered[len(alone) :]
    if rest:
        lane = _lane(
            axis,
            phrase("{} other services", len(rest)),
            sum((lines.get(name, Counter()) for name in rest), Counter[int]()),
            sum((errors.get(name, Counter()) for name in rest), Counter[int]()),
            [record for name in rest for record in marks.get(name, ())],
        )
        lanes.append(lane.model_copy(update={"services": len(rest)}))
    return tuple(lanes)


def _lane(
    axis: Axis,
    service: SafeText,
    lines: Mapping[int, int],
    errors: Mapping[int, int],
    signals: Sequence[SignalRecord],
) -> Lane:
    groups: dict[tuple[int, SignalKind, str | None], list[SignalRecord]] = {}
    for record in signals:
        key = (axis.bucket(record.at), record.kind, record.incident_id)
        groups.setdefault(key, []).append(record)
    return Lane(
        service=service,
        lines=tuple(lines.get(at, 0) for at in range(axis.buckets)),
        errors=tuple(errors.get(at, 0) for at in range(axis.buckets)),
        marks=tuple(
            Mark(
                bucket=bucket,
                at=min(record.at for record in group),
                kind=kind,
                family=FAMILIES[kind],
                times=len(group),
                incident=incident,
            )
            for (bucket, kind, incident), group in sorted(groups.items(), key=lambda item: item[0][0])
        ),
    )


def _changes(
    markers: Sequence[ChangeMarker], incidents: Sequence[Incident], gate: Gate
) -> tuple[ChangeShown, ...]:
    """Return the changes in order of time; of too many, those that are suspected before the others."""
    suspected: dict[str, list[str]] = {}
    for incident in incidents:
        if incident.suspect_change is not None:
            suspected.setdefault(incident.suspect_change, []).append(incident.id)
    first = sorted(markers, key=lambda marker: (marker.id not in suspected, marker.at, marker.id))
    return tuple(
        ChangeShown(
            id=gate.name(marker.id, "tag"),
            kind=marker.kind,
            service=marker.service,
            version=marker.version,
            at=marker.at,
            suspected=tuple(suspected.get(marker.id, ())),
        )
        for marker in sorted(first[:MOST_CHANGES], key=lambda marker: (marker.at, marker.id))
    )


def _held(signals: Iterable[SignalRecord]) -> tuple[HeldBack, ...]:
    groups: dict[tuple[SignalKind, str], list[SignalRecord]] = {}
    for record in signals:
        if record.incident_id is None:
            groups.setdefault((record.kind, record.reason), []).append(record)
    return tuple(
        HeldBack(
            kind=kind,
            reason=reason,
            why=plain_why(reason),
            times=len(group),
            services=tuple(dict.fromkeys(record.service for record in group))[:NAMES_SHOWN],
        )
        for (kind, reason), group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    )
