"""Which change probably caused a fault: the latest one before it, first on the root, then on what else is
affected.

Pure, and order of time alone: a change that came after the first bad line is never suspected, and one that
came long before is not either. Coincidence looks the same; the suspicion is a place to look, not a verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from storage.records import ChangeMarker


def suspect(
    markers: Iterable[ChangeMarker],
    root: str | None,
    affected: Collection[str],
    fault_at: datetime,
    window: timedelta,
    beside: timedelta,
) -> ChangeMarker | None:
    """Return the suspected change, or None if nothing was changed in the `window` before `fault_at`.

    On an affected service that is not the supposed root it must have come within `beside`: there it is the weaker guess.
    """
    before = [marker for marker in markers if fault_at - window <= marker.at <= fault_at]
    for services, since in (({root}, window), (frozenset(affected), beside)):
        near = [marker for marker in before if marker.service in services and fault_at - since <= marker.at]
        if near:
            return max(near, key=lambda marker: (marker.at, marker.id))
    return None
