"""Settings of the Slack side (`[slack]` in `mayday.toml`). Tokens never stand here: see `tokens.py`."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SLACK_API = "https://slack.com/api/"


class SlackSettings(BaseModel):
    """Where Slack is, where cards go, and how patient the bot is. Times are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    enabled: bool = Field(
        default=True, description="Talk to Slack at all; without tokens nothing is tried either"
    )
    base_url: str = Field(
        default=SLACK_API, description="Web API; the local workspace has an address of its own"
    )
    transport: Literal["socket", "http"] = Field(
        default="socket",
        description="How Slack reaches the bot: Socket Mode needs no public address, http does",
    )
    channel: str = Field(
        default="incidents", min_length=1, max_length=80, description="Channel of the cards, by name or id"
    )
    command_prefix: str = Field(
        default="",
        pattern=r"^[a-z0-9_-]{0,16}$",
        description="Put before every command where `/incident` is taken: `md-` gives `/md-incident`; "
        "small letters, digits, - and _",
    )
    http_host: str = Field(
        default="127.0.0.1", description="Address for signed HTTP; loopback only, behind a proxy"
    )
    http_port: int = Field(
        default=3000, ge=0, le=65535, description="Port for signed HTTP; 0 takes a free one"
    )
    workers: int = Field(default=4, ge=1, le=32, description="Threads that carry out what was asked")
    listeners: int = Field(
        default=32, ge=12, le=128, description="Threads that accept interactions; Bolt's own five are too few"
    )
    request_timeout: int = Field(default=10, ge=1, le=60, description="How long one call to Slack may take")
    update_interval: float = Field(
        default=1.0,
        ge=0.05,
        le=60,
        description="Least time between two posts, or two updates, in one channel; Slack itself allows one a second",
    )
    unknown_grace: float = Field(
        default=3.0,
        ge=0,
        le=60,
        description="Wait after a post without an answer before looking whether it arrived",
    )
    retry_first: float = Field(
        default=1.0, gt=0, le=60, description="First wait after a failed call; then it doubles"
    )
    retry_most: float = Field(default=60, gt=0, le=3600, description="Longest wait between two tries")
    slow_after: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="How long somebody waits for an answer before they are told that it takes",
    )
    button_days: int = Field(default=14, ge=1, le=365, description="How long the buttons of a card work")
    timeline_lines: int = Field(
        default=6, ge=0, le=30, description="Newest timeline entries that a card shows"
    )

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address like https://slack.com/api/ is needed")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("without TLS only this machine can be spoken to")
        return value if value.endswith("/") else value + "/"

    @field_validator("http_host")
    @classmethod
    def _loopback(cls, value: str) -> str:
        if value not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("listens on loopback only; put a TLS proxy in front of it")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> SlackSettings:
        if self.retry_first > self.retry_most:
            raise ValueError("retry_first must not be above retry_most")
        return self

    @property
    def is_local(self) -> bool:
        """Whether the local workspace is spoken to: Slack itself, and what stands for it elsewhere, speak TLS."""
        return urlsplit(self.base_url).scheme == "http"

    @property
    def origin(self) -> str:
        """The address of the server behind `base_url`, without a slash at the end."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"
