"""The one table of placeholder types: what a masked value is called, and how the plain kinds are recognised.

The template miner masks with the entries that have a `mask`; the gate (`models.sanitizer`) produces and
keeps all of them. Masks are ordered: where two could match, the earlier entry wins. They are plain ASCII
and stay inside what RE2 and Hyperscan understand (no lookaround, no back-reference, repeats bounded
wherever a scan could become quadratic), so one pattern serves `str`, `bytes` and a pattern database.
Compile with `compiled`.

A mask only recognises a *form*. It never admits anything: what no mask covers, the gate judges word by
word.

>>> masked("worker 7 lost 10.0.3.9:5432 after 250 ms")
'worker <NUM> lost <IP> after <DURATION>'
>>> compiled("UUID", bytes).sub(b"<UUID>", b"job 0f8fad5b-d9cb-469f-a165-70867728950e")
b'job <UUID>'
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple, overload


class Placeholder(NamedTuple):
    """One type: `name` is written `<NAME>` in text; `mask` is None where only the gate can tell.

    `needs` is a substring of every text that the mask matches, for a cheap look before the scan.
    """

    name: str
    meaning: str
    mask: str | None = None
    needs: str = ""

    @property
    def text(self) -> str:
        """The placeholder as it stands in a text, for example `<IP>`."""
        return f"<{self.name}>"


_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_DECIMAL = r"[0-9]+(?:\.[0-9]+)?"

PLACEHOLDERS: Final[tuple[Placeholder, ...]] = (
    Placeholder(
        "URL",
        "address of a page or an endpoint, whole",
        r"\b[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s\"'<>]+",
        "://",
    ),
    Placeholder(
        "EMAIL",
        "e-mail address",
        r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}\b",
        "@",
    ),
    Placeholder(
        "UUID",
        "UUID in its usual form",
        r"\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b",
        "-",
    ),
    Placeholder("MAC", "hardware address", r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b"),
    Placeholder(
        "IP",
        "IPv4 or IPv6 address, with its port or prefix length",
        r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:[:/][0-9]{1,5})?\b"
        r"|\b(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\b"
        r"|\b(?:[0-9A-Fa-f]{1,4}:){1,7}:(?:[0-9A-Fa-f]{1,4}:){0,6}[0-9A-Fa-f]{1,4}\b",
    ),
    Placeholder(
        "DATE",
        "date, with its time of day if there is one",
        rf"\b[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}(?:[T ]{_CLOCK})?\b"
        rf"|\b[0-9]{{1,2}}[-/.][0-9]{{1,2}}[-/.](?:[0-9]{{4}}|[0-9]{{2}})(?:[T ,]{{1,2}}{_CLOCK})?\b"
        rf"|\b[0-9]{{1,2}}[ -/]{_MONTH}[ -/][0-9]{{4}}(?:[: ]{_CLOCK})?\b"
        rf"|\b{_MONTH} {{1,2}}[0-9]{{1,2}}(?:,? [0-9]{{4}})?(?: {_CLOCK})?\b",
    ),
    Placeholder("TIME", "time of day", rf"\b{_CLOCK}\b"),
    Placeholder(
        "DURATION",
        "length of time with its unit",
        rf"\b(?:{_DECIMAL}(?:ns|us|ms|s|m|h|d)){{1,6}}\b"
        rf"|\b{_DECIMAL} ?(?:ns|us|ms|s|secs?|seconds?|msecs?|milliseconds?|mins?|minutes?|hrs?|hours?)\b",
    ),
    Placeholder(
        "SIZE",
        "amount of data with its unit",
        rf"\b{_DECIMAL} ?(?:[KMGTPkmgt]i?[Bb]|B|[Bb]ytes?)\b|\b{_DECIMAL}[KMGT]i?\b",
    ),
    Placeholder("NUM", "number", r"\b[0-9]+(?:[.,][0-9]+){0,8}\b"),
    Placeholder("HEX", "hexadecimal value or digest", r"\b0[xX][0-9A-Fa-f]+\b|\b[0-9A-Fa-f]{8,}\b"),
    Placeholder("BOOL", "truth value, or none at all: true, false, null"),
    Placeholder("HOST", "name of a host with its domain"),
    Placeholder("NAME", "name of a person, or a user name"),
    Placeholder("ADDRESS", "street, place or postcode"),
    Placeholder("AGE", "age of a person"),
    Placeholder("PHONE", "telephone or fax number"),
    Placeholder("SSN", "social security or other national number"),
    Placeholder("MRN", "medical record number"),
    Placeholder("ACCOUNT", "card, bank or account number"),
    Placeholder("SECRET", "password, token, key or cookie"),
    Placeholder("ID", "identifier that mixes letters and digits, or any other code"),
    Placeholder("PATH", "path none of whose parts is approved"),
    Placeholder("WORD", "word that is not in the approved vocabulary"),
    Placeholder("*", "position that varies in a template"),
    Placeholder("CUT", "the text went on; the rest is not shown"),
    Placeholder("WITHHELD", "the whole text was withheld because it could not be judged"),
)

NAMES: Final[frozenset[str]] = frozenset(entry.name for entry in PLACEHOLDERS)
MASKED: Final[tuple[Placeholder, ...]] = tuple(entry for entry in PLACEHOLDERS if entry.mask is not None)
ANY: Final[str] = "<(?:" + "|".join(re.escape(entry.name) for entry in PLACEHOLDERS) + ")>"
"""Pattern of any placeholder of the table as it stands in a text."""


@overload
def compiled(name: str, kind: type[str] = ...) -> re.Pattern[str]: ...
@overload
def compiled(name: str, kind: type[bytes]) -> re.Pattern[bytes]: ...
@lru_cache(maxsize=2 * len(PLACEHOLDERS))
def compiled(name: str, kind: type[str] | type[bytes] = str) -> re.Pattern[str] | re.Pattern[bytes]:
    """Return the mask of type `name` compiled for `str` or `bytes`; KeyError if the type has no mask."""
    mask = _MASKS[name]
    return re.compile(mask, re.ASCII) if kind is str else re.compile(mask.encode("ascii"), re.ASCII)


def masked(text: str) -> str:
    """Replace everything in `text` that a mask recognises, in the table's order; placeholders are kept."""
    for entry in MASKED:
        if entry.needs in text:
            text = compiled(entry.name).sub(entry.text, text)
    return text


_MASKS: Final[dict[str, str]] = {entry.name: entry.mask for entry in PLACEHOLDERS if entry.mask is not None}
