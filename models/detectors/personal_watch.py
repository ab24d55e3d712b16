"""Personal data that begins to appear in the lines of one service.

A block is searched as a whole for what may be personal, and some of the lines found are looked at. What a service says in its
first minutes is taken for usual: it is for people to see to, and no incident. Later a kind that this template never had, found
in several different lines within minutes, is reported once per template and kind; lines with several kinds at once count whatever
their templates are. Times are ns of event time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from models.detectors.base import Finding
from models.detectors.personal import hinted, personal
from models.detectors.settings import DetectorSettings

_SECOND: Final = 10**9
_LINES: Final = 3
"""Different lines with the same kind that make a finding."""
_WITHIN_NS: Final = 600 * _SECOND
_ANY_TEMPLATE: Final = ""
_SURE: Final = frozenset(("birth", "number", "contact", "health"))


class PersonalWatch:
    """Watches one service."""

    kind = "personal_data"

    def __init__(self, settings: DetectorSettings) -> None:
        self._most = settings.known_templates
        self._warm_ns = settings.novelty_minutes * 60 * _SECOND
        self._began: int | None = None
        self._known: OrderedDict[str, set[str]] = (
            OrderedDict()
        )  # template -> kinds that were told of, or are usual
        self._seen: dict[
            tuple[str, str], dict[int, int]
        ] = {}  # template or any, kind -> hash of a line -> when

    def take(self, ids: Sequence[str], texts: Sequence[str], now_ns: int) -> list[Finding]:
        """Look at the lines of a block with their template ids; return what is to be reported."""
        found, at = list[Finding](), now_ns
        if self._began is None:
            self._began = at
        for place in hinted(texts):
            template_id, text = ids[place], texts[place]
            known = self._known.get(template_id)
            if known is None:
                if len(self._known) >= self._most:
                    gone, _ = self._known.popitem(last=False)
                    for key in [key for key in self._seen if key[0] == gone]:
                        del self._seen[key]
                known = self._known[template_id] = set()
            else:
                self._known.move_to_end(template_id)
            kinds = personal(text, datetime.fromtimestamp(at / _SECOND, UTC).year) - known
            if not kinds & _SURE:
                continue
            if at - self._began < self._warm_ns:
                known |= kinds
                continue
            lines = self._count(template_id, kinds, text, at)
            if len(kinds) > 1:  # a name in a sentence makes it look like another one each time
                lines = max(lines, self._count(_ANY_TEMPLATE, kinds, text, at))
            if lines >= _LINES:
                known |= kinds
                evidence: dict[str, int | float | str] = {
                    "kinds": " ".join(sorted(kinds)),
                    "lines_seen": lines,
                }
                found.append(Finding(self.kind, at, 0.9, 0.5, template_id, evidence=evidence))
        return found

    def _count(self, template_id: str, kinds: frozenset[str], text: str, at: int) -> int:
        """Return in how many different lines one of the kinds has been seen lately."""
        most = 0
        for kind in sorted(kinds & _SURE):
            seen = self._seen.setdefault((template_id, kind), {})
            seen[_digest(text)] = at
            for line in [line for line, when in seen.items() if at - when > _WITHIN_NS]:
                del seen[line]
            most = max(most, len(seen))
            if most >= _LINES:
                del self._seen[template_id, kind]
        return most


def _digest(text: str) -> int:
    # Python's own hash of text differs from process to process.
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
