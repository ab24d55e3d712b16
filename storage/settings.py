"""Settings of the store; `bot.config` joins them into `mayday.toml` as `[store]`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class StorageSettings(BaseModel):
    """How the database, its live copy and its segments are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = Field(default=2, ge=1, le=64, description="Threads that DuckDB may use")
    memory_mb: int = Field(
        default=1024, ge=256, description="Memory that DuckDB may use before it spills, in MB"
    )
    min_free_mb: int = Field(
        default=64, ge=0, description="Nothing is written while the disk has less free space than this, in MB"
    )
    publish_s: float = Field(default=10.0, gt=0, description="Seconds between publications of the live copy")
    publish_soon_s: float = Field(
        default=2.0, gt=0, description="Seconds between publications when an incident has changed"
    )
    flush_rows: int = Field(
        default=50_000, ge=1, description="Rows of a hot table that are moved to segments at once"
    )
    flush_s: float = Field(
        default=600.0, gt=0, description="Seconds after which hot rows are moved to segments"
    )
    settle_s: float = Field(
        default=300.0, ge=0, description="Seconds a minute stays hot after it began, for lines that come late"
    )
    compact_files: int = Field(
        default=8, ge=2, description="Segments of one table and day that are merged into one"
    )
    keep_replaced_s: float = Field(
        default=3600.0,
        ge=0,
        description="Seconds a merged segment's file is kept for readers of older live copies",
    )
    keep_days: int = Field(default=90, ge=1, description="Days that counts and events are kept")
    keep_seen_s: float = Field(
        default=259_200.0,
        ge=3600,
        description="Seconds a delivery is remembered, so that a repeat does nothing",
    )
    anchor_s: float = Field(
        default=60.0, gt=0, description="Seconds between signed anchors of the audit chain"
    )
    query_s: float = Field(default=5.0, gt=0, le=60, description="Seconds an ad-hoc query may run")
    query_rows: int = Field(default=100_000, ge=1, description="Rows an ad-hoc query may return")
    query_mb: int = Field(default=64, ge=1, description="Megabytes an ad-hoc query may return")
    query_memory_mb: int = Field(
        default=512, ge=64, description="Megabytes the process may grow by while an ad-hoc query runs"
    )
    queries_at_once: int = Field(default=2, ge=1, description="Ad-hoc queries that may run at the same time")
