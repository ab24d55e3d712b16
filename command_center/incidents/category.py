"""What kind of trouble it is, by words in the templates of the lines that show it. Pure.

A reader can see why: the first row of the tables (`category_words`), of which a phrase stands in a template, names that
template's category, and the category with the most lines wins. It is a first guess for people to sort by; it
knows no context, and a template that names a cause only in passing is taken at its word. Configuration may
add phrases of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from command_center.incidents.category_words import SURE, VAGUE
from models.levels import Level
from storage.facts import SignalKind

UNKNOWN = "unknown"
SILENCE = "silence"
FLAPPING = "flapping"

CATEGORIES: frozenset[str] = frozenset({*SURE, *VAGUE, SILENCE, FLAPPING, UNKNOWN})
_ERRORS = frozenset((SignalKind.NEW_ERROR_TEMPLATE, SignalKind.ERROR_BURST))
_QUIET = frozenset(
    (SignalKind.SILENCE, SignalKind.TRAFFIC_DROP, SignalKind.TEMPLATE_SILENCE, SignalKind.HOST_SILENCE)
)
_SPLIT = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@lru_cache(maxsize=4096)
def words(text: str) -> str:
    """Return `text` as lower-case words with one space around each, so that a phrase is found as whole words.

    >>> words("PoolExhausted: no free-connection after <NUM> ms")
    ' pool exhausted no free connection after num ms '
    """
    return f" {' '.join(_SPLIT.split(_CAMEL.sub(' ', text).lower()))} ".replace("  ", " ")


class Told(NamedTuple):
    """What one signal says: its kind and level, the template of its lines, their number, and the words beside a figure."""

    kind: SignalKind
    template: str
    lines: int
    level: Level = Level.ERROR
    figure: str = ""
    own: bool = True  # of the service that is supposed to be the root


class Word(NamedTuple):
    """A phrase of the tables that stands in a template, the category it names, whether it leaves little doubt, and the lines."""

    category: str
    phrase: str
    sure: bool
    lines: int = 0
    template: str = ""


class Rule(StrEnum):
    """What a category was decided by."""

    PERSONAL_DATA = "personal_data"
    CLOCK = "clock"
    WORDS = "words"
    SET_ANEW = "set_anew"  # words say no more than that it fails, and a setting was changed just before
    DYING = "dying"  # its errors come and its usual lines no longer do
    FIGURES = "figures"
    QUIET = "quiet"
    NOTHING = "nothing"


class Judged(NamedTuple):
    """A category, what decided, and the words that were found on the way, the most lines first."""

    category: str
    rule: Rule
    words: tuple[Word, ...] = ()


def of_template(template: str, more: Mapping[str, Sequence[str]] | None = None) -> tuple[str, bool]:
    """Return the category that `template` speaks of and whether its words leave little doubt; "unknown" without any phrase.

    Phrases in `more` are asked before the tables, in the order they are given.

    >>> of_template("connection pool exhausted after <NUM> ms")
    ('resource_exhaustion', True)
    >>> of_template("slot <NUM> vanished", {"application_error": ["vanished"]})
    ('application_error', True)
    >>> of_template("order <NUM> failed")
    ('application_error', False)
    """
    word = word_of(template, more)
    return (UNKNOWN, False) if word is None else (word.category, word.sure)


def word_of(template: str, more: Mapping[str, Sequence[str]] | None = None) -> Word | None:
    """Return the phrase that decides what `template` speaks of; None without any.

    >>> word_of("order <NUM> failed").phrase
    'failed'
    """
    text = words(template)
    for table, sure in ((more or {}, True), (SURE, True), (VAGUE, False)):
        for category, phrases in table.items():
            for phrase in phrases:
                if words(phrase) in text:
                    return Word(category, phrase, sure)
    return None


def of_evidence(
    told: Iterable[Told], *, configured: bool = False, more: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return the category of an incident from what its signals tell; `configured` says a setting was changed just before.

    >>> error = SignalKind.ERROR_BURST
    >>> of_evidence([Told(error, "bill failed", 90), Told(error, "connection pool exhausted", 10)])
    'resource_exhaustion'
    >>> of_evidence([Told(SignalKind.SILENCE, "", 0)])
    'silence'
    """
    return judged(told, configured=configured, more=more).category


def judged(
    told: Iterable[Told], *, configured: bool = False, more: Mapping[str, Sequence[str]] | None = None
) -> Judged:
    """Return the category with what decided it.

    What needs no words comes first: personal data, a wrong clock. Then the lines vote, those whose words leave little doubt
    before the others as long as they are a tenth; between the two stands a service that has errors and says less than usual, for
    it does not get as far as its work. Then figures, and at last that a service went quiet.
    """
    signals = list(told)
    kinds = {each.kind for each in signals}
    if SignalKind.PERSONAL_DATA in kinds:
        return Judged("privacy", Rule.PERSONAL_DATA)
    if SignalKind.CLOCK_SKEW in kinds:
        return Judged("clock", Rule.CLOCK)
    found: list[Word] = []
    total = 0
    for each in signals:
        if not each.template or each.kind in (SignalKind.TEMPLATE_SILENCE, SignalKind.FIGURE_SHIFT):
            continue
        word = word_of(each.template, more)
        weight = max(1, each.lines)
        total += weight
        if word is not None:
            found.append(word._replace(lines=weight, template=each.template))
    found.sort(key=lambda word: (not word.sure, -word.lines, word.template))
    for sure in (True, False):
        votes: dict[str, int] = {}
        for word in found:
            if word.sure is sure:
                votes[word.category] = votes.get(word.category, 0) + word.lines
        if not sure and _dying(signals):
            return Judged("crash_loop", Rule.DYING, tuple(found))
        if votes and 10 * sum(votes.values()) >= total:
            best = max(votes, key=lambda category: (votes[category], category))
            if not sure and configured and best in ("application_error", "dependency_timeout"):
                return Judged("configuration", Rule.SET_ANEW, tuple(found))
            return Judged(best, Rule.WORDS, tuple(found))
    figures = [each for each in signals if each.kind is SignalKind.FIGURE_SHIFT]
    if figures:
        beside = {of_template(f"{each.figure} {each.template}", more)[0] for each in figures}
        exhausted = "resource_exhaustion" in beside
        return Judged(
            "resource_exhaustion" if exhausted else "dependency_timeout", Rule.FIGURES, tuple(found)
        )
    if configured and signals:
        return Judged("configuration", Rule.SET_ANEW, tuple(found))
    if kinds & _QUIET:
        return Judged(SILENCE, Rule.QUIET, tuple(found))
    return Judged(UNKNOWN, Rule.NOTHING, tuple(found))


def _dying(signals: Sequence[Told]) -> bool:
    kinds = {each.kind for each in signals if each.own}
    errors = any(each.own and each.kind in _ERRORS and each.level >= Level.ERROR for each in signals)
    return errors and SignalKind.TRAFFIC_DROP in kinds
