"""What a line says of a person: kinds of personal data, found by their form and by the key they stand under.

This looks for data that begin to appear where there were none; it hides nothing (that is the gate's work, `models.sanitizer`).
Text of addresses is decoded first (`%20`, `+`), since search terms in access logs are where names get out. A single kind may be
a false alarm; the watch that uses this asks for several lines.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import accumulate
from typing import Final
from urllib.parse import unquote_plus

import hyperscan

_KEYS: Final = re.compile(
    r"(?<![a-z])(?P<key>(?:first|last|given|family|full|patient|maiden|sur)[_ -]?name|surname|patient|birth[_ -]?date|birth[_ -]?day|"
    r"date[_ -]?of[_ -]?birth|dob|born|ssn|social[_ -]?security(?:[_ -]?(?:no|number))?|mrn|medical[_ -]?record(?:[_ -]?(?:no|number))?|"
    r"insurance[_ -]?(?:id|no|number)|home[_ -]?address|street|phone|mobile|diagnosis|icd(?:10)?)\"?(?:\s*[:=]\s*|\s+(?:is\s+)?|\s*\()"
    r"[\"']?(?P<value>[^\s\"',;&)]{2,40}(?: [A-Z][a-z'-]+)?)",
    re.IGNORECASE,
)
_NAMES: Final = re.compile(r"(?<![\w.])[A-Z][a-z'-]{1,20},? (?:[A-Z]\. )?[A-Z][a-z'-]{1,20}(?![\w.(])")
_BIRTH: Final = re.compile(
    r"(?<![0-9-])(?:(?P<y1>(?:19|20)[0-9]{2})[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?P<y2>(?:19|20)[0-9]{2}))(?![0-9T:-])"
)
_RECORD: Final = re.compile(r"(?<![A-Za-z])(?:MRN|SSN|NHS|EHR|PHN)[ :#=_-]{0,2}[0-9]{5,12}(?![0-9])")
_SSN: Final = re.compile(r"(?<![0-9A-Za-z-])[0-9]{3}-[0-9]{2}-[0-9]{4}(?![0-9-])")
_KINDS: Final = (
    ("birth", re.compile(r"birth|dob|born")),
    ("number", re.compile(r"ssn|social|mrn|medical|insurance")),
    ("contact", re.compile(r"address|street|phone|mobile")),
    ("health", re.compile(r"diagnosis|icd")),
    ("name", re.compile(r"name|patient")),
)
_ID: Final = re.compile(
    r"[#]?[0-9a-f-]{1,40}$|[A-Za-z]{0,4}[-_]?[0-9]+$|<|\*|null$|none$|true$|false$|\[", re.IGNORECASE
)
_YEARS_BACK: Final = 2
_DIGITS: Final = 6
_HINTS: Final = (
    rb"born|birth|dob|ssn|social|mrn|nhs|ehr|phn|medical|mobile|street|diagnos|icd",
    rb"name[=:\"]|patient[=:]|phone[=:]",
    rb"(19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]",
    rb"[0-9][-/.](19|20)[0-9]{2}",
    rb"[0-9]{3}-[0-9]{2}-[0-9]{4}",
)
_SOME: Final = 32
_MATCHES: Final = 512
"""Hints after which a block is searched no further."""


@lru_cache(maxsize=1)
def _scanner() -> hyperscan.Database:
    """Return the hints as one pattern database: a pass over a block costs a tenth of what plain searches do."""
    database = hyperscan.Database()
    count = len(_HINTS)
    flags = [hyperscan.HS_FLAG_CASELESS] * count
    database.compile(expressions=list(_HINTS), ids=list(range(count)), elements=count, flags=flags)
    return database


def hinted(texts: Sequence[str]) -> list[int]:
    """Return where lines stand in `texts` that may have personal data, the first few of them.

    >>> hinted(["ready in 5 ms", "q=1971-05-30", "port 1980", "DOB: 1980"])
    [1, 3]
    """
    ends = list[int]()

    def note(_id: int, _begin: int, end: int, _flags: int, _context: object) -> bool | None:
        ends.append(end)
        return True if len(ends) >= _MATCHES else None

    whole = "\n".join(texts).encode("utf-8", "surrogatepass")
    with suppress(hyperscan.ScanTerminated):
        scanner = _scanner()
        # A search needs working memory of its own: the database's serves one thread at a time.
        scanner.scan(whole, match_event_handler=note, scratch=hyperscan.Scratch(scanner))
    if not ends:
        return []
    limits = list(accumulate(len(text.encode("utf-8", "surrogatepass")) + 1 for text in texts))
    return sorted({bisect_left(limits, end) for end in ends})[:_SOME]


def personal(text: str, year: int) -> frozenset[str]:
    """Return the kinds of personal data in a line that was written in `year`: name, birth, number, contact, health.

    A person's id under `patient` is none; two words in capitals are a name only beside another kind.

    >>> sorted(personal("GET /search?q=Ann+Example+1971-05-30 200", 2026))  # made-up
    ['birth', 'name']
    >>> sorted(personal('{"lastName": "Example", "dob": "1971-05-30"}', 2026))  # made-up
    ['birth', 'name']
    >>> sorted(personal("no allergies on file for Example, Ann (MRN12345678)", 2026))  # made-up
    ['name', 'number']
    >>> personal("patient 4711 moved on 2026-03-01, Bed Manager asked", 2026)
    frozenset()
    """
    text = unquote_plus(text) if "+" in text or "%" in text else text
    kinds = set[str]()
    for match in _KEYS.finditer(text):
        kind = next(kind for kind, pattern in _KINDS if pattern.search(match["key"].lower()))
        value = match["value"]
        if kind == "name" and (_ID.match(value) or not value[0].isupper()):
            continue
        if kind in ("birth", "number", "health") and not any(map(str.isdigit, value)):
            continue
        if kind == "contact" and (
            not any(mark in match[0] for mark in "=:") or sum(map(str.isdigit, value)) < _DIGITS
        ):
            continue
        kinds.add(kind)
    if _SSN.search(text) or _RECORD.search(text):
        kinds.add("number")
    for match in _BIRTH.finditer(text):
        if int(match["y1"] or match["y2"]) <= year - _YEARS_BACK:
            kinds.add("birth")
    if kinds - {"name"} and _NAMES.search(text):
        kinds.add("name")
    return frozenset(kinds)
