"""The header of raw log lines of unknown format, found by the lines' own regularity.

Whatever wrote a file puts time, level, host and process in the same places of every line, and then says
something. So the header ends behind the last column in which nearly every line has a time or a level; numbers,
a bracket, a logger's name or a process with its mark (`sshd[71]:`) that nearly every line has next belong to it
too. A file without such a column has no header. Nothing is known here about any particular format.

>>> lines = [f"2026-03-02 03:00:{n:02} INFO [main] ward.Beds: bed {n} is free" for n in range(60)]
>>> header = find_header(lines)
>>> header.split(lines[7])
('2026-03-02 03:00:07 INFO [main] ward.Beds: ', 'bed 7 is free')
>>> header.split("  at Beds.java:12"), find_header(["bed 7 is free"] * 60).split("bed 7 is free")
(('', '  at Beds.java:12'), ('', 'bed 7 is free'))
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_LOOKED_AT: Final = 2000
_COLUMNS: Final = 12
_NEARLY_ALL: Final = 0.95
_HEAD, _BEGIN = 5, 0.5
_MOST: Final = 0.9
"""Share of lines that name a process in the same way; programs without a number, kernels and the like differ."""
_FEW: Final = 3
_ENOUGH_TO_TELL: Final = 50

_TIME = r"[\[(<]?\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?(?:[T_:-]?\d[\d:.,]*)?(?:Z|[+-]\d\d:?\d\d)?[\])>,;|]?"
_CLOCK = r"[\[(<]?\d{1,2}:\d\d(?::\d\d)?(?:[.,:]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?[\])>,;|]?"
_EPOCH = r"[\[(<]?1\d{9}(?:\d{3})?(?:\.\d+)?[\])>,;|]?"
_COMPACT = r"(?:19|20)\d{6}[-T]?\d[\d:.,]*"
_WORD_OF_TIME = (
    r"[\[(<]?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6},?"
)
_LEVEL = (
    r"[\[(<]?(?i:trace|debug|verbose|info|information|notice|warn|warning|err|error|severe|fine|crit|critical|alert"
    r"|emerg|panic|fatal|failure)[\])>:,]?|[VDIWEF]"
)
_NUMBER, _DASH = r"[\[(<]?\d+[\])>:,]?", r"[-|*:]"
_ANCHOR = re.compile(rf"(?:{_TIME}|{_CLOCK}|{_EPOCH}|{_COMPACT}|{_WORD_OF_TIME}|{_LEVEL})$")
_FILLER = re.compile(rf"(?:{_NUMBER}|{_DASH})$")
_ALIGNED = re.compile(r"(\S+)(?:\t|\s\s)\s*")

_BRACKET = r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]:?\s+(?:-\s+)?"
_PROCESS = (
    r"(?:[^\s:\[]+|(?:[^\s:\[]+ ){1,3}[^\s:\[]+(?=\[\d+\]:))(?:\[[\w.-]*\])?(?: \([^\s()]*\))?\s?:(?:\s+|$)"
)
_LOGGER = r"[A-Za-z_][\w$-]*(?:\.[\w$-]+)+\s+"
_DASHED = r"(?:\S+ ){1,3}-\s+"
_NEXT: Final = (  # what may follow the last time or level: pattern, share of lines, whether the header ends there
    (_BRACKET, _NEARLY_ALL, False),
    (
        rf"[^\s:]+\s+{_PROCESS}",
        _MOST,
        True,
    ),  # host and process; before the process, which may have several words
    (_PROCESS, _MOST, True),
    (_DASHED, _NEARLY_ALL, True),
    (_LOGGER, _NEARLY_ALL, False),
)


@dataclass(frozen=True, slots=True)
class Header:
    """How the lines of one source begin; `pattern` is None where they have no header."""

    pattern: re.Pattern[str] | None = None

    def split(self, line: str) -> tuple[str, str]:
        """Return header and message of a line; an empty header if the line does not begin as the others do."""
        found = self.pattern.match(line) if self.pattern is not None else None
        return ("", line) if found is None else (line[: found.end()], line[found.end() :])


def find_header(lines: Sequence[str]) -> Header:
    """Return the header that nearly all of the first lines have."""
    sample = [line for line in lines[:_LOOKED_AT] if line and not line[0].isspace()]
    if not sample:
        return Header()
    for separator in ("|", None):
        columns = [_cells(line, separator) for line in sample]
        begins = [any(map(_ANCHOR.match, cells[:_HEAD])) for cells in columns]
        if sum(begins) >= _BEGIN * len(
            columns
        ):  # what has no time or level at all goes on with the line before it
            columns = [cells for cells, begin in zip(columns, begins, strict=True) if begin]
        count = _anchored(columns, gaps=separator is not None)
        if count:
            return _header(sample, columns, count, separator)
    return Header()


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split(None, _COLUMNS)[:_COLUMNS]
    cells = line.split(separator, _COLUMNS)
    return [] if len(cells) < 3 else [cell.strip() for cell in cells[:-1]]


def _share(columns: Sequence[Sequence[str]], at: int, pattern: re.Pattern[str]) -> float:
    return sum(1 for cells in columns if at < len(cells) and pattern.match(cells[at])) / len(columns)


def _anchored(columns: Sequence[Sequence[str]], *, gaps: bool) -> int:
    """Return how many columns reach to the last one in which nearly every line has a time or a level, and over
    numbers behind it; with `gaps` also over columns between it and these."""
    anchors = [at for at in range(_COLUMNS) if _share(columns, at, _ANCHOR) >= _NEARLY_ALL]
    if not anchors:
        return 0
    count = anchors[-1] + 1
    if gaps:
        return max(
            at + 1 for at in range(_COLUMNS) if at < count or _share(columns, at, _FILLER) >= _NEARLY_ALL
        )
    while count < _COLUMNS and _share(columns, count, _FILLER) >= _NEARLY_ALL:
        count += 1
    return count


def _header(
    sample: Sequence[str], columns: Sequence[Sequence[str]], count: int, separator: str | None
) -> Header:
    parts = []
    for at in range(count):
        dated = _share(columns, at, _ANCHOR) >= _NEARLY_ALL and _share(columns, at, re.compile(r".*\d"))
        cell = r"[^\s]*\d\S*" if dated and dated >= _NEARLY_ALL else r"\S+"
        parts.append(rf"\s*{cell}\s+" if separator is None else r"[^|]*\|")
    pattern = "".join(parts)
    if separator is None:
        pattern = _more(sample, pattern)
    return Header(re.compile(pattern))


def _more(sample: Sequence[str], pattern: str) -> str:
    """Add what nearly every line has next to the pattern of its first columns."""
    known = re.compile(pattern)
    rests = [line[found.end() :] for line in sample if (found := known.match(line))]
    for _ in range(4):
        for more, share, is_last in _NEXT:
            after = re.compile(more)
            matches = [after.match(rest) for rest in rests]
            if sum(map(bool, matches)) >= share * len(rests):
                pattern += f"(?:{more})?" if share < _NEARLY_ALL or is_last else more
                if is_last:
                    return pattern
                rests = [rest[found.end() :] for rest, found in zip(rests, matches, strict=True) if found]
                break
        else:
            found_words = [found for rest in rests if (found := _ALIGNED.match(rest))]
            few = len({found[1] for found in found_words}) <= _FEW
            if len(found_words) < max(_ENOUGH_TO_TELL, _NEARLY_ALL * len(rests)) or not few:
                return pattern
            pattern += _ALIGNED.pattern  # a component: one of very few words, and a column of its own
            rests = [found.string[found.end() :] for found in found_words]
    return pattern
