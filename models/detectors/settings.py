"""Settings of the detectors; `bot/config.py` shows them as `[stream.detectors]`.

None of them needs labels or a threshold found by trial: a limit is either a rate of false alarms that one
is ready to live with, or a multiple of what a service itself usually does.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from models.forecast.settings import ForecastSettings


class DetectorSettings(BaseModel):
    """Windows in seconds of event time, unless said otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slot_seconds: int = Field(
        default=10, ge=1, le=60, description="length of the shortest window that is looked at for bursts"
    )
    memory_slots: int = Field(
        default=360, ge=30, le=5000, description="windows of usual behaviour that a burst is held against"
    )
    false_alarms: float = Field(
        default=1e-6, gt=0, lt=0.01, description="share of usual windows that may be taken for a burst"
    )
    least_errors: int = Field(default=5, ge=1, description="error lines below which nothing is a burst")
    repeat_seconds: int = Field(
        default=60, ge=1, description="a burst that goes on is reported again after this time"
    )
    accept_seconds: int = Field(
        default=1800, ge=60, description="a burst that went on for this long becomes what is usual"
    )
    novelty_minutes: int = Field(
        default=3, ge=0, description="minutes of a new service in which no error template is called new"
    )
    known_templates: int = Field(
        default=2000, ge=10, le=100_000, description="templates per service that each watch remembers"
    )
    silence_least_seconds: int = Field(
        default=60, ge=10, description="no service is called silent earlier than this"
    )
    silence_factor: float = Field(
        default=3.0, ge=1, description="times its longest usual gap after which a service is silent"
    )
    silence_minutes: int = Field(
        default=5, ge=2, description="minutes with lines before a service can be called silent"
    )
    clock_ahead_seconds: int = Field(
        default=30,
        ge=5,
        description="how far ahead of their receipt lines are when their host's clock is wrong",
    )
    clock_behind_seconds: int = Field(
        default=120,
        ge=30,
        description="the same for lines behind their receipt, at a distance that stays the same",
    )
    session_warm_up: int = Field(
        default=100, ge=50, description="sessions of one kind that are learnt before one is judged"
    )
    session_false_alarms: float = Field(
        default=0.0005, gt=0, lt=0.05, description="share of usual sessions that each limit may flag"
    )
    session_contamination: float = Field(
        default=0.02,
        gt=0,
        lt=0.2,
        description="share up to which one way to fail may be among what is learnt",
    )
    session_accept_hours: int = Field(
        default=12, ge=2, description="different hours with the same reason after which it is usual"
    )
    session_accept_span_hours: int = Field(
        default=24, ge=2, description="hours that those have to span at least"
    )
    season_times: int = Field(
        default=3,
        ge=2,
        le=5,
        description="times that something has to come at the same hour, in five days or five weeks, to be usual then",
    )
    season_tolerance_seconds: int = Field(
        default=1200, ge=60, le=7200, description="how far from its hour it may begin"
    )
    season_factor: float = Field(
        default=2.0, ge=1, description="times as strong as at that hour before, and it is not usual any more"
    )
    forecast: ForecastSettings = Field(
        default_factory=ForecastSettings, description="figures that are followed to their limits"
    )
