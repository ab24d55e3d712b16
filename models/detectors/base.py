"""What every detector is: one of River's anomaly detectors, with a threshold that needs no labels.

The contract, which `models.checks` runs over every detector: `score_one` is pure and answers 0..1,
`learn_one` changes the state, memory is bounded, pickling and `clone` work, equal input gives equal state,
and there is no clock, no randomness and no I/O. From `threshold` on a score is a finding. What was flagged
is not learnt as usual; each detector says how it gets out of a flag that never ends.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from river.base.anomaly_detector import AnomalyDetector

from models.levels import Level

Features = dict[Hashable, Any]
"""What a detector is given; each names its keys."""


class Detector(AnomalyDetector):
    """Base of the detectors. `threshold` is the score from which on something is a finding."""

    threshold: ClassVar[float] = 0.5

    def flags(self, x: Features) -> bool:
        """Whether `x` is a finding."""
        return bool(self.score_one(x) >= self.threshold)


class Reason(NamedTuple):
    """One thing that speaks against a session: the events that it is about, and a score of 0..1."""

    kind: str
    events: tuple[str, ...]
    score: float


class ExplainingDetector(Detector):
    """A detector whose score is the greatest of its reasons, so that every flag can be checked by a person."""

    @abstractmethod
    def reasons(self, x: Features) -> list[Reason]:
        """Return what speaks against `x`; only a reason with a score from `threshold` on is a finding."""

    def score_one(self, x: Features) -> float:
        return max((reason.score for reason in self.reasons(x)), default=0.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a detector reports about one service.

    `at_ns` is event time (ns since 1970, UTC); `evidence` holds numbers that a person can check. Its texts, and `host`, are
    raw: only the gate may look at them.
    """

    kind: str
    at_ns: int
    score: float
    threshold: float
    template_id: str | None = None
    level: Level = Level.UNKNOWN
    host: str | None = None
    evidence: dict[str, int | float | str] = field(default_factory=dict)


def against(value: float, limit: float) -> float:
    """Return value / (value + limit): 0.5 where `value` reaches `limit`, towards 1 beyond it.

    >>> against(60, 60), against(180, 60), against(0, 60)
    (0.5, 0.75, 0.0)
    """
    return value / (value + limit) if value > 0 else 0.0
