"""Counters of the receivers, for `mayday status` and the metrics page.

Names of agents are raw text from the network: they stand here in memory and leave only sealed (`stream/receiver_status.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_MOST_AGENTS = 10_000
OTHERS = "(others)"  # where agents beyond the bound are counted
ACK_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 30_000)


@dataclass(slots=True)
class AgentCounters:
    """What one agent sent since the start. `bytes` are as received, `in_flight_bytes` not yet durable."""

    messages: int = 0
    bytes: int = 0
    duplicates: int = 0
    non_log: int = 0
    in_flight_bytes: int = 0
    last_seen_ns: int = 0


@dataclass(slots=True)
class Metrics:
    """Counters of all receivers of one process; touched from the event loop's thread alone."""

    agents: dict[str, AgentCounters] = field(default_factory=dict)
    open_connections: int = 0
    connections: int = 0
    failed_handshakes: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # connections and requests closed, by reason code
    statuses: Counter[int] = field(default_factory=Counter)  # HTTP answers by status
    not_stored: int = 0  # messages that the spool refused: they were not acknowledged and come again
    ack_ms: list[int] = field(default_factory=lambda: [0] * (len(ACK_BOUNDS_MS) + 1))

    def agent(self, name: str) -> AgentCounters:
        """Return the counters of `name`; beyond 10,000 agents, those of all others together."""
        found = self.agents.get(name)
        if found is None:
            if len(self.agents) >= _MOST_AGENTS:
                name = OTHERS
            found = self.agents.setdefault(name, AgentCounters())
        return found

    def acked_after(self, seconds: float) -> None:
        """Count one acknowledgement that took `seconds` from the message's last byte."""
        millis = seconds * 1000
        for at, bound in enumerate(ACK_BOUNDS_MS):
            if millis <= bound:
                self.ack_ms[at] += 1
                return
        self.ack_ms[-1] += 1
