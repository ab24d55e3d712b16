"""How much one entry may unfold to. Memory stays bounded whatever the bytes claim."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DecodeLimits(BaseModel):
    """Limits of decoding one message; what goes beyond is kept aside in quarantine or cut, never lost in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decoded_bytes: int = Field(
        default=64 << 20, ge=1 << 10, le=1 << 30, description="bytes that one message may decompress to"
    )
    record_bytes: int = Field(
        default=1 << 20,
        ge=1 << 10,
        le=16 << 20,
        description="bytes of one record; a larger one is cut and flagged",
    )
    depth: int = Field(default=32, ge=4, le=200, description="levels of maps and lists inside one record")
    values: int = Field(
        default=4_000_000,
        ge=1000,
        le=100_000_000,
        description="values of all records of one message together",
    )
