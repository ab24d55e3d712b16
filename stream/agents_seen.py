"""Which agents the receiver has heard, and which of them have gone quiet. Names are raw text.

An agent that sends rarely is not quiet for long before it is missed: it counts as gone quiet after twenty times its own usual
pause, and never before a minute. Counters begin with the receiver's start, so an agent is known from its first message since.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from storage.seal import KeyRing
from stream.receiver_status import ReceiverStatus, agents_of
from stream.receivers.metrics import AgentCounters

LEAST: Final = timedelta(seconds=60)
PAUSES: Final = 20


class AgentSeen(NamedTuple):
    """What is known of one agent; `usual` is its mean pause between two messages, `quiet` how long it has said nothing."""

    name: str
    counters: AgentCounters
    last_at: datetime
    usual: timedelta
    quiet: timedelta

    @property
    def gone_quiet(self) -> bool:
        """Whether the pause is far longer than is usual for this agent."""
        return self.quiet > max(LEAST, PAUSES * self.usual)


def agents_seen(status: ReceiverStatus, ring: KeyRing) -> list[AgentSeen]:
    """Return the agents that the receiver heard, the quietest first, as of when the status was written.

    Raises `SealBroken` for another key.
    """
    found = []
    for name, counters in agents_of(status, ring).items():
        last = datetime.fromtimestamp(counters.last_seen_ns / 1e9, UTC)
        usual = max(timedelta(), last - status.started_at) / max(1, counters.messages)
        found.append(AgentSeen(name, counters, last, usual, max(timedelta(), status.written_at - last)))
    return sorted(found, key=lambda agent: (-agent.quiet, agent.name))
