"""Settings of the template miner; `bot/config.py` shows them as `[stream.templates]`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TemplateSettings(BaseModel):
    """How lines are grouped into templates, and how much memory that may take per service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    similarity: float = Field(
        default=0.4,
        gt=0,
        lt=1,
        description="share of equal words from which a line joins a template",
    )
    depth: int = Field(default=4, ge=4, le=8, description="depth of Drain3's tree of first words")
    max_children: int = Field(default=100, ge=2, le=1000, description="branches per node of Drain3's tree")
    values_of_letters: int = Field(
        default=10,
        ge=2,
        le=1000,
        description="distinct words at one place of a sentence from which the place is a variable",
    )
    values_of_codes: int = Field(
        default=5,
        ge=2,
        le=1000,
        description="the same for dotted names, capitals and words with marks in them",
    )
    values_with_digits: int = Field(
        default=3, ge=2, le=1000, description="the same for words with digits in them"
    )
    words_around_values: int = Field(
        default=2,
        ge=1,
        le=20,
        description="words a sentence must have for a word to count as a value where another line has a masked one",
    )
    max_templates: int = Field(
        default=1000,
        ge=10,
        le=100_000,
        description="templates kept per service, least recently seen out first",
    )
    max_chars: int = Field(default=2000, ge=80, le=65_536, description="characters of a line that count")
    known_lines: int = Field(
        default=4096, ge=1, le=1_000_000, description="masked lines remembered per service"
    )
    known_shapes: int = Field(
        default=65_536,
        ge=1,
        le=4_000_000,
        description="line shapes remembered, all services together",
    )
    samples: int = Field(default=3, ge=0, le=3, description="lines kept with a template as examples")
