"""Whether a template speaks of failure, where no level says so, and whether the service helps itself."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = re.compile(
    r"(?<![a-z])(?:errors?|exceptions?|fail(?:s|ed|ure|ures|ing)?|fatal|abort(?:s|ed|ing)?|panic(?:ked)?|crash(?:ed)?"
    r"|time(?:d )?-?out|refused|denied|unexpected(?:ly)?|unable|cannot|corrupt(?:ed|ion)?)(?![a-z])",
    re.IGNORECASE,
)
_JOINED: Final = re.compile(r"(?:Error|Exception|Failure)\b")  # NullPointerException
_HELPED: Final = re.compile(
    r"(?<![a-z])(?:try(?:ing)? (?:again|the next|another|once more)|will (?:retry|reconnect|try)|retrying|re-?connecting"
    r"|re-?connected|re-?opening|opening (?:another|a new)|next (?:address|node|endpoint|server|replica)"
    r"|(?:continu|go|carry)ing (?:on )?without"
    r"|recovered|resumed|drain(?:ed|ing))(?![a-z])"
    r"|, (?!fail|down|lost|gone|crash)[\w<>*]+ again(?![a-z])|, (?:done|succeeded|ok)(?![a-z])",
    re.IGNORECASE,
)
_MEANT: Final = re.compile(
    r"(?<![a-z])(?:approved|authori[sz]ed (?:scan|test)|planned|rehears(?:al|ed|ing)|drill|skip(?:ped|ping)|ignor(?:ed|ing))(?![a-z])",
    re.IGNORECASE,
)


def speaks_of_failure(template: str) -> bool:
    """Say whether `template` has a word of failure.

    >>> [speaks_of_failure(t) for t in ("write failed: <*>", "java.io.IOException at <*>", "no failsafe", "done")]
    [True, True, False, False]
    """
    return bool(_WORDS.search(template) or _JOINED.search(template))


def helps_itself(template: str) -> bool:
    """Say whether `template` tells what the service does about a trouble, or that it was meant to be.

    What is done about a trouble may not help; see `meant` for what is no trouble.

    >>> [helps_itself(t) for t in ("<IP> refused, trying the next address", "bad line <NUM> skipped", "retries exhausted")]
    [True, True, False]
    >>> [helps_itself(t) for t in ("peer went away, <WORD> again", "plugin missing, continuing without", "down, failed again")]
    [True, True, False]
    """
    return bool(_HELPED.search(template)) or meant(template)


def meant(template: str) -> bool:
    """Say whether `template` tells that it was meant to be: as a warning it is none, however long it goes on.

    >>> [meant(t) for t in ("scanner <IP> (approved, ticket <ID>): GET", "row <NUM> skipped: no change", "retrying")]
    [True, True, False]
    """
    return bool(_MEANT.search(template))
