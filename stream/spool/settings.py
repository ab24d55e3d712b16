"""Settings of the spool: the table `[spool]` of `mayday.toml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

MIB = 1 << 20
GIB = 1 << 30


class SpoolSettings(BaseModel):
    """How the spool collects, keeps and forgets. Sizes in bytes, times in the unit of their name.

    >>> SpoolSettings().segment_bytes
    67108864
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    segment_bytes: int = Field(
        64 * MIB, ge=64 * 1024, le=4 * GIB, description="A new segment file begins after this many bytes."
    )
    segment_minutes: float = Field(
        60,
        gt=0,
        description="A new segment file begins after this many minutes, so that age limits can work.",
    )
    commit_ms: float = Field(
        5, ge=0, le=1000, description="The longest that a message waits for others to share its sync with."
    )
    quiet_ms: float = Field(
        0.5,
        ge=0,
        le=1000,
        description="The wait for others ends early when nothing more arrives for this many milliseconds.",
    )
    commit_bytes: int = Field(
        4 * MIB, ge=1024, le=256 * MIB, description="A block is written at once when it has this many bytes."
    )
    max_pending_bytes: int = Field(
        64 * MIB,
        ge=1024,
        description="Bytes that may wait for their sync before reading from clients pauses.",
    )
    keep_hours: float = Field(
        72, gt=0, description="Segments that the stream has consumed are removed when they are this old."
    )
    max_bytes: int = Field(
        20 * GIB,
        ge=MIB,
        description="Size limit: consumed segments go first, then reading from clients stops.",
    )
    min_free_bytes: int = Field(
        GIB, ge=0, description="Reading from clients stops when the disk has less free space than this."
    )
    dedupe_hours: float = Field(
        72, gt=0, description="A message that is sent again within this time is acknowledged and not stored."
    )
    checkpoint_seconds: float = Field(
        5, gt=0, description="How often the keys of stored messages are synced to their own files."
    )
    look_seconds: float = Field(
        1, gt=0, le=60, description="How often the limits are applied and the free disk space is looked at."
    )
    quarantine_max_bytes: int = Field(
        512 * MIB,
        ge=MIB,
        description="Size limit for messages that did not decode; the oldest file goes first.",
    )

    @model_validator(mode="after")
    def _room_for_segments(self) -> SpoolSettings:
        if self.max_bytes < 4 * self.segment_bytes:
            raise ValueError("max_bytes must hold at least four segments: raise it or lower segment_bytes")
        return self
