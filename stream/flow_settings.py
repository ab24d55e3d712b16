"""Settings of the dataflow: the table `[stream]` of `mayday.toml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from models.detectors.settings import DetectorSettings
from models.settings import TemplateSettings


class FlowSettings(BaseModel):
    """How blocks of the spool become facts, and how much memory that may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch_seconds: float = Field(
        default=2.0,
        ge=0,
        le=60,
        description="State is stored this often; after a crash as much is done again, and counted once",
    )
    blocks_per_poll: int = Field(
        default=8, ge=1, le=1000, description="Blocks of the spool that are taken in one go"
    )
    idle_ms: float = Field(
        default=20, ge=1, le=1000, description="Wait for new blocks when all are read, milliseconds"
    )
    lateness_seconds: float = Field(
        default=30,
        ge=0,
        le=3600,
        description="A window of a service stays open until its lines have moved on by this much",
    )
    services_per_shard: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Services in each of the 64 shards; the one quiet for longest is forgotten first",
    )
    patterns_per_block: int = Field(
        default=10,
        ge=1,
        description="New templates of a service whose text one block reports, errors first; others follow with the next",
    )
    patterns_per_tick: int = Field(
        default=100,
        ge=1,
        description="New or changed templates of a service whose text one tick reports; others follow with the next",
    )
    trace_ticks: int = Field(
        default=2,
        ge=1,
        le=100,
        description="Ticks (of 5 s) without a further line after which a stack trace that came line by line is over",
    )
    trace_chars: int = Field(
        default=65_536,
        ge=256,
        le=1_048_576,
        description="Characters of one such trace; what goes beyond them is an event of its own",
    )
    traces_held: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="Sources of a service whose last line is remembered, the one quiet for longest out first",
    )
    faults_per_minute: int = Field(
        default=100,
        ge=1,
        description="Failures of our own code on messages, above which the stream stops and says so",
    )
    templates: TemplateSettings = Field(default_factory=TemplateSettings, description="Drain3 and its limits")
    detectors: DetectorSettings = Field(default_factory=DetectorSettings, description="The first detectors")
