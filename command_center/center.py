"""The command center: facts in, decisions out, and every action of a person. Joins the wings; decides
nothing itself.

All writing happens in transactions of the store's one writer. Whoever wants to follow along registers with
`on_change` and is called after the commit, with ids only; a listener that fails is logged by class and
never undoes or delays what was decided.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from command_center import timers
from command_center.access.operators import Directory, Operator, Permission, may
from command_center.actions import Action, ListIncidents, ListMaintenance, SetStatus, ShowIncident
from command_center.incidents import wording
from command_center.incidents.desk import Desk
from command_center.incidents.evidence import traces
from command_center.incidents.explain import Explanation, explain
from command_center.incidents.intake import Intake
from command_center.incidents.journal import CLOCK, NoIncident, as_id, enter, load, save, timeline
from command_center.incidents.lifecycle import MACHINES, touched
from command_center.incidents.upkeep import Upkeep
from command_center.maintenance import windows
from command_center.outcome import Facts, Outcome
from command_center.refusals import Refusals
from command_center.settings import CenterSettings
from models.clock import Clock
from models.errors import BadInput, Guarded
from models.sanitizer import SafeText, phrase
from models.sanitizer.gate import Gate
from storage.apply import apply_facts
from storage.database import Database
from storage.facts import Applied, BlockFacts
from storage.records import ChangeMarker, Incident, IncidentEvent, IncidentStatus
from storage.transaction import Reader, Transaction

_log = logging.getLogger(__name__)
_SEVERITY = re.compile(r"sev([1-4])")
_RIGHTS = {
    Permission.READ: phrase("see incidents"),
    Permission.RESPOND: phrase("work on incidents"),
    Permission.DECLARE: phrase("declare incidents"),
    Permission.COMMAND: phrase("set severities and close incidents"),
    Permission.RECORD_CHANGE: phrase("record changes"),
    Permission.MAINTAIN: phrase("plan or end maintenance"),
    Permission.EXPORT: phrase("export raw log lines"),
}


class CommandCenter:
    """See the module's first lines. Safe to use from several threads."""

    def __init__(
        self, db: Database, gate: Gate, directory: Directory, settings: CenterSettings, clock: Clock
    ) -> None:
        self._db, self._gate, self._directory = db, gate, directory
        self._settings, self._clock = settings, clock
        self._refusals = Refusals(db, clock)
        self._upkeep = Upkeep(settings, gate.name)
        self._intake = Intake(self._upkeep, settings, gate.text)
        self._desk = Desk(self._upkeep, settings, self._shown)
        self._listeners: tuple[Callable[[str], None], ...] = ()

    def apply(self, facts: Sequence[BlockFacts]) -> Applied:
        """Add facts and judge their signals, in one transaction. Facts that were applied before change
        nothing."""

        def work(tx: Transaction) -> Applied:
            fresh = apply_facts(tx, facts)
            taken = self._intake.take(tx, fresh)
            return Applied(len(fresh), len(facts) - len(fresh), (*taken.opened, *taken.changed))

        applied = self._db.write(work)
        self._tell(applied.incidents)
        return applied

    def perform(self, action: Action, actor: Operator | None, *, cause: str) -> Outcome:
        """Carry out one action of a person, once; `cause` says where it came from, as `slack:Ev012` or `cli`.

        The rights are those that the directory gives at this moment. A refusal is an outcome with its
        reasons, and an audit entry; it changes nothing.
        """
        needed = _needed(action)
        known = None if actor is None else self._directory.by_id(actor.id)
        decision = may(known, needed)
        if known is None or not decision.allowed:
            who = "unknown" if actor is None else actor.id
            self.refuse(cause, decision.reasons[0], who)
            message = phrase("You may not {}. Ask somebody who may, or an administrator.", _RIGHTS[needed])
            return Outcome(False, message, reasons=decision.reasons)
        try:
            outcome = self._carry_out(action, known, cause)
        except NoIncident as refusal:
            message = phrase("There is no such incident. List all incidents to find its name.")
            return Outcome(False, message, reasons=(refusal.code,))
        except windows.NoWindow as refusal:
            message = phrase("There is no such maintenance window. List them all to find its name.")
            return Outcome(False, message, reasons=(refusal.code,))
        self._tell(outcome.changed)
        return outcome

    def _carry_out(self, action: Action, actor: Operator, cause: str) -> Outcome:
        if isinstance(action, ListIncidents):
            found = self.incidents(action.which, actor)
            message = phrase("{} incidents", len(found)) if len(found) != 1 else phrase("1 incident")
            return Outcome(True, message, incidents=found)
        if isinstance(action, ListMaintenance):
            told = self.maintenance(over=action.which == "all")
            message = (
                phrase("{} maintenance windows", len(told))
                if len(told) != 1
                else phrase("1 maintenance window")
            )
            return Outcome(True, message, windows=told)
        if isinstance(action, ShowIncident):
            incident, events = self._db.read(
                lambda reader: (load(reader, action.incident), timeline(reader, action.incident))
            )
            return Outcome(True, incident.title, incident, timeline=events, facts=self.facts(incident))
        return self._db.write(lambda tx: self._desk.carry_out(tx, action, actor, cause))

    def refuse(self, cause: str, reason: str, who: str) -> None:
        """Record that something was turned away: an unknown person, a missing right, a forged signature.

        `who` is an id that the asking side gave (`uid:1000`, a Slack user id); anything else is kept as a
        hash.
        """
        self._db.write(lambda tx: tx.audit("refused", as_id(who), cause=as_id(cause), reason=as_id(reason)))

    def refuse_unknown(self, cause: str, reason: str) -> None:
        """Record that somebody unproven was turned away, as often as they come (see `refusals.py`)."""
        self._refusals.add(cause, reason)

    def settle_refusals(self) -> None:
        """Enter what was counted of the running minute; for when nothing more comes in."""
        self._refusals.settle()

    def incidents(self, which: str, actor: Operator | None) -> tuple[Incident, ...]:
        """Return incidents, newest first: `open`, `mine` (open and led by `actor`), `all`, or open ones of
        `sevN`.

        Raises `BadInput` for any other word.
        """
        is_open = "status NOT IN ('resolved', 'closed')"
        newest = "ORDER BY detected_at DESC, CAST(substr(id, 5) AS BIGINT) DESC"
        if which == "open":
            where, params = is_open, list[str]()
        elif which == "all":
            where, params = "true", list[str]()
        elif which == "mine":
            me = "" if actor is None else actor.id
            where, params = f"{is_open} AND coalesce(commander, acknowledged_by) = ?", [me]
        elif found := _SEVERITY.fullmatch(which):
            where, params = f"{is_open} AND severity = ?", [found[1]]
        else:
            raise BadInput("there is no such list of incidents", hint="Use open, mine, all or sev1 to sev4")
        return tuple(self._db.read(lambda reader: reader.rows(Incident, f"{where} {newest}", params)))

    def maintenance(self, *, over: bool = False) -> tuple[windows.Told, ...]:
        """Return the maintenance windows that run or are to come; with `over` all of them."""
        now = self._clock()
        return self._db.read(lambda reader: windows.listed(reader, now, over=over))

    def incident(self, id: str) -> Incident | None:
        """Return one incident, or None."""
        return self._db.read(lambda reader: reader.get(Incident, id))

    def timeline(self, id: str) -> tuple[IncidentEvent, ...]:
        """Return the timeline of one incident in order; empty if there is none of that name."""
        return self._db.read(lambda reader: timeline(reader, id))

    def hints(self, id: str) -> tuple[SafeText, ...]:
        """Return what the card of an incident should warn of now: the clocks that have run over."""

        def read(reader: Reader) -> tuple[SafeText, ...]:
            incident = reader.get(Incident, id)
            return () if incident is None else timers.standing(incident, timeline(reader, id))

        return self._db.read(read)

    def next_due(self, id: str) -> tuple[timers.Rule, datetime] | None:
        """Return the next clock of one incident that will run over, and when; None if there is none."""

        def read(reader: Reader) -> tuple[timers.Rule, datetime] | None:
            watched = next((each for each in _watched(reader) if each.incident.id == id), None)
            return None if watched is None else timers.upcoming(watched, self._clock(), self._settings.sla)

        return self._db.read(read)

    def evidence(self, id: str) -> tuple[SafeText, ...]:
        """Return what speaks for an incident, a sentence with its counts per kind of sign, loudest first."""
        found = self._db.read(lambda reader: traces(reader, [id])).get(id, [])
        ordered = sorted(found, key=lambda trace: (-trace.lines, trace.first_at))
        return tuple(trace.sentence for trace in ordered)

    def facts(self, incident: Incident) -> Facts:
        """Return what a look at an incident shows beside its record."""
        id, change = incident.id, incident.suspect_change
        marker = self._db.read(lambda reader: reader.get(ChangeMarker, change)) if change else None
        suspect = None
        if marker is not None:
            words = wording.change(marker.kind, marker.service, marker.version)
            suspect = (words, marker.at)
        return Facts(self.evidence(id), self.hints(id), self.next_due(id), suspect)

    def explain(self, id: str) -> Explanation:
        """Return why an incident was raised and what was folded into it; raises `NoIncident`."""
        text = self._gate.text
        return self._db.read(lambda reader: explain(reader, id, self._upkeep, self._settings, text))

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with an incident's id after each commit that changed it, in the thread that
        committed."""
        self._listeners = (*self._listeners, callback)

    def tick(self, now: datetime | None = None) -> tuple[str, ...]:
        """Do what time brings; to be called every second or so. Returns the incidents that changed.

        Clocks that have run over by `now` are entered in the timelines, each once; severities rise with the
        share of the traffic in error. Reads first, so that a quiet second writes nothing.
        """
        at = self._clock() if now is None else now
        self._refusals.settle(at)

        def look(reader: Reader) -> bool:
            return bool(timers.due(_watched(reader), at, self._settings.sla) or self._upkeep.worse(reader))

        if not self._db.read(look):
            return ()
        changed = self._db.write(
            lambda tx: tuple(dict.fromkeys((*self._upkeep.worsen(tx), *self._ring(tx, at))))
        )
        self._tell(changed)
        return changed

    def _ring(self, tx: Transaction, at: datetime) -> list[str]:
        """Enter what is due in the timelines, and its incidents one version later."""
        concerned: dict[str, Incident] = {}
        for each in timers.due(_watched(tx), at, self._settings.sla):
            incident = concerned.get(each.incident_id) or touched(load(tx, each.incident_id), at, CLOCK)
            concerned[incident.id] = incident
            late = round((at - each.at).total_seconds())
            text = phrase("{} (noticed {} s late)", each.text, late) if each.late else each.text
            data = {"rule": each.rule.value, "timer": each.key}
            enter(tx, incident.id, incident.updated_at, "timer", CLOCK, text, **data)
            tx.audit("incident.timer", CLOCK, incident=incident.id, rule=each.rule.value, due=each.at)
        for incident in concerned.values():
            save(tx, incident)
        return list(concerned)

    def _shown(self, operator_id: str) -> SafeText:
        """Return an operator's name for others to read: as configured, or the id, whichever passes the gate."""
        operator = self._directory.by_id(operator_id)
        for name in ([] if operator is None else [operator.name]) + [operator_id]:
            if (shown := self._gate.text(name)) == name:
                return shown
        return phrase("somebody else")

    def _tell(self, incidents: Sequence[str]) -> None:
        for incident in incidents:
            for listener in self._listeners:
                try:
                    listener(incident)
                except Exception as error:  # noqa: BLE001 - the commit stands; a listener's failure is its own
                    guarded = Guarded.from_foreign(error, doing="telling a listener of a changed incident")
                    _log.error("%s", guarded)


def _needed(action: Action) -> Permission:
    """Return the right an action needs; closing needs the same right by whatever word it is asked for."""
    if isinstance(action, SetStatus) and action.status is IncidentStatus.CLOSED:
        return Permission.COMMAND
    return action.permission


def _watched(reader: Reader) -> list[timers.Watched]:
    """Return the open incidents with what their timelines say about time."""
    incidents = reader.rows(Incident, "status NOT IN ('resolved', 'closed') ORDER BY id")
    if not incidents:
        return []
    rows = reader.execute(
        """SELECT incident_id,
             max(ts) FILTER (kind = 'opened'
               OR kind = 'status' AND json_extract_string(data, '$.to') IN ('detected')),
             max(ts) FILTER (NOT list_contains(?::VARCHAR[], actor)),
             list(json_extract_string(data, '$.timer')) FILTER (kind = 'timer')
           FROM incident_event WHERE incident_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY incident_id""",
        [sorted(MACHINES), [incident.id for incident in incidents]],
    )
    told = {row[0]: row[1:] for row in rows}
    watched: list[timers.Watched] = []
    for incident in incidents:
        since, word, fired = told.get(incident.id, (None, None, None))
        watched.append(timers.Watched(incident, since or incident.detected_at, word, frozenset(fired or ())))
    return watched
