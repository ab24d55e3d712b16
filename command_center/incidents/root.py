"""Which of the affected services is the likely cause: the deepest on the service graph, then the earliest.
Pure.

A guess for the card's first minute, not a diagnosis: it sees only services that have signals, and one level
below them. Where several branches fail at once and all call the same service, that service is the guess even
though it has said nothing: what cannot be reached does not log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from command_center.incidents.category import words as words_of
from command_center.incidents.graph import ServiceGraph
from command_center.incidents.learnt_calls import named_in

_POOLS = frozenset(("pool", "pools", "pooled", "semaphore", "permits", "slots"))


def root_of(first_seen: Mapping[str, datetime], graph: ServiceGraph) -> str:
    """Return the likely root of the services in `first_seen` (service -> time of its first signal; not
    empty).

    >>> at = datetime.fromisoformat
    >>> graph = ServiceGraph([("gateway", "billing"), ("billing", "db"), ("reports", "db")])
    >>> early, late = at("2026-03-02T03:00:00+00:00"), at("2026-03-02T03:00:09+00:00")
    >>> root_of({"gateway": early, "billing": late}, graph)
    'billing'
    >>> root_of({"billing": early, "reports": late}, graph)
    'db'
    >>> root_of({"billing": late, "mail": early}, graph)
    'mail'
    """
    deepest = graph.deepest(frozenset(first_seen))
    shared = graph.shared_callee(deepest)
    return shared if shared is not None else min(deepest, key=lambda name: (first_seen[name], name))


def blamed_by(service: str, sentences: Mapping[str, int], graph: ServiceGraph) -> str | None:
    """Return the callee that most failing lines of `service` name (`sentences`: template -> lines); None if they name none.

    Who cannot be reached has no lines of its own, and with a single caller there is nothing that callers share. What is scarce in
    a pool is scarce with whoever keeps the pool: a sentence about one blames nobody else.

    >>> graph = ServiceGraph([("gateway", "billing"), ("gateway", "auth")])
    >>> blamed_by("gateway", {"auth is not there; request <ID> aborted": 20, "bad request <ID>": 3}, graph)
    'auth'
    >>> blamed_by("gateway", {"bad request <ID>": 9}, graph)
    >>> blamed_by("gateway", {"PoolTimeoutError: no connection to auth became free": 9}, graph)
    """
    total = sum(sentences.values())
    lines = dict.fromkeys(sorted(graph.callees(service)), 0)
    for template, count in sentences.items():
        if not _POOLS.isdisjoint(words_of(template).split()):
            continue
        words = named_in(template)
        for callee in lines:
            if named_in(callee) & words:
                lines[callee] += count
    best = max(lines, key=lambda callee: lines[callee], default=None)
    return best if best is not None and 2 * lines[best] > total else None
