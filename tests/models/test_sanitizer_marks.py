"""Invented marks never survive the gate, however they are spelled and wherever they stand.

A mark is nonsense: random letters or digits that no list holds. None of it belongs to anybody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from models.placeholders import ANY
from models.sanitizer import Gate, Vocabulary

BASE = Vocabulary.base()
GATE = Gate(BASE, names=["billing-worker"], key=b"a test's key")
LETTERS = "bcdfghjklmnpqrstvwxzaeiouy"
HOMOGLYPHS = str.maketrans("aceopxyi", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456")


def is_nonsense(mark: str) -> bool:
    """No stretch of three letters or more of the mark is an approved word."""
    low = mark.lower()
    stretches = (low[i:j] for i in range(len(low)) for j in range(i + 3, len(low) + 1))
    return not any(BASE.approves(stretch) for stretch in stretches)


words = st.text(LETTERS, min_size=6, max_size=12).filter(is_nonsense)
numbers = st.text("0123456789", min_size=6, max_size=12)
mixed = st.tuples(words, numbers).map("".join) | st.tuples(numbers, words).map("".join)


def camel(mark: str) -> str:
    return "".join(char.upper() if index % 3 == 0 else char for index, char in enumerate(mark))


def each(joint: str) -> Callable[[str], str]:
    return lambda mark: joint.join(mark)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "title": str.title,
    "camel": camel,
    "after a known camel word": lambda mark: f"connection{mark.title()}",
    "before a known camel word": lambda mark: f"{mark}Exception",
    "full width": lambda mark: "".join(chr(ord(char) + 0xFEE0) for char in mark),
    "zero width inside": each("\u200b"),
    "soft hyphens inside": each("\u00ad"),
    "joiners inside": each("\u2060"),
    "accented": each("\u0301"),
    "mixed scripts": lambda mark: mark.translate(HOMOGLYPHS),
    "percent encoded": lambda mark: "".join(f"%{ord(char):02X}" for char in mark),
    "percent encoded twice": lambda mark: quote("".join(f"%{ord(char):02X}" for char in mark)),
    "json escaped": lambda mark: "".join(f"\\u{ord(char):04x}" for char in mark),
    "hex escaped": lambda mark: "".join(f"\\x{ord(char):02x}" for char in mark),
    "entities": lambda mark: "".join(f"&#{ord(char)};" for char in mark),
    "entities in hex": lambda mark: "".join(f"&#x{ord(char):x};" for char in mark),
    "coloured": lambda mark: f"\x1b[31m{mark[:3]}\x1b[0m{mark[3:]}",
    "mathematical": lambda mark: "".join(
        chr(0x1D400 + ord(char) - 65)
        if "A" <= char <= "Z"
        else chr(0x1D41A + ord(char) - 97)
        if char.isalpha()
        else char
        for char in mark
    ),
}
JOINED = (
    "{}",
    "error_{}",
    "{}_error",
    "error-{}",
    "{}-error",
    "error.{}",
    "{}.error",
    "error/{}",
    "{}/error",
)
CONTEXTS = (
    "{}",
    "connection to {} refused",
    "user={} logged in",
    "status: {}",
    "{}: connection refused",
    "key={}, value={}",
    '{{"msg":"pool exhausted","detail":"{}","n":4}}',
    '{{"{}":"value"}}',
    "GET /api/orders/{}?page=2 HTTP/1.1",
    "GET /api/orders?{}=4&page={} HTTP/1.1",
    "see https://example.org/{}?q={}#{}",
    'java.lang.IllegalStateException: no bean named "{}"',
    "\tat com.clinic.{}.Main.run(Main.java:42)",
    'File "/srv/app/{}.py", line 42, in {}',
    "/var/lib/{}/data.log: no space left on device",
    "KeyError: '{}'",
    "port {}",
    "exit code {}",
    "status {} from upstream",
    "version {}",
    "INC-{}",
    "svc-{}",
    "billing-worker-{}",
    "node{}",
    "SQLSTATE {}",
    "<{}>",
    "<NAME:{}>",
    "<NUM>{}<NUM>",
    "@{} and #{}",
    "{}@example.org",
    "PID|1||{}^^^X||{}^{}",
    "Mr {} and Dr. {}",
    "patient {} was seen",
)

spelled = st.builds(
    lambda mark, spelling, joined, context: (
        mark,
        re.sub(r"\{\}", lambda _: joined.replace("{}", SPELLINGS[spelling](mark)), context)
        .replace("{{", "{")
        .replace("}}", "}"),
        context,
    ),
    words | numbers | mixed,
    st.sampled_from(sorted(SPELLINGS)),
    st.sampled_from(JOINED),
    st.sampled_from(CONTEXTS),
)


def plain(text: str) -> str:
    """The text as a person reads it: compatibility forms and case folded, nothing invisible, no placeholders."""
    folded = unicodedata.normalize("NFKC", re.sub(ANY, " ", text))
    return "".join(char for char in folded if unicodedata.category(char) not in ("Cf", "Mn")).casefold()


def leaked(mark: str, context: str, out: str) -> list[str]:
    """Every run of four characters of the mark that stands in `out` and not in the words around it."""
    around = plain(context + " error connection exception")
    runs = (mark[index : index + 4].casefold() for index in range(len(mark) - 3))
    return [run for run in runs if run in plain(out) and run not in around]


@given(spelled)
@settings(max_examples=1500, deadline=None)
def test_a_mark_never_survives_a_text(case: tuple[str, str, str]) -> None:
    mark, raw, context = case
    assert leaked(mark, context, GATE.text(raw)) == []


@given(spelled)
@settings(max_examples=500, deadline=None)
def test_a_mark_never_survives_a_template(case: tuple[str, str, str]) -> None:
    mark, raw, context = case
    assert leaked(mark, context, GATE.template(raw)) == []


@given(spelled)
@settings(max_examples=500, deadline=None)
def test_a_mark_never_survives_a_name(case: tuple[str, str, str]) -> None:
    mark, raw, _ = case  # a token is random letters and digits, so only the whole mark would mean something
    assert mark.casefold() not in plain(GATE.name(raw))


@given(words, st.sampled_from(["tag", "svc", "host"]))
def test_a_mark_dressed_as_a_token_of_ours_is_no_token(mark: str, kind: str) -> None:
    dressed = f"{kind}-{mark[:9].ljust(9, 'x')}"
    assert dressed not in GATE.text(f"restarted {dressed} now")
    assert GATE.name(dressed) != dressed
