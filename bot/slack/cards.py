"""Cards: pure functions from records to Block Kit. No clock, no I/O; everything they need is in `CardFacts`.

Severity and status are always words, with a symbol of a shape of its own; nothing is said by colour alone. Times are
Slack date tokens. Buttons are only those that the incident's state allows, each with a signed value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.grammar import COMMANDS, SETTABLE, Command
from bot.slack import blocks as bk
from bot.slack.blocks import Block
from command_center.incidents.lifecycle import NEXT, OPEN
from models.sanitizer import SafeText
from storage.records import Incident, IncidentEvent, IncidentStatus, Severity

FULL_AFTER = 5  # distinct parameter vectors before a template is shown in full
HEAD_WORDS = 6  # words of a younger template that are shown

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

ACK, RESOLVE, CLOSE, STATUS, DECLARE = (
    "mayday_ack", "mayday_resolve", "mayday_close", "mayday_status", "mayday_declare",
)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """One thing that is failing, with what a person needs to check it.

    `distinct` is the number of different parameter vectors seen of the template, counted up to five.
    """

    kind: str
    service: SafeText
    template_id: str | None = None
    template: SafeText | None = None
    distinct: int = 0
    numbers: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Deadline:
    """Until when what has to happen; `overdue` is decided by whoever has the clock."""

    what: str
    at: datetime
    overdue: bool


@dataclass(frozen=True)
class CardFacts:
    """All that a card shows. `names` gives the shown name of an operator id."""

    incident: Incident
    evidence: tuple[Evidence, ...] = ()
    timeline: tuple[IncidentEvent, ...] = ()
    earlier: int = 0  # timeline entries that are not in `timeline`
    suspect: SafeText | None = None
    deadline: Deadline | None = None
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


def incident_card(facts: CardFacts, sign: Sign) -> list[Block]:
    """Return the live card of an incident."""
    incident = facts.incident
    parts: list[Block] = [
        bk.header(f"{SYMBOL[incident.severity]} {incident.id} {incident.title}"),
        *bk.fields(_fields(facts)),
    ]
    if incident.summary:
        parts.append(bk.section(bk.escape(incident.summary)))
    if facts.evidence:
        parts.append(bk.bullets("What is failing", [_evidence(one) for one in facts.evidence]))
    if facts.deadline is not None:
        parts.append(bk.context([_deadline(facts.deadline)]))
    if facts.timeline:
        title = "Timeline" + (f" (latest {len(facts.timeline)})" if facts.earlier else "")
        parts.append(bk.bullets(title, [_entry(one, facts.names) for one in facts.timeline]))
    buttons = _buttons(incident, sign)
    return bk.message([*parts, *([bk.actions(f"mayday_{incident.id}", buttons)] if buttons else [])])


def show_card(facts: CardFacts, called: str) -> list[Block]:
    """Return the answer to `show`: the card without buttons (the live one has them) and what can be typed."""
    hint = f"{bk.code(f'{called} note {facts.incident.id} …')} adds to its timeline"
    return bk.message([*incident_card(facts, _no_sign)[: bk.BLOCKS_PER_MESSAGE - 2], bk.context([hint])])


def list_card(incidents: Sequence[Incident], which: str, called: str) -> list[Block]:
    """Return the answer to `list`, gravest and newest first as they were given, at most 40."""
    title = f"Incidents: {which}"
    if not incidents:
        return [
            bk.header(title),
            bk.section("None."),
            bk.context([f"{bk.code(f'{called} list all')} shows every one"]),
        ]
    shown = incidents[:40]
    lines = [
        f"*{one.id}* {severity_words(one.severity)}, {one.status.value}, {bk.escape(one.service, 80)}: "
        f"{bk.escape(one.title, 160)} (since {bk.when(one.detected_at)})"
        for one in shown
    ]
    blocks = [bk.header(f"{title} ({len(incidents)})")]
    blocks += [bk.section("\n".join(lines[i : i + 5])) for i in range(0, len(lines), 5)]
    rest = [f"{len(incidents) - len(shown)} more are not shown"] if len(incidents) > len(shown) else []
    return bk.message([*blocks, bk.context([*rest, f"{bk.code(f'{called} show INC-n')} shows one"])])


def help_card(prefix: str, command: Command, verb: str | None = None) -> list[Block]:
    """Return help for a command, or one verb of it, from the table of commands."""
    called = command.slash(prefix)
    one = command.find(verb) if verb else None
    if one is None:
        lines = [f"{bk.code(f'{called} {v.usage}')} {bk.escape(v.summary)}" for v in command.verbs]
        return bk.message([bk.header(f"{called}: {command.summary}"), bk.section("\n".join(lines))])
    lines = [f"{bk.code(a.usage)} {bk.escape(a.help)}" for a in one.arguments]
    lines += [f"Also: {', '.join(bk.code(alias) for alias in one.aliases)}"] if one.aliases else []
    lines += [f"Needs the right to {one.permission.value.replace('_', ' ')}"] if one.permission else []
    lines += [f"Example: {bk.code(f'{called} {example}')}" for example in one.examples]
    return bk.message(
        [bk.header(f"{called} {one.usage}"), bk.section("\n".join([bk.escape(one.summary), *lines]))]
    )


def home_view(incidents: Sequence[Incident], prefix: str) -> Block:
    """Return the Home tab: what is open, and how to say more. A home view has no submit and no close."""
    command = COMMANDS[0]
    blocks = [
        *list_card(incidents, "open", command.slash(prefix)),
        bk.divider(),
        *help_card(prefix, command),
    ]
    return {"type": "home", "blocks": bk.message(blocks, bk.BLOCKS_PER_VIEW)}


def stranger_view() -> Block:
    """Return the Home tab of a person whom the configuration does not name."""
    sentence = "You are not among the operators of this Mayday. Ask whoever runs it to add you."
    return {"type": "home", "blocks": [bk.header("Mayday"), bk.section(sentence)]}


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
        pairs.append(("Acknowledged", f"{who}, {bk.when(incident.acknowledged_at)}"))
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


_KINDS = {
    "new_error_template": "new kind of error",
    "error_burst": "burst of errors",
    "silence": "gone silent",
}


def _evidence(one: Evidence) -> str:
    kind = _KINDS.get(one.kind, bk.escape(one.kind.replace("_", " "), 40))
    text = f"{bk.escape(one.service, 120)}: {kind}"
    if one.template:
        if one.distinct >= FULL_AFTER:
            text += f" {bk.code(one.template, 400)}"
        else:
            words = one.template.split()
            head = " ".join(words[:HEAD_WORDS]) + (" …" if len(words) > HEAD_WORDS else "")
            text += f" {bk.code(head, 160)}"
    if one.numbers:
        text += (
            " ("
            + ", ".join(f"{bk.escape(n.replace('_', ' '), 30)} {value:.6g}" for n, value in one.numbers)
            + ")"
        )
    return text


def _deadline(deadline: Deadline) -> str:
    what = bk.escape(deadline.what, 120)
    if deadline.overdue:
        return f"⚠ Overdue: {what}, was due {bk.when(deadline.at)}"
    return f"⏱ Due {bk.when(deadline.at)}: {what}"


def _entry(event: IncidentEvent, names: Mapping[str, str]) -> str:
    return f"{bk.when(event.at)} {_name(event.actor, names)}: {bk.escape(event.text, 400)}"


def _name(actor: str, names: Mapping[str, str]) -> str:
    own = {"stream": "Mayday", "health": "Mayday", "clock": "Mayday"}
    return bk.escape(names.get(actor) or own.get(actor, actor), 80)


def _no_sign(_verb: str, _incident: Incident) -> str:
    return ""


def _buttons(incident: Incident, sign: Sign) -> list[Block]:
    if sign is _no_sign:
        return []
    possible = NEXT[incident.status]
    made: list[Block] = []
    if IncidentStatus.ACKNOWLEDGED in possible:
        made.append(bk.button("Acknowledge", ACK, sign("ack", incident), style="primary"))
    steps = [
        status
        for status in SETTABLE
        if status in possible and status not in (IncidentStatus.ACKNOWLEDGED, IncidentStatus.RESOLVED)
    ]
    if steps:
        again = "Reopen: " if incident.status is IncidentStatus.RESOLVED else ""
        options = [bk.option(again + step.value, sign(f"status.{step.value}", incident)) for step in steps]
        made.append(bk.select("Reopen" if again else "Set status", STATUS, options))
    if IncidentStatus.RESOLVED in possible:
        made.append(bk.button("Resolve", RESOLVE, sign("resolve", incident)))
    if IncidentStatus.CLOSED in possible:
        made.append(bk.button("Close", CLOSE, sign("close", incident)))
    return made
