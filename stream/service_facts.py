"""What one block says about one service: the facts that are reported, and the error lines as they are gathered."""

from __future__ import annotations

from collections import Counter
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


@dataclass(slots=True)
class BlockErrors:
    """The error lines of one block: by (host, level, template), by slot, and the first of each template."""

    groups: dict[tuple[str, int, str], list[int]] = field(default_factory=dict)  # count, first, last
    slots: dict[int, Counter[str]] = field(default_factory=dict)
    firsts: dict[str, tuple[int, int, str, int]] = field(default_factory=dict)  # time, level, host, count

    def add(self, at: int, host: str, level: int, template_id: str, slot: int) -> None:
        group = self.groups.get((host, level, template_id))
        if group is None:
            self.groups[host, level, template_id] = [1, at, at]
        else:
            group[0] += 1
            group[1] = min(group[1], at)
            group[2] = max(group[2], at)
        self.slots.setdefault(slot, Counter())[template_id] += 1
        first = self.firsts.get(template_id)
        if first is None:
            self.firsts[template_id] = (at, level, host, 1)
        else:
            earliest = first[:3] if first[0] <= at else (at, level, host)
            self.firsts[template_id] = (earliest[0], max(first[1], level), earliest[2], first[3] + 1)

    def __len__(self) -> int:
        return sum(group[0] for group in self.groups.values())
