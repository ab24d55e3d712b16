"""The one table of commands; Slack, the command line, help, `manifest.yaml` and `docs` are made from it.

`parse` turns what a person typed into an `Action`, a `Help` or a `DeclareForm`. Ids, verbs and severities are
recognised first; what is left over is free text, and it leaves only after it has passed the gate. Anything that
cannot be understood raises `GrammarError`, whose sentence never quotes what was typed.

>>> INCIDENT.find("acknowledge").name
'ack'
>>> nearest("resovle", INCIDENT)
'resolve'
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, Literal

from bot.commands import (
    TEXT_LIMIT,
    TITLE_LIMIT,
    Argument,
    Command,
    Context,
    DeclareForm,
    GrammarError,
    Help,
    MaintenanceForm,
    Parsed,
    Part,
    TextGate,
    Values,
    Verb,
)
from bot.maintenance_verbs import MAINTENANCE, MOST_SERVICES, named_services
from bot.spans import HOW, read_span
from command_center.access.operators import Permission
from command_center.actions import (
    Acknowledge,
    Close,
    Declare,
    ListIncidents,
    Note,
    Resolve,
    SetSeverity,
    SetStatus,
    ShowIncident,
)
from storage.records import IncidentStatus, Severity

__all__ = [
    "COMMANDS", "FILTERS", "INCIDENT", "MAINTENANCE", "SETTABLE", "TEXT_LIMIT", "TITLE_LIMIT", "Argument", "Command",
    "Context", "DeclareForm", "GrammarError", "Help", "MaintenanceForm", "Parsed", "Part", "TextGate", "Verb", "command_named",
    "help_text", "nearest", "parse", "usage",
]  # fmt: skip

SETTABLE = (
    IncidentStatus.ACKNOWLEDGED,
    IncidentStatus.INVESTIGATING,
    IncidentStatus.IDENTIFIED,
    IncidentStatus.RESOLVING,
    IncidentStatus.RESOLVED,
)
"""What `status` can be set to: an incident starts as `detected`; closing is a verb with its own permission."""

Filter = Literal["open", "mine", "all", "sev1", "sev2", "sev3", "sev4"]
FILTERS: tuple[Filter, ...] = ("open", "mine", "all", "sev1", "sev2", "sev3", "sev4")


def _declare(values: Values) -> Parsed:
    title, severity = values.text(Part.TITLE), values.get(Part.SEVERITY)
    return (
        DeclareForm(severity) if title is None else Declare(title=title, severity=severity or Severity.SEV3)
    )


def _status(values: Values) -> Parsed:
    return SetStatus(incident=values.incident(), status=values.get(Part.STATUS), note=values.text(Part.TEXT))


def _sev(values: Values) -> Parsed:
    return SetSeverity(incident=values.incident(), severity=values.get(Part.SEVERITY), reason=values.words())


def _bare(context: Context) -> Parsed:
    """The incident of this place where exactly one is open, else the form (or help where no form can be shown)."""
    here = tuple(context.here())
    if len(here) == 1:
        return ShowIncident(incident=here[0])
    return DeclareForm() if context.forms else Help("incident")


_WHICH = Argument(Part.INCIDENT, "Which incident; not needed where exactly one is open", required=False)
_LAST_WORDS = Argument(Part.TEXT, "What to put on the timeline", required=False)

INCIDENT = Command(
    "incident",
    "Open, follow and end incidents",
    (
        Verb(
            "declare",
            "Open an incident; in Slack a form opens if there is no title",
            (
                Argument(Part.SEVERITY, "sev1 (critical) to sev4 (minor); sev3 if left out", required=False),
                Argument(Part.TITLE, "What is wrong, in one line"),
            ),
            ("declare sev2 checkout answers slowly",),
            Permission.DECLARE,
            _declare,
            ("new", "open"),
        ),
        Verb(
            "ack",
            "Say that you have seen it and are on it",
            (_WHICH,),
            ("ack INC-12",),
            Permission.RESPOND,
            lambda values: Acknowledge(incident=values.incident()),
            ("acknowledge",),
        ),
        Verb(
            "status",
            "Say how far it is",
            (_WHICH, Argument(Part.STATUS, ", ".join(status.value for status in SETTABLE)), _LAST_WORDS),
            ("status INC-12 identified the connection pool is exhausted",),
            Permission.RESPOND,
            _status,
        ),
        Verb(
            "note",
            "Put a sentence on the timeline",
            (_WHICH, Argument(Part.TEXT, "The sentence")),
            ("note INC-12 restarting the second node",),
            Permission.RESPOND,
            lambda values: Note(incident=values.incident(), text=values.words()),
            ("comment",),
        ),
        Verb(
            "sev",
            "Change the severity, with the reason",
            (
                _WHICH,
                Argument(Part.SEVERITY, "1 (critical) to 4 (minor)"),
                Argument(Part.TEXT, "Why"),
            ),
            ("sev INC-12 1 every clinic is affected",),
            Permission.COMMAND,
            _sev,
            ("severity",),
        ),
        Verb(
            "resolve",
            "Say that it is over",
            (_WHICH, _LAST_WORDS),
            ("resolve INC-12 rolled back",),
            Permission.RESPOND,
            lambda values: Resolve(incident=values.incident(), note=values.text(Part.TEXT)),
            ("resolved",),
        ),
        Verb(
            "close",
            "Close a resolved incident",
            (_WHICH, _LAST_WORDS),
            ("close INC-12",),
            Permission.COMMAND,
            lambda values: Close(incident=values.incident(), note=values.text(Part.TEXT)),
        ),
        Verb(
            "list",
            "List incidents",
            (Argument(Part.FILTER, ", ".join(FILTERS) + "; open if left out", required=False),),
            ("list", "list sev1"),
            Permission.READ,
            lambda values: ListIncidents(which=values.get(Part.FILTER) or "open"),
            ("ls",),
        ),
        Verb(
            "show",
            "Show one incident with its timeline",
            (_WHICH,),
            ("show INC-12",),
            Permission.READ,
            lambda values: ShowIncident(incident=values.incident()),
        ),
        Verb(
            "help",
            "Explain these commands, or one of them",
            (Argument(Part.VERB, "The verb to explain", required=False),),
            ("help", "help sev"),
            None,
            lambda values: Help("incident", values.get(Part.VERB)),
            ("-h", "--help"),
        ),
    ),
    bare=_bare,
)

COMMANDS: tuple[Command, ...] = (INCIDENT, MAINTENANCE)


def command_named(name: str) -> Command | None:
    """Return the command of that name, or None."""
    return next((command for command in COMMANDS if command.name == name), None)


def nearest(word: str, command: Command) -> str | None:
    """Return the verb that `word` was probably meant to be, or None."""
    spellings = {spelling: verb.name for verb in command.verbs for spelling in (verb.name, *verb.aliases)}
    close = difflib.get_close_matches(word.casefold()[:40], spellings, n=1, cutoff=0.6)
    return spellings[close[0]] if close else None


def parse(words: str | Sequence[str], context: Context, *, command: Command = INCIDENT) -> Parsed:
    """Return what `words` ask for: raw text, or the words that a shell has split.

    Nothing typed at all asks for what the command means by itself. Raises `GrammarError` for everything that is not a
    command.
    """
    word, rest = _peel(words if isinstance(words, str) else " ".join(words))
    if word is None:
        return command.bare(context) if command.bare else Help(command.name)
    verb = command.find(word)
    if verb is None:
        near = nearest(word, command)
        advice = (
            f"Did you mean `{context.called} {near}`?" if near else f"`{context.called} help` lists them."
        )
        raise GrammarError("That is not one of the verbs", hint=advice, near=near)
    return verb.build(Values(verb.name, context, _read(verb, rest, context, command)))


def usage(verb: Verb, called: str) -> str:
    """Return one usage line, for example `/incident ack [INC-n]`."""
    return f"{called} {verb.usage}"


def help_text(called: str, command: Command = INCIDENT, verb: str | None = None) -> str:
    """Return help as plain lines: every verb in a line, or one verb with its arguments and examples.

    >>> print(help_text("mayday incident", verb="ack"))
    mayday incident ack [INC-n]
      Say that you have seen it and are on it
      [INC-n]  Which incident; not needed where exactly one is open
      Also: acknowledge
      Needs: respond
      Example: mayday incident ack INC-12
    """
    one = command.find(verb) if verb else None
    if one is None:
        width = max(len(v.usage) for v in command.verbs)
        lines = [f"  {v.usage:<{width}}  {v.summary}" for v in command.verbs]
        return "\n".join([f"{called}: {command.summary}", *lines])
    lines = [usage(one, called), f"  {one.summary}"]
    lines += [f"  {argument.usage}  {argument.help}" for argument in one.arguments]
    lines += [f"  Also: {', '.join(one.aliases)}"] if one.aliases else []
    lines += [f"  Needs: {one.permission.value}"] if one.permission else []
    lines += [f"  Example: {called} {example}" for example in one.examples]
    return "\n".join(lines)


def _peel(text: str) -> tuple[str | None, str]:
    """Split the first word off; what follows keeps its inner spaces and lines."""
    parts = text.split(None, 1)
    if not parts:
        return None, ""
    return parts[0], parts[1] if len(parts) > 1 else ""


def _read(verb: Verb, rest: str, context: Context, command: Command) -> dict[Part, Any]:
    """Return the value of each argument found in `rest`, from left to right."""
    found: dict[Part, Any] = {}
    if not rest.strip() and context.forms and verb.form:
        return found
    for argument in verb.arguments:
        if argument.part in (Part.TITLE, Part.TEXT):
            if rest.strip():
                found[argument.part], rest = rest.strip(), ""
            elif argument.required and not (argument.part is Part.TITLE and context.forms):
                raise _lacking(verb, argument.part, context)
            continue
        word, after = _peel(rest)
        value = None if word is None else _recognise(argument, word, verb, command)
        if value is not None:
            found[argument.part], rest = value, after
        elif argument.required:
            raise _lacking(verb, argument.part, context)
    if rest.strip():
        advice = "Leave the rest out; an id stands directly after the verb."
        raise GrammarError(
            f"`{verb.name}` takes nothing more than `{verb.usage}`", hint=advice, verb=verb.name
        )
    return found


_ID = re.compile(r"inc-?([1-9][0-9]{0,8})[:,]?", re.IGNORECASE)
_NEARLY_ID = re.compile(r"inc-?[0-9]\S*", re.IGNORECASE)
_SEVERITY = re.compile(r"(?:sev-?)?([1-4])", re.IGNORECASE)
_NEARLY_SEVERITY = re.compile(r"sev-?[0-9]+", re.IGNORECASE)
_WINDOW = re.compile(r"mnt-?([1-9][0-9]{0,8})", re.IGNORECASE)
_STATUSES = {status.value: status for status in SETTABLE}


def _recognise(argument: Argument, word: str, verb: Verb, command: Command) -> Any:
    """Return the value of `word` as `argument`, None if it is something else; raise if it is nearly one."""
    low = word.casefold()
    if argument.part is Part.INCIDENT:
        if fits := _ID.fullmatch(word):
            return f"INC-{fits[1]}"
        if _NEARLY_ID.fullmatch(word):
            raise GrammarError(
                "That is not the id of an incident", hint="Ids look like INC-12.", verb=verb.name
            )
    elif argument.part is Part.SEVERITY:
        # Where the severity is optional a bare number belongs to the title that follows it.
        if (fits := _SEVERITY.fullmatch(word)) and (argument.required or not low.isdigit()):
            return Severity(int(fits[1]))
        if argument.required or _NEARLY_SEVERITY.fullmatch(word):
            advice = "There are four: sev1 (critical) to sev4 (minor)."
            raise GrammarError("That is not a severity", hint=advice, verb=verb.name)
    elif argument.part is Part.STATUS:
        if low in _STATUSES:
            return _STATUSES[low]
        advice = f"It can be set to {', '.join(_STATUSES)}."
        closing = " Closing is a verb of its own: `close`." if low in ("close", "closed") else ""
        raise GrammarError("That is not a status", hint=advice + closing, verb=verb.name)
    elif argument.part is Part.FILTER:
        if low in FILTERS:
            return low
        raise GrammarError("That cannot be listed", hint=f"Use one of {', '.join(FILTERS)}.", verb=verb.name)
    elif argument.part is Part.SERVICES:
        if named := named_services(word):
            return named
        advice = f"Up to {MOST_SERVICES}, commas between them and no spaces, for example billing,records-db."
        raise GrammarError("Those are not names of services", hint=advice, verb=verb.name)
    elif argument.part is Part.SPAN:
        if (span := read_span(word)) is not None:
            return span
        raise GrammarError("That is not a length of time", hint=HOW, verb=verb.name)
    elif argument.part is Part.WINDOW:
        if fits := _WINDOW.fullmatch(word):
            return f"MNT-{fits[1]}"
        raise GrammarError(
            "That is not the name of a maintenance window", hint="Names look like MNT-3.", verb=verb.name
        )
    elif argument.part is Part.WINDOWS:
        if low in ("current", "all"):
            return low
        raise GrammarError("That cannot be listed", hint="Use current or all.", verb=verb.name)
    elif argument.part is Part.VERB and (explained := command.find(word)):
        return explained.name
    return None


_NEEDED = {
    Part.INCIDENT: "the id of the incident",
    Part.SEVERITY: "the severity (1 to 4)",
    Part.STATUS: "the status",
    Part.FILTER: "what to list",
    Part.TITLE: "a title",
    Part.TEXT: "some words",
    Part.VERB: "the verb",
    Part.SERVICES: "the services",
    Part.SPAN: "how long it takes",
    Part.WINDOW: "the name of the window",
    Part.WINDOWS: "what to list",
}


def _lacking(verb: Verb, part: Part, context: Context) -> GrammarError:
    example = f"For example `{context.called} {verb.examples[0]}`."
    return GrammarError(f"`{verb.name}` needs {_NEEDED[part]}", hint=example, verb=verb.name)
