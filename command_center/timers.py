"""What is due now? Computed from records and a time that is passed in, so that it survives every restart.

`due` is pure. Each thing that can become due has a key that is unique per incident, rule and round; what
has been entered in the timeline under its key is not due again. A round begins when the incident is
detected, and again when it is reopened. What was missed while nothing ran is due at the next look, in
order, and marked as late.

Rules: a reminder halfway to the end of the time to acknowledge; acknowledgement, response and resolution
overdue; and no word from a person for too long while the incident is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from command_center.incidents import wording
from command_center.incidents.lifecycle import OPEN, is_person
from command_center.settings import Sla, SlaSettings
from models.sanitizer import SafeText, phrase
from storage.records import Incident, IncidentEvent, IncidentStatus


class Rule(StrEnum):
    ACKNOWLEDGE_SOON = "acknowledge_soon"
    ACKNOWLEDGE_OVERDUE = "acknowledge_overdue"
    RESPOND_OVERDUE = "respond_overdue"
    RESOLVE_OVERDUE = "resolve_overdue"
    UPDATE_OVERDUE = "update_overdue"


@dataclass(frozen=True, slots=True)
class Watched:
    """An incident with what its timeline says about time: the begin of the round, the last word, what has
    fired."""

    incident: Incident
    since: datetime
    last_word_at: datetime | None = None
    fired: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that is due; `key` makes it happen once, `late` says it was noticed well after its time."""

    incident_id: str
    rule: Rule
    key: str
    at: datetime
    late: bool
    text: SafeText


def sla_of(incident: Incident, settings: SlaSettings) -> Sla:
    """Return the times that the incident's present severity allows."""
    return (settings.sev1, settings.sev2, settings.sev3, settings.sev4)[incident.severity - 1]


def due(watched: Iterable[Watched], now: datetime, settings: SlaSettings) -> list[Due]:
    """Return what is due at `now` and has not fired, in the order in which it became due."""
    found = [
        Due(each.incident.id, rule, key, at, now - at > timedelta(seconds=settings.late_after), text)
        for each in watched
        if each.incident.status in OPEN
        for rule, key, at, text in _clocks(each, settings)
        if at <= now and key not in each.fired
    ]
    return sorted(found, key=lambda each: (each.at, each.incident_id, each.rule))


def upcoming(each: Watched, now: datetime, settings: SlaSettings) -> tuple[Rule, datetime] | None:
    """Return the next clock of an open incident that will run over, and when; reminders are not told."""
    if each.incident.status not in OPEN:
        return None
    ahead = [
        (at, rule)
        for rule, _, at, _ in _clocks(each, settings)
        if at > now and rule is not Rule.ACKNOWLEDGE_SOON
    ]
    at, rule = min(ahead, default=(now, None))
    return None if rule is None else (rule, at)


def _clocks(each: Watched, settings: SlaSettings) -> Iterator[tuple[Rule, str, datetime, SafeText]]:
    incident, sla = each.incident, sla_of(each.incident, settings)
    severity = int(incident.severity)

    def key(rule: Rule, since: datetime) -> str:
        return f"{rule.value}:{int(since.timestamp())}"

    def after(seconds: float, since: datetime = each.since) -> datetime:
        return since + timedelta(seconds=seconds)

    if incident.status is IncidentStatus.DETECTED:
        allowed = wording.span(timedelta(seconds=sla.acknowledge))
        yield (
            Rule.ACKNOWLEDGE_SOON,
            key(Rule.ACKNOWLEDGE_SOON, each.since),
            after(sla.acknowledge * settings.remind_at),
            phrase("Nobody has acknowledged this yet; SEV{} allows {}", severity, allowed),
        )
        yield (
            Rule.ACKNOWLEDGE_OVERDUE,
            key(Rule.ACKNOWLEDGE_OVERDUE, each.since),
            after(sla.acknowledge),
            phrase("Acknowledgement is overdue: SEV{} allows {}", severity, allowed),
        )
    if incident.responded_at is None:
        yield (
            Rule.RESPOND_OVERDUE,
            key(Rule.RESPOND_OVERDUE, each.since),
            after(sla.respond),
            phrase(
                "Response is overdue: SEV{} allows {}", severity, wording.span(timedelta(seconds=sla.respond))
            ),
        )
    yield (
        Rule.RESOLVE_OVERDUE,
        key(Rule.RESOLVE_OVERDUE, each.since),
        after(sla.resolve),
        phrase(
            "Resolution is overdue: SEV{} allows {}", severity, wording.span(timedelta(seconds=sla.resolve))
        ),
    )
    if each.last_word_at is not None and incident.status is not IncidentStatus.DETECTED:
        yield (
            Rule.UPDATE_OVERDUE,
            key(Rule.UPDATE_OVERDUE, each.last_word_at),
            after(sla.update, each.last_word_at),
            phrase("No update for {}; please say how it stands", wording.span(timedelta(seconds=sla.update))),
        )


def standing(incident: Incident, events: Iterable[IncidentEvent]) -> tuple[SafeText, ...]:
    """Return the texts of what has become due and still holds, for the card; newest last, one per rule."""
    if incident.status not in OPEN:
        return ()
    shown: dict[str, SafeText] = {}
    for event in events:
        if event.kind == "timer":
            shown[str(event.data.get("rule"))] = event.text
        elif event.kind == "status" and event.data.get("to") == IncidentStatus.DETECTED.value:
            shown.clear()
        elif is_person(event.actor):
            shown.pop(Rule.UPDATE_OVERDUE, None)
    if incident.status is not IncidentStatus.DETECTED:
        shown.pop(Rule.ACKNOWLEDGE_OVERDUE, None)
    if incident.status is not IncidentStatus.DETECTED or Rule.ACKNOWLEDGE_OVERDUE in shown:
        shown.pop(Rule.ACKNOWLEDGE_SOON, None)
    if incident.responded_at is not None:
        shown.pop(Rule.RESPOND_OVERDUE, None)
    return tuple(shown.values())
