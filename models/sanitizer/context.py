"""Contexts in which even approved words must not be shown: keys, titles, addresses, records of known form.

The gate lets approved words through, and names, streets and passwords can be made of approved words.
These rules look at what stands *around* a value and mask it whole. They run on normalised text, before
anything is admitted, and can only take away: a rule that fires wrongly costs a word, never a secret.

Each rule is `(needs, pattern, replacement)`; `needs` are substrings of the lower-cased text, one of which
has to be there before the pattern is tried. Every repeat is bounded, so a scan is linear in the length of
the text. Masked values are written as placeholders, which no rule takes for a value again.

>>> masked_by_context("password=hunter for Mr Long Page at 12 Oak Street")
'password=<SECRET> for Mr <NAME> at <ADDRESS>'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from models.sanitizer.keys import masked_values
from models.sanitizer.numbers import iban_holds, luhn_holds

Replacement = str | Callable[[re.Match[str]], str]


class Rule(NamedTuple):
    """One context: tried if one of `needs` stands in the lower-cased text; without any, if it has a digit."""

    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: Replacement


def _card(found: re.Match[str]) -> str:
    return "<ACCOUNT>" if luhn_holds(found[0]) else found[0]


def _iban(found: re.Match[str]) -> str:
    return "<ACCOUNT>" if iban_holds(found[0]) else found[0]


_CAPITAL = r"[A-Z][A-Za-z'-]{0,30}\.?"
_SUFFIX = (
    r"Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Blvd|Boulevard|Way|Place|Pl|Square|Sq|Terrace|Ter"
    r"|Circle|Cir|Trail|Trl|Pkwy|Parkway|Hwy|Highway|Close|Crescent|Row|Loop|Alley|Plaza|Crossing|Heights"
)
_PLACE = r"(?:,? (?:Apt|Suite|Ste|Unit|Floor|Fl|Room|#)\.? ?[A-Za-z0-9-]{1,8})?"
_TOWN = rf"(?:,? {_CAPITAL}){{0,3}}(?:,? [A-Z]{{2}}\b)?(?:,? [0-9]{{5}}(?:-[0-9]{{4}})?)?"


def _rule(needs: str, pattern: str, replacement: Replacement, flags: int = 0) -> Rule:
    return Rule(tuple(needs.split("·")) if needs else (), re.compile(pattern, flags | re.ASCII), replacement)


_ANY_CASE = re.IGNORECASE
_DIGIT = re.compile("[0-9]")
FORMS: Final[tuple[Rule, ...]] = (
    # secrets in forms of their own
    _rule(
        "-----begin",
        r"-----BEGIN [^-]{3,40}-----(?:.{0,8000}?-----END [^-]{3,40}-----|.*)",
        "<SECRET>",
        re.DOTALL,
    ),
    _rule("eyj", r"\beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,4}", "<SECRET>"),
    _rule(
        "bearer ·basic ",
        r"\b(Bearer|Basic) (?!<)(?=\S{0,60}[^a-z\s:,.])[^\s\"',;<>]{6,}",
        r"\1 <SECRET>",
        _ANY_CASE,
    ),
    # records of known form: their fields are not words to be judged, they are values
    _rule(
        "pid|·nk1|·gt1|·in1|·in2|·pv1|·pd1|", r"\b(PID|NK1|GT1|IN1|IN2|PV1|PD1)\|(?!<ID>)[^\n]*", r"\1|<ID>"
    ),
    _rule("nm1*·n3*·n4*·dmg*·ref*", r"\b(NM1|N3|N4|DMG|REF)\*(?!<ID>)[^~\n]*", r"\1*<ID>"),
    _rule(")=(", r"\)=\((?!<)[^)\n]{1,200}\)", ")=(<ID>)"),
    _rule("select ·insert ·update ·delete ·where ·values", r"'(?!<)[^'\n]{1,200}'", "'<WORD>'"),
    _rule("=", r"([?&][A-Za-z0-9_.-]{1,40})=(?!<)[^&\s\"'<>]{1,200}", r"\1=<ID>"),
    _rule("/home/·/users/", r"(/(?:home|Users)/)(?!<)[^/\s\"'<>:]{1,64}", r"\1<NAME>"),
)
RULES: Final[tuple[Rule, ...]] = (
    # people
    _rule(
        "mr·ms·mx·miss·dr·prof·sir·sister·rev·judge",
        r"\b(Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Professor|Sir|Sister|Rev|Judge)\.?"
        rf" (?:{_CAPITAL}(?: |\b)){{1,4}}(?<! )",
        lambda found: f"{found[1]} <NAME>",
    ),
    _rule("mr·mrs·dr", r"\b(mr|mrs|dr)\.? (?![<A-Z])[a-z'-]{2,30}", r"\1 <NAME>"),
    _rule("@", r"(?<![A-Za-z0-9_.@])@(?!<)[A-Za-z][A-Za-z0-9_.-]{0,40}", "@<NAME>"),
    _rule(
        "user ·login ·account ·role ",
        r"\b((?:user|username|login|account|role)(?: name)?) [\"'](?!<)[^\"'\n]{1,100}[\"']",
        r'\1 "<NAME>"',
        _ANY_CASE,
    ),
    _rule(
        " for ",
        r"\b((?:password|publickey|keyboard-interactive/pam) for (?:invalid user )?)(?!<)\S{1,64}(?= from\b)",
        r"\1<NAME>",
    ),
    # pictures of people, named after them or after their record
    _rule(
        ".jp·.png·.gif·.tif·.bmp·.heic·.webp·.dcm",
        r"[^\s\"'<>()=,;:]{0,200}\.(?:jpe?g|png|gif|tiff?|bmp|heic|webp|dcm)\b",
        "<PATH>",
        _ANY_CASE,
    ),
    # places, dates and ages in words
    _rule(
        "",
        r"\b[0-9]{1,5}[A-Za-z]? (?:[NSEW]{1,2}\.? )?"
        rf"(?:{_CAPITAL} ){{1,4}}(?:{_SUFFIX})\b\.?{_PLACE}{_TOWN}",
        "<ADDRESS>",
    ),
    _rule(
        "street·avenue·road·lane·boulevard",
        r"\b[0-9]{1,5}[a-z]? (?:[a-z'-]{2,20} ){1,3}(?:street|avenue|road|lane|boulevard)\b",
        "<ADDRESS>",
        _ANY_CASE,
    ),
    _rule(
        "", rf"\b(?:{_CAPITAL} ){{0,2}}{_CAPITAL}, ?[A-Z]{{2}},? [0-9]{{5}}(?:-[0-9]{{4}})?\b", "<ADDRESS>"
    ),
    _rule("box", r"\bP\.? ?O\.? ?Box \w{1,10}", "<ADDRESS>", _ANY_CASE),
    _rule(
        "old·y/o",
        r"\b[A-Za-z0-9]{1,12}(?:[ -][a-z]{3,9})?[ -]?(?:years?|yrs?|y|months?)[ -/](?:old|o)\b",
        "<AGE>",
        _ANY_CASE,
    ),
    # numbers that have a name
    _rule("", r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,8}(?: ?[A-Z0-9]{1,4})?\b", _iban),
    _rule("", r"\b[0-9](?:[ -]?[0-9]){12,18}\b", _card),
    _rule("", r"(?<![0-9-])[0-9]{3}-[0-9]{2}-[0-9]{4}\b", "<SSN>"),
    _rule(
        "",
        r"(?<![0-9A-Za-z.-])(?:\+?[0-9]{1,3}[ .-]?)?"
        r"(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}(?:,? ?(?:x|ext\.?) ?[0-9]{1,6})?\b",
        "<PHONE>",
    ),
    _rule("+", r"\+[0-9]{1,3}(?:[ .-]?\(?[0-9]{1,4}\)?){2,5}\b", "<PHONE>"),
)


def masked_by_context(text: str) -> str:
    """Return `text` (normalised) with every value masked that its surroundings give away."""
    lower = text.lower()
    text = masked_values(_tried(FORMS, text, lower))
    return _tried(RULES, text, lower)


def _tried(rules: tuple[Rule, ...], text: str, lower: str) -> str:
    digits = _DIGIT.search(lower) is not None
    for needs, pattern, replacement in rules:
        for need in needs:  # a loop: a generator for each of so many rules costs more than what it looks for
            if need in lower:
                break
        else:
            if needs or not digits:
                continue
        text = pattern.sub(replacement, text)
    return text
