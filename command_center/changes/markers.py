"""Change markers: facts of the kind "billing was deployed at 03:00", kept beside the incidents.

A marker is recorded once under its id; a repeated call from a pipeline finds it there and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from command_center.actions import RecordChange
from storage.records import ChangeMarker
from storage.transaction import Reader, Transaction

PREFIX = "MRK"


def record(tx: Transaction, action: RecordChange, by: str, at: datetime) -> tuple[ChangeMarker, bool]:
    """Record a change; returns the marker and whether it is new. `at` is taken when the action names no time.

    A `change_id` that is known already gives back the marker as it was first recorded, whatever the call
    says now.
    """
    if action.change_id is not None and (known := tx.get(ChangeMarker, action.change_id)) is not None:
        return known, False
    marker = ChangeMarker(
        id=action.change_id or _free_id(tx),
        service=action.service,
        kind=action.kind,
        version=action.version,
        at=action.at or at,
        note=action.note,
        recorded_by=by,
    )
    tx.insert(marker)
    return marker, True


def _free_id(tx: Transaction) -> str:
    """Return the next id of our own that no pipeline has used as one of its own."""
    while tx.get(ChangeMarker, chosen := tx.next_id(PREFIX)) is not None:
        continue
    return chosen


def between(
    reader: Reader, since: datetime, until: datetime, services: Iterable[str] | None = None
) -> list[ChangeMarker]:
    """Return the markers from `since` to `until`, both included, in order of time; of `services` if given."""
    where, params = "ts BETWEEN ? AND ?", [since, until]
    if services is not None:
        return reader.rows(
            ChangeMarker,
            f"{where} AND service IN (SELECT unnest(?::VARCHAR[])) ORDER BY ts, id",
            [*params, [str(service) for service in services]],
        )
    return reader.rows(ChangeMarker, f"{where} ORDER BY ts, id", params)
