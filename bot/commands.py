"""What a command is made of: verbs, arguments, the place it was said in, and the error for what is not one.

The table itself stands in `bot/grammar.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from command_center.access.operators import Permission
from command_center.actions import Action
from models.errors import BadInput
from models.placeholders import NAMES
from models.sanitizer import SafeText
from storage.records import Severity

TITLE_LIMIT = 150  # characters; a Slack header holds no more
TEXT_LIMIT = 2000


class GrammarError(BadInput):
    """What was typed is not one of the commands, or lacks something the command needs."""

    code: ClassVar[str] = "grammar"
    meaning: ClassVar[str] = "A command, in Slack or at the terminal, could not be understood."
    remedy: ClassVar[str] = "Nothing was done. The sentence says what is missing; `help` lists every command."

    def __init__(self, detail: str, *, hint: str = "", verb: str | None = None, near: str | None = None):
        super().__init__(detail, hint=hint)
        self.verb, self.near = verb, near


class TextGate(Protocol):
    """The part of the sanitizer's gate that people's words pass."""

    def text(self, raw: str, limit: int = ...) -> SafeText: ...

    def name(self, raw: str) -> SafeText: ...


class Part(StrEnum):
    """Kinds of arguments, in the words that usage lines show."""

    INCIDENT = "INC-n"
    SEVERITY = "sev1-4"
    STATUS = "status"
    FILTER = "which"
    TITLE = "title"
    TEXT = "text"
    VERB = "verb"
    SERVICES = "service,…"
    SPAN = "length"
    WINDOW = "MNT-n"
    WINDOWS = "current or all"


@dataclass(frozen=True)
class Argument:
    """One argument: its kind, what it is for, and whether it may be left out."""

    part: Part
    help: str
    required: bool = True

    @property
    def usage(self) -> str:
        return f"<{self.part.value}>" if self.required else f"[{self.part.value}]"


@dataclass(frozen=True)
class Help:
    """Somebody asked for help, about one verb or all of them."""

    command: str
    verb: str | None = None


@dataclass(frozen=True)
class DeclareForm:
    """Somebody wants the form that opens an incident; `severity` is filled in already if they named one."""

    severity: Severity | None = None


@dataclass(frozen=True)
class MaintenanceForm:
    """Somebody wants the form that plans maintenance."""


Parsed = Action | Help | DeclareForm | MaintenanceForm

_PLACEHOLDER = re.compile(f"<(?:{'|'.join(sorted(map(re.escape, NAMES - {'CUT'})))})>")
WITHHELD = (
    "What you typed was kept with placeholders such as <WORD>: words that are not known to be harmless are withheld, names of "
    "people among them. Whoever runs Mayday can approve a single harmless word under `words` in mayday.toml."
)


def has_placeholder(text: str) -> bool:
    """Say whether something of a text was withheld."""
    return _PLACEHOLDER.search(text) is not None


def holds_placeholders(action: Action) -> bool:
    """Say whether something that was typed for `action` stands there as a placeholder.

    Ids and names of services are not typed freely and do not count.
    """
    typed = (getattr(action, field, None) for field in ("title", "text", "note", "summary", "reason"))
    return any(text is not None and has_placeholder(text) for text in typed)


def withheld(action: Action, *, ok: bool, reasons: Collection[str]) -> str:
    """Return what is said of words that were kept as placeholders; nothing where none were kept."""
    return WITHHELD if ok and "not_written" not in reasons and holds_placeholders(action) else ""


def _nowhere() -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Context:
    """Where a command was said.

    `here` gives the ids of the open incidents of that place, newest first (asked only when no id was typed);
    `forms` says whether a form can be shown; `called` is how the command is called there, for sentences.
    """

    gate: TextGate
    here: Callable[[], Sequence[str]] = _nowhere
    forms: bool = False
    called: str = "mayday incident"


class Values:
    """What was found for a verb's arguments. Free text passes the gate on its way out of here."""

    def __init__(self, verb: str, context: Context, found: dict[Part, Any]) -> None:
        self._verb, self._context, self._found = verb, context, found

    def incident(self) -> str:
        """Return the id that was typed, or that of the one open incident of this place."""
        typed = self._found.get(Part.INCIDENT)
        if typed is not None:
            return str(typed)
        here = tuple(self._context.here())
        if len(here) == 1:
            return here[0]
        called = f"{self._context.called} {self._verb}"
        if not here:
            raise GrammarError(
                "Say which incident is meant",
                hint=f"For example `{called} INC-1`; `{self._context.called} list` shows the open ones.",
                verb=self._verb,
            )
        names = ", ".join(here[:5]) + (" and more" if len(here) > 5 else "")
        rest = (
            " …" if any(value is not None for value in self._found.values()) else ""
        )  # what was typed goes on there
        raise GrammarError(
            f"Several incidents are open here: {names}",
            hint=f"Say which, for example `{called} {here[0]}{rest}`.",
            verb=self._verb,
        )

    def get(self, part: Part) -> Any:
        """Return the value of an argument that is not free text, or None."""
        return self._found.get(part)

    def text(self, part: Part) -> SafeText | None:
        """Return free text after the gate, or None if none was typed."""
        raw = self._found.get(part)
        if raw is None:
            return None
        safe = self._context.gate.text(raw, TITLE_LIMIT if part is Part.TITLE else TEXT_LIMIT)
        if safe.strip():
            return safe
        raise GrammarError("Nothing readable is left of that text", hint="Use plain words.", verb=self._verb)

    def services(self) -> tuple[SafeText, ...]:
        """Return the services that were named, as the records name them."""
        return tuple(self._context.gate.name(each) for each in self._found[Part.SERVICES])

    def words(self) -> SafeText:
        """Return free text that has to be there."""
        text = self.text(Part.TEXT)
        if text is None:
            raise GrammarError(f"`{self._verb}` needs some words", verb=self._verb)
        return text


@dataclass(frozen=True)
class Verb:
    """One verb of a command: everything that help, documentation and parser know about it."""

    name: str
    summary: str
    arguments: tuple[Argument, ...]
    examples: tuple[str, ...]
    permission: Permission | None
    build: Callable[[Values], Parsed]
    aliases: tuple[str, ...] = ()
    form: bool = False  # opens a form, where there are such, if nothing follows it

    @property
    def usage(self) -> str:
        """For example `note [INC-n] <text>`."""
        return " ".join((self.name, *(argument.usage for argument in self.arguments)))


@dataclass(frozen=True)
class Command:
    """A top-level command: `/incident` in Slack, `mayday incident` at the terminal."""

    name: str
    summary: str
    verbs: tuple[Verb, ...]
    # What it means by itself; help if there is nothing better.
    bare: Callable[[Context], Parsed] | None = None

    def find(self, word: str) -> Verb | None:
        """Return the verb of that name or alias (any case), or None."""
        return next((v for v in self.verbs if word.casefold() in (v.name, *v.aliases)), None)

    def slash(self, prefix: str = "") -> str:
        """Return the name in Slack; `prefix` is for workspaces where the plain one is taken.

        >>> Command("incident", "", ()).slash(), Command("incident", "", ()).slash("md-")
        ('/incident', '/md-incident')
        """
        return f"/{prefix}{self.name}"
