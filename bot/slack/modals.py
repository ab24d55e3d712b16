"""The form that opens an incident."""

from __future__ import annotations

from bot.slack import blocks as bk
from bot.slack.blocks import Block
from bot.slack.cards import severity_words
from storage.records import Severity

DECLARE_FORM = "mayday_declare_form"


def declare_form(severity: Severity) -> Block:
    """Return the modal; `severity` is chosen already."""
    options = [bk.option(severity_words(each), str(each.value)) for each in Severity]
    return {
        "type": "modal",
        "callback_id": DECLARE_FORM,
        "title": {"type": "plain_text", "text": "Declare an incident"},
        "submit": {"type": "plain_text", "text": "Declare"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            bk.text_input(
                "title", "What is wrong?", hint="One line; patients' names are masked", max_length=150
            ),
            bk.select_input("severity", "How bad is it?", options, options[severity.value - 1]),
            bk.text_input(
                "service", "Which service?", hint="As it is named in the logs", max_length=80, optional=True
            ),
            bk.text_input(
                "summary",
                "What do you know?",
                hint="Shown on the card",
                max_length=2000,
                optional=True,
                multiline=True,
            ),
        ],
    }
