"""What a line says of a person: kinds of personal data, found by their form and by the key they stand under.

This looks for data that begin to appear where there were none; it hides nothing (that is the gate's work, `models.sanitizer`).
Text of addresses is decoded first (`%20`, `+`), since search terms in access logs are where names get out. A single kind may be
a false alarm; the watch that uses this asks for several lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_plus

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
# fmt: off
_HINTS: Final = (
    "born", "birth", "dob", "ssn", "social", "mrn", "medical", "name=", "name:", 'name"', "patient=", "patient:", "phone=", "phone:",
    "mobile", "street", "diagnos", "icd",
)
# fmt: on
_DATES: Final = tuple(
    map(re.compile, ("19[2-9][0-9][-/.][0-9]", "200[0-9]-[0-9]", "201[0-9]-[0-9]", "-19[2-9][0-9](?![0-9])"))
)
_SOME: Final = 32


def hinted(texts: Sequence[str]) -> list[int]:
    """Return where lines stand in `texts` that may have personal data, the last few of them; one look over all where none has.

    >>> hinted(["ready in 5 ms", "q=1971-05-30", "port 1980", "DOB: 1980"])
    [1, 3]
    """
    whole = "\n".join(texts)
    lower = whole.lower()
    words = [hint for hint in _HINTS if hint in lower]
    dates = any(date.search(whole) for date in _DATES)
    if not words and not dates:
        return []
    found = list[int]()
    for at in range(len(texts) - 1, -1, -1):
        text = texts[at]
        if (dates and _BIRTH.search(text)) or _has(text.lower(), words):
            found.append(at)
            if len(found) >= _SOME:
                break
    return found[::-1]


def _has(text: str, words: Sequence[str]) -> bool:
    return any(word in text for word in words)


def personal(text: str, year: int) -> frozenset[str]:
    """Return the kinds of personal data in a line that was written in `year`: name, birth, number, contact, health.

    A person's id under `patient` is none; two words in capitals are a name only beside another kind.

    >>> sorted(personal("GET /search?q=Ann+Example+1971-05-30 200", 2026))  # made-up
    ['birth', 'name']
    >>> sorted(personal('{"lastName": "Example", "dob": "1971-05-30"}', 2026))  # made-up
    ['birth', 'name']
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
    if _SSN.search(text):
        kinds.add("number")
    for match in _BIRTH.finditer(text):
        if int(match["y1"] or match["y2"]) <= year - _YEARS_BACK:
            kinds.add("birth")
    if kinds - {"name"} and _NAMES.search(text):
        kinds.add("name")
    return frozenset(kinds)
