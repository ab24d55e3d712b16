"""What may be shown of a template whose parameters have hardly varied yet: its outline.

A template is shown in full only once it was seen with several different parameters, because before that what looks
like a word of the program may be somebody's. But "14 error lines" alone helps nobody at 3 a.m. The outline keeps
placeholders, and words of two lists that were written by hand: words of software (`data/software.txt`) and the
ordinary words that messages of failing programs are made of (`data/failures.txt`). What is somebody's name as well is
taken out of both. Whatever else stands in the template is left out, though the gate would admit it: each run of such
words becomes one `…`.

>>> from models.sanitizer.safe_text import stored
>>> outline(stored("PoolTimeoutError: no connection to records-db became free within <DURATION>"))
'PoolTimeoutError: no connection to records-db became free within <DURATION>'
>>> outline(stored("no invoice for the umbrella within <DURATION>"))
'no … for the … within <DURATION>'
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from models.sanitizer.safe_text import SafeText, admitted
from models.sanitizer.vocabulary import Vocabulary

LEAST = 2  # words; an outline with fewer says nothing
LEFT_OUT = "…"
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PLACEHOLDER = re.compile(r"<[A-Z_*]+>")
_OTHER = re.compile(r"[^\x00-\x7f]")  # the lists are ASCII: whatever else a token holds was not looked at


def outline(template: SafeText) -> SafeText | None:
    """Return the outline of a template that the gate has admitted; None where too little would be left."""
    kept: list[str] = []
    words = 0
    for token in template.split():
        known = _known(token)
        words += known > 0
        if known >= 0:
            kept.append(token)
        elif not kept or kept[-1] != LEFT_OUT:
            kept.append(LEFT_OUT)
    return admitted(" ".join(kept)) if words >= LEAST else None


def _known(token: str) -> int:
    """Return how many words a token has, all of them of the lists; -1 if there is one that is not."""
    plain = _PLACEHOLDER.sub(" ", token)
    if _OTHER.search(plain):
        return -1
    parts = [part.lower() for part in _PART.findall(plain)]
    known = failure_words()
    if plain.strip(".,;:!?()[]{}\"'").lower() in known:
        return 1
    if any(part not in known for part in parts):
        return -1
    return len(parts)


@lru_cache(maxsize=1)
def failure_words() -> frozenset[str]:
    """Return the words that an outline may hold; read once in a process."""
    base = Vocabulary.base()
    data = files("models.sanitizer") / "data"
    lines = [
        line
        for name in ("software.txt", "failures.txt")
        for line in (data / name).read_text("ascii").splitlines()
        if not line.startswith("#")
    ]
    words = (word for line in lines for word in line.split())
    return frozenset(word for word in words if base.approves(word) and not base.doubts(word))
