"""How bad it is: rules in the order of the configuration, the first that holds decides. Pure.

A rule compares what is affected with limits a person can read: is a service critical, what share of the lines
of the affected services are errors (0..1), how many such lines there are, how many services are affected.
Every limit of a rule must hold; a rule without limits always does. A log line is not a request: a service
that writes three lines per request shows a share of 0.33 when every request fails, so limits belong well
below 1.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from storage.facts import SignalKind
from storage.records import Score, Severity


class SeverityRule(BaseModel):
    """One row of the severity table; the row whose limits all hold, and stands first, gives the severity."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    severity: Severity = Field(description="1 critical .. 4 low")
    critical: bool = Field(default=False, description="A critical service must be affected")
    services: int = Field(default=1, ge=1, description="At least so many services are affected")
    error_share: Score = Field(default=0.0, description="At least this share of their lines are errors, 0..1")
    errors: int = Field(default=0, ge=0, description="At least so many error lines")
    signals: int = Field(default=1, ge=0, description="At least so many signals")
    kinds: tuple[SignalKind, ...] = Field(
        default=(), description="One of these kinds of signal is there; empty: any"
    )
    categories: tuple[str, ...] = Field(default=(), description="The category is one of these; empty: any")


DEFAULT_RULES: tuple[SeverityRule, ...] = (
    SeverityRule(severity=Severity.SEV1, critical=True, error_share=0.3, errors=50, signals=2),
    SeverityRule(severity=Severity.SEV1, critical=True, services=2, kinds=(SignalKind.SILENCE,), errors=20),
    SeverityRule(severity=Severity.SEV1, services=4, error_share=0.2, errors=50),
    SeverityRule(severity=Severity.SEV2, categories=("privacy", "security"), errors=5),
    SeverityRule(severity=Severity.SEV2, critical=True, error_share=0.05, errors=10),
    SeverityRule(severity=Severity.SEV2, critical=True, kinds=(SignalKind.SILENCE,)),
    SeverityRule(severity=Severity.SEV2, services=2, error_share=0.1, errors=20),
    SeverityRule(severity=Severity.SEV2, error_share=0.3, errors=20),
    SeverityRule(severity=Severity.SEV3, error_share=0.02, errors=5),
    SeverityRule(severity=Severity.SEV3, kinds=(SignalKind.SILENCE,)),
    SeverityRule(severity=Severity.SEV3, signals=3),
    SeverityRule(severity=Severity.SEV4),
)


@dataclass(frozen=True, slots=True)
class Impact:
    """What is affected. `lines` and `errors` are those of the affected services in the traffic window."""

    services: frozenset[str]
    lines: int
    errors: int
    signals: int
    kinds: frozenset[SignalKind]
    category: str = "unknown"

    @property
    def error_share(self) -> float:
        """Share of error lines, 0..1; 0 without any line.

        >>> Impact(frozenset({"billing"}), lines=200, errors=50, signals=1, kinds=frozenset()).error_share
        0.25
        """
        return min(1.0, self.errors / self.lines) if self.lines else 0.0


def severity_of(impact: Impact, critical: Collection[str], rules: Sequence[SeverityRule]) -> Severity:
    """Return the severity of the first of `rules` that holds for `impact`; SEV4 if none does.

    >>> weak = Impact(frozenset({"reports"}), lines=1000, errors=3, signals=1, kinds=frozenset())
    >>> severity_of(weak, {"gateway"}, DEFAULT_RULES).name
    'SEV4'
    """
    for rule in rules:
        if _holds(rule, impact, critical):
            return rule.severity
    return Severity.SEV4


def _holds(rule: SeverityRule, impact: Impact, critical: Collection[str]) -> bool:
    return (
        (not rule.critical or any(name in critical for name in impact.services))
        and len(impact.services) >= rule.services
        and impact.error_share >= rule.error_share
        and impact.errors >= rule.errors
        and impact.signals >= rule.signals
        and (not rule.kinds or any(kind in impact.kinds for kind in rule.kinds))
        and (not rule.categories or impact.category in rule.categories)
    )
