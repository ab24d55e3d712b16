"""Keys of templates: the tokens of a line with its values as `<*>`, and the keys with one hole that it fits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from models.tokens import ANY, EMPTY, GLUE, MARKS, SAYS, bare, is_value

Key = tuple[str, ...]

_WORD = re.compile(r"[A-Za-z][A-Za-z']*(?:-[A-Za-z]+)*$")
_UNITS = re.compile(
    r"(?:[kKMGTP]?B|[KMGTP]iB|[Bb]ytes?|[num]?s|msecs?|sec(?:ond)?s?|min(?:ute)?s?|h|h(?:ou)?rs?|days?)$"
)
UNIT: Final = "<UNIT>"
"""In a key: the unit of the number before, which may be another one for a larger amount."""
_LED_BY: Final = frozenset(("for", "of", "by", "as", "to", "from", "invalid", "illegal", "unknown"))
_OPENING, _CLOSING = frozenset("([{\"'<"), frozenset(",.;:)]}\"'!?>|")
_FIXED = re.compile(r"<\*>$|<UNIT>$|[.!?]+$")
_LONGEST: Final = 120
"""Tokens of a line in which variables are looked for; a longer one is its own template, values apart."""
_PLACES, _GROUPS, _GROUP = 40, 20, 30
"""Words, and words of several tokens, that are looked at in one line; tokens of such a word."""


def hole_token(token: str) -> str:
    """Return the token that stands for any in the place of this one."""
    return GLUE + ANY if token[0] == GLUE else ANY


def key_of(tokens: Sequence[str]) -> Key:
    """Return the key: values, and what is a variable by where it stands, as `<*>`.

    >>> from models.tokens import spelt, tokens
    >>> spelt(key_of(tokens(["session", "of", "user", "ann", "by", "(uid=<NUM>)", "tty=ssh"])))
    'session of user <*> by (uid=<*>) tty=<*>'
    """
    out, before, before_that, key = [], "", "", ""  # `key` stands before `before_that`
    for token in tokens:
        word = bare(token)
        if is_value(word) or word == EMPTY or _is_named(word, before, before_that, key):
            out.append(hole_token(token))
        elif token[0] != GLUE and is_value(before) and _UNITS.match(word):
            out.append(UNIT)
        else:
            out.append(token)
        key, before_that, before = before_that, before, word
    return tuple(out)


def _is_named(word: str, before: str, before_that: str, key: str) -> bool:
    """Say whether the tokens before a word name it as a value."""
    if word in MARKS:
        return False
    if before == "=" or (before_that == "=" and before in "\"'"):
        return before == "=" or key.lower() not in SAYS
    return before in ("user", "User") and before_that.lower() in _LED_BY


def said(key: Key) -> int:
    """Return how many words of letters a key says."""
    return sum(1 for token in key if _WORD.match(bare(token)))


def with_hole(key: Key, at: int) -> Key:
    """Return the key with whatever stands at one place."""
    return (*key[:at], hole_token(key[at]), *key[at + 1 :])


def word_places(key: Key) -> list[int]:
    """Return where words stand that may turn out to be variables."""
    found = [
        at for at, token in enumerate(key) if (word := bare(token)) not in MARKS and not _FIXED.match(word)
    ]
    return found[:_PLACES]


def grouped_keys(key: Key) -> Iterator[tuple[Key, str, int]]:
    """Yield the key with a word of several tokens as one hole, that word, and where it stands."""
    begin, count, left = 0, len(key), _GROUPS
    while begin < count and left and count <= _LONGEST:
        end = begin + 1
        while end < count and key[end][0] == GLUE:
            end += 1
        if not 1 < end - begin <= _GROUP:
            begin = end
            continue
        first, last = begin, end
        while first < last and bare(key[first]) in _OPENING:
            first += 1
        while last > first and _closes(key, first, last):
            last -= 1
        if last - first > 1 and not any(bare(token) == "=" for token in key[first:last]):
            left -= 1
            yield (*key[:first], hole_token(key[first]), *key[last:]), " ".join(key[first:last]), first
        begin = end


def _closes(key: Key, first: int, last: int) -> bool:
    """Say whether the token before `last` closes something around the word rather than in it."""
    word = bare(key[last - 1])
    if word in ")]}":
        return not any(bare(token) in "([{" for token in key[first:last])
    return word in _CLOSING or not any(letter.isalnum() or letter == "<" for letter in word)


def wider_keys(key: Key) -> Iterator[tuple[Key, str, int]]:
    """Yield every key with one hole that `key` fits, what stands in the hole, and where."""
    for at in word_places(key) if len(key) <= _LONGEST else ():
        yield with_hole(key, at), key[at], at
    yield from grouped_keys(key)


def is_plain(word: str) -> bool:
    """Say whether a word is one of letters, and no code in capitals.

    >>> [is_plain(word) for word in ("stopped", "read-only", "app.ward", "FADT", "A")]
    [True, True, False, False, True]
    """
    return _WORD.match(word) is not None and not (word.isupper() and len(word) > 1)
