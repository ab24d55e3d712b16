"""The rules that let a number or a code through; every other digit becomes a placeholder.

A number is admitted only for the words around it and out of a closed set, or in a form too small to carry a
date, an age over nine, a telephone number, a postcode or an identifier of a person:

- `INC-12`, `CHG-3`, `SNP-7`: counters of this product, capitals and at most five digits.
- `status 503`, `502 Bad Gateway`: one of the registered HTTP status codes, in the place of one.
- `exit code 137`, `signal 9`, `errno 111`: at most three digits after words that only programs write.
- `SQLSTATE 53300`, `ORA-00060`: five characters out of a fixed list, or in a vendor's own series.
- `port 5432`, `db:5432`: a well-known port out of a fixed list.
- `v1.4.2`, `1.4.2`, `TLSv1.3`, `HTTP/1.1`: versions; without the `v` only when the last part is one digit,
  which no date ends in.
- `java.lang`: the package alone; its second half is a surname.
- `billing-2`, `pg1`, `node-12`: an instance number joined to an approved word: one digit, two after a word
  for a machine or a process; never after a word like "room", "bed" or "age".

The gate replaces what is admitted by a private mark while the other rules run, and puts it back at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from models.placeholders import ANY


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _either(words: str) -> str:
    return "|".join(words.split())


_STATUS = "|".join(
    sorted(
        {str(int(status)) for status in HTTPStatus} | {"495", "496", "497", "499", "520", "521", "522", "524"}
    )
)
_REASONS = "|".join(re.escape(status.phrase) for status in HTTPStatus) + "|Gateway Time-out"
_ALONE = r"(?![A-Za-z0-9_])(?![-.,:/][0-9])"  # a number that goes on is another number
_BEFORE = r"(?<![A-Za-z0-9_.-])"
_PORTS = _either(
    "22 25 53 80 88 110 123 143 389 443 445 465 514 587 636 993 1433 1521 1883 2049 2181 2379 2380 "
    "3000 3128 3306 4222 4317 4318 5000 5044 5432 5601 5672 6379 6432 6443 7000 8000 8080 8086 8088 "
    "8125 8200 8300 8443 8500 8529 8883 8888 9000 9042 9090 9092 9093 9100 9200 9300 9443 10250 11211 "
    "15672 24224 26257 26379 27017"
)
_SQLSTATES = _either(
    "08000 08001 08003 08004 08006 08P01 0A000 22001 22003 22007 22008 22012 22023 22P02 23000 23502 "
    "23503 23505 23514 25001 25006 25P02 28000 28P01 3D000 40001 40002 40P01 42501 42601 42703 42883 "
    "42P01 42P07 53000 53100 53200 53300 53400 54000 55000 55006 55P03 57000 57014 57P01 57P02 57P03 "
    "58000 58030 58P01 XX000 XX001 HY000 HYT00"
)

_ADMITTED: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (needs, re.compile(pattern, re.ASCII))
    for needs, pattern in (
        ("<", ANY),
        ("java.lang", r"\bjava\.lang\b"),
        (
            "n't",
            r"\b(?:[Dd](?:o|oes|id)|[Ii]s|[Aa]re|[Ww](?:as|ere|ould|o)|[Hh](?:as|ave|ad)|[Cc](?:a|ould))n't\b",
        ),
        ("-", rf"{_BEFORE}(?:INC|CHG|SNP)-[1-9][0-9]{{0,4}}{_ALONE}"),
        ("-", rf"{_BEFORE}ORA-[01][0-9]{{4}}{_ALONE}"),
        ("/", rf"HTTP/[0-9.]{{1,3}}\"?[ =:]{{1,3}}(?:{_STATUS}){_ALONE}"),
        ("/", rf"{_BEFORE}HTTP/(?:1\.[01]|2(?:\.0)?|3){_ALONE}"),
        ("http", rf"\b(?:HTTP|http)(?: code)?[\"']?[ =:]{{1,3}}(?:{_STATUS}){_ALONE}"),
        ("status", rf"[Ss]tatus(?:[ _]?[Cc]ode)?[\"']?[ =:]{{1,3}}(?:{_STATUS}){_ALONE}"),
        ("response", rf"\b[Rr]esponse code[\"']?[ =:]{{1,3}}(?:{_STATUS}){_ALONE}"),
        (" ", rf"{_BEFORE}(?:{_STATUS}) (?:{_REASONS})\b"),
        ("exit", rf"\b[Ee]xit(?:ed with)?(?: code| status)?(?: ?[=:] ?| )[0-9]{{1,3}}{_ALONE}"),
        ("signal", rf"\b[Ss]ignal(?: ?[=:] ?| )[0-9]{{1,2}}{_ALONE}"),
        ("err", rf"\b(?:[Ee]rrno|os error)(?: ?[=:] ?| )-?[0-9]{{1,3}}{_ALONE}"),
        ("return", rf"\b[Rr]eturn code(?: ?[=:] ?| )-?[0-9]{{1,3}}{_ALONE}"),
        ("sqlstate", rf"\bSQLSTATE[ =:(\[]{{1,3}}(?:{_SQLSTATES}){_ALONE}"),
        ("port", rf"\b[Pp]ort[ =:]{{1,3}}(?:{_PORTS}){_ALONE}"),
        (":", rf"(?<=[a-z]):(?:{_PORTS}){_ALONE}"),
        ("tls", rf"{_BEFORE}TLSv?1(?:[._][0-3])?{_ALONE}"),
        ("ssl", rf"{_BEFORE}SSLv?[23]{_ALONE}"),
        ("v", rf"{_BEFORE}v[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{0,2}}{_ALONE}"),
        (".", rf"{_BEFORE}[0-9]{{1,2}}\.[0-9]{{1,2}}\.[0-9]{_ALONE}"),
    )
)


def set_aside(text: str, mark: Callable[[str], str]) -> str:
    """Replace what is admitted whole, words and number together, by `mark(of it)`; placeholders too."""
    lower = text.lower()
    for needs, pattern in _ADMITTED:
        if needs in lower:
            text = pattern.sub(lambda found: mark(found[0]), text)
    return text


_PART = r"[A-Za-z]{2,30}(?:[-_]?[0-9]{1,2})?"
NUMBERED: Final[re.Pattern[str]] = re.compile(
    rf"(?<![A-Za-z0-9_.:@+-]){_PART}(?:[-_.]{_PART}){{0,6}}(?![A-Za-z0-9_])(?![-.:,@][A-Za-z0-9])(?!/[0-9])"
)
"""A compound of words that may have instance numbers joined to them, whole."""
INSTANCE: Final[re.Pattern[str]] = re.compile(r"(?P<word>[A-Za-z]{2,30})(?P<number>[-_]?[0-9]{1,2})")
"""One word of such a compound with its number; `admits_instance` decides."""

_MACHINES: Final = _set(
    "api app backend broker cache cluster consumer controller cpu db disk eth executor frontend "
    "gateway gpu host instance job kafka lb leader master mysql nginx node partition pg pod postgres "
    "primary proxy queue rack redis replica router sda server shard slot srv stage standby task "
    "thread vm web worker zone"
)
_NEVER: Final = _set(
    "age aged apt bay bed birth born box building case chart child code day days dob doctor floor "
    "grade gravida house id level lot month months mrn no number nurse para patient person pin pt "
    "room route ssn stage suite unit user visit ward week weeks year years zip"
)


def admits_instance(word: str, number: str) -> bool:
    """Tell whether `number` may follow `word`, which has to be approved for itself.

    >>> admits_instance("billing", "-2"), admits_instance("node", "12"), admits_instance("bed", "-4")
    (True, True, False)
    >>> admits_instance("summer", "85")
    False
    """
    word = word.lower()
    return word not in _NEVER and (len(number.lstrip("-_")) == 1 or word in _MACHINES)
