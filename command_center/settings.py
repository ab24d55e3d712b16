"""Settings of the command center: `[center]` in `mayday.toml`. Durations are seconds, shares 0..1."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from command_center.incidents.category import CATEGORIES
from command_center.incidents.severity import DEFAULT_RULES, SeverityRule

ServiceName = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86_400)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CorrelationSettings(_Settings):
    """When signals belong together. Times compared are those of the lines, not of their arrival."""

    window: Seconds = Field(
        default=600, description="A signal this near to an incident's last one may join it"
    )
    joining: Seconds = Field(
        default=150,
        description="The same for a signal that the incident has not had before: new trouble soon is other trouble",
    )
    sibling_window: Seconds = Field(
        default=120,
        description="Bursts this near join services with a common callee, or any if no calls are known",
    )
    depth: int = Field(
        default=3, ge=1, le=20, description="Calls that may lie between a cause and its symptom"
    )
    min_lines: int = Field(
        default=5,
        ge=1,
        description="Lines that a new error template needs before it opens an incident by itself",
    )
    chance: float = Field(
        default=1e-3,
        gt=0,
        lt=1,
        description="A sentence that is merely rare may be taken for a new trouble so often",
    )
    beside_chance: float = Field(
        default=0.15,
        gt=0,
        le=1,
        description="Two new sentences are one piece of evidence each if so few were to be expected in that time",
    )
    lasting: Seconds = Field(
        default=60,
        description="Warnings or a raised figure that go on for this long open an incident by themselves",
    )
    lacking_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of a service's sessions that have to lack a step, for as long, to open an incident by themselves",
    )
    settle_after_change: Seconds = Field(
        default=180,
        description="The same just after a change of the service: what restarts complains for a while",
    )
    change_window: Seconds = Field(default=600, description="How long after a change that is")
    strong_score: float = Field(
        default=0.8, ge=0, le=1, description="Score from which a burst counts as strong"
    )
    quiet: Seconds = Field(
        default=1800,
        description="A signal this soon after the resolution reopens the incident instead of opening another",
    )
    settle: float = Field(
        default=30,
        ge=0,
        le=3600,
        description="Signals this soon after the resolution are its echo and reopen nothing",
    )
    storm_incidents: int = Field(
        default=5,
        ge=2,
        description="So many incidents opened at about the same time are a storm: more join the first of them",
    )
    storm_window: Seconds = Field(default=120, description="What is about the same time for a storm")
    flap_times: int = Field(
        default=5, ge=2, description="Returns of the same signal that make an incident flapping"
    )
    flap_window: Seconds = Field(default=3600, description="They must fall within this time")
    flap_gap: Seconds = Field(
        default=180,
        description="A return is a signal at least this long after the one before; bursts report every minute",
    )


class Sla(_Settings):
    """Time that one severity allows, counted from detection."""

    acknowledge: Seconds = Field(description="Until somebody acknowledges")
    respond: Seconds = Field(description="Until somebody does more than acknowledge")
    resolve: Seconds = Field(description="Until it is resolved")
    update: Seconds = Field(description="Longest time without a word from a person while it is open")


class SlaSettings(_Settings):
    """Clocks per severity; what runs over is shown on the card and the timeline."""

    sev1: Sla = Field(
        default=Sla(acknowledge=120, respond=300, resolve=1800, update=1200),
        description="Critical: complete outage",
    )
    sev2: Sla = Field(
        default=Sla(acknowledge=900, respond=1800, resolve=4 * 3600, update=1800),
        description="High: a major function is broken",
    )
    sev3: Sla = Field(
        default=Sla(acknowledge=3600, respond=2 * 3600, resolve=86_400, update=4 * 3600),
        description="Medium: a function is impaired",
    )
    sev4: Sla = Field(
        default=Sla(acknowledge=4 * 3600, respond=86_400, resolve=5 * 86_400, update=86_400),
        description="Low: minor",
    )
    remind_at: float = Field(
        default=0.5, gt=0, lt=1, description="Share of the time to acknowledge after which to remind"
    )
    late_after: Seconds = Field(
        default=60, description="What is noticed this long after it was due is marked as late"
    )

    @field_validator("sev1", "sev2", "sev3", "sev4", mode="before")
    @classmethod
    def _filled(cls, value: object, info: ValidationInfo) -> object:
        """A section that names some of its four times keeps the others as they are by default."""
        default = cls.model_fields[str(info.field_name)].default
        return {**default.model_dump(), **value} if isinstance(value, dict) else value


class ChangeSettings(_Settings):
    """Change markers and the suspicion that falls on them."""

    suspect_window: Seconds = Field(
        default=900,
        description="A change is suspected when it came at most this long before the first line of a fault",
    )
    suspect_beside: Seconds = Field(
        default=180, description="The same for a change of an affected service that is not the supposed cause"
    )
    future: float = Field(
        default=300, ge=0, le=86_400, description="How far in the future the time of a change may lie"
    )


class MaintenanceSettings(_Settings):
    """Maintenance windows: how long they may be, and what is looked at when one is over."""

    longest: Seconds = Field(
        default=86_400, description="Longest window; a longer one hides more than planned work"
    )
    ahead: float = Field(
        default=90 * 86_400, gt=0, le=366 * 86_400, description="How far ahead a window may begin"
    )
    back: float = Field(
        default=86_400,
        ge=0,
        le=7 * 86_400,
        description="How far back a window may begin, for work that was begun without one",
    )
    grace: float = Field(
        default=60,
        ge=0,
        le=3600,
        description="Time after a window in which its services may still come back before anybody is told",
    )
    watch: Seconds = Field(
        default=3600,
        description="For so long after a window, what began in it opens an incident if it goes on",
    )


class WebhookSettings(_Settings):
    """`POST /v1/changes` for pipelines; off until an address and a token are given."""

    listen: str | None = Field(
        default=None,
        pattern=r"^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\]):\d{1,5}$",
        description="Loopback address and port, as 127.0.0.1:8095; other machines come through a TLS proxy",
    )
    tokens: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(
        default_factory=dict,
        description="Operator id of a pipeline -> SHA-256 (hex) of its token, which the pipeline keeps",
    )
    per_minute: int = Field(
        default=60,
        ge=1,
        le=6000,
        description="Requests a minute for each token, and refusals for each address",
    )
    max_bytes: int = Field(default=16_384, ge=256, le=1_048_576, description="Largest body")


class CenterSettings(_Settings):
    """How signals become incidents, how bad they are, and how long people may take."""

    critical_services: tuple[ServiceName, ...] = Field(
        default=(), description="Services without which the company stands still"
    )
    calls: dict[ServiceName, tuple[ServiceName, ...]] = Field(
        default_factory=dict, description="Caller -> the services it calls; tells causes from symptoms"
    )
    correlation: CorrelationSettings = Field(
        default_factory=CorrelationSettings, description="When signals belong together"
    )
    traffic_window: Seconds = Field(
        default=300, description="Lines of this time say what share of the traffic is in error"
    )
    severity: tuple[SeverityRule, ...] = Field(
        default=DEFAULT_RULES,
        min_length=1,
        description="Severity table; the first row whose limits all hold decides",
    )
    categories: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Phrases of your own per category, asked before the built-in ones"
    )
    sla: SlaSettings = Field(default_factory=SlaSettings, description="Time that each severity allows")
    changes: ChangeSettings = Field(
        default_factory=ChangeSettings, description="Change markers and suspicion"
    )
    maintenance: MaintenanceSettings = Field(
        default_factory=MaintenanceSettings, description="Maintenance windows"
    )
    webhook: WebhookSettings = Field(
        default_factory=WebhookSettings, description="Webhook for change markers"
    )

    @model_validator(mode="after")
    def _known_categories(self) -> CenterSettings:
        named = [*self.categories, *(name for rule in self.severity for name in rule.categories)]
        if any(name not in CATEGORIES for name in named):
            raise ValueError("a category is not one of: " + ", ".join(sorted(CATEGORIES)))
        return self
