"""The life of an incident: which state may follow which, and what each step stamps on the record.

Pure: no clock, no I/O. `NEXT` is the whole truth about transitions; nothing else decides one.

- Forward steps may be skipped: people who start with the cure have seen the incident, so a jump from Detected
  to Resolving also counts as the acknowledgement.
- Inside the work (Investigating, Identified, Resolving) a step back is allowed: suspicions and cures turn out
  wrong.
- Resolved may be reopened: to Detected when the fault returns by itself (somebody has to take it again), to
  Investigating when a person picks it up again. Closed is final; what comes later is another incident.

Times never run backwards on a record, even if the clock does: a step is stamped no earlier than the step
before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from models.errors import MaydayError
from storage.records import Incident, IncidentStatus

S = IncidentStatus

NEXT: Mapping[S, frozenset[S]] = MappingProxyType(
    {
        S.DETECTED: frozenset({S.ACKNOWLEDGED, S.INVESTIGATING, S.IDENTIFIED, S.RESOLVING, S.RESOLVED}),
        S.ACKNOWLEDGED: frozenset({S.INVESTIGATING, S.IDENTIFIED, S.RESOLVING, S.RESOLVED}),
        S.INVESTIGATING: frozenset({S.IDENTIFIED, S.RESOLVING, S.RESOLVED}),
        S.IDENTIFIED: frozenset({S.INVESTIGATING, S.RESOLVING, S.RESOLVED}),
        S.RESOLVING: frozenset({S.INVESTIGATING, S.IDENTIFIED, S.RESOLVED}),
        S.RESOLVED: frozenset({S.DETECTED, S.INVESTIGATING, S.CLOSED}),
        S.CLOSED: frozenset(),
    }
)
OPEN: frozenset[S] = frozenset({S.DETECTED, S.ACKNOWLEDGED, S.INVESTIGATING, S.IDENTIFIED, S.RESOLVING})
MACHINES: frozenset[str] = frozenset({"stream", "health", "clock"})


class IllegalTransition(MaydayError):
    code = "illegal_transition"
    meaning = "An incident cannot go from its present state to the one that was asked for."
    remedy = "Choose one of the states that the sentence lists as possible next."


def possible_next(status: IncidentStatus) -> tuple[IncidentStatus, ...]:
    """Return the states that may follow `status`, in the order of the lifecycle.

    >>> [after.value for after in possible_next(IncidentStatus.RESOLVED)]
    ['detected', 'investigating', 'closed']
    """
    return tuple(after for after in IncidentStatus if after in NEXT[status])


def is_person(by: str) -> bool:
    """Say whether `by`, the actor of a step, is an operator and not one of Mayday's own parts."""
    return by not in MACHINES


def moved(incident: Incident, to: IncidentStatus, at: datetime, by: str) -> Incident:
    """Return `incident` one version later in state `to`; `by` is an operator id, or "stream" for a reopening.

    The first acknowledgement, the first response and the closing are stamped once. `resolved_at` says when
    the incident was resolved for good: reopening takes it back (the timeline keeps the earlier one). Raises
    `IllegalTransition`, which lists what is possible, and changes nothing.
    """
    if to not in NEXT[incident.status]:
        names = ", ".join(after.value for after in possible_next(incident.status))
        raise IllegalTransition(
            f"{incident.id} is {incident.status.value} and cannot become {to.value} from there",
            hint=f"Possible next: {names}" if names else "A closed incident stays closed; declare a new one",
        )
    at = no_earlier(incident, at)
    changes: dict[str, Any] = {"status": to, "updated_at": at, "version": incident.version + 1}
    if is_person(by) and to is not S.DETECTED:
        if incident.acknowledged_at is None:
            changes |= {"acknowledged_at": at, "acknowledged_by": by}
        if incident.status is S.DETECTED or incident.commander is None:
            changes["commander"] = by
        if to is not S.ACKNOWLEDGED and incident.responded_at is None:
            changes["responded_at"] = at
    if to is S.RESOLVED:
        changes["resolved_at"] = at
    elif incident.status is S.RESOLVED and to is not S.CLOSED:
        changes["resolved_at"] = None
    if to is S.CLOSED:
        changes["closed_at"] = at
    return amended(incident, **changes)


def touched(incident: Incident, at: datetime, by: str, **changes: Any) -> Incident:
    """Return `incident` one version later with `changes` that leave its state alone (a note, a severity, a
    signal).

    A person who acts on an acknowledged incident has responded to it.
    """
    at = no_earlier(incident, at)
    changes |= {"updated_at": at, "version": incident.version + 1}
    if is_person(by) and incident.acknowledged_at is not None and incident.responded_at is None:
        changes["responded_at"] = at
    return amended(incident, **changes)


def no_earlier(incident: Incident, at: datetime) -> datetime:
    """Return `at`, or the time of the last step if the clock has gone back behind it."""
    return max(at, incident.updated_at)


def amended(incident: Incident, **changes: Any) -> Incident:
    """Return a validated copy with `changes`, for more that belongs to the same step."""
    copy = incident.having(**changes)
    assert isinstance(copy, Incident)
    return copy
