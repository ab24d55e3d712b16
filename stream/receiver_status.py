"""What the receiver says about itself in `run/receiver.json`, for `mayday status`: numbers, and the agents' names sealed.

Written whole and renamed into place at every tick; a file that is older than a few ticks belongs to a receiver that died.
"""

from __future__ import annotations

import base64
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.metrics import condition, counter, gauge, moment
from storage.layout import Layout
from storage.seal import KeyRing
from storage.status_file import write_whole
from stream.receivers.metrics import ACK_BOUNDS_MS, AgentCounters, Metrics

_CONTEXT = b"receiver status"
_AGENTS: TypeAdapter[dict[str, AgentCounters]] = TypeAdapter(dict[str, AgentCounters])


class ReceiverStatus(BaseModel):
    """State of one receiver process since its start. Bytes as received."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    state: Annotated[str, condition()] = Field(description="receiving, stopping or stopped")
    pid: Annotated[int, condition()] = Field(description="Process id")
    started_at: Annotated[AwareDatetime, moment()] = Field(description="When it was ready")
    written_at: Annotated[AwareDatetime, moment()] = Field(description="When this was written")
    listeners: Annotated[dict[str, str], condition()] = Field(description="Address of each listener by name")
    has_room: Annotated[bool, condition()] = Field(description="Whether clients are read from")
    no_room: Annotated[str | None, condition()] = Field(description="Why not")
    paused_since: Annotated[AwareDatetime | None, moment()] = Field(
        default=None,
        description="Since when clients are not read from because receive.max_in_flight_bytes are held; null while they are",
    )
    partial_bytes: Annotated[int, gauge("bytes")] = Field(
        default=0, description="Bytes held of messages that are not whole"
    )
    open_connections: Annotated[int, gauge("connections")] = Field(
        description="Connections that are open now"
    )
    connections: Annotated[int, counter("connections")] = Field(description="Connections that were ever open")
    messages: Annotated[int, counter("messages")] = Field(description="Messages and bodies received")
    bytes: Annotated[int, counter("bytes")] = Field(description="Their bytes")
    duplicates: Annotated[int, counter("messages")] = Field(
        description="Messages that were acknowledged again and not stored again"
    )
    non_log: Annotated[int, counter("messages")] = Field(description="Messages that carry metrics or traces")
    in_flight_bytes: Annotated[int, gauge("bytes")] = Field(description="Bytes received and not yet durable")
    most_in_flight_bytes: Annotated[int, gauge("bytes")] = Field(description="The most that ever were")
    not_stored: Annotated[int, counter("messages")] = Field(
        description="Messages that the spool refused; they were not acknowledged"
    )
    failed_handshakes: Annotated[int, counter("handshakes")] = Field(
        description="Wrong keys, passwords and tokens, and handshakes that did not end in time"
    )
    refused: Annotated[dict[str, int], counter("by reason")] = Field(
        description="Connections and requests that were refused, by reason"
    )
    statuses: Annotated[dict[int, int], counter("by status")] = Field(description="HTTP answers by status")
    ack_p99_ms: Annotated[int | None, gauge("ms")] = Field(
        description="99 % of acknowledgements took at most this long; None before the first"
    )
    agents: Annotated[int, gauge("agents")] = Field(description="Agents that were heard")
    agents_sealed: Annotated[str, condition()] = Field(description="Their counters by name, sealed")


def status_path(layout: Layout) -> Path:
    """Where the status stands."""
    return layout.run / "receiver.json"


def make_status(
    metrics: Metrics, ring: KeyRing, *, state: str, started_at: datetime, at: datetime, listeners: dict[str, str],
    no_room: str | None, in_flight: int, most_in_flight: int, paused_since: datetime | None = None, partial: int = 0,
) -> ReceiverStatus:  # fmt: skip
    """Put the status together; pure but for the seal's nonce."""
    agents = metrics.agents.values()
    plain = _AGENTS.dump_json({_printable(name): counters for name, counters in metrics.agents.items()})
    return ReceiverStatus(
        state=state,
        pid=os.getpid(),
        started_at=started_at,
        written_at=at,
        listeners=listeners,
        has_room=no_room is None,
        no_room=no_room,
        paused_since=paused_since,
        partial_bytes=partial,
        open_connections=metrics.open_connections,
        connections=metrics.connections,
        messages=sum(agent.messages for agent in agents),
        bytes=sum(agent.bytes for agent in agents),
        duplicates=sum(agent.duplicates for agent in agents),
        non_log=sum(agent.non_log for agent in agents),
        in_flight_bytes=in_flight,
        most_in_flight_bytes=most_in_flight,
        not_stored=metrics.not_stored,
        failed_handshakes=metrics.failed_handshakes,
        refused=dict(metrics.refused),
        statuses=dict(metrics.statuses),
        ack_p99_ms=ack_quantile(metrics.ack_ms, 0.99),
        agents=len(metrics.agents),
        agents_sealed=base64.b64encode(ring.seal("receiver-status").seal(plain, _CONTEXT)).decode(),
    )


def ack_quantile(counts: list[int], share: float) -> int | None:
    """Return the bound in ms below which `share` of the acknowledgements were, None without any.

    >>> ack_quantile([99, 1] + [0] * 11, 0.99), ack_quantile([0] * 13, 0.99)
    (1, None)
    """
    total, seen = sum(counts), 0
    for at, count in enumerate(counts):
        seen += count
        if total and seen >= total * share:
            return ACK_BOUNDS_MS[min(at, len(ACK_BOUNDS_MS) - 1)]
    return None


def write_status(layout: Layout, status: ReceiverStatus) -> None:
    """Write the status in one step, mode 0600. Raises OSError."""
    write_whole(status_path(layout), status.model_dump_json())


def read_status(layout: Layout) -> ReceiverStatus | None:
    """Return the status that a receiver of `layout` wrote last, None without one."""
    try:
        return ReceiverStatus.model_validate_json(status_path(layout).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def agents_of(status: ReceiverStatus, ring: KeyRing) -> dict[str, AgentCounters]:
    """Open the counters per agent; the names are raw text. Raises `SealBroken`."""
    plain = ring.seal("receiver-status").open(base64.b64decode(status.agents_sealed), _CONTEXT)
    return _AGENTS.validate_json(plain)


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
