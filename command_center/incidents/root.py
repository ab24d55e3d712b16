"""Which of the affected services is the likely cause: the deepest on the service graph, then the earliest.
Pure.

A guess for the card's first minute, not a diagnosis: it sees only services that have signals, and one level
below them. Where several branches fail at once and all call the same service, that service is the guess even
though it has said nothing: what cannot be reached does not log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from command_center.incidents.graph import ServiceGraph


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
