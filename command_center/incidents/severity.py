"""How bad it is: rules in the order of the configuration, the first that holds decides. Pure.

A rule compares what is affected with limits a person can read: is a service critical, what share of a
service's lines are errors (0..1), how many such lines there are, how many services are affected. Every
limit of a rule must hold; a rule without limits always does. A log line is not a request: a service that
writes three lines per request shows a share of 0.33 when every request fails, so limits belong well below
1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from storage.facts import SignalKind
from storage.records import Score, Severity


class SeverityRule(BaseModel):
    """One row of the severity table; the row whose limits all hold, and stands first, gives the severity."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    severity: Severity = Field(description="1 critical .. 4 low")
    critical: bool = Field(
        default=False,
        description="A critical service is affected; share and lines are those of such services",
    )
    services: int = Field(default=1, ge=1, description="At least so many services are affected")
    error_share: Score = Field(
        default=0.0, description="At least this share of one service's lines are errors, 0..1"
    )
    errors: int = Field(default=0, ge=0, description="At least so many error lines")
    signals: int = Field(default=1, ge=0, description="At least so many different signals")
    kinds: tuple[SignalKind, ...] = Field(
        default=(), description="One of these kinds of signal is there; empty: any"
    )
    categories: tuple[str, ...] = Field(default=(), description="The category is one of these; empty: any")


DEFAULT_RULES: tuple[SeverityRule, ...] = (
    SeverityRule(severity=Severity.SEV1, categories=("privacy",)),
    SeverityRule(severity=Severity.SEV1, critical=True, error_share=0.3, errors=50, signals=2),
    SeverityRule(severity=Severity.SEV1, critical=True, services=2, kinds=(SignalKind.SILENCE,)),
    SeverityRule(severity=Severity.SEV1, services=4, error_share=0.25, errors=50),
    SeverityRule(severity=Severity.SEV1, services=2, error_share=0.8, errors=50),
    SeverityRule(severity=Severity.SEV2, categories=("security",)),
    SeverityRule(severity=Severity.SEV2, categories=("crash_loop",), errors=5),
    SeverityRule(severity=Severity.SEV2, critical=True, error_share=0.05, errors=10),
    SeverityRule(severity=Severity.SEV2, critical=True, kinds=(SignalKind.SILENCE,)),
    SeverityRule(severity=Severity.SEV2, services=2, kinds=(SignalKind.SILENCE,)),
    SeverityRule(severity=Severity.SEV2, error_share=0.25, errors=20),
    SeverityRule(severity=Severity.SEV2, categories=("retry_storm",), services=2, error_share=0.1, errors=20),
    # Nobody reaches it, or nobody is let in: others fail of it, and its own work has stopped, however small a part of theirs it is.
    SeverityRule(
        severity=Severity.SEV2,
        categories=("network", "configuration", "authentication"),
        kinds=(SignalKind.SILENCE, SignalKind.TRAFFIC_DROP, SignalKind.TEMPLATE_SILENCE),
        services=2,
        errors=20,
    ),
    SeverityRule(severity=Severity.SEV3, error_share=0.02, errors=5),
    SeverityRule(
        severity=Severity.SEV3,
        kinds=(
            SignalKind.SILENCE,
            SignalKind.TRAFFIC_DROP,
            SignalKind.HOST_SILENCE,
            SignalKind.FIGURE_SHIFT,
            SignalKind.CLOCK_SKEW,
        ),
    ),
    SeverityRule(
        severity=Severity.SEV3,
        categories=(
            "resource_exhaustion",
            "retry_storm",
            "flapping",
            "network",
            "dependency_timeout",
            "authentication",
        ),
        kinds=(SignalKind.WARNING_BURST, SignalKind.NEW_WARNING_TEMPLATE),
    ),
    SeverityRule(severity=Severity.SEV3, signals=3),
    SeverityRule(severity=Severity.SEV4, signals=0),
)


class Traffic(NamedTuple):
    """Lines of one service in the traffic window, and how many of them are errors."""

    lines: int
    errors: int

    @property
    def error_share(self) -> float:
        """Share of error lines, 0..1; 0 without any line.

        >>> Traffic(lines=200, errors=50).error_share
        0.25
        """
        return min(1.0, self.errors / self.lines) if self.lines else 0.0


@dataclass(frozen=True, slots=True)
class Impact:
    """What is affected: every affected service with its traffic, and what the signals are."""

    services: Mapping[str, Traffic]
    signals: int
    kinds: frozenset[SignalKind]
    category: str = "unknown"


class Ruled(NamedTuple):
    """What the table says: the severity, the row that decided (from 1; 0 if none did), and the traffic that it was held against."""

    severity: Severity
    rule: int
    error_share: float
    errors: int


def severity_of(impact: Impact, critical: Collection[str], rules: Sequence[SeverityRule]) -> Severity:
    """Return the severity of the first of `rules` that holds for `impact`; SEV4 if none does.

    >>> weak = Impact({"reports": Traffic(lines=1000, errors=3)}, signals=1, kinds=frozenset())
    >>> severity_of(weak, {"gateway"}, DEFAULT_RULES).name
    'SEV4'
    """
    return ruled(impact, critical, rules).severity


def ruled(impact: Impact, critical: Collection[str], rules: Sequence[SeverityRule]) -> Ruled:
    """Return the severity with the row of `rules` that gives it.

    >>> bad = Impact({"billing": Traffic(lines=100, errors=60)}, signals=1, kinds=frozenset())
    >>> ruled(bad, (), DEFAULT_RULES)
    Ruled(severity=<Severity.SEV2: 2>, rule=11, error_share=0.6, errors=60)
    """
    for number, rule in enumerate(rules, 1):
        share, errors = _traffic(rule.critical, impact, critical)
        if _holds(rule, impact, critical, share, errors):
            return Ruled(rule.severity, number, share, errors)
    return Ruled(Severity.SEV4, 0, *_traffic(False, impact, critical))


def _traffic(only_critical: bool, impact: Impact, critical: Collection[str]) -> tuple[float, int]:
    """Return the highest share of errors of one service, and all error lines; of the critical services alone if so told."""
    counted = [traffic for name, traffic in impact.services.items() if not only_critical or name in critical]
    return max((each.error_share for each in counted), default=0.0), sum(each.errors for each in counted)


def _holds(rule: SeverityRule, impact: Impact, critical: Collection[str], share: float, errors: int) -> bool:
    return (
        (not rule.critical or any(name in critical for name in impact.services))
        and len(impact.services) >= rule.services
        and share >= rule.error_share
        and errors >= rule.errors
        and impact.signals >= rule.signals
        and (not rule.kinds or any(kind in impact.kinds for kind in rule.kinds))
        and (not rule.categories or impact.category in rule.categories)
    )
