"""How an incident's record, its timeline and its audit entry are written together, inside one transaction.

Nothing here decides anything. A record is replaced by compare-and-set on its version; since the store has
one writer and the record was read in the same transaction, losing is a fault in the program and raised as
`Superseded`.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from pydantic import BaseModel

from models.errors import MaydayError
from models.sanitizer import SafeText
from storage.records import Incident, IncidentEvent
from storage.transaction import Reader, Transaction

STREAM = "stream"
CLOCK = "clock"
Plain = str | int | float | bool | None
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+/@-]{0,127}")


class Superseded(MaydayError):
    code = "superseded"
    meaning = "The record was changed by somebody else between reading and writing."
    remedy = "Look at its newest state and decide again; nothing was written."


class NoIncident(MaydayError):
    code = "no_incident"
    meaning = "There is no incident of that name."
    remedy = "List the incidents (`list all`) and use one of their names."


def as_id(text: str) -> str:
    """Return `text` if it has the form of an id, else a hash of it, so that an audit entry can always be
    made.

    >>> as_id("slack:Ev012"), as_id("two words").startswith("sha256:")
    ('slack:Ev012', True)
    """
    if _ID.fullmatch(text):
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def load(reader: Reader, incident_id: str) -> Incident:
    """Return the incident; raises `NoIncident`."""
    incident = reader.get(Incident, incident_id)
    if incident is None:
        raise NoIncident(f"there is no {incident_id}", hint=NoIncident.remedy)
    return incident


def save(tx: Transaction, incident: Incident) -> None:
    """Write `incident` in place of its version before; raises `Superseded`."""
    if not tx.replace(incident):
        raise Superseded(f"{incident.id} has moved on", hint=Superseded.remedy)


def enter(
    tx: Transaction,
    incident_id: str,
    at: datetime,
    kind: str,
    actor: str,
    text: SafeText,
    **data: Plain,
) -> IncidentEvent:
    """Append to the timeline; `data` holds ids and numbers. Entries are numbered from 1 without gaps."""
    last = tx.execute("SELECT max(seq) FROM incident_event WHERE incident_id = ?", [incident_id])[0][0]
    event = IncidentEvent(
        incident_id=incident_id,
        seq=(last or 0) + 1,
        at=at,
        kind=kind,
        actor=actor,
        text=text,
        data={key: value for key, value in data.items() if value is not None},
    )
    tx.insert(event)
    return event


def timeline(reader: Reader, incident_id: str) -> tuple[IncidentEvent, ...]:
    """Return the whole timeline in order."""
    return tuple(reader.rows(IncidentEvent, "incident_id = ? ORDER BY seq", [incident_id]))


def first_time(tx: Transaction, step: BaseModel, actor: str, cause: str) -> bool:
    """Say whether this delivery of `cause` is the first to ask for `step`; one without a delivery id always is."""
    if ":" not in cause:
        return True
    content = hashlib.sha256(step.model_dump_json().encode()).hexdigest()
    return tx.first_time(f"perform|{cause}|{actor}|{content}")
