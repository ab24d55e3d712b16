"""How much one signal says by itself. Pure.

Signals of one family rest on the same lines, so two of them are one piece of evidence. What no chance and no release explains is
strong; what may pass by itself is weak until it lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple

from command_center.settings import CorrelationSettings
from models.detectors.failure_words import speaks_of_failure
from models.levels import Level
from storage.facts import Signal, SignalKind

Fingerprint = tuple[str, SignalKind, str | None]

FAMILIES: Mapping[SignalKind, str] = MappingProxyType(
    {
        SignalKind.NEW_ERROR_TEMPLATE: "errors",
        SignalKind.ERROR_BURST: "errors",
        SignalKind.NEW_WARNING_TEMPLATE: "warnings",
        SignalKind.WARNING_BURST: "warnings",
        SignalKind.SILENCE: "absence",
        SignalKind.TRAFFIC_DROP: "absence",
        SignalKind.TEMPLATE_SILENCE: "absence",
        SignalKind.FIGURE_SHIFT: "figures",
        SignalKind.PERSONAL_DATA: "privacy",
        SignalKind.CLOCK_SKEW: "clock",
        SignalKind.FORECAST: "forecast",
    }
)
"""Signals of one family rest on the same lines: two of them are one piece of evidence."""
_SURE = frozenset(
    (
        SignalKind.SILENCE,
        SignalKind.TRAFFIC_DROP,
        SignalKind.PERSONAL_DATA,
        SignalKind.CLOCK_SKEW,
        SignalKind.FORECAST,
    )
)
_MAY_LAST = frozenset(("warnings", "figures"))


class Candidate(NamedTuple):
    """A signal to decide on, with the lines of its template counted so far (0 for silence)."""

    signal: Signal
    lines: int

    @property
    def fingerprint(self) -> Fingerprint:
        return self.signal.service, self.signal.kind, self.signal.template_id

    @property
    def family(self) -> str:
        return FAMILIES[self.signal.kind]


def strong(found: Candidate, settings: CorrelationSettings) -> bool:
    """Say whether a signal may open an incident by itself: silence, a fatal line, errors in number, and what no chance explains."""
    signal = found.signal
    if signal.kind in _SURE or (signal.level >= Level.FATAL and found.family == "errors"):
        return True
    return found.family == "errors" and signal.level >= Level.ERROR and found.lines >= settings.min_lines


def lasting(
    found: Candidate, before: Iterable[Candidate], after_change: bool, settings: CorrelationSettings
) -> bool:
    """Say whether a weak signal has gone on for so long that it is no passing thing.

    `before` are the signals of its service that were held; a change of the service just before makes one wait longer, for what
    restarts complains for a while, and of warnings only those count then that speak of failure: a release has new things to warn of.
    """
    if found.family not in _MAY_LAST:
        return False
    if (
        after_change
        and found.family == "warnings"
        and not speaks_of_failure(str(found.signal.template or ""))
    ):
        return False
    wait = settings.settle_after_change if after_change else settings.lasting
    return any(
        each.fingerprint == found.fingerprint and found.signal.at - each.signal.at >= timedelta(seconds=wait)
        for each in before
    )


def harmless(signal: Signal) -> bool:
    """Say whether a signal is below what anybody is woken for: errors of a known level under WARN."""
    return FAMILIES[signal.kind] == "errors" and Level.UNKNOWN < signal.level < Level.WARN


def only_consequences(signals: Iterable[tuple[str, SignalKind]]) -> frozenset[str]:
    """Return the services that merely say less than usual, while others say that something is wrong."""
    kinds: dict[str, set[SignalKind]] = {}
    for service, kind in signals:
        kinds.setdefault(service, set()).add(kind)
    less = {SignalKind.TRAFFIC_DROP, SignalKind.TEMPLATE_SILENCE}
    quiet = frozenset(service for service, seen in kinds.items() if seen <= less)
    return quiet if len(quiet) < len(kinds) else frozenset()
