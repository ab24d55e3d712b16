"""How much one signal says by itself. Pure.

Signals of one family rest on the same lines, so two of them are one piece of evidence. What no chance and no release explains is
strong; what may pass by itself is weak until it lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from command_center.settings import CorrelationSettings
from models.detectors.failure_words import helps_itself, meant, speaks_of_failure
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
        SignalKind.HOST_SILENCE: "absence",
        SignalKind.SEQUENCE_BREAK: "absence",
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
_MAY_LAST = frozenset(("errors", "warnings", "figures"))
_MISSED_TWICE = frozenset((SignalKind.TEMPLATE_SILENCE, SignalKind.HOST_SILENCE))
_PAUSE = timedelta(seconds=150)
"""What goes on is told of once a minute; after a longer pause it has begun anew."""
NEW = frozenset((SignalKind.NEW_ERROR_TEMPLATE, SignalKind.NEW_WARNING_TEMPLATE))


class Candidate(NamedTuple):
    """A signal to decide on, with the lines of its template counted so far (0 for silence), and the time of the newest.

    `again`: it was weak before and no further line of it has come.
    """

    signal: Signal
    lines: int
    until: datetime | None = None
    again: bool = False

    @property
    def span(self) -> timedelta:
        """How long its lines have come so far."""
        return max(timedelta(0), (self.until or self.signal.at) - self.signal.at)

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
    if found.family != "errors" or signal.level < Level.ERROR or found.lines < settings.min_lines:
        return False
    return not helps_itself(str(signal.template or "")) and by_chance(found) <= settings.chance


def by_chance(found: Candidate) -> float:
    """Return how probable it is that a sentence which is not new at all, only rare, comes so often by chance.

    It was not said in all the time its service was watched before, t, and then n times within s: of a Poisson process whose rate is
    known from its first event alone, n - 1 more within s have the probability (s / (s + t)) ** (n - 1). 0 where that time is
    not known, or the signal is not about a new sentence.
    """
    minutes = found.signal.evidence.get("minutes")
    if found.signal.kind not in NEW or not isinstance(minutes, int | float):
        return 0.0
    span = found.span.total_seconds()
    return float((span / (span + 60.0 * max(1.0, minutes))) ** max(0, found.lines - 1))


def beside_by_chance(one: Signal, other: Signal) -> float:
    """Return how many new sentences are to be expected in the time between two of them: the score is the chance that a minute
    brings none."""
    if one.kind not in NEW or other.kind not in NEW:
        return 0.0
    minutes = (abs(one.at - other.at) + timedelta(seconds=30)) / timedelta(minutes=1)
    return (1 - min(one.score, other.score)) * minutes


def lasting(
    found: Candidate,
    before: Sequence[Candidate],
    changed: Callable[[datetime], bool],
    settings: CorrelationSettings,
) -> bool:
    """Say whether a weak signal has gone on for so long that it is no passing thing.

    `before` are the signals of its service that were held; a change of the service just before it began makes one wait longer, for
    what restarts complains for a while, and of warnings only those count then that speak of failure: a release has new things to
    warn of. What a service says it helps itself with has to last as long, and a warning of what was meant to be never lasts.
    """
    since = _since(found, before)
    after_change = changed(since)
    if found.signal.kind in _MISSED_TWICE:  # told of again because it stays away
        others = (each for each in before if each.signal.id != found.signal.id)
        return not after_change and any(each.fingerprint == found.fingerprint for each in others)
    if (
        found.signal.kind is SignalKind.SEQUENCE_BREAK
    ):  # a release may say less, and every session lacks that then
        lasts = found.signal.at - since >= timedelta(seconds=settings.lasting)
        return lasts and not after_change and lacking(found.signal) >= settings.lacking_share
    if found.family not in _MAY_LAST:
        return False
    template = str(found.signal.template or "")
    if after_change and found.family == "warnings" and not speaks_of_failure(template):
        return False
    if found.family == "warnings" and meant(template):
        return False
    longer = after_change or helps_itself(template)
    wait = timedelta(seconds=settings.settle_after_change if longer else settings.lasting)
    if found.family == "errors" and not longer:
        return False  # errors in number need not last
    if found.signal.kind in NEW and found.lines >= settings.min_lines and wait <= found.span <= wait + _PAUSE:
        # Nobody is woken by a warning as by an error: it has to be much rarer.
        return by_chance(found) <= settings.chance ** (2 if found.family == "warnings" else 1)
    return found.signal.at - since >= wait


def _since(found: Candidate, before: Iterable[Candidate]) -> datetime:
    """Return when that began of which `found` is the newest sign."""
    since = found.signal.at
    for at in sorted((each.signal.at for each in before if _same(each, found)), reverse=True):
        if since - at > _PAUSE:
            break
        since = min(since, at)
    return since


def _same(one: Candidate, other: Candidate) -> bool:
    """Say whether two signals of one service are about the same: the same lines, or the same figure."""
    return one.family == other.family and one.signal.template_id == other.signal.template_id


def lacking(signal: Signal) -> float:
    """Return the share of the sessions that lack a step; 0 for signals that are not about sessions."""
    lack, judged = signal.evidence.get("lacking"), signal.evidence.get("sessions")
    if not isinstance(lack, int | float) or not isinstance(judged, int | float):
        return 0.0
    return lack / judged if judged > 0 else 0.0


def harmless(signal: Signal) -> bool:
    """Say whether a signal is below what anybody is woken for: errors of a known level under WARN."""
    return FAMILIES[signal.kind] == "errors" and Level.UNKNOWN < signal.level < Level.WARN


def only_consequences(signals: Iterable[tuple[str, SignalKind]]) -> frozenset[str]:
    """Return the services that merely say less than usual, while others say that something is wrong."""
    kinds: dict[str, set[SignalKind]] = {}
    for service, kind in signals:
        kinds.setdefault(service, set()).add(kind)
    less = {SignalKind.TRAFFIC_DROP, SignalKind.TEMPLATE_SILENCE, SignalKind.SEQUENCE_BREAK}
    quiet = frozenset(service for service, seen in kinds.items() if seen <= less)
    return quiet if len(quiet) < len(kinds) else frozenset()
