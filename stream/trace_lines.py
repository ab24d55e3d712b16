"""Which records are parts of the one before: stack traces and statements that arrive as one record per line.

A line is judged by itself and by what is known of its source, the lines of one host, agent, tag and file. Frames of a trace
speak for themselves (`\\tat a.b(C.java:1)`, `File "a.py", line 1`); other indented lines belong to a line only if that is an
error, announces them (it ends in a colon or opens a bracket), or is in a trace already. An error of its own, or an indented line
with a time, never goes on with what is none.

An event counts by the line that says what it is about (`models.telling_line`), which is its first, so what follows changes
nothing that was counted, and nothing waits for it. Two kinds of lines wait: a Python traceback, which is told by its last line,
and what looks like an exception right below an error, which is a part of that error only if frames follow.

>>> source = Source(level=17, head=0)
>>> [source.judge(line, 0, 0).name for line in ("a.GoneError: y", "\\tat a.b(C.java:1)", "Caused by: z", "next")]
['WAITS', 'JOINS', 'JOINS', 'BEGINS']
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from operator import itemgetter
from typing import Final

from models.levels import Level
from stream.decode.traces import BEGINS, CAUSE, CHAINED, EXCEPTION, FURTHER, GO_FRAME, LAST

_ERROR, _WARN = int(Level.ERROR), int(Level.WARN)
_NEAR_NS: Final = 10 * 10**9
"""An exception further away from an error than this is another trouble."""


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.ASCII)


_FRAME = re.compile(
    r"""[ \t]++(?:
      at\ (?:async\ |new\ )?[A-Za-z_$/<\[][^\s(]*+(?:\ \[as\ [^\]]+\])?\ ?\(   # Java, Node, .NET
    | at\ (?:async\ )?[A-Za-z/<][^\s:]*+:\S*\d
    | \.{3}\ \d+\ (?:more|common)
    | File\ "[^"]*",\ line\ \d
    | [\^~]++\s*$
    | from\ \S+:\d
    | (?:Caused\ by|Suppressed):[ ]
    | ---(?:>|\ End\ of\ )
    | [^\s:]+\.go:\d
    )""",
    re.ASCII | re.VERBOSE,
)
_CAUSE, _BEGINS, _CHAINED, _FURTHER = map(
    _pattern, (CAUSE, BEGINS, CHAINED, rf"{FURTHER}|\[signal |exit status \d|--- End of ")
)
_EXCEPTION = _pattern(EXCEPTION, EXCEPTION.replace(r"(?::\s|\s*$)", r" \("))
_LAST, _GO_FRAME = _pattern(LAST), _pattern(GO_FRAME)
_RUBY_FRAME = _pattern(r"\S+\.rb:\d+:in [`']\S.*'\s*$")
_WORDS = r"(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION):"
_LATER_DETAIL = _pattern(rf"(?:[\d\[(<]\S* |[A-Z]{{3,4}} |\w+@\w+ ){{0,6}}{_WORDS}\s", r"ORA-06512: ")
_DETAIL, _POSTGRES_DETAIL = _pattern(rf"{_WORDS}\s"), _pattern(rf"{_WORDS}\s\s")
_TIMED = _pattern(r"\s+[\[(]?(?:\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d|[A-Z][a-z]{2} +\d+ \d\d:\d\d)")
_KINDS: Final = ("Exception", "Error", "Throwable", "Interrupt", "Exit")
_ANNOUNCES: Final = (":", "{", "[", "(")
_BLANK: Final = " \t\r\n"
_FIRSTS: Final = frozenset(("", *_BLANK, "]", ")", "}"))
_HEADS: Final = frozenset(
    [
        "Trac",
        "goro",
        "pani",
        "fata",
        "Caus",
        "Supp",
        "Wrap",
        "Duri",
        "crea",
        "[sig",
        "exit",
        "DETA",
        "HINT",
        "CONT",
        "STAT",
        "QUER",
        "LOCA",
    ]
) | {"The ", "... ", "--- "}
"""How the lines begin that may be a part of what is neither an error nor a trace."""


_HEAD = itemgetter(slice(4))


def suspects(texts: Sequence[str]) -> list[int]:
    """Return the places of texts that begin as parts of a trace do: a glance at their first letters, no more.

    >>> suspects(["paid bill 17", "\\tat a.b(C.java:1)", "The bill is paid", ""])
    [1, 2, 3]
    """
    found = {head for head in set(map(_HEAD, texts)) if head[:1] in _FIRSTS or head in _HEADS}
    return [at for at, text in enumerate(texts) if text[:4] in found] if found else []


def is_blank(text: str) -> bool:
    """Say whether a line has nothing in it: it is a part of an open trace, and else changes nothing for what comes after."""
    return not text.strip(_BLANK)


class Verdict(Enum):
    """What a line is: an event of its own, a part of the one before, or one that waits for the next line to tell."""

    BEGINS = 1
    JOINS = 2
    WAITS = 3


@dataclass(slots=True)
class Source:
    """What is known of one source after its last line.

    `head` is the event that the line belongs to: its place in the block, its template's id once the block was learnt, None
    if there is none. `held` are lines that wait, with their level, time and whether they are an event in any case (`sure`).
    """

    head: int | str | None = None
    level: int = 0
    at_ns: int = 0
    takes: bool = False  # indented lines, whatever they look like
    open: bool = False  # in a trace
    indented: bool = False  # the last line was
    python: bool = False
    chained: bool = False
    go: bool = False
    size: int = 0
    held: list[str] = field(default_factory=list)
    held_level: int = 0
    held_ns: int = 0
    sure: bool = False
    tick: int = 0

    @property
    def eager(self) -> bool:
        """Whether the next line has to be looked at, however it begins."""
        return self.open or bool(self.held) or (self.level >= _ERROR and self.head is not None)

    def begin(self, head: int | str | None, text: str, level: int, at_ns: int) -> None:
        """A line is an event, or the first line of one."""
        self.head, self.level, self.at_ns, self.size = head, level, at_ns, len(text)
        self.open = self.python = self.chained = self.go = False
        self.indented = _ends_indented(text)
        self.takes = (
            level >= _ERROR or text.endswith(_ANNOUNCES) or "\n" in text or _EXCEPTION.match(text) is not None
        )

    def judge(self, text: str, level: int, at_ns: int) -> Verdict:
        """Return what a line is, as of what is known; a line that begins an event is for `begin` to take in."""
        line = text.partition("\n")[0] if "\n" in text else text
        if is_blank(line):
            return Verdict.JOINS if self.open else Verdict.BEGINS
        guess = bool(self.held) and not self.sure
        if line[0] in " \t":
            joins = self._takes_indented(line, level)
            if joins:
                self.open = self.open or guess or _FRAME.match(line) is not None
            return self._joins(text, at_ns) if joins else Verdict.BEGINS
        if self._goes_on(line, guess=guess):
            self.open = True
            self.chained = _CHAINED.match(line) is not None
            return self._joins(text, at_ns)
        if "\n" in text:
            return self._whole(text)
        if guess:
            return Verdict.BEGINS
        near = self.level >= _ERROR and abs(at_ns - self.at_ns) <= _NEAR_NS and self.head is not None
        if line.startswith("Traceback (most"):
            if (self.open and (self.chained or not self.python)) or (near and not self.open):
                self.open, self.python, self.chained = True, True, False
                return self._joins(text, at_ns)
            return Verdict.WAITS
        if _BEGINS.match(line) and (self.open or near):
            self.open = self.go = True
            return self._joins(text, at_ns)
        if near and not self.open and not self.held and _EXCEPTION.match(line):
            return Verdict.WAITS
        return Verdict.BEGINS

    def hold(self, text: str, level: int, at_ns: int) -> None:
        """A line waits: a traceback to its end, which is an event in any case, or what may be a part of `head`."""
        self.held, self.held_level, self.held_ns = [text], level, at_ns
        self.sure = text.startswith("Traceback ")
        if self.sure:
            self.begin(None, text, level, at_ns)
            self.open_as(text)

    def release(self, head: int) -> None:
        """What waited is an event of its own."""
        text, self.held = "\n".join(self.held), []
        self.begin(head, text, self.held_level, self.held_ns)
        self.sure = False

    def open_as(self, text: str) -> None:
        """Take in that a line which has begun an event, or waits as one, is itself of a trace."""
        self.python = text.startswith("Traceback (most")
        self.go = text.startswith(("goroutine ", "panic: ", "fatal error: "))
        self.open = self.python or self.go or _FRAME.match(text) is not None

    def _takes_indented(self, line: str, level: int) -> bool:
        if self.head is None and not self.held:
            return False
        if self.open:
            return True
        outranks = level > self.level and level >= _WARN
        if _FRAME.match(line):
            return not (outranks and level >= _ERROR)
        return self.takes and not outranks and _TIMED.match(line) is None

    def _goes_on(self, line: str, *, guess: bool) -> bool:
        """Say whether an unindented line speaks of what came before it."""
        if self.head is None and not self.held:
            return False
        if _CAUSE.match(line):
            return True
        if guess:
            return _RUBY_FRAME.match(line) is not None
        found = (
            ((self.open or self.indented) and _FURTHER.match(line))
            or (self.python and self.indented and _LAST.match(line))
            or (self.go and _GO_FRAME.match(line))
            or _POSTGRES_DETAIL.match(line)
            or (self.level >= _WARN and _DETAIL.match(line))
            or (
                (self.open or self.level >= _ERROR) and (_RUBY_FRAME.match(line) or _LATER_DETAIL.match(line))
            )
        )
        return bool(found)

    def _joins(self, text: str, at_ns: int) -> Verdict:
        self.indented = _ends_indented(text)
        self.at_ns = at_ns
        self.size += len(text) + 1
        return Verdict.JOINS

    @staticmethod
    def _whole(text: str) -> Verdict:
        """What came in one piece is an event, unless it is a traceback whose end is missing."""
        unfinished = text.startswith("Traceback (most") and _ends_indented(text)
        return Verdict.WAITS if unfinished else Verdict.BEGINS


def _ends_indented(text: str) -> bool:
    return text.startswith((" ", "\t"), text.rfind("\n") + 1)
