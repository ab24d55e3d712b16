"""Maintenance windows as rows: planned, ended, listed.

A window holds for event times: a line that was written in it is judged as of then, whenever it arrives. Two windows may overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from command_center.actions import AddMaintenance
from command_center.settings import MaintenanceSettings
from models.errors import MaydayError
from models.sanitizer import SafeText
from storage.records import MaintenanceWindow
from storage.transaction import Reader, Transaction

PREFIX = "MNT"


class NoWindow(MaydayError):
    code = "no_such_window"
    meaning = "A maintenance window was named that does not exist."
    remedy = "`mayday maintenance list --all` shows the names of all windows."


class Unfit(StrEnum):
    """Why a window cannot be planned as it was asked for."""

    ENDS_FIRST = "ends_before_it_begins"
    OVER = "over_already"
    TOO_LONG = "too_long"
    TOO_LONG_AGO = "too_long_ago"
    TOO_FAR_AHEAD = "too_far_ahead"


class State(StrEnum):
    """How a window stands at some time."""

    PLANNED = "planned"
    RUNNING = "running"
    OVER = "over"
    CALLED_OFF = "called_off"


class Told(NamedTuple):
    """A window as it is listed: its state, and how many signals it has kept quiet so far."""

    window: MaintenanceWindow
    state: State
    silenced: int

    def as_json(self) -> dict[str, Any]:
        return self.window.model_dump(mode="json") | {"state": self.state.value, "silenced": self.silenced}


def span(action: AddMaintenance, now: datetime) -> tuple[datetime, datetime]:
    """Return when the window begins and ends that is asked for at `now`. Raises `OverflowError` at the calendar's end."""
    starts = action.starts_at or now
    return starts, action.ends_at or starts + timedelta(seconds=action.seconds or 0)


def unfit(starts: datetime, ends: datetime, now: datetime, settings: MaintenanceSettings) -> Unfit | None:
    """Say what is wrong with a window; None if nothing is."""
    if ends <= starts:
        return Unfit.ENDS_FIRST
    if ends <= now:
        return Unfit.OVER
    if ends - starts > timedelta(seconds=settings.longest):
        return Unfit.TOO_LONG
    if now - starts > timedelta(seconds=settings.back):
        return Unfit.TOO_LONG_AGO
    return Unfit.TOO_FAR_AHEAD if starts - now > timedelta(seconds=settings.ahead) else None


def add(
    tx: Transaction, action: AddMaintenance, starts: datetime, ends: datetime, by: str
) -> tuple[MaintenanceWindow, bool]:
    """Plan a window; returns it and whether it is new: the very same one that still stands is not planned twice."""
    services = tuple(dict.fromkeys(action.services))
    for known in tx.rows(
        MaintenanceWindow, "ended_at IS NULL AND starts_at = ? AND ends_at = ? ORDER BY id", [starts, ends]
    ):
        if set(known.services) == set(services) and known.with_callers == action.with_callers:
            return known, False
    window = MaintenanceWindow(
        id=tx.next_id(PREFIX),
        services=services,
        with_callers=action.with_callers,
        starts_at=starts,
        ends_at=ends,
        reason=action.reason,
        added_by=by,
        added_at=tx.now,
    )
    tx.insert(window)
    return window, True


def end(tx: Transaction, id: str, by: str) -> tuple[MaintenanceWindow, bool]:
    """End a window now, or call it off; returns it and whether anything changed. Raises `NoWindow`."""
    window = tx.get(MaintenanceWindow, id)
    if window is None:
        raise NoWindow("there is no such maintenance window", hint=NoWindow.remedy)
    if window.until <= tx.now or window.ended_at is not None:
        return window, False
    tx.execute("UPDATE maintenance_window SET ended_by = ?, ended_at = ? WHERE id = ?", [by, tx.now, id])
    tx.changed.add(MaintenanceWindow.table)
    return window.having(ended_by=by, ended_at=tx.now), True


def state(window: MaintenanceWindow, now: datetime) -> State:
    """Say how a window stands at `now`."""
    if window.ended_at is not None and window.ended_at <= window.starts_at:
        return State.CALLED_OFF
    if now >= window.until:
        return State.OVER
    return State.RUNNING if now >= window.starts_at else State.PLANNED


def listed(reader: Reader, now: datetime, *, over: bool) -> tuple[Told, ...]:
    """Return the windows that run or are to come, soonest first; with `over` all of them, newest first."""
    order = "ORDER BY starts_at DESC, id DESC" if over else "ORDER BY starts_at, id"
    where = "true" if over else "ended_at IS NULL AND ends_at > ?"
    found = reader.rows(MaintenanceWindow, f"{where} {order}", [] if over else [now])
    counted: dict[str, int] = dict(
        reader.execute(
            "SELECT maintenance_id, count(*) FROM signal WHERE verdict = 'silenced' GROUP BY maintenance_id"
        )
    )
    return tuple(Told(each, state(each, now), counted.get(each.id, 0)) for each in found)


def silenced(reader: Reader, window: MaintenanceWindow) -> int:
    """Return how many signals a window has kept quiet so far."""
    sql = "SELECT count(*) FROM signal WHERE verdict = 'silenced' AND maintenance_id = ?"
    return int(reader.execute(sql, [window.id])[0][0])


def unheard(reader: Reader, window: MaintenanceWindow) -> list[SafeText]:
    """Return the services of a window of which no line has been counted lately: one of them may be misspelt."""
    rows = reader.execute(
        "SELECT DISTINCT service FROM service_traffic WHERE service IN (SELECT unnest(?::VARCHAR[]))",
        [[str(service) for service in window.services]],
    )
    heard = {row[0] for row in rows}
    return [service for service in window.services if service not in heard]


def around(reader: Reader, since: datetime, until: datetime) -> Sequence[MaintenanceWindow]:
    """Return the windows that touch the time from `since` to `until`, in order of their beginning."""
    return reader.rows(
        MaintenanceWindow,
        """starts_at <= ? AND least(ends_at, coalesce(ended_at, ends_at)) >= ?
           AND (ended_at IS NULL OR ended_at > starts_at) ORDER BY starts_at, id""",
        [until, since],
    )
