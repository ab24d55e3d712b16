"""Why an incident of a replay was raised, for the terminal. Times are UTC, as in the list that stands before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.report.evidence import figures
from bot.slack.cards import WORD
from command_center.incidents.explain import Explanation, SignTold
from command_center.incidents.reasons import kind_word, plain_why
from models.errors import BadInput

ALL = "all"
_LABEL = 16  # columns for the name of a field
_ID = re.compile(r"INC-[1-9]\d{0,17}")


def asked(which: str) -> str:
    """Return the incident that is asked for, as it is called, or `all`. Raises `BadInput` for anything else.

    >>> asked("inc-2"), asked("ALL")
    ('INC-2', 'all')
    """
    if which.lower() == ALL:
        return ALL
    if not _ID.fullmatch(which.upper()):
        raise BadInput("--explain takes the name of an incident, or all", hint="For example --explain INC-2")
    return which.upper()


def require(which: str, names: Sequence[str]) -> None:
    """Raise `BadInput`, with those there are, if no incident of `names` is the one that was asked for."""
    if which == ALL or which in names:
        return
    if not names:
        raise BadInput(
            f"there is no {which}: the replay opened no incident", hint="So there is none to explain"
        )
    shown = names if len(names) <= 12 else [*names[:3], "...", names[-1]]
    raise BadInput(f"there is no {which} in this replay", hint=f"It has {', '.join(shown)}")


class Line(NamedTuple):
    """One line of the answer: its indent in columns, the name of a field or none, the text, and a style of rich."""

    indent: int
    label: str
    text: str
    style: str = ""


def show_explanation(out: Console, told: Explanation, shown: Callable[[str], str]) -> None:
    """Print one explanation; `shown` gives a text with the names that its reader may see.

    On a terminal long lines wrap below their own beginning; elsewhere every line is as long as it needs to be.
    """
    for line in explanation(told):
        text, before = shown(line.text), " " * line.indent + (line.label.ljust(_LABEL) if line.label else "")
        if out.is_terminal:
            row = Table.grid(expand=False)
            row.add_column(width=len(before), no_wrap=True)
            row.add_column(overflow="fold")
            row.add_row(Text(before, style="dim"), Text(text, style=line.style))
            out.print(row)
        else:
            out.print(f"{before}{text}".rstrip(), soft_wrap=True)


def explanation(told: Explanation) -> Iterator[Line]:
    """Yield what is told of one incident, line by line."""
    head = f"{told.id}  SEV{int(told.severity)} {WORD[told.severity]}  {told.title}"
    yield Line(0, "", head, "bold")
    for label, text in _fields(told):
        yield Line(2, label, text)
    signals = sum(told.reasons.values())
    yield Line(0, "", "")
    yield Line(0, "", f"Folded into it: {signals:,} {'signal' if signals == 1 else 'signals'}", "bold")
    for reason, number in told.reasons.items():
        yield Line(2, "", f"{number:,} × {plain_why(reason)}")
    for each in told.folded:
        yield from _signal(each)
    yield from _more(told.folded_more)
    if told.held:
        yield Line(0, "", "")
        yield Line(0, "", "Near it, but held back", "bold")
        for each in told.held:
            yield from _signal(each)
        yield from _more(told.held_more)


def _more(number: int) -> Iterator[Line]:
    if number:
        yield Line(2, "", f"and {number:,} more kinds of signal")


def _fields(told: Explanation) -> Iterator[tuple[str, str]]:
    yield "Opened", f"{_utc(told.detected_at)}, by {told.opened}"
    for step in told.severities:
        yield "Severity", f"SEV{int(step.severity)} at {_utc(step.at)}: {step.why}"
    yield "Root", str(told.root)
    others = [str(each) for each in told.affected_services if each != told.root_service]
    yield "Also affected", ", ".join(others) or "nothing else"
    for words in told.category_words:
        yield "Category", str(words)
    yield "Suspect change", (f"{told.suspect.id}: " if told.suspect else "") + str(told.suspect_words)
    yield "Confidence", "not judged" if told.confidence is None else f"{told.confidence:.0%}"


def _signal(told: SignTold) -> Iterator[Line]:
    until = f" to {told.last_at.astimezone(UTC):%H:%M:%S}, {told.times:,} times" if told.times > 1 else ""
    end = {"opened": "opened it", "held": "held back", "ignored": "ignored"}.get(told.verdict, "folded")
    numbers = "; ".join(
        (f"score {told.score:.2f}, reported from {told.threshold:.2f}", *figures(told.evidence))
    )
    host = f"; host {told.host}" if told.host is not None else ""
    yield Line(0, "", "")
    yield Line(2, "", f"{_utc(told.at)}{until}  {kind_word(told.kind)} in {told.service}", "bold")
    yield Line(4, "", str(told.sentence))
    yield Line(4, "", f"{end}: {told.why}")
    yield Line(4, "", f"{'at first: ' if told.times > 1 else ''}{numbers}{host}", "dim")


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def naming(names: Mapping[str, str]) -> Callable[[str], str]:
    """Return what puts the names that stand in the files in the place of the tokens that stand for them.

    >>> naming({"svc-abc": "till"})("svc-abc fails")
    'till fails'
    """
    tokens = {token: name for token, name in names.items() if token != name}
    if not tokens:
        return str
    either = re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))))
    return lambda text: either.sub(lambda found: tokens[found[0]], text)


def with_explanations(rows: Sequence[dict[str, Any]], told: Sequence[Explanation]) -> list[dict[str, Any]]:
    """Return the rows of `--json`, those that are explained with a key `explanation` more."""
    found = {each.id: each.model_dump(mode="json") for each in told}
    return [
        {**row, "explanation": found[row["incident"]]} if row["incident"] in found else row for row in rows
    ]
