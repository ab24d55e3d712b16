"""The form that opens an incident, and what becomes of it when it is sent."""

from __future__ import annotations

from bot.commands import TEXT_LIMIT, TITLE_LIMIT, GrammarError
from bot.slack import blocks as bk
from bot.slack.blocks import Block
from bot.slack.cards import severity_words
from bot.slack.interactions import Submission
from command_center.actions import Declare
from models.sanitizer.gate import Gate
from storage.records import Severity

DECLARE_FORM = "mayday_declare_form"
TITLE, SEVERITY, SERVICE, SUMMARY = "title", "severity", "service", "summary"
SERVICE_LIMIT = 80


def declare_form(severity: Severity, place: str) -> Block:
    """Return the modal; `severity` is chosen already, `place` is the signed channel that it was asked for in."""
    options = [bk.option(severity_words(each), str(each.value)) for each in Severity]
    return {
        "type": "modal",
        "callback_id": DECLARE_FORM,
        "private_metadata": place,
        "title": bk.plain("Declare an incident", bk.VIEW_TITLE),
        "submit": bk.plain("Declare", bk.VIEW_BUTTON),
        "close": bk.plain("Cancel", bk.VIEW_BUTTON),
        "blocks": [
            bk.text_input(
                TITLE, "What is wrong?", hint="One line, without names of people", max_length=TITLE_LIMIT
            ),
            bk.select_input(SEVERITY, "How bad is it?", options, options[severity.value - 1]),
            bk.text_input(
                SERVICE, "Which service?", hint="As the logs name it", max_length=SERVICE_LIMIT, optional=True
            ),
            bk.text_input(
                SUMMARY,
                "What do you know?",
                hint="Shown on the card",
                max_length=TEXT_LIMIT,
                multiline=True,
                optional=True,
            ),
        ],
    }


def declared(form: Submission, gate: Gate) -> Declare:
    """Return what a sent form asks for; raises `GrammarError` whose `verb` names the input that is wrong."""
    title = (form.answer(TITLE).value or "").strip()
    if not title:
        raise GrammarError("Say in a few words what is wrong", verb=TITLE)
    chosen = form.answer(SEVERITY).selected_option
    severity = {str(each.value): each for each in Severity}.get(chosen.value if chosen else "")
    if severity is None:
        raise GrammarError("Choose one of the four", verb=SEVERITY)
    shown = gate.text(title, TITLE_LIMIT)
    if not shown.strip():
        raise GrammarError("Nothing readable is left of that title", hint="Use plain words.", verb=TITLE)
    service, summary = (form.answer(SERVICE).value or "").strip(), (form.answer(SUMMARY).value or "").strip()
    return Declare(
        title=shown,
        severity=severity,
        service=gate.name(service) if service else None,
        summary=gate.text(summary, TEXT_LIMIT) if summary else None,
    )
