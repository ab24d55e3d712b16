"""The table of `/maintenance`: planning work, ending it, seeing what is planned."""

from __future__ import annotations

from bot.commands import Argument, Command, Context, Help, MaintenanceForm, Parsed, Part, Values, Verb
from command_center.access.operators import Permission
from command_center.actions import AddMaintenance, EndMaintenance, ListMaintenance

MOST_SERVICES = 50


def named_services(text: str) -> tuple[str, ...]:
    """Return the services in a list with commas, each once; empty if there are none or too many.

    >>> named_services("billing, records-db,billing")
    ('billing', 'records-db')
    """
    named = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    return named if len(named) <= MOST_SERVICES else ()


def _add(values: Values) -> Parsed:
    span = values.get(Part.SPAN)
    if span is None:
        return MaintenanceForm()
    seconds = round(span.total_seconds())
    return AddMaintenance(services=values.services(), seconds=seconds, reason=values.words())


def _bare(_context: Context) -> Parsed:
    return ListMaintenance()


MAINTENANCE = Command(
    "maintenance",
    "Plan work on services, so that what fails meanwhile wakes nobody",
    (
        Verb(
            "add",
            "Begin maintenance now; in Slack a form opens if nothing follows",
            (
                Argument(Part.SERVICES, "Services as the logs name them, commas between them"),
                Argument(Part.SPAN, "How long, for example 2h or 90m"),
                Argument(Part.TEXT, "What is done"),
            ),
            ("add billing,records-db 2h database upgrade",),
            Permission.MAINTAIN,
            _add,
            ("plan", "begin"),
            form=True,
        ),
        Verb(
            "end",
            "End it before its time, or call it off",
            (Argument(Part.WINDOW, "Which one; `list` shows their names"),),
            ("end MNT-3",),
            Permission.MAINTAIN,
            lambda values: EndMaintenance(window=values.get(Part.WINDOW)),
            ("cancel",),
        ),
        Verb(
            "list",
            "List what runs and what is planned, or everything there was",
            (Argument(Part.WINDOWS, "current or all; current if left out", required=False),),
            ("list", "list all"),
            Permission.READ,
            lambda values: ListMaintenance(which=values.get(Part.WINDOWS) or "current"),
            ("ls",),
        ),
        Verb(
            "help",
            "Explain these commands, or one of them",
            (Argument(Part.VERB, "The verb to explain", required=False),),
            ("help", "help add"),
            None,
            lambda values: Help("maintenance", values.get(Part.VERB)),
            ("-h", "--help"),
        ),
    ),
    bare=_bare,
)
