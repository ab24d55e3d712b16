"""Figures in log lines that say how full something is: a value together with its limit.

Read are a share (`disk 83 %`), a part of a whole (`pool 17/20`, `3.1GB of 4GB`), and a pair of named numbers
(`depth=120 limit=1000`). What is free (`12 % free`) is turned into what is used. A figure counts only where words
beside it name something that fills up, or say that it is in use: `attempt 3/5`, `page 2 of 9` and
`copied 83 %` reach their end every day and mean no harm. The words are a closed list, so the name of a figure holds
nothing from a log but words of ours. Its key does hold raw words (`/var`, the name of a pool): it stays inside.

Sizes are counted in bytes, K and Ki both 1024. Not read: decimal commas, a limit before its value, lengths of
time.

>>> [(f.name, f.value, f.limit, f.percent) for f in figures_in("pool orders: 17/20, disk /var 83 %")]
[('pool', 17.0, 20.0, False), ('disk', 83.0, 100.0, True)]
>>> [(f.name, round(f.share, 3)) for f in figures_in("12 % of heap free, retry 3 of 5")]
[('heap', 0.88)]
>>> figures_in("copied 83 % of the volume in attempt 3/5")
[]
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

LONGEST: Final = 2000
"""Characters of a line that are looked at."""
_MOST: Final = 8  # figures of one line
_LEAST_WHOLE: Final = 5  # a whole of fewer parts is too coarse for a trend
_BEFORE, _AFTER = 80, 48  # characters beside a number that may say what it is

_NUMBER = r"[0-9]{1,15}(?:,[0-9]{3}){0,4}(?:\.[0-9]{1,9})?"
_UNIT = r"(?:[KMGTP]i?[Bb]?|[kmgt]i?[Bb]|[Bb]ytes|B)(?![A-Za-z0-9])"
_FIGURE: Final = re.compile(
    rf"(?<![\w./:,+-])(?P<value>{_NUMBER})\ ?(?:"
    rf"(?P<share>%|percent\b)"
    rf"|(?P<unit>{_UNIT})?\ ?(?:/|of|out\ of)\ ?(?P<limit>{_NUMBER})(?:\ ?(?P<limit_unit>{_UNIT}))?"
    rf"(?![\w/:%-]|[.,][0-9]|\ ?%|\ ?(?:ms|us|ns|s|secs?|seconds?|min|minutes?|h|hours?|days?)\b))",
    re.VERBOSE,
)
_NAMED: Final = re.compile(
    rf"(?P<kind>[A-Za-z_.]{{0,40}}(?:used|active|busy|current|size|depth|count|open|in_use|length|usage))"
    rf"\ ?[=:]?\ ?(?P<value>{_NUMBER})\ ?(?P<unit>{_UNIT})?(?![\w%/])"
    rf"[^0-9]{{0,12}}?[A-Za-z_.]{{0,24}}(?:max|limit|capacity|quota|maximum)"
    rf"\ ?[=:]?\ ?(?P<limit>{_NUMBER})\ ?(?P<limit_unit>{_UNIT})?(?![\w%/])",
    re.VERBOSE,
)
_ENDS: Final = re.compile(r"[;|()\[\]{}]|[,.](?= )")
_CAPS: Final = ("max", "limit", "capacity", "quota")
_MARKS: Final = ("%", "/", "of ", "percent", *_CAPS)
"""Every figure has one of these: most lines have none, and are done with."""
_TOKENS: Final = re.compile(r"[^\s=:,;()\[\]{}\"'<>|]+")
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


THINGS: Final = _set(
    """backlog buffer cache capacity connection cursor depth descriptor disk executor file filesystem handle heap
    inode journal lag log memory mailbox partition permit pool queue quota ram session slot socket space spool
    storage stream swap table tablespace thread volume wal worker"""
)
"""What can fill up."""
_USED: Final = _set(
    """use used usage full occupied occupancy utilization utilisation utilized consumed busy active allocated taken
    pending queued"""
)
_FREE: Final = _set("free available remaining left idle unused")
_ENDED: Final = _set(
    """complete completed done finished progress processed copied copying downloaded downloading uploaded uploading
    migrated migrating restored restoring synced syncing scanned indexed imported exported sent passed succeeded
    ready healthy alive hit miss ratio success uptime availability reclaimed freed saved compressed cleaned cpu
    discount confidence accuracy loss sampling answered replica node pod delivered rebuilt rebuilding replayed loaded
    loading charged"""
)
"""Words that make a number a progress or a quality, wherever they stand beside it."""
_COUNTED: Final = _set(
    """attempt try retry retries tries step page batch part chunk shard stage phase round iteration epoch line row
    record item test threshold limit target warn than above below version release day week month"""
)
"""Words that do so only if no thing stands between them and the number."""
_TELLING: Final = THINGS | _USED | _FREE | _COUNTED
_SPELT: Final = {"mem": "memory", "fd": "descriptor", "utilisation": "utilization"}
_KNOWN: Final = {f"{word}s": word for word in THINGS | _ENDED | _COUNTED} | _SPELT | {"fds": "descriptor"}
"""Other spellings of the words above."""
_SCALE: Final = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


class Figure(NamedTuple):
    """A value and its limit; `key` tells apart what has the same name. `key` is raw, `name` is of our words."""

    key: str
    name: str
    value: float
    limit: float
    percent: bool

    @property
    def share(self) -> float:
        """The value as a part of its limit; 1 is full."""
        return self.value / self.limit


def figures_in(text: str) -> list[Figure]:
    """Return the figures of one line, in its order; empty where nothing is said to fill up."""
    text = text[:LONGEST]
    if not any(map(text.__contains__, _MARKS)):
        return []
    found: list[Figure] = []
    matches = _matches(text)[:_MOST]
    edges = [0, *(match.end() for match in matches)], [*(match.start() for match in matches[1:]), len(text)]
    for match, begin, stop in zip(matches, edges[0], edges[1], strict=False):
        before = _clause_before(text[max(begin, match.start() - _BEFORE) : match.start()])
        after = _clause_after(text[match.end() : min(stop, match.end() + _AFTER)])
        if (figure := _figure(match, before, after)) is not None:
            found.append(figure)
    return found


def carries(text: str) -> bool:
    """Say whether a line carries a figure."""
    return bool(figures_in(text))


def named_number(name: str) -> re.Pattern[str]:
    """Return the pattern of a number that follows the words `name`; its value is group 1, its unit group 2.

    >>> named_number("queue depth").search("Queue depth is now 120")[1]
    '120'
    """
    words = r"[ _-]".join(map(re.escape, re.split(r"[ _-]+", name.strip())))
    return re.compile(
        rf"(?<![A-Za-z0-9]){words}\ ?(?:[=:]|is|at|of|now|\ )*\ ?({_NUMBER})(?:\ ?({_UNIT}))?", re.IGNORECASE
    )


def number(digits: str, unit: str | None = None) -> float:
    """Return what digits and a unit of data come to.

    >>> number("1,200"), number("1.5", "KB"), number("3", "bytes")
    (1200.0, 1536.0, 3.0)
    """
    return float(digits.replace(",", "")) * 1024.0 ** _SCALE.get((unit or "")[:1].lower(), 0)


def _matches(text: str) -> list[re.Match[str]]:
    """Return pairs of named numbers, and the other forms where they do not overlap one; in order."""
    found = list(_NAMED.finditer(text)) if any(cap in text for cap in _CAPS) else []
    pairs = [match.span() for match in found]
    for match in _FIGURE.finditer(text):
        start, end = match.span()
        if not any(first < end and start < last for first, last in pairs):
            found.append(match)
    return sorted(found, key=re.Match.start)


def _figure(match: re.Match[str], before: str, after: str) -> Figure | None:
    groups = match.groupdict()
    value, limit, percent = _amounts(groups)
    if limit <= 0 or not 0 <= value <= 2 * limit or (limit < _LEAST_WHOLE and not groups.get("unit")):
        return None
    if "kind" in groups:
        before = f"{before} {groups['kind']}"
    name, free = _meaning(_words(before), _words(after))
    if not name:
        return None
    tokens = [token for token in _TOKENS.findall(before) if _tells_apart(token)]
    tokens += [token for token in _TOKENS.findall(after) if token.startswith("/")]
    form = "%" if percent else "/"
    return Figure(
        " ".join((form, name, *tokens)), name, max(0.0, limit - value) if free else value, limit, percent
    )


def _amounts(groups: dict[str, str | None]) -> tuple[float, float, bool]:
    """Return value, limit and whether they are a percentage; a limit of 0 where they do not belong together."""
    digits, unit = groups["value"] or "", groups.get("unit")
    if groups.get("share"):
        return number(digits), 100.0, True
    of_unit = groups["limit_unit"]
    if unit and not of_unit:
        return 0.0, 0.0, False
    return number(digits, unit or of_unit), number(groups["limit"] or "0", of_unit), False


def _meaning(before: list[str], after: list[str]) -> tuple[str, bool]:
    """Return the name of what fills up, "" if nothing does, and whether the number is what is left of it."""
    beside = [*before, *after]
    if not _ENDED.isdisjoint(beside):
        return "", False
    side = before if _tells(before) else after
    nearest = next((word for word in (reversed(side) if side is before else side) if word in _TELLING), "")
    if not nearest or nearest in _COUNTED:
        return "", False
    things = [word for word in side if word in THINGS]
    if not things and side is before:  # `usage 83 % of disk`
        things = [word for word in after if word in THINGS]
    order = (*after[:2], *reversed(before), *after[2:])
    free = next((word in _FREE for word in order if word in _FREE or word in _USED), False)
    return " ".join(list(dict.fromkeys(things))[-3:]) or "usage", free


def _tells(words: list[str]) -> bool:
    return not _TELLING.isdisjoint(words)


def _words(text: str) -> list[str]:
    return [_KNOWN.get(word, word) for word in map(str.lower, _WORDS.findall(text))]


def _tells_apart(token: str) -> bool:
    """Say whether a word may name one of several, and is not just another value."""
    return len(token) <= 40 and sum(map(str.isdigit, token)) <= 3 and any(map(str.isalpha, token))


def _clause_before(text: str) -> str:
    return _ENDS.split(text.rstrip(" ([{"))[-1]


def _clause_after(text: str) -> str:
    return _ENDS.split(text.lstrip(" )]}"))[0]
