"""Whether a template speaks of failure, where no level says so."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = re.compile(
    r"(?<![a-z])(?:errors?|exceptions?|fail(?:s|ed|ure|ures|ing)?|fatal|abort(?:s|ed|ing)?|panic(?:ked)?|crash(?:ed)?"
    r"|time(?:d )?-?out|refused|denied|unexpected(?:ly)?|unable|cannot|corrupt(?:ed|ion)?)(?![a-z])",
    re.IGNORECASE,
)
_JOINED: Final = re.compile(r"(?:Error|Exception|Failure)\b")  # NullPointerException


def speaks_of_failure(template: str) -> bool:
    """Say whether `template` has a word of failure.

    >>> [speaks_of_failure(t) for t in ("write failed: <*>", "java.io.IOException at <*>", "no failsafe", "done")]
    [True, True, False, False]
    """
    return bool(_WORDS.search(template) or _JOINED.search(template))
