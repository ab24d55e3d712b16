"""What people do to maintenance windows, each as one step inside one transaction, with its audit entry.

Permission has been decided before. A step that was done already is answered politely and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial, reduce
from types import MappingProxyType
from typing import LiteralString

from command_center.actions import AddMaintenance, EndMaintenance
from command_center.incidents import wording
from command_center.incidents.journal import as_id, first_time
from command_center.maintenance import windows
from command_center.maintenance.windows import State, Told, Unfit
from command_center.outcome import Outcome
from command_center.settings import MaintenanceSettings
from models.sanitizer import SafeText, phrase
from storage.records import MaintenanceWindow
from storage.transaction import Transaction

_UNFIT: Mapping[Unfit, LiteralString] = MappingProxyType(
    {
        Unfit.ENDS_FIRST: "That window would end before it begins. Give an end after the beginning.",
        Unfit.OVER: "That window would be over already. Give an end that lies ahead.",
        Unfit.TOO_LONG: "That window would last {}, and {} is the most. Plan a shorter one, and another after it if need be.",
        Unfit.TOO_LONG_AGO: "That window would have begun {} ago, and {} is the most. Let it begin later.",
        Unfit.TOO_FAR_AHEAD: "That window would begin in {}, and {} is the most. Plan it nearer to its time.",
    }
)


def plan(
    tx: Transaction, step: AddMaintenance, by: str, cause: str, settings: MaintenanceSettings
) -> Outcome:
    """Plan a window, or say why it cannot be."""
    try:
        starts, ends = windows.span(step, tx.now)
    except OverflowError:
        return Outcome(False, phrase(_UNFIT[Unfit.ENDS_FIRST]), reasons=(Unfit.ENDS_FIRST.value,))
    wrong = windows.unfit(starts, ends, tx.now, settings)
    if wrong is not None:
        asked, most = {
            Unfit.TOO_LONG: (ends - starts, settings.longest),
            Unfit.TOO_LONG_AGO: (tx.now - starts, settings.back),
            Unfit.TOO_FAR_AHEAD: (starts - tx.now, settings.ahead),
        }.get(wrong, (timedelta(0), 0.0))
        limits = (wording.span(asked), wording.span(timedelta(seconds=most))) if most else ()
        return Outcome(False, phrase(_UNFIT[wrong], *limits), reasons=(wrong.value,))
    if not first_time(tx, step, by, cause):
        return Outcome(True, phrase("That maintenance is planned already."), reasons=("already_done",))
    window, new = windows.add(tx, step, starts, ends, by)
    told = (Told(window, windows.state(window, tx.now), 0),)
    name = wording.ref(window.id)
    if not new:
        message = phrase("That maintenance is planned already, as {}; the first record stands.", name)
        return Outcome(True, message, reasons=("already_done",), windows=told)
    tx.audit(
        "maintenance.add",
        by,
        window=window.id,
        services=reduce(partial(phrase, "{} {}"), window.services),
        with_callers=window.with_callers,
        starts=window.starts_at,
        ends=window.ends_at,
        cause=as_id(cause),
    )
    message = _planned(window, told[0].state, tx)
    if unheard := windows.unheard(tx, window):
        ask = "{} No line of {} has been counted lately: are the names those of the logs?"
        message = phrase(ask, message, wording.row(unheard))
    return Outcome(True, message, windows=told)


def end(tx: Transaction, step: EndMaintenance, by: str, cause: str) -> Outcome:
    """End a window. Raises `NoWindow`."""
    window, ended = windows.end(tx, step.window, by)
    state = windows.state(window, tx.now)
    told = (Told(window, state, windows.silenced(tx, window)),)
    name = wording.ref(window.id)
    if not ended:
        words = "{} was called off already." if state is State.CALLED_OFF else "{} is over already."
        return Outcome(True, phrase(words, name), reasons=("already_done",), windows=told)
    tx.audit("maintenance.end", by, window=window.id, state=state.value, cause=as_id(cause))
    if state is State.CALLED_OFF:
        return Outcome(True, phrase("{} is called off.", name), windows=told)
    message = phrase(
        "{} is over; it kept {} quiet. What goes on after it will be told.", name, _signals(told[0].silenced)
    )
    return Outcome(True, message, windows=told)


def _planned(window: MaintenanceWindow, state: State, tx: Transaction) -> SafeText:
    what = wording.row(list(window.services))
    if window.with_callers:
        what = phrase("{} and whoever calls them", what)
    lasts = wording.span(window.ends_at - max(window.starts_at, tx.now))
    if state is State.RUNNING:
        return phrase("{}: maintenance of {} runs for {} from now.", wording.ref(window.id), what, lasts)
    begins = wording.span(window.starts_at - tx.now)
    return phrase(
        "{}: maintenance of {} begins in {} and lasts {}.", wording.ref(window.id), what, begins, lasts
    )


def _signals(count: int) -> SafeText:
    return phrase("1 signal") if count == 1 else phrase("{} signals", count)
