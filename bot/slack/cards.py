"""The live card of an incident: a pure function from records to Block Kit. No clock, no I/O.

Severity and status are always words, with a symbol of a shape of its own; nothing is said by colour alone. Times
are Slack date tokens. Buttons are only those that the incident's state allows, each with a signed value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.grammar import SETTABLE
from bot.slack import blocks as bk
from bot.slack.blocks import Block
from command_center.incidents.lifecycle import NEXT, OPEN
from command_center.timers import Rule
from models.sanitizer import SafeText
from storage.records import Incident, IncidentEvent, IncidentStatus, Severity

SYMBOL = {Severity.SEV1: "🛑", Severity.SEV2: "🔺", Severity.SEV3: "🔶", Severity.SEV4: "🔹"}
WORD = {Severity.SEV1: "critical", Severity.SEV2: "major", Severity.SEV3: "moderate", Severity.SEV4: "minor"}
STATUS_SYMBOL = {
    IncidentStatus.DETECTED: "◌",
    IncidentStatus.ACKNOWLEDGED: "◔",
    IncidentStatus.INVESTIGATING: "◑",
    IncidentStatus.IDENTIFIED: "◕",
    IncidentStatus.RESOLVING: "◕",
    IncidentStatus.RESOLVED: "✔",
    IncidentStatus.CLOSED: "■",
}

ACK, RESOLVE, CLOSE, STATUS = "mayday_ack", "mayday_resolve", "mayday_close", "mayday_status"
STEPS = {
    status.value: status
    for status in SETTABLE
    if status not in (IncidentStatus.ACKNOWLEDGED, IncidentStatus.RESOLVED)  # these have buttons of their own
}
DUE = {
    Rule.ACKNOWLEDGE_OVERDUE: "acknowledgement",
    Rule.RESPOND_OVERDUE: "a first response",
    Rule.RESOLVE_OVERDUE: "resolution",
    Rule.UPDATE_OVERDUE: "an update",
}


@dataclass(frozen=True)
class CardFacts:
    """All that a card shows.

    `evidence` says what is failing, a sentence with its counts each; `due` is the next clock to run over,
    `warnings` those that have; `earlier` counts the timeline entries before those in `timeline`; `names` gives
    the shown name of an operator.
    """

    incident: Incident
    evidence: tuple[SafeText, ...] = ()
    timeline: tuple[IncidentEvent, ...] = ()
    earlier: int = 0
    suspect: SafeText | None = None
    due: tuple[Rule, datetime] | None = None
    warnings: tuple[SafeText, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


Sign = Callable[[str, Incident], str]
"""Makes the signed value of a button from its verb and the incident as drawn."""


def severity_words(severity: Severity) -> str:
    """Return for example `🛑 SEV1 critical`."""
    return f"{SYMBOL[severity]} {severity.name} {WORD[severity]}"


def status_words(status: IncidentStatus) -> str:
    return f"{STATUS_SYMBOL[status]} {status.value.capitalize()}"


def summary(incident: Incident) -> str:
    """Return the one line for notifications and screen readers, escaped."""
    start = f"{incident.id} {severity_words(incident.severity)}, {incident.status.value}: "
    return start + bk.escape(incident.title, 300)


def incident_card(facts: CardFacts, sign: Sign | None) -> list[Block]:
    """Return the card of an incident; without `sign` it has no buttons."""
    incident = facts.incident
    parts: list[Block] = [
        bk.header(f"{SYMBOL[incident.severity]} {incident.id} {incident.title}"),
        *bk.fields(_fields(facts)),
    ]
    if facts.evidence:
        parts.append(bk.bullets("What is failing", [bk.escape(one, 600) for one in facts.evidence]))
    elif incident.summary:
        parts.append(bk.section(bk.escape(incident.summary)))
    clocks = [f"⚠ {bk.escape(one, 300)}" for one in facts.warnings[:8]]
    if facts.due is not None:
        rule, at = facts.due
        clocks.append(f"⏱ Next due: {DUE[rule]}, {bk.when(at)}")
    if clocks:
        parts.append(bk.context(clocks))
    if facts.timeline:
        title = "Timeline" + (f" (latest {len(facts.timeline)})" if facts.earlier else "")
        parts.append(bk.bullets(title, [_entry(one, facts.names) for one in facts.timeline]))
    buttons = _buttons(incident, sign) if sign else []
    return bk.message([*parts, *([bk.actions(f"mayday_{incident.id}", buttons)] if buttons else [])])


def _fields(facts: CardFacts) -> list[tuple[str, str]]:
    incident = facts.incident
    service = bk.escape(incident.service, 200)
    if incident.root_service and incident.root_service != incident.service:
        service += f" (root: {bk.escape(incident.root_service, 200)})"
    others = [s for s in incident.affected_services if s not in (incident.service, incident.root_service)]
    if others:
        service += "\nAlso: " + bk.escape(", ".join(others[:8]), 600) + (" …" if len(others) > 8 else "")
    pairs = [
        ("Severity", severity_words(incident.severity)),
        ("Status", status_words(incident.status)),
        ("Service", service),
        ("Since", bk.when(incident.fault_at or incident.detected_at)),
    ]
    if incident.acknowledged_by and incident.acknowledged_at:
        who = _name(incident.acknowledged_by, facts.names)
        since = f"{who}, {bk.when(incident.acknowledged_at)}"
        if (
            incident.status is IncidentStatus.DETECTED
        ):  # it came back, and what was said of it before no longer holds
            since = f"Nobody since it came back (before: {since})"
        pairs.append(("Acknowledged", since))
    elif incident.status in OPEN:
        pairs.append(("Acknowledged", "Nobody yet"))
    if incident.commander and incident.commander != incident.acknowledged_by:
        pairs.append(("Led by", _name(incident.commander, facts.names)))
    if facts.suspect:
        pairs.append(("Suspect change", bk.escape(facts.suspect, 300)))
    if incident.confidence is not None:
        pairs.append(("Confidence", f"{incident.confidence:.0%}"))
    if incident.resolved_at:
        took = incident.time_to_resolve
        minutes = f" after {max(1, round(took.total_seconds() / 60))} min" if took else ""
        pairs.append(("Resolved", bk.when(incident.resolved_at) + minutes))
    return pairs


def _entry(event: IncidentEvent, names: Mapping[str, str]) -> str:
    return f"{bk.when(event.at)} {_name(event.actor, names)}: {bk.escape(event.text, 400)}"


def _name(actor: str, names: Mapping[str, str]) -> str:
    own = {"stream": "Mayday", "health": "Mayday", "clock": "Mayday"}
    return bk.escape(names.get(actor) or own.get(actor, actor), 80)


def _buttons(incident: Incident, sign: Sign) -> list[Block]:
    possible = NEXT[incident.status]
    made: list[Block] = []
    if IncidentStatus.ACKNOWLEDGED in possible:
        made.append(bk.button("Acknowledge", ACK, sign("ack", incident), style="primary"))
    steps = [status for status in STEPS.values() if status in possible]
    if steps:
        again = "Reopen: " if incident.status is IncidentStatus.RESOLVED else ""
        options = [bk.option(again + step.value, sign(f"status.{step.value}", incident)) for step in steps]
        made.append(bk.select("Reopen" if again else "Set status", STATUS, options))
    if IncidentStatus.RESOLVED in possible:
        made.append(bk.button("Resolve", RESOLVE, sign("resolve", incident)))
    if IncidentStatus.CLOSED in possible:
        made.append(bk.button("Close", CLOSE, sign("close", incident)))
    return made
