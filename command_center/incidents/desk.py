"""What people do to incidents and changes, each as one step inside one transaction.

Every step checks, then writes: the record by compare-and-set, one timeline entry, one audit entry.
Permission has been decided before. A step that has been done already is answered politely and writes
nothing; a step that is not possible says what is. Work may run twice before it is committed (see
`storage.writer`), so nothing here keeps state.

A cause with a delivery id after a colon (`slack:Ev012`) is carried out once, however often it is delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from command_center.access.operators import Operator
from command_center.actions import (
    Acknowledge,
    AddMaintenance,
    Close,
    Declare,
    EndMaintenance,
    Note,
    RecordChange,
    Resolve,
    SetSeverity,
    SetStatus,
    Step,
)
from command_center.changes import markers
from command_center.incidents import wording
from command_center.incidents.journal import as_id, enter, first_time, load, save
from command_center.incidents.lifecycle import IllegalTransition, moved, possible_next, touched
from command_center.incidents.upkeep import Upkeep
from command_center.maintenance import desk as maintenance
from command_center.outcome import Outcome
from command_center.settings import CenterSettings
from models.sanitizer import SafeText, phrase
from storage.records import Incident, IncidentStatus
from storage.transaction import Transaction

EARLIEST = 2000  # year; a change before it is a mistake, and a clock near the calendar's ends overflows
S = IncidentStatus


class Desk:
    """Carries out steps; holds settings only. `shown` gives an operator's name as others may read it."""

    def __init__(self, upkeep: Upkeep, settings: CenterSettings, shown: Callable[[str], SafeText]) -> None:
        self._upkeep, self._settings, self._shown = upkeep, settings, shown

    def carry_out(self, tx: Transaction, step: Step, actor: Operator, cause: str) -> Outcome:
        """Do one step for `actor`, who may. Raises `NoIncident` where there is none of that name."""
        match step:
            case Declare():
                return self._declare(tx, step, actor, cause)
            case RecordChange():
                return self._record(tx, step, actor, cause)
            case AddMaintenance():
                return maintenance.plan(tx, step, actor.id, cause, self._settings.maintenance)
            case EndMaintenance():
                return maintenance.end(tx, step, actor.id, cause)
            case Note():
                return self._note(tx, step, actor, cause)
            case SetSeverity():
                return self._severity(tx, step, actor, cause)
            case Acknowledge():
                return self._move(tx, step, S.ACKNOWLEDGED, None, actor, cause)
            case Resolve():
                return self._move(tx, step, S.RESOLVED, step.note, actor, cause)
            case Close():
                return self._move(tx, step, S.CLOSED, step.note, actor, cause)
            case SetStatus():
                return self._move(tx, step, step.status, step.note, actor, cause)

    def _declare(self, tx: Transaction, step: Declare, actor: Operator, cause: str) -> Outcome:
        if not first_time(tx, step, actor.id, cause):
            return self._declared_before(tx, cause)
        at = tx.now
        service = step.service or wording.NOBODY
        incident = Incident(
            id=tx.next_id("INC"),
            title=step.title,
            severity=step.severity,
            service=service,
            root_service=None,
            affected_services=() if step.service is None else (step.service,),
            summary=step.summary,
            opened_by=actor.id,
            detected_at=at,
            updated_at=at,
            version=1,
        )
        tx.insert(incident)
        text = phrase("SEV{} declared: {}", int(step.severity), step.title)
        enter(tx, incident.id, at, "opened", actor.id, text, severity=int(step.severity), cause=as_id(cause))
        tx.audit(
            "incident.open",
            actor.id,
            incident=incident.id,
            severity=int(step.severity),
            version=1,
            cause=as_id(cause),
        )
        message = phrase(
            "{} is open as SEV{}. Next: acknowledge it, so that everybody knows who is on it.",
            wording.ref(incident.id),
            int(incident.severity),
        )
        return Outcome(True, message, incident, changed=(incident.id,))

    def _declared_before(self, tx: Transaction, cause: str) -> Outcome:
        found = tx.execute(
            """SELECT incident_id FROM incident_event
               WHERE kind = 'opened' AND json_extract_string(data, '$.cause') = ?""",
            [as_id(cause)],
        )
        incident = load(tx, found[0][0]) if found else None
        if incident is None:
            return Outcome(True, phrase("That was declared already."), reasons=("already_done",))
        message = phrase("{} was declared already, with this very message.", wording.ref(incident.id))
        return Outcome(True, message, incident, ("already_done",))

    def _note(self, tx: Transaction, step: Note, actor: Operator, cause: str) -> Outcome:
        incident = load(tx, step.incident)
        name = wording.ref(incident.id)
        if not first_time(tx, step, actor.id, cause):
            return Outcome(True, phrase("That note is on {} already.", name), incident, ("already_done",))
        noted = touched(incident, tx.now, actor.id)
        self._write(tx, noted, "note", actor, step.text, cause)
        return Outcome(True, phrase("Noted on {}.", name), noted, changed=(noted.id,))

    def _severity(self, tx: Transaction, step: SetSeverity, actor: Operator, cause: str) -> Outcome:
        incident = load(tx, step.incident)
        name, old, new = wording.ref(incident.id), int(incident.severity), int(step.severity)
        if old == new:
            message = phrase("{} is SEV{} already; nothing has changed.", name, new)
            return _unwritten(Outcome(True, message, incident, ("already_done",)))
        if not first_time(tx, step, actor.id, cause):
            return Outcome(
                True,
                phrase("That was done already; {} is SEV{} now.", name, old),
                incident,
                ("already_done",),
            )
        changed = touched(incident, tx.now, actor.id, severity=step.severity)
        text = phrase("From SEV{} to SEV{}: {}", old, new, step.reason)
        self._write(tx, changed, "severity", actor, text, cause, **{"from": old, "to": new})
        message = phrase("{} is now SEV{} (it was SEV{}); the card shows it.", name, new, old)
        return Outcome(True, message, changed, changed=(changed.id,))

    def _move(
        self, tx: Transaction, step: Step, to: S, note: SafeText | None, actor: Operator, cause: str
    ) -> Outcome:
        incident = load(tx, getattr(step, "incident"))  # noqa: B009
        if polite := self._already(tx, incident, to, actor):
            return polite if note is None else _unwritten(polite)
        try:
            after = moved(incident, to, tx.now, actor.id)
        except IllegalTransition as refusal:
            return Outcome(False, _not_possible(incident, to), incident, (refusal.code,))
        name = wording.ref(incident.id)
        if not first_time(tx, step, actor.id, cause):
            message = phrase("That was done already; {} is {} now.", name, wording.STATUS[incident.status])
            return Outcome(True, message, incident, ("already_done",))
        text = phrase("Now {}", wording.STATUS[to])
        if note is not None:
            text = phrase("{}: {}", text, note)
        moves = {"from": incident.status.value, "to": to.value}
        self._write(tx, after, "status", actor, text, cause, **moves)
        return Outcome(True, _next_step(after), after, changed=(after.id,))

    def _already(self, tx: Transaction, incident: Incident, to: S, actor: Operator) -> Outcome | None:
        """Answer a step whose aim is reached; None if there is something to do."""
        name = wording.ref(incident.id)
        if to is not S.ACKNOWLEDGED:
            if incident.status is not to:
                return None
            message = phrase("{} is {} already; nothing has changed.", name, wording.STATUS[to])
            return Outcome(True, message, incident, ("already_done",))
        if incident.status in (S.DETECTED, S.RESOLVED, S.CLOSED):
            return None
        holder = incident.commander or incident.acknowledged_by
        if holder == actor.id:
            message = phrase("You have {} already; nothing has changed.", name)
            return Outcome(True, message, incident, ("already_done",))
        since = wording.span(tx.now - (incident.acknowledged_at or incident.updated_at))
        who = phrase("somebody else") if holder is None else self._shown(holder)
        message = phrase("{} has {} already, for {}. Add a note if you can help.", who, name, since)
        return Outcome(False, message, incident, ("already_acknowledged",))

    def _record(self, tx: Transaction, step: RecordChange, actor: Operator, cause: str) -> Outcome:
        if step.at is not None and step.at.year < EARLIEST:
            message = phrase(
                "The time of that change lies before {}. Give the time at which it was made.", EARLIEST
            )
            return Outcome(False, message, reasons=("too_long_ago",))
        future = timedelta(seconds=self._settings.changes.future)
        if step.at is not None and step.at > tx.now + future:
            message = phrase(
                "The time of that change lies in the future. Give the time at which it was made."
            )
            return Outcome(False, message, reasons=("in_the_future",))
        if step.change_id is None and not first_time(tx, step, actor.id, cause):
            return Outcome(True, phrase("That change is recorded already."), reasons=("already_done",))
        marker, new = markers.record(tx, step, actor.id, tx.now)
        what = wording.change(marker.kind, marker.service, marker.version)
        if not new:
            message = phrase("That change is recorded already, as {}; the first record stands.", what)
            return Outcome(True, message, reasons=("already_done",), marker=marker)
        tx.audit("change.record", actor.id, change=marker.id, service=marker.service, cause=as_id(cause))
        suspected = self._upkeep.changed(tx, marker)
        message = phrase("Recorded: {}.", what)
        if suspected:
            names = wording.row([wording.ref(incident) for incident in suspected])
            message = phrase("{} It came just before {} and is suspected there.", message, names)
        return Outcome(True, message, marker=marker, changed=tuple(suspected))

    def _write(
        self,
        tx: Transaction,
        incident: Incident,
        kind: str,
        actor: Operator,
        text: SafeText,
        cause: str,
        **data: str | int,
    ) -> None:
        save(tx, incident)
        event = enter(tx, incident.id, incident.updated_at, kind, actor.id, text, **data)
        tx.audit(
            f"incident.{kind}",
            actor.id,
            incident=incident.id,
            entry=event.seq,
            version=incident.version,
            cause=as_id(cause),
            **data,
        )


def _not_possible(incident: Incident, to: S) -> SafeText:
    name, now, wanted = wording.ref(incident.id), wording.STATUS[incident.status], wording.STATUS[to]
    options = possible_next(incident.status)
    if not options:
        return phrase("{} is {} and stays so. Declare a new incident if there is trouble again.", name, now)
    message = "{} is {} and cannot become {} from there. Possible next: {}."
    return phrase(message, name, now, wanted, wording.statuses(options))


def _next_step(incident: Incident) -> SafeText:
    """Return what was reached and what comes next, for the person who did it."""
    name = wording.ref(incident.id)
    match incident.status:
        case S.ACKNOWLEDGED:
            return phrase("{} is yours. Next: set it to investigating when you start to look.", name)
        case S.INVESTIGATING:
            return phrase("{} is under investigation. Next: identified, once you know the cause.", name)
        case S.IDENTIFIED:
            return phrase("The cause of {} is known. Next: resolving, while you mend it.", name)
        case S.RESOLVING:
            return phrase("{} is being mended. Next: resolve it when the service is well again.", name)
        case S.RESOLVED:
            took = wording.span(incident.time_to_resolve or timedelta(0))
            return phrase("{} is resolved after {}. Next: close it when the review is written.", name, took)
        case S.CLOSED:
            return phrase("{} is closed. Thank you.", name)
        case _:
            return phrase("{} is open again. Next: acknowledge it.", name)


def _unwritten(polite: Outcome) -> Outcome:
    """Return the answer to a step that was done already, with what became of the words that came with it."""
    message = phrase("{} What you wrote now was not put on the timeline; a note does that.", polite.message)
    return polite._replace(message=message, reasons=(*polite.reasons, "not_written"))
