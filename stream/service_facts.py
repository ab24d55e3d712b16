"""What one block says about one service: the facts that are reported."""

from __future__ import annotations

from dataclasses import dataclass, field

from storage.facts import MinuteCount, ServiceTraffic, Signal
from storage.records import ErrorEvent, ErrorPattern


@dataclass(slots=True)
class ServiceFacts:
    """What one block said about one service."""

    counts: list[MinuteCount] = field(default_factory=list)
    traffic: list[ServiceTraffic] = field(default_factory=list)
    patterns: list[ErrorPattern] = field(default_factory=list)
    errors: list[ErrorEvent] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    late: int = 0

    def add(self, other: ServiceFacts) -> None:
        """Put what another service, or a tick, said behind it."""
        self.counts += other.counts
        self.traffic += other.traffic
        self.patterns += other.patterns
        self.errors += other.errors
        self.signals += other.signals
        self.late += other.late
