"""The signals of an incident, and the picture they give: root, category, severity, title, summary.

`SignalRecord` is the row of one signal with what became of it; `Trace` sums up all rows of one fingerprint.
`picture` is pure; the other functions read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, Field

from command_center.incidents import wording
from command_center.incidents.category import SILENCE, UNKNOWN, Judged, Told, judged
from command_center.incidents.correlate import Mark
from command_center.incidents.graph import ServiceGraph
from command_center.incidents.root import blamed_by, root_of
from command_center.incidents.severity import Impact, Ruled, Traffic, ruled
from command_center.incidents.weight import FAMILIES, only_consequences
from command_center.settings import CenterSettings
from models.levels import Level
from models.sanitizer import SafeText, phrase
from storage.facts import Signal, SignalKind
from storage.records import ErrorPattern, Incident, Record, Score, Severity
from storage.transaction import Reader

SENTENCES = 3  # signals that a summary tells of


class SignalRecord(Record):
    """One signal, and what became of it."""

    table = "signal"
    id: str
    kind: SignalKind
    service: SafeText
    host: SafeText | None = None
    template_id: str | None = None
    template: SafeText | None = None
    level: Level
    at: AwareDatetime
    seen_at: AwareDatetime
    score: Score
    threshold: Score
    evidence: dict[str, int | float | SafeText] = Field(default_factory=dict)
    lines: int = Field(ge=0)
    verdict: str
    reason: str
    incident_id: str | None = None
    returned: bool = False
    maintenance_id: str | None = None

    def signal(self) -> Signal:
        """Return the signal as the stream reported it, its texts left out of the evidence."""
        kept = set(Signal.model_fields)
        return Signal.model_validate({key: value for key, value in dict(self).items() if key in kept})


@dataclass(frozen=True, slots=True)
class Trace:
    """All signals of one fingerprint in one incident. `distinct` counts parameter vectors of the template."""

    service: SafeText
    kind: SignalKind
    template_id: str | None
    template: SafeText | None
    distinct: int
    first_at: datetime
    last_at: datetime
    lively_at: datetime
    score: float
    lines: int
    times: int
    usual: float | None = None
    figures: Mapping[str, int | float | SafeText] = field(default_factory=dict)
    level: Level = Level.ERROR

    @property
    def mark(self) -> Mark:
        return Mark(
            str(self.service),
            self.kind,
            self.template_id,
            self.first_at,
            self.last_at,
            self.lively_at,
            self.score,
        )

    @property
    def sentence(self) -> SafeText:
        if self.kind is SignalKind.FORECAST:
            return wording.forecast_text(self.service, self.figures)
        return wording.signal_text(
            self.kind, self.service, self.lines, self.template, self.distinct, self.usual
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """What an incident's signals say about it."""

    root: SafeText
    affected: tuple[SafeText, ...]
    category: str
    severity: Severity
    title: SafeText
    summary: SafeText
    fault_at: datetime
    last_at: datetime
    signals: int
    judged: Judged
    ruled: Ruled


def picture(
    traces: Sequence[Trace],
    traffic: Mapping[str, Traffic],
    graph: ServiceGraph,
    settings: CenterSettings,
    name: Callable[[str], SafeText],
    configured: Callable[[str, datetime], bool] = lambda _service, _at: False,
) -> Picture:
    """Return what `traces` (at least one) and the `traffic` of the affected services say.

    `name` admits the name of a service that has no signal of its own (the gate's); `configured` says whether a setting of a
    service was changed just before a time.
    """
    ordered = sorted(traces, key=lambda trace: (trace.first_at, str(trace.service), trace.template_id or ""))
    first_seen: dict[SafeText, datetime] = {}
    lines: dict[str, int] = {}
    for trace in ordered:
        first_seen.setdefault(trace.service, trace.first_at)
        lines[trace.service] = lines.get(trace.service, 0) + trace.lines
    quiet = only_consequences((str(trace.service), trace.kind) for trace in ordered)
    root = root_of({str(service): at for service, at in first_seen.items() if service not in quiet}, graph)
    root = blamed_by(root, _failing(ordered, root), graph) or root
    names = {str(service): service for service in first_seen}
    root_text = names[root] if root in names else name(root)
    kinds = frozenset(trace.kind for trace in ordered)
    set_anew = configured(root, ordered[0].first_at)
    verdict = _judged([trace for trace in ordered if trace.service == root], root, settings, set_anew)
    if verdict.category in (UNKNOWN, SILENCE):
        # What cannot be reached says nothing; those who call it say why.
        whole = _judged(ordered, root, settings, set_anew)
        verdict = whole if whole.category != UNKNOWN else verdict
    category = verdict.category
    impact = Impact(
        services={service: _at_least(traffic.get(service), lines[service]) for service in names},
        signals=len(ordered),
        kinds=kinds,
        category=category,
    )
    others = len(first_seen) - (1 if root in names else 0)
    ahead = kinds == {SignalKind.FORECAST}  # nothing has happened yet
    rule = (
        Ruled(Severity.SEV4, 0, 0.0, 0)
        if ahead
        else ruled(impact, settings.critical_services, settings.severity)
    )
    return Picture(
        root=root_text,
        affected=tuple(first_seen),
        category=category,
        severity=rule.severity,
        title=wording.title("forecast" if ahead else category, root_text, others),
        summary=_summary(ordered, impact),
        fault_at=ordered[0].first_at,
        last_at=max(trace.last_at for trace in ordered),
        signals=sum(trace.times for trace in ordered),
        judged=verdict,
        ruled=rule,
    )


def _failing(found: Sequence[Trace], service: str) -> dict[str, int]:
    """Return the templates of errors and warnings of one service, with their lines."""
    lines: dict[str, int] = {}
    for trace in found:
        if (
            trace.service == service
            and trace.template is not None
            and FAMILIES[trace.kind] in ("errors", "warnings")
        ):
            lines[str(trace.template)] = max(trace.lines, lines.get(str(trace.template), 0))
    return lines


def _judged(found: Sequence[Trace], root: str, settings: CenterSettings, configured: bool) -> Judged:
    """Return the category; of the root's own lines it is better than of its symptoms' elsewhere."""
    return judged(
        (
            Told(
                trace.kind,
                str(trace.template or ""),
                trace.lines,
                trace.level,
                _beside(trace),
                trace.service == root,
            )
            for trace in found
        ),
        configured=configured,
        more=settings.categories,
    )


def _beside(trace: Trace) -> str:
    """Return the words beside the figure that a signal is about."""
    words = trace.figures.get("figure", "")
    return str(words) if isinstance(words, SafeText) else ""


def _at_least(traffic: Traffic | None, lines: int) -> Traffic:
    """Return the counted traffic; the signals' own lines where nothing was counted."""
    return traffic if traffic is not None else Traffic(0, lines)


def _summary(ordered: Sequence[Trace], impact: Impact) -> SafeText:
    loudest = sorted(ordered, key=lambda trace: (-trace.lines, trace.first_at))[:SENTENCES]
    text = phrase("{}.", loudest[0].sentence)
    for trace in loudest[1:]:
        text = phrase("{} {}.", text, trace.sentence)
    worst = max(impact.services.values(), key=lambda traffic: traffic.error_share)
    if worst.errors and worst.lines:
        share = round(100 * worst.error_share)
        text = phrase("{} Up to {} % of a service's lines are errors.", text, share)
    return text


def traces(reader: Reader, incident_ids: Iterable[str]) -> dict[str, list[Trace]]:
    """Return the traces of incidents by id; the template is the newest that is known."""
    ids = list(incident_ids)
    figures = {
        tuple(row[:4]): row[4:]
        for row in reader.execute(
            """SELECT incident_id, service, kind, template_id,
                      min(ts), max(ts), coalesce(max(ts) FILTER (reason <> 'came_back'), min(ts)),
                      max(score), max("lines"), count(*)
               FROM signal WHERE incident_id IN (SELECT unnest(?::VARCHAR[]))
               GROUP BY incident_id, service, kind, template_id""",
            [ids],
        )
    }
    newest = reader.rows(
        SignalRecord,
        """incident_id IN (SELECT unnest(?::VARCHAR[])) QUALIFY row_number() OVER (
             PARTITION BY incident_id, service, kind, template_id ORDER BY ts DESC, id DESC) = 1""",
        [ids],
    )
    patterns = patterns_of(reader, [row.template_id for row in newest if row.template_id])
    found: dict[str, list[Trace]] = {}
    for row in newest:
        first_at, last_at, lively_at, score, lines, times = figures[
            row.incident_id, str(row.service), row.kind.value, row.template_id
        ]
        pattern = patterns.get(row.template_id or "")
        found.setdefault(row.incident_id or "", []).append(
            Trace(
                service=row.service,
                kind=row.kind,
                template_id=row.template_id,
                template=pattern.template if pattern else row.template,
                distinct=pattern.distinct_parameters if pattern else 0,
                first_at=first_at,
                last_at=last_at,
                lively_at=lively_at,
                score=score,
                lines=lines,
                times=times,
                usual=None if isinstance(usual := row.evidence.get("usual"), SafeText) else usual,
                figures=row.evidence,
                level=row.level,
            )
        )
    return found


def patterns_of(reader: Reader, template_ids: Sequence[str]) -> dict[str, ErrorPattern]:
    """Return what is known of templates, by id."""
    if not template_ids:
        return {}
    found = reader.rows(ErrorPattern, "template_id IN (SELECT unnest(?::VARCHAR[]))", [list(template_ids)])
    return {pattern.template_id: pattern for pattern in found}


def traffic_of(
    reader: Reader, services: Iterable[SafeText], since: datetime, until: datetime, window: float
) -> dict[str, Traffic]:
    """Return lines and errors per service from the fault's first minute on, at most `window` seconds back.

    Reads the hot tail of `service_traffic`: minutes that came in long after they happened may be missing.
    """
    start = max(since, until - timedelta(seconds=window)).replace(second=0, microsecond=0)
    rows: list[tuple[Any, ...]] = reader.execute(
        """SELECT service, sum("lines"), sum(errors) FROM service_traffic
           WHERE service IN (SELECT unnest(?::VARCHAR[])) AND minute BETWEEN ? AND ? GROUP BY service""",
        [[str(service) for service in services], start, until],
    )
    return {service: Traffic(int(lines), int(errors)) for service, lines, errors in rows}


def people_chose_severity(reader: Reader, incident: Incident) -> bool:
    """Say whether a person has set the severity: then the stream leaves it alone."""
    if incident.opened_by not in ("stream", "health"):
        return True
    return bool(
        reader.execute(
            """SELECT 1 FROM incident_event
               WHERE incident_id = ? AND kind = 'severity' AND actor <> 'stream' LIMIT 1""",
            [incident.id],
        )
    )
