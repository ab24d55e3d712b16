"""Bring a text into the one form in which it is judged, so that a word cannot hide behind its spelling.

Compatibility forms (full-width digits, ligatures) become plain ones, invisible characters vanish, every
hyphen is `-` and every space a space, and one layer of percent-encoding, JSON escapes and HTML entities
is undone. Deeper layers show up in the next pass of the gate, which goes on until a pass changes nothing.
The gate shows the normalised form, never the original. Linear in the length of the text.

>>> normalise("Jos\\u00ad\\u00e9\\u200b\\uff11\\u2011%41")
'José1-A'
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

FIRST_PRIVATE: Final = 0xE000  # the gate itself uses these as marks while it works, so no text may bring one
UNKNOWN: Final = "\ufffd"

_STRANGE = re.compile(r"[^\n -~]")
_ESCAPE = re.compile(r"[%\\&]")
_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,16}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\))")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_JSON = re.compile(r"(?:\\u[0-9A-Fa-f]{4})+|\\x[0-9A-Fa-f]{2}|\\[nrt\"/\\]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});")
_WINDOWS = re.compile(
    r"\b[A-Za-z]:\\[^\s\"'<>|]*"
)  # before the escapes, or `C:\new` would lose its backslash
_SIMPLE = {"\\n": "\n", "\\r": "\n", "\\t": " ", '\\"': '"', "\\/": "/", "\\\\": " "}
_TYPED = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d", "-")
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | dict.fromkeys("\r\v\f\x85\u2028\u2029", "\n")
    | {"\t": " ", "\u2192": "->", "\u2190": "<-", "\u00d7": "x", "\u2022": "-", "\u00b7": "-"}
)


def normalise(text: str) -> str:
    """Return the form of `text` in which it is judged; equal texts give equal forms."""
    if _STRANGE.search(text):
        text = _plain(text)
    if _ESCAPE.search(text):
        text = _unescaped(text)
        if _STRANGE.search(text):
            text = _plain(text)
    return text


def _plain(text: str) -> str:
    """Fold compatibility forms and drop what cannot be seen; private characters become unknown."""
    text = unicodedata.normalize("NFKC", _ANSI.sub("", text).translate(_TYPED)).translate(_TYPED)
    return "".join(char if " " <= char <= "~" else _seen(char) for char in text)


def _seen(char: str) -> str:
    if char == "\n":
        return char
    category = unicodedata.category(char)
    if category == "Cf":  # zero-width, soft hyphen, direction marks, tags
        return ""
    if category in ("Cs", "Co", "Cn"):
        return UNKNOWN
    return " " if category in ("Cc", "Zs", "Zl", "Zp") else char


def _unescaped(text: str) -> str:
    text = _WINDOWS.sub("<PATH>", text)
    text = _PERCENT.sub(
        lambda found: bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace"), text
    )
    text = _JSON.sub(_json, text)
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)


def _json(found: re.Match[str]) -> str:
    escape = found[0]
    if escape in _SIMPLE:
        return _SIMPLE[escape]
    if escape.startswith("\\x"):
        return bytes.fromhex(escape[2:]).decode("latin-1")
    units = bytes.fromhex(escape.replace("\\u", ""))  # UTF-16 units, so that pairs of surrogates join
    return units.decode("utf-16-be", "replace")
