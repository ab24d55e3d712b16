"""The agents that send to this machine, for `mayday status`: their names past the gate, and who has gone quiet."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bot.config import Config
from bot.processes import make_gate
from models.sanitizer import SafeText
from models.sanitizer.safe_text import phrase
from storage.layout import Layout
from storage.seal import KeyRing, KeyUnusable, SealBroken
from stream.agents_seen import agents_seen
from stream.receiver_status import read_status
from stream.receivers.metrics import OTHERS


class AgentRow(BaseModel):
    """One agent as it is shown. Counts are since the receiver's start."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    agent: SafeText = Field(description="Its name, or the token that stands for it")
    last_at: AwareDatetime = Field(description="When its last message came")
    messages: int = Field(description="Messages and bodies received")
    bytes: int = Field(description="Their bytes")
    duplicates: int = Field(description="Of them acknowledged again and not stored again")
    usual_s: float = Field(description="Its mean pause between two messages, in seconds")
    quiet_s: float = Field(description="How long it has said nothing, in seconds")
    gone_quiet: bool = Field(description="Whether that is far longer than usual for it")


def agents(config: Config, layout: Layout) -> list[AgentRow]:
    """Return the agents that the receiver has heard since its start, the quietest first; none without status or key.

    Names that the configuration lists under `services`, and names of harmless words, are shown; the others as tokens,
    the same ones as in the tables' column `host`.
    """
    status = read_status(layout)
    if status is None:
        return []
    try:
        ring = KeyRing.load(layout, create=False)
        found = agents_seen(status, ring)
    except (KeyUnusable, SealBroken):
        return []
    gate = make_gate(config, layout)
    return [
        AgentRow(
            agent=phrase("(others)") if each.name == OTHERS else gate.name(each.name, "host"),
            last_at=each.last_at,
            messages=each.counters.messages,
            bytes=each.counters.bytes,
            duplicates=each.counters.duplicates,
            usual_s=round(each.usual.total_seconds(), 1),
            quiet_s=round(each.quiet.total_seconds(), 1),
            gone_quiet=each.gone_quiet,
        )
        for each in found
    ]


def span(seconds: float) -> str:
    """Return a time as people say it.

    >>> span(4.2), span(200), span(9000), span(300_000)
    ('4 s', '3 min', '2 h 30 min', '3 d 11 h')
    """
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def since(last_at: datetime, quiet_s: float) -> str:
    """Return when an agent was heard last.

    >>> from datetime import UTC
    >>> since(datetime(2026, 3, 2, 3, 0, 4, tzinfo=UTC), 4)
    '03:00:04 UTC, 4 s before'
    """
    day = "" if timedelta(seconds=quiet_s) < timedelta(hours=12) else f"{last_at:%Y-%m-%d} "
    return f"{day}{last_at:%H:%M:%S} UTC, {span(quiet_s)} before"
