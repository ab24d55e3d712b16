"""The form that plans maintenance, and what becomes of it when it is sent."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.commands import TEXT_LIMIT, GrammarError
from bot.maintenance_verbs import MOST_SERVICES, named_services
from bot.slack import blocks as bk
from bot.slack.blocks import Block
from bot.slack.interactions import Submission
from bot.spans import HOW, read_span
from command_center.actions import AddMaintenance
from models.sanitizer.gate import Gate

MAINTENANCE_FORM = "mayday_maintenance_form"
SERVICES, BEGINS, LASTS, WHO, REASON = "services", "begins", "lasts", "who", "reason"
ONLY, CALLERS = "only", "callers"
SERVICES_LIMIT = 2000


def maintenance_form(now: datetime, place: str) -> Block:
    """Return the modal; it begins at `now` unless another time is chosen. `place` is the signed channel it was asked for in."""
    who = [
        bk.option("Only these services", ONLY),
        bk.option("These, and whoever calls them", CALLERS),
    ]
    return {
        "type": "modal",
        "callback_id": MAINTENANCE_FORM,
        "private_metadata": place,
        "title": bk.plain("Plan maintenance", bk.VIEW_TITLE),
        "submit": bk.plain("Plan", bk.VIEW_BUTTON),
        "close": bk.plain("Cancel", bk.VIEW_BUTTON),
        "blocks": [
            bk.text_input(
                SERVICES,
                "Which services?",
                hint="As the logs name them, commas between them",
                max_length=SERVICES_LIMIT,
            ),
            bk.moment_input(BEGINS, "When does it begin?", now),
            bk.text_input(LASTS, "How long does it take?", hint=HOW, max_length=20),
            bk.select_input(WHO, "What is kept quiet?", who, who[0]),
            bk.text_input(REASON, "What is done?", hint="Shown in the list", max_length=TEXT_LIMIT),
        ],
    }


def planned(form: Submission, gate: Gate) -> AddMaintenance:
    """Return what a sent form asks for; raises `GrammarError` whose `verb` names the input that is wrong."""
    services = named_services(form.answer(SERVICES).value or "")
    if not services:
        raise GrammarError(f"Name one to {MOST_SERVICES} services, commas between them", verb=SERVICES)
    span = read_span(form.answer(LASTS).value or "")
    if span is None:
        raise GrammarError("That is not a length of time", hint=HOW, verb=LASTS)
    typed = (form.answer(REASON).value or "").strip()
    reason = gate.text(typed, TEXT_LIMIT)
    if not reason.strip():
        raise GrammarError("Say in a few words what is done", verb=REASON)
    chosen, begins = form.answer(WHO).selected_option, form.answer(BEGINS).selected_date_time
    try:
        starts = None if begins is None else datetime.fromtimestamp(begins, UTC)
    except (ValueError, OverflowError, OSError):
        raise GrammarError("That is not a time", verb=BEGINS) from None
    return AddMaintenance(
        services=tuple(gate.name(each) for each in services),
        with_callers=chosen is not None and chosen.value == CALLERS,
        starts_at=starts,
        seconds=round(span.total_seconds()),
        reason=reason,
    )
