"""From the masked words of a line to its tokens: what templates are compared by, and how they are spelt.

Blanks alone hide structure: `lock=1,` is a key, a value and two marks. So a word is split at the marks that
stay in a sentence whatever its values are (`= : , ; ( ) [ ] { } " ' |`, and what ends a sentence), and a token
that follows the one before it without a blank begins with `GLUE`. What is one value becomes one token: a date
of several words, a quoted text, a list of like identifiers of whatever length, an HTTP target with its version.

>>> spelt(tokens(["lock=<NUM>,", 'tag="View', 'Lock"', "of", "blk_<NUM>", "blk_<NUM>"]))
'lock=<NUM>, tag="View Lock" of <ID>'
>>> tokens(["lock=<NUM>,"]) == ["lock", GLUE + "=", GLUE + "<NUM>", GLUE + ","]
True
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

ANY: Final = "<*>"
GLUE: Final = "\1"
EMPTY: Final = "\3"
"""The value that is not there: between two brackets or quotes that stand alone."""
_INNER: Final = "\2"  # a blank within a token
_EMPTY: Final = frozenset(("()", "[]", "{}", '""', "''"))
_ACCOUNT = re.compile(
    rf"((?:[=(] {GLUE}|\b(?:[Uu]ser|for|by|as) ))(?:root|admin|administrator|nobody|guest)(?= |$)"
)
MARKS: Final = "=:,;()[]{}\"'|"
_PIECES = re.compile(
    r"(?<==)[A-Za-z_][\w.$]*\{[^{}=,]*\}"  # an object printed as its type and its only part is one value
    r"|(?:[^=:,;()\[\]{}\"'|]|(?<=[A-Za-z])'(?=[A-Za-z]))+|[=:,;()\[\]{}\"'|]"
)
_LEADERS = re.compile(r"(?<=[^.])(\.{3,})(?=[^.])")  # dots that lead from a label to its value
_END = re.compile(r"(?<=[^.!?])[.!?]+$")
_VALUE = re.compile(r"<(?:[A-Z]+|\*)>")
_APART = re.compile(r"([/#@&%+$]+)")
_G = f" {GLUE}?"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DATE = re.compile(
    rf"(?<![^ {GLUE}])(?:{_DAY}(?: {GLUE},)? )?(?:{_MONTH} <NUM>|<NUM> {_MONTH})(?:(?: {GLUE},)? <NUM>(?! {GLUE}:))?"
    rf"(?:{_G}<TIME>(?: [A-Z]{{3,4}}(?= <NUM>))?(?: <NUM>)?)?(?= |$)"
    r"|<DATE> <TIME>(?: [A-Z]{3}(?= |$))?"
)
_REQUEST = re.compile(rf"(?<![^ {GLUE}])(?:[^ ]*<(?:PATH|URL)>[^ ]*|/|\*) HTTP/<NUM>")
_QUOTED = re.compile(rf'(?<= )({GLUE}?" )((?:{GLUE}[^ "]+)(?: [^ "]+)*?)( {GLUE}")(?= |$)')
_SINGLE = re.compile(rf"(?<= )({GLUE}?' )((?:{GLUE}[^ ']+)(?: [^ ']+)*?)( {GLUE}')(?= |$)")
SAYS: Final = frozenset(
    (
        "msg", "message", "text", "log", "event", "err", "error", "exc", "exception", "cause", "reason", "detail",
        "details", "desc", "description", "summary", "status_message", "error_message", "err_msg", "errmsg",
    )
)  # fmt: skip
"""Keys whose quoted value is what the line says, as in `level=warn msg="pool of 20 exhausted"`: no value, but a sentence."""
_PLAIN: Final = {1: None, 2: " ", 3: None}
_METHOD = re.compile(rf"{GLUE}[A-Z]{{3,8}} (?:<(?:PATH|URL)>|/)")
_LIST = re.compile(
    rf"(?<![^ {GLUE}])(?=[^ ]{{0,40}}[A-Za-z_<])([^ {GLUE}{re.escape(MARKS)}]{{1,80}})(?= )(?:(?: {GLUE},)?{_G}\1(?= |$))+"
)
_COLUMNS: Final = frozenset(
    ("<NUM>", "<HEX>", "<TIME>", "<DATE>", "<DURATION>", "<SIZE>", "<PATH>", "<IP>", "<BOOL>")
)
_MANY = 11
"""Like numbers side by side are columns of a table, each with its meaning, until there are so many."""


def pieces(word: str) -> list[str]:
    """Split one masked word at its marks.

    >>> pieces("(uid=<NUM>)."), pieces("don't"), pieces("'it'...")
    (['(', 'uid', '=', '<NUM>', ')', '.'], ["don't"], ["'", 'it', "'", '...'])
    """
    out = []
    for piece in _PIECES.findall(word):
        if "..." in piece and (parts := _LEADERS.split(piece))[1:]:
            out += parts
        elif piece[-1] in ".!?" and len(piece) > 1 and (end := _END.search(piece)):
            out += [piece[: end.start()], end[0]]
        else:
            out.append(piece)
    return out


def joined(word: str) -> str:
    """Return the tokens of one masked word with a blank between them.

    >>> joined("a=b") == f"a {GLUE}= {GLUE}b"
    True
    """
    if word in _EMPTY:
        return f"{word[0]} {GLUE}{EMPTY} {GLUE}{word[1]}"
    return f" {GLUE}".join(pieces(word))


def whole(line: str) -> str:
    """Make one token of what is one value but has several in `line`, the tokens of a line with blanks between."""
    if "root" in line or "admin" in line or "nobody" in line or "guest" in line:
        line = _ACCOUNT.sub(r"\1<NAME>", line)
    if "HTTP/" in line:
        line = _REQUEST.sub("<PATH>", line)
    if "<TIME>" in line or "<NUM>" in line:
        line = _DATE.sub("<DATE>", line)
    if '"' in line:
        line = _QUOTED.sub(_quoted, line)
    if "'" in line:
        line = _SINGLE.sub(_quoted, line)
    if "<" in line or "0" in line:
        line = _LIST.sub(_listed, line)
    return line


def _quoted(found: re.Match[str]) -> str:
    inner = found[2]
    if (
        " " not in inner
        or _METHOD.match(inner)
        or _is_said(found.string[max(0, found.start() - 80) : found.start()])
    ):
        return found[0]
    text = inner[1:].replace(f" {GLUE}", "").replace(" ", _INNER)
    return f"{found[1]}{GLUE}{text}{found[3]}"


def _is_said(before: str) -> bool:
    """Say whether the tokens before an opening quote name what it opens as a sentence: `msg=`, `"message":`."""
    last = [bare(token) for token in before.split(" ") if token][-3:]
    if len(last) < 2 or last[-1] not in ("=", ":"):
        return False
    return last[-3 if last[-2] in ('"', "'") and len(last) == 3 else -2].lower() in SAYS


def _listed(found: re.Match[str]) -> str:
    member = found[1]
    if "<" not in member and "0" not in member:
        return found[0]
    if member == "<IP>" and f" {GLUE}" in found[0]:
        return member
    if member in _COLUMNS:
        return member if found[0].count(member) >= _MANY else found[0]
    return member if _VALUE.fullmatch(member) else "<ID>"


def tokens(words: Sequence[str]) -> list[str]:
    """Return the tokens of a line given as its masked words."""
    return whole(" ".join(map(joined, words))).split()


def is_value(token: str) -> bool:
    """Say whether a mask stands in the token, so that it is a value whatever other lines say."""
    return "<" in token and _VALUE.search(token) is not None


def bare(token: str) -> str:
    """Return a token without its glue."""
    return token[1:] if token[0] == GLUE else token


def same_value(one: str, other: str) -> bool:
    """Say whether two tokens are values that are spelt alike."""
    return "<" in one and "<" in other and is_value(one) and is_value(other) and value(one) == value(other)


def value(token: str, *, alone: bool = False) -> str:
    """Spell a token with a mask in it as the value that it is: whole. `alone`: nothing in it is a mark of the text.

    >>> [value(token) for token in ("blk_<NUM>", "/<IP>", "pg-<NUM>.ward", "<NUM>.<NUM>", "<NUM>%", "-<NUM>")]
    ['<ID>', '<IP>', '<ID>', '<NUM>', '<NUM>%', '-<NUM>']
    >>> value("<NUM>##<NUM>"), value("<NUM>##<NUM>", alone=True)
    ('<NUM>##<NUM>', '<NUM>')
    """
    if _VALUE.fullmatch(token):
        return token
    if alone:
        return _kind(token)
    parts = _APART.split(token.removeprefix("/") if token.startswith("/<") else token)
    for at in range(0, len(parts), 2):
        part = parts[at]
        if "<" in part and _VALUE.search(part):
            bare = part.strip("-.*")
            if re.search("[A-Za-z0]", _VALUE.sub("", bare)) or "-" not in bare:
                parts[at] = part.replace(bare, _kind(bare), 1)
    return "".join(parts)


def _kind(part: str) -> str:
    names = set(_VALUE.findall(part))
    return names.pop() if len(names) == 1 and not re.search("[A-Za-z0]", _VALUE.sub("", part)) else "<ID>"


def spelt(parts: Sequence[str]) -> str:
    """Return the text of tokens: blanks where they were, values whole."""
    shown, before = list[str](), ""
    for part in parts:
        glue, bare = (GLUE, part[1:]) if part[0] == GLUE else ("", part)
        shown.append(glue + value(bare, alone=bool(glue) and before == "=") if is_value(bare) else part)
        before = bare
    return " ".join(shown).replace(f" {GLUE}", "").translate(_PLAIN)
