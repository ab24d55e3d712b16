"""Settings of the local workspace; the limits in time are Slack's own and are changed by tests alone."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WorkspaceSettings(BaseModel):
    """`[workspace]` of mayday.toml. Durations in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    host: str = Field(
        default="127.0.0.1", description="Address to listen on; loopback unless allow_remote is set"
    )
    port: int = Field(
        default=8065, ge=0, le=65535, description="Port of page, Web API and Socket Mode; 0 takes any"
    )
    allow_remote: bool = Field(
        default=False,
        description="Listen beyond this machine. Nobody signs in here: every visitor can act as anyone",
    )
    name: str = Field(
        default="Clinic", min_length=1, max_length=40, description="Name of the workspace on the page"
    )
    bot_invited: bool = Field(
        default=True, description="Whether the bot starts as a member of the default channels"
    )
    rate_limits: bool = Field(
        default=False, description="Apply Slack's rate limits per method and channel, not only injected ones"
    )
    ack_seconds: float = Field(
        default=3.0, gt=0, le=60, description="Time an app has to acknowledge a delivery"
    )
    retry_seconds: tuple[float, ...] = Field(
        default=(0.0, 60.0, 300.0),
        description="Pauses before an event that was not acknowledged is sent again",
    )
    trigger_seconds: float = Field(default=3.0, gt=0, description="Life of a trigger_id; each works once")
    response_url_uses: int = Field(default=5, ge=1, description="How often one response_url may be used")
    response_url_seconds: float = Field(default=1800.0, gt=0, description="Life of a response_url")
    max_connections: int = Field(
        default=10, ge=1, description="Socket Mode connections an app may hold at once"
    )
    record_limit: int = Field(
        default=5000, ge=100, description="Calls and deliveries the recorder keeps; the oldest go first"
    )
