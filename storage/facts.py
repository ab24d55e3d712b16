"""What the stream reports to the owner of the database, one `BlockFacts` per (series, shard, block).

The facts of one (series, shard, block) are applied once, in one transaction; a replay after a crash sends the
same ones again and changes nothing. A block's number means something within its series only: a spool that
was removed, or taken back to an older copy, numbers other blocks the same. Names and templates have passed
the gate in the stream and pass it again at the socket.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from models.levels import Level
from models.sanitizer import SafeText
from storage.records import ErrorEvent, ErrorPattern, Score

HANDOVER: Final = 64
"""The shard behind the last: a stream's own, which reports nothing but the number of what it sends, from 1 without gaps."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class MinuteCount(_Fact):
    """Lines of one template and level of one service in one minute of event time, as an increment."""

    service: SafeText
    template_id: str
    minute: AwareDatetime
    level: Level
    count: int = Field(ge=1)


class SignalKind(StrEnum):
    NEW_ERROR_TEMPLATE = "new_error_template"
    ERROR_BURST = "error_burst"
    NEW_WARNING_TEMPLATE = "new_warning_template"
    WARNING_BURST = "warning_burst"
    SILENCE = "silence"
    TRAFFIC_DROP = "traffic_drop"
    TEMPLATE_SILENCE = "template_silence"
    HOST_SILENCE = "host_silence"
    SEQUENCE_BREAK = "sequence_break"
    FIGURE_SHIFT = "figure_shift"
    PERSONAL_DATA = "personal_data"
    CLOCK_SKEW = "clock_skew"
    FORECAST = "forecast"


class Signal(_Fact):
    """A finding that may mean trouble, with what a person needs to check it.

    `id` is derived from service, kind, template and the block (equal in a replay). `evidence` holds numbers,
    ids and `SafeText` only, for example `{"count": 41, "usual": 0.4, "window_s": 60}`.
    """

    id: str
    kind: SignalKind
    service: SafeText
    host: SafeText | None = None
    template_id: str | None = None
    template: SafeText | None = None
    level: Level = Level.UNKNOWN
    at: AwareDatetime  # event time
    seen_at: AwareDatetime  # receive time of the block that raised it
    score: Score
    threshold: Score
    evidence: dict[str, int | float | str] = Field(default_factory=dict)


class ServiceTraffic(_Fact):
    """Lines and error lines of one service in this block.

    `lines` is every line that came, in the block that it came in, so it may be more than the counts of templates: the lines of
    a stack trace are one event there.
    """

    service: SafeText
    lines: int = Field(ge=0)
    errors: int = Field(ge=0)
    last_ts: AwareDatetime


class BlockFacts(_Fact):
    """All that one shard has to say about one block of a series, or one part of it, counted from 0.

    With shard `HANDOVER` it is the mark of a delivery: `block` counts those of the stream that `series` names.
    """

    series: str = Field(default="", pattern=r"^(?:[0-9a-f]{32})?$")
    shard: int = Field(ge=0, le=HANDOVER)
    block: int = Field(ge=0)
    part: int = Field(default=0, ge=0)
    received_at: AwareDatetime
    counts: tuple[MinuteCount, ...] = ()
    traffic: tuple[ServiceTraffic, ...] = ()
    patterns: tuple[ErrorPattern, ...] = ()
    errors: tuple[ErrorEvent, ...] = ()
    signals: tuple[Signal, ...] = ()
    quarantined: int = Field(default=0, ge=0)
    late: int = Field(default=0, ge=0)

    @classmethod
    def admit(cls, raw: str | bytes, gate: Any) -> BlockFacts:
        """Validate JSON from the socket; `gate(text) -> SafeText` looks at every text again."""
        return cls.model_validate_json(raw, context={"admit": gate})


class Applied(NamedTuple):
    """What became of a number of reports: applied now, ignored because known, and the incidents that changed."""

    new: int
    ignored: int
    incidents: tuple[str, ...] = ()
