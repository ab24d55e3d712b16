"""Settings of the forecast; `bot/config.py` shows them as `[stream.detectors.forecast]`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FigureLimit(BaseModel):
    """A limit that no line states: of a number that stands in lines, or of a count of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str = Field(min_length=1, description="service whose lines carry the figure")
    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z _-]{1,59}$",
        description="words right before the number, for example `queue depth`; or one of "
        "`lines per minute`, `error lines per minute` and `error share` (percent)",
    )
    limit: float = Field(gt=0, description="value at which there is trouble, in the unit of the lines")


class ForecastSettings(BaseModel):
    """What is foreseen, how far ahead, and on how much evidence. Minutes are those of event time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="whether figures are followed at all")
    horizon_minutes: int = Field(
        default=60, ge=15, le=240, description="how far ahead a limit may lie to be warned of"
    )
    warm_up_minutes: int = Field(
        default=30, ge=15, le=1440, description="minutes of a figure before anything is said of it"
    )
    slow_horizon_minutes: int = Field(
        default=150,
        ge=60,
        le=1440,
        description="the same for what fills up slowly, seen in steps of ten minutes",
    )
    slow_warm_up_minutes: int = Field(
        default=240, ge=120, le=2880, description="minutes of a figure before anything is said of that"
    )
    confirm_minutes: int = Field(
        default=3, ge=1, le=30, description="minutes in a row that have to foresee the same"
    )
    band_width: float = Field(
        default=1.0,
        gt=0,
        le=5,
        description="half the width of the error band in deviations of its own errors: 1 holds two in three",
    )
    max_figures: int = Field(
        default=64, ge=1, le=1000, description="figures per service that are followed at once"
    )
    limits: tuple[FigureLimit, ...] = Field(
        default=(), description="limits of figures whose lines do not state one"
    )
