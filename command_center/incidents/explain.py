"""Why an incident was raised, and what was folded into it: the answer to `mayday replay --explain INC-n`, and part of its report.

Read from what the decisions left behind: the rows of the signals with verdict and reason, the timeline, and the change that is
suspected. Signals of one fingerprint (service, kind, template) are one entry with a count. Nothing here decides anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from command_center.incidents import wording
from command_center.incidents.correlate import Verdict
from command_center.incidents.evidence import SignalRecord, Trace, patterns_of, traces
from command_center.incidents.journal import load, timeline
from command_center.incidents.reasons import Around, category_words, kind_word, root_words, rule_words, why
from command_center.incidents.upkeep import Upkeep
from command_center.incidents.weight import FAMILIES
from command_center.settings import CenterSettings
from models.levels import Level
from models.sanitizer import SafeText, phrase
from storage.facts import SignalKind
from storage.records import (
    ChangeMarker,
    ChangeMarkerKind,
    ErrorPattern,
    Incident,
    IncidentEvent,
    IncidentStatus,
    Score,
    Severity,
)
from storage.transaction import Reader

MOST_FOLDED = 200  # entries of one explanation; what is beyond is counted
MOST_HELD = 20
_AGAIN = frozenset(("seen_before", "came_back"))


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SignTold(_Told):
    """All signals of one fingerprint that met the same end. `at`, `score`, `threshold`, `evidence` are those of the first."""

    kind: SignalKind
    family: str
    service: SafeText
    host: SafeText | None = None
    level: str
    at: AwareDatetime
    last_at: AwareDatetime
    seen_at: AwareDatetime
    score: Score
    threshold: Score
    evidence: dict[str, int | float | SafeText] = Field(default_factory=dict)
    lines: int = Field(ge=0)
    times: int = Field(ge=1)
    sentence: SafeText
    verdict: str
    reason: str
    why: SafeText


class SeverityStep(_Told):
    """One severity that an incident was given. `rule` counts the rows of the table from 1; 0 where none decided."""

    at: AwareDatetime
    severity: Severity
    rule: int = Field(ge=0)
    why: SafeText


class SuspectTold(_Told):
    """The change that is suspected. `before_s` is how long before the first line it came."""

    id: str
    kind: ChangeMarkerKind
    service: SafeText
    version: SafeText
    at: AwareDatetime
    before_s: float


class Explanation(_Told):
    """Everything that led to one incident. `folded` is in order of time, the signal that opened it among them."""

    id: str
    title: SafeText
    severity: Severity
    status: IncidentStatus
    service: SafeText
    root_service: SafeText | None
    affected_services: tuple[SafeText, ...]
    category: str
    confidence: Score | None
    summary: SafeText | None
    fault_at: AwareDatetime | None
    detected_at: AwareDatetime
    resolved_at: AwareDatetime | None
    last_signal_at: AwareDatetime | None
    signal_count: int
    opened: SafeText
    root: SafeText
    severities: tuple[SeverityStep, ...]
    category_words: tuple[SafeText, ...]
    suspect: SuspectTold | None
    suspect_words: SafeText
    folded: tuple[SignTold, ...]
    folded_more: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    held: tuple[SignTold, ...]
    held_more: int = 0


def explain(
    reader: Reader,
    incident_id: str,
    upkeep: Upkeep,
    settings: CenterSettings,
    text: Callable[[str], SafeText],
) -> Explanation:
    """Return why an incident was raised; raises `NoIncident`. `text` is the gate's, for names and phrases."""
    incident = load(reader, incident_id)
    found = traces(reader, [incident_id]).get(incident_id, [])
    records = reader.rows(SignalRecord, "incident_id = ? ORDER BY ts, id", [incident_id])
    events = timeline(reader, incident_id)
    around = Around(
        signals=records,
        affected=incident.affected_services,
        root=incident.root_service,
        graph=upkeep.graph,
        settings=settings.correlation,
        name=upkeep.name,
    )
    folded = _entries(reader, records, around)
    held = _held(reader, incident, around)
    words = _category(reader, incident, found, upkeep, text)
    return Explanation(
        **{
            name: getattr(incident, name)
            for name in (
                *("id", "title", "severity", "status", "service", "root_service", "affected_services"),
                *("category", "confidence", "summary", "fault_at", "detected_at", "resolved_at"),
                *("last_signal_at", "signal_count"),
            )
        },
        opened=_opened(incident, records, around),
        root=root_words(around),
        severities=tuple(_severities(events, settings)),
        category_words=words,
        **_suspect(reader, incident, settings),
        folded=tuple(folded[:MOST_FOLDED]),
        folded_more=max(0, len(folded) - MOST_FOLDED),
        reasons=dict(Counter(record.reason for record in records).most_common()),
        held=tuple(held[:MOST_HELD]),
        held_more=max(0, len(held) - MOST_HELD),
    )


def _opened(incident: Incident, records: Sequence[SignalRecord], around: Around) -> SafeText:
    first = next((each for each in records if each.verdict == Verdict.OPENED), None)
    if first is not None:
        return phrase("{} in {}: {}", kind_word(first.kind), first.service, why(first, around))
    if incident.opened_by == "stream":
        return phrase("by signals that are no longer kept")
    return phrase("declared by a person")


def _entries(reader: Reader, records: Sequence[SignalRecord], around: Around) -> list[SignTold]:
    """Return one entry per fingerprint, in order of its first signal."""
    patterns = patterns_of(reader, sorted({each.template_id for each in records if each.template_id}))
    groups: dict[tuple[Any, ...], list[SignalRecord]] = {}
    for record in records:
        groups.setdefault((record.service, record.kind, record.template_id), []).append(record)
    return [_entry(group, patterns, around) for group in groups.values()]


def _entry(group: Sequence[SignalRecord], patterns: dict[str, ErrorPattern], around: Around) -> SignTold:
    first = group[0]
    # Of one that was held at first, what counts is how it got in.
    telling = next(
        (each for each in group if each.verdict == Verdict.OPENED),
        next((each for each in group if each.reason not in _AGAIN), first),
    )
    pattern = patterns.get(first.template_id or "")
    usual = first.evidence.get("usual")
    trace = Trace(
        service=first.service,
        kind=first.kind,
        template_id=first.template_id,
        template=pattern.template if pattern else first.template,
        distinct=pattern.distinct_parameters if pattern else 0,
        first_at=first.at,
        last_at=group[-1].at,
        lively_at=first.at,
        score=first.score,
        lines=max(each.lines for each in group),
        times=len(group),
        usual=None if isinstance(usual, SafeText) else usual,
        figures=first.evidence,
    )
    return SignTold(
        kind=first.kind,
        family=FAMILIES[first.kind],
        service=first.service,
        host=first.host,
        level=Level(first.level).name,
        at=first.at,
        last_at=group[-1].at,
        seen_at=first.seen_at,
        score=first.score,
        threshold=first.threshold,
        evidence=first.evidence,
        lines=trace.lines,
        times=trace.times,
        sentence=trace.sentence,
        verdict=telling.verdict,
        reason=telling.reason,
        why=why(telling, around),
    )


def _held(reader: Reader, incident: Incident, around: Around) -> list[SignTold]:
    """Return what was held back or ignored near an incident, in its services and those one call away."""
    services = {str(name) for name in (*around.affected, *([around.root] if around.root else []))}
    calls = around.graph
    near = services.union(*(calls.callees(name) for name in services)) if services else services
    window = timedelta(seconds=around.settings.window)
    since = (incident.fault_at or incident.detected_at) - window
    until = (incident.last_signal_at or incident.detected_at) + window
    records = reader.rows(
        SignalRecord,
        """incident_id IS NULL AND ts BETWEEN ? AND ? AND service IN (SELECT unnest(?::VARCHAR[]))
           ORDER BY ts, id""",
        [since, until, sorted(near)],
    )
    return _entries(reader, records, around)


def _severities(events: Sequence[IncidentEvent], settings: CenterSettings) -> list[SeverityStep]:
    steps: list[SeverityStep] = []
    for event in events:
        data = event.data
        severity = data.get("to") if event.kind == "severity" else data.get("severity")
        if event.kind not in ("opened", "severity") or severity is None:
            continue
        steps.append(
            SeverityStep(
                at=event.at,
                severity=Severity(severity),
                rule=int(data.get("rule", 0)),
                why=_severity_words(data, settings),
            )
        )
    return steps


def _severity_words(data: dict[str, Any], settings: CenterSettings) -> SafeText:
    if "rule" not in data:
        return phrase("a person chose it")
    number = int(data["rule"])
    if not 1 <= number <= len(settings.severity):
        return phrase("no row of the table holds: nothing has failed so far, or too little")
    rule = settings.severity[number - 1]
    text = phrase("row {} of the table: {}", number, rule_words(rule))
    if not (rule.errors or rule.error_share):
        return text
    share, errors = round(100 * float(data["error_share"])), int(data["errors"])
    lines = phrase("line" if errors == 1 else "lines")
    told = "{}. It stood at {} error {}; at worst {} % of a service's lines"
    return phrase(told, text, errors, lines, share)


def _category(
    reader: Reader,
    incident: Incident,
    found: Sequence[Trace],
    upkeep: Upkeep,
    text: Callable[[str], SafeText],
) -> tuple[SafeText, ...]:
    if not found:
        return (phrase("no signal says what kind of trouble it is"),)
    seen = upkeep.look(reader, found, max(trace.last_at for trace in found))
    words = category_words(seen.judged, text)
    if incident.category != seen.category:
        return (phrase("flapping: the same signal keeps coming back"), *words)
    return words


def _suspect(reader: Reader, incident: Incident, settings: CenterSettings) -> dict[str, Any]:
    marker = reader.get(ChangeMarker, incident.suspect_change) if incident.suspect_change else None
    window = wording.span(timedelta(seconds=settings.changes.suspect_window))
    beside = wording.span(timedelta(seconds=settings.changes.suspect_beside))
    if marker is None:
        text = "none: the supposed cause was not changed in the {} before the first signal, nor what else is affected in the last {}"
        return {"suspect": None, "suspect_words": phrase(text, window, beside)}
    before = (incident.fault_at or incident.detected_at) - marker.at
    what = wording.change(marker.kind, marker.service, marker.version)
    where = (
        phrase("the latest change of the supposed cause within {}", window)
        if marker.service == incident.root_service
        else phrase("the latest change of what else is affected within {}", beside)
    )
    told = SuspectTold(
        id=marker.id,
        kind=marker.kind,
        service=marker.service,
        version=marker.version,
        at=marker.at,
        before_s=before.total_seconds(),
    )
    words = phrase(
        "{}, {} before the first signal: {}. A place to look, no verdict", what, wording.span(before), where
    )
    return {"suspect": told, "suspect_words": words}
