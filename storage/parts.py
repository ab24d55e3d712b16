"""How reports travel: in parts that are never too long, and in requests that are never too many at once.

One message may bring a hundred thousand names of services or minutes, so what a shard says about a block has no
bound of its own, while the socket has one (`storage.wire.MAX_BYTES`). A long report is cut into parts that are
applied one after the other. Where it is cut follows from its content alone, so that a replay makes the same parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from storage.facts import BlockFacts, MinuteCount, ServiceTraffic, Signal
from storage.records import ErrorEvent, ErrorPattern

PART_BYTES: Final = 4 * 1024 * 1024
"""Part of the protocol: another figure cuts a report that was half applied in other places."""
REQUEST_BYTES: Final = 8 * 1024 * 1024
AT_ONCE: Final = 512
"""Reports per request: a few ms of the command center's time each."""
_ESCAPED: Final = 12
"""Bytes that a character may take in JSON: two escapes."""
_COUNT: Final = 64
_GROUPS: Final = ("traffic", "patterns", "counts", "errors", "signals")
"""In the order in which they travel: a finding comes after what it is about."""

_Fact = MinuteCount | ServiceTraffic | ErrorPattern | ErrorEvent | Signal


def parted(report: BlockFacts, limit: int = PART_BYTES) -> list[BlockFacts]:
    """Return a report as parts of about `limit` bytes; one that is shorter comes back as it is.

    >>> from datetime import UTC, datetime
    >>> short = BlockFacts(shard=1, block=7, received_at=datetime(2026, 3, 2, tzinfo=UTC))
    >>> parted(short) == [short]
    True
    """
    return [report] if weight(report) <= limit else _cut(report, limit)


def _cut(report: BlockFacts, limit: int) -> list[BlockFacts]:
    parts: list[dict[str, list[Any]]] = [{}]
    left = limit
    for group in _GROUPS:
        for fact in getattr(report, group):
            size = _size(fact)
            if size > left and parts[-1]:
                parts.append({})
                left = limit
            parts[-1].setdefault(group, []).append(fact)
            left -= size
    empty = report.model_copy(update=dict.fromkeys(_GROUPS, ()) | {"quarantined": 0, "late": 0})
    return [
        (report if number == 0 else empty).model_copy(
            update={group: tuple(part.get(group, ())) for group in _GROUPS} | {"part": number}
        )
        for number, part in enumerate(parts)
    ]


def requests(reports: Sequence[BlockFacts]) -> Iterator[list[BlockFacts]]:
    """Yield all reports, in order of blocks and shards and long ones in parts, in pieces for one request each."""
    ordered = sorted(reports, key=lambda report: (report.block, report.shard))
    together, size = list[BlockFacts](), 0
    for report in ordered:
        whole = weight(report)
        parts = (
            [(report, whole)] if whole <= PART_BYTES else [(p, weight(p)) for p in _cut(report, PART_BYTES)]
        )
        for part, heavy in parts:
            if together and (len(together) >= AT_ONCE or size + heavy > REQUEST_BYTES):
                yield together
                together, size = [], 0
            together.append(part)
            size += heavy
    if together:
        yield together


def weight(report: BlockFacts) -> int:
    """Return about how many bytes a report takes on the wire, rather more than fewer."""
    counts = sum(len(fact.service) + len(fact.template_id) for fact in report.counts)  # these are many
    others: Iterator[_Fact] = chain(report.traffic, report.patterns, report.errors, report.signals)
    return 256 + _COUNT * len(report.counts) + counts + sum(map(_size, others))


def _size(fact: _Fact) -> int:
    match fact:
        case MinuteCount():
            return _COUNT + len(fact.service) + len(fact.template_id)
        case ErrorEvent():
            return 64 + len(fact.service) + len(fact.host) + len(fact.template_id)
        case ServiceTraffic():
            return 128 + _ESCAPED * len(fact.service)
        case ErrorPattern():
            samples = sum(map(len, fact.samples))
            return 320 + _ESCAPED * (len(fact.service) + len(fact.template) + samples)
        case Signal():
            texts = len(fact.service) + len(fact.host or "") + len(fact.template or "")
            evidence = sum(
                len(key) + len(value if isinstance(value, str) else "")
                for key, value in fact.evidence.items()
            )
            return 480 + _ESCAPED * (texts + evidence) + 32 * len(fact.evidence)
