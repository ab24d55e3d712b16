"""The gate: the one place where text of logs and people becomes `SafeText`.

A token is a placeholder until an approved word or a rule admits it. One pass normalises the text, masks
what its context gives away, sets aside the few numbers and codes that rules admit, masks what has a known
form, and denies every word that is not in the vocabulary. Passes are repeated until one changes nothing,
which makes the gate idempotent by construction.

It fails closed: a text that is too long, does not settle in eight passes or makes a rule raise becomes
`<WITHHELD>` as a whole, and is counted. Time and memory are bounded by the length that is accepted,
16,000 characters.

The gate sees new and changed templates, kept samples, names, and what people type: a few texts a second.
What it answered lately it remembers, in memory alone.
Plain `re` serves that; 5,200 to 7,500 texts of 60 to 110 characters a second and core were measured. A
pattern database in front (Hyperscan) would pay only if every line had to pass.

>>> from models.sanitizer.vocabulary import Vocabulary
>>> gate = Gate(Vocabulary.base(), names=["zorblax-api"])
>>> gate.text("zorblax-api: user=jdoe got 503 Service Unavailable from 10.0.3.9 after 250 ms")
'zorblax-api: user=<NAME> got 503 Service Unavailable from <IP> after <DURATION>'
>>> gate.name("billing-2"), gate.name("zorblax-api"), gate.name("quuxly") == gate.name("quuxly")
('billing-2', 'zorblax-api', True)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from hashlib import blake2b
from hmac import compare_digest
from typing import Final, Literal

from models.errors import BadInput
from models.placeholders import NAMES as TYPES
from models.placeholders import masked
from models.recent import Recent
from models.sanitizer.admit import INSTANCE, NUMBERED, admits_instance, set_aside
from models.sanitizer.context import masked_by_context
from models.sanitizer.normal import FIRST_PRIVATE, normalise
from models.sanitizer.safe_text import SafeText, admitted
from models.sanitizer.vocabulary import Vocabulary
from models.sanitizer.words import MARKS, Judge

WITHHELD: Final = "<WITHHELD>"
CUT: Final = " <CUT>"
PASSES: Final = 8
LONGEST: Final = 16_000  # characters of a text that is looked at; a longer one is withheld
TEMPLATE_LIMIT: Final = 1000
LONGEST_NAME: Final = 120
REMEMBERED: Final = 8192  # texts whose answer is kept: samples and templates come again and again
_LONGEST_REMEMBERED: Final = 1000
DEFAULT_KEY: Final = b"mayday"

_ALPHABET = "0123456789bcdfghjkmnpqrstvwxyz"  # no vowels: a token never reads like a word
_OPAQUE = re.compile(rf"(?<![A-Za-z0-9_.-])(?:svc|host|tag)-[{_ALPHABET}]{{9}}(?![A-Za-z0-9_-])")
_LISTED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/:-]{0,118}[A-Za-z0-9])?")
_COLLAPSED = tuple(sorted(TYPES - {"*", "CUT", "WITHHELD"}))
_RUNS = re.compile(rf"(<(?:{'|'.join(_COLLAPSED)})>)(?:[ ,._/:@'|^#+*-]{{0,3}}\1)+")
_PATH = re.compile(r"(?<![\w>./-])(?:[~.]{0,2}/<(?:WORD|ID|NUM|HEX|UUID|NAME)>)+/?(?![\w/<.-])")
_STREET = re.compile(r"<NUM> <WORD>(?: [A-Z][a-z]+){1,2}\b")  # no list of street suffixes is complete
_TOWN = re.compile(r"\b(?:New|North|South|East|West|Port|Lake|Fort|Mount|Upper|Lower|San|Santa|St) <WORD>")
_SPACES = re.compile(r" {2,}")
_LINES = re.compile(r" ?\n\s*")
_MARK = re.compile(f"[{MARKS}]")
_UNKNOWN = frozenset(("<WORD>", "<NAME>"))


class _Withheld(Exception):
    """Why a text cannot be shown; never leaves this module."""


class Gate:
    """Makes `SafeText`; see the module's first lines.

    Parameters
    ----------
    vocabulary : the approved words
    names : names of services, hosts and tags that the configuration lists; shown wherever they stand
    key : secret of the tokens that stand for unlisted names. Every process of one installation has to use the
        same one, or the same service would have two tokens. The default hides a name from readers, not from
        somebody who guesses names and hashes them.

    `withheld` counts the texts that were withheld, by reason.
    """

    def __init__(
        self, vocabulary: Vocabulary, *, names: Collection[str] = (), key: bytes = DEFAULT_KEY
    ) -> None:
        if wrong := sum(1 for name in names if not _LISTED.fullmatch(name)):
            raise BadInput(
                f"{wrong} of {len(names)} listed names cannot be used",
                hint="A name has letters, digits and . _ / : - only, begins and ends with a letter or digit, "
                f"and is at most {LONGEST_NAME} long.",
            )
        longest_first = sorted(map(re.escape, names), key=len, reverse=True)
        either = "|".join(longest_first) or r"(?!)"
        self._names = re.compile(rf"(?<![A-Za-z0-9_])(?:{either})(?![A-Za-z0-9_])")
        self._listed = frozenset(names)
        self._judge = Judge(vocabulary)
        self._vocabulary = vocabulary
        self._key = blake2b(key, digest_size=32).digest()
        self.withheld: Counter[str] = Counter()
        self._known = Recent[str, str](REMEMBERED)

    def text(self, raw: str, limit: int = 2000) -> SafeText:
        """Return what may be shown of `raw`, at most `limit` characters; a last `<CUT>` stands for more."""
        if isinstance(raw, SafeText) and len(raw) <= limit:
            return raw
        return admitted(self._closed(raw, limit))

    def template(self, raw: str) -> SafeText:
        """Return what may be shown of a mined template, on one line."""
        if isinstance(raw, SafeText) and len(raw) <= TEMPLATE_LIMIT and "\n" not in raw:
            return raw
        shown = self._closed(raw, TEMPLATE_LIMIT)
        while "\n" in shown:  # joining lines can only mask more, and no pass makes a line break from none
            shown = self._closed(shown.replace("\n", " "), TEMPLATE_LIMIT)
        return admitted(shown)

    def name(self, raw: str, kind: Literal["svc", "host", "tag"] = "svc") -> SafeText:
        """Return the name of a service, host or tag, or a token that stands for it and for no other name.

        A name is shown if every part of it is approved, or if the configuration lists it. A single word that
        is the name of a person too is not. The token is stable under one key.
        """
        if isinstance(raw, SafeText):
            return raw
        plain = normalise(raw[: LONGEST_NAME + 1]).strip()
        if not plain:
            return admitted("unknown")
        if plain in self._listed or self._is_opaque(plain):
            return admitted(plain)
        if (
            _LISTED.fullmatch(plain)
            and not self._vocabulary.doubts(plain)
            and self._closed(plain, 2000) == plain
        ):
            return admitted(plain)
        return admitted(self._opaque(kind, raw))

    def _closed(self, raw: str, limit: int) -> str:
        """Run the passes and the cut; whatever goes wrong, the text is withheld."""
        try:
            if len(raw) > LONGEST:
                raise _Withheld("too long")
            return self._cut(self._settled(raw), limit)
        except _Withheld as reason:
            self.withheld[str(reason)] += 1
        except Exception as error:  # noqa: BLE001 - the gate fails closed, whatever the reason; it is counted
            self.withheld[type(error).__name__] += 1
        return WITHHELD

    def _settled(self, raw: str) -> str:
        known = self._known.get(raw)
        if known is not None:
            return known
        text = raw
        for _ in range(PASSES):
            passed = self._pass(text)
            if len(passed) > 2 * LONGEST:  # placeholders may be longer than what they stand for
                raise _Withheld("too long")
            if passed == text:
                if len(raw) <= _LONGEST_REMEMBERED:
                    self._known.put(raw, text)
                return text
            text = passed
        raise _Withheld("does not settle")

    def _cut(self, text: str, limit: int) -> str:
        if len(text) <= limit:
            return text
        room = limit - len(CUT)
        head, space, _ = text[: max(room, 0)].removesuffix("<").rpartition(" ")
        if not space:
            raise _Withheld("one long token")
        shown = self._settled(head.rstrip() + CUT)
        if len(shown) > limit:
            raise _Withheld("too long")
        return shown

    def _pass(self, text: str) -> str:
        """One pass over a text; a text that it does not change is settled."""
        marks: list[str] = []

        def mark(kept: str) -> str:
            if len(marks) >= 0xF8FF - FIRST_PRIVATE:
                raise _Withheld("too many parts")
            marks.append(kept)
            return chr(FIRST_PRIVATE + len(marks) - 1)

        def numbered(found: re.Match[str]) -> str:
            parts = INSTANCE.findall(found[0])
            if not parts or not all(
                approves(word) and admits_instance(word, number) for word, number in parts
            ):
                return found[0]
            return INSTANCE.sub(lambda part: part["word"] + mark(part["number"]), found[0])

        approves = self._vocabulary.approves
        text = masked_by_context(normalise(text))
        if self._listed:
            text = self._names.sub(lambda found: mark(found[0]), text)
        text = _OPAQUE.sub(lambda found: mark(found[0]) if self._is_opaque(found[0]) else found[0], text)
        text = set_aside(text, mark)
        if INSTANCE.search(text):
            text = NUMBERED.sub(numbered, text)
        text = masked(text)
        unknown = frozenset(chr(FIRST_PRIVATE + at) for at, kept in enumerate(marks) if kept in _UNKNOWN)
        text = self._judge(text, unknown)
        if marks:
            text = _MARK.sub(lambda found: marks[ord(found[0]) - FIRST_PRIVATE], text)
        if "<WORD>" in text:
            text = _TOWN.sub("<WORD>", _STREET.sub("<ADDRESS>", text))
        if text.count("<") > 1:
            text = _RUNS.sub(r"\1", text)
        if "/<" in text:
            text = _PATH.sub("<PATH>", text)
        if "\n" in text:
            text = _LINES.sub("\n", text)
        return (_SPACES.sub(" ", text) if "  " in text else text).strip()

    def _digest(self, purpose: bytes, text: str, length: int) -> str:
        digest = blake2b(
            text.encode("utf-8", "surrogatepass"), key=self._key, person=purpose, digest_size=16
        ).digest()
        number = int.from_bytes(digest, "big")
        chars = []
        for _ in range(length):
            number, rest = divmod(number, len(_ALPHABET))
            chars.append(_ALPHABET[rest])
        return "".join(chars)

    def _opaque(self, kind: str, raw: str) -> str:
        """Six characters for the name, three that prove that this gate made them."""
        head = f"{kind}-{self._digest(b'name', raw, 6)}"
        return head + self._digest(b"proof", head, 3)

    def _is_opaque(self, text: str) -> bool:
        return bool(_OPAQUE.fullmatch(text)) and compare_digest(
            text[-3:], self._digest(b"proof", text[:-3], 3)
        )
