"""The approved words: what a token has to be in before it may be shown.

`Vocabulary.base()` is the list that ships with the product (about 60,000 words; how it was made and
what was left out stands in `docs/decisions/0020-vocabulary.md`). A deployment adds words that a
person approved with `with_words`. A vocabulary is immutable, and asking it costs one set look-up.

Words are compared without case. A *doubtful* word is approved, but is the name of somebody or some
place as well; the gate masks it where the words around it look like a name.

>>> base = Vocabulary.base()
>>> base.approves("Connection"), base.approves("zorblax"), base.doubts("page")
(True, False, True)
>>> base.with_words(["zorblax"]).approves("Zorblax")
True
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

from models.errors import BadInput

_SHAPE = re.compile(r"[a-z][a-z0-9]{0,39}")
_SENSE = "Approve single words of ASCII letters and digits, at most 40 long, that begin with a letter."


class Vocabulary:
    """A set of approved words, some of them doubtful; see the module's first lines."""

    __slots__ = ("_certain", "_doubtful")

    def __init__(self, certain: Iterable[str], doubtful: Iterable[str] = ()) -> None:
        self._certain = frozenset(certain)
        self._doubtful = frozenset(doubtful) - self._certain

    @classmethod
    def base(cls) -> Vocabulary:
        """Return the vocabulary that ships with the product; it is read once in a process."""
        return _base()

    def approves(self, word: str) -> bool:
        """Tell whether `word` (any case) may be shown."""
        word = word.lower()
        return word in self._certain or word in self._doubtful

    def doubts(self, word: str) -> bool:
        """Tell whether `word` is approved and somebody's name too."""
        return word.lower() in self._doubtful

    def with_words(self, words: Iterable[str]) -> Vocabulary:
        """Return this vocabulary with `words` approved without doubt; `BadInput` if one is not a word."""
        added = [word.strip().lower() for word in words]
        if wrong := sum(1 for word in added if not _SHAPE.fullmatch(word)):
            raise BadInput(f"{wrong} of {len(added)} words cannot be approved", hint=_SENSE)
        return Vocabulary(self._certain.union(added), self._doubtful)

    def __len__(self) -> int:
        return len(self._certain) + len(self._doubtful)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self._certain)} certain, {len(self._doubtful)} doubtful)"


@lru_cache(maxsize=1)
def _base() -> Vocabulary:
    packed = (files("models.sanitizer") / "data" / "words.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("ascii").split()
    doubtful = [line[1:] for line in lines if line.startswith("~")]
    return Vocabulary((line for line in lines if not line.startswith("~")), doubtful)
