"""Counters of the receivers, for `mayday status` and the metrics page.

Names of agents are raw text from the network: they stand here in memory and leave only sealed (`stream/receiver_status.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

from models.metrics import counter, gauge, moment

_MOST_AGENTS = 10_000
OTHERS = "(others)"  # where agents beyond the bound are counted
ACK_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 30_000)


@dataclass(slots=True)
class AgentCounters:
    """What one agent sent since the start. `bytes` are as received, `in_flight_bytes` not yet durable."""

    messages: Annotated[int, counter("messages", "Messages and bodies received")] = 0
    bytes: Annotated[int, counter("bytes", "Their bytes")] = 0
    duplicates: Annotated[int, counter("messages", "Acknowledged again and not stored again")] = 0
    non_log: Annotated[int, counter("messages", "Metrics or traces")] = 0
    in_flight_bytes: Annotated[int, gauge("bytes", "Received and not yet durable")] = 0
    last_seen_ns: Annotated[int, moment("ns since 1970", "When the last message came")] = 0


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
