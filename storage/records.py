"""The twelve records: one pydantic model and one table each.

Times are timezone-aware UTC, durations seconds, scores 0..1. Text that came from logs or people is
`SafeText`; plain `str` fields hold ids and words of our own. A record is immutable: a change is a new record
with `version + 1`, written by compare-and-set. The history of an incident or a change stands in append-only
event tables beside it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from models.levels import Level
from models.sanitizer import SafeText

Score = Annotated[float, Field(ge=0, le=1)]
IncidentId = Annotated[str, Field(pattern=r"^INC-[1-9]\d*$")]
ChangeId = Annotated[str, Field(pattern=r"^CHG-[1-9]\d*$")]
SnapshotId = Annotated[str, Field(pattern=r"^SNP-[1-9]\d*$")]
MaintenanceId = Annotated[str, Field(pattern=r"^MNT-[1-9]\d*$")]


class Record(BaseModel):
    """Base of all records. `table` names the table that holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    table: ClassVar[str]

    def having(self, **changes: Any) -> Any:
        """Return a validated copy with `changes`."""
        return type(self).model_validate(dict(self) | changes)


class Severity(IntEnum):
    """1 critical (complete outage) .. 4 low (minor)."""

    SEV1 = 1
    SEV2 = 2
    SEV3 = 3
    SEV4 = 4


class Risk(StrEnum):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class IncidentStatus(StrEnum):
    """Lifecycle of an incident; which step may follow which stands in `command_center.incidents.lifecycle`."""

    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    RESOLVING = "resolving"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Incident(Record):
    """Current state of one incident; its timeline is the append-only table `incident_event`."""

    table = "incident"
    id: IncidentId
    title: SafeText
    severity: Severity
    status: IncidentStatus = IncidentStatus.DETECTED
    service: SafeText
    root_service: SafeText | None = None
    affected_services: tuple[SafeText, ...] = ()
    category: str = "unknown"
    confidence: Score | None = None
    suspect_change: str | None = None
    summary: SafeText | None = None
    opened_by: str = "stream"  # "stream", "health", or the id of an operator
    commander: str | None = None  # operator id
    fault_at: AwareDatetime | None = None  # event time of the first line that led to it
    detected_at: AwareDatetime
    acknowledged_at: AwareDatetime | None = None
    acknowledged_by: str | None = None
    responded_at: AwareDatetime | None = None
    resolved_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    updated_at: AwareDatetime
    last_signal_at: AwareDatetime | None = None
    signal_count: int = Field(default=0, ge=0)
    version: int = Field(default=0, ge=0)

    @property
    def time_to_acknowledge(self) -> timedelta | None:
        """First human acknowledgement minus detection; None while unacknowledged."""
        return self.acknowledged_at - self.detected_at if self.acknowledged_at else None

    @property
    def time_to_resolve(self) -> timedelta | None:
        """Resolution minus detection; None while unresolved."""
        return self.resolved_at - self.detected_at if self.resolved_at else None


class ErrorEvent(Record):
    """The error lines of one template of one service in one block of the stream: count, first and last time."""

    table = "error_event"
    ts: AwareDatetime  # event time of the first line
    last_ts: AwareDatetime
    service: SafeText
    host: SafeText
    level: Level
    template_id: str
    count: int = Field(ge=1)
    shard: int = Field(ge=0)
    block: int = Field(ge=0)


class ErrorPattern(Record):
    """One template of one service: what Drain3 learnt, as the gate lets it be seen."""

    table = "error_pattern"
    template_id: str
    service: SafeText
    template: SafeText
    level: Level
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    distinct_parameters: int = Field(default=0, ge=0)  # distinct hashed parameter vectors, counted up to 5
    samples: tuple[SafeText, ...] = ()  # at most 3, never in the live copy


class SuggestedFix(BaseModel):
    """One entry of a diagnosis' `suggestedFixes`; `estimatedTime` in minutes, priority 1 is first."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    action: SafeText
    priority: int = Field(ge=1)
    estimatedTime: int = Field(ge=0)
    risk: Risk
    commands: tuple[SafeText, ...] = ()


class ErrorDiagnosis(Record):
    """What probably broke and how sure that is; the field names of the output are the requirement's own."""

    table = "error_diagnosis"
    id: str
    incident_id: IncidentId
    rootCause: SafeText
    confidence: Score
    affectedComponents: tuple[SafeText, ...] = ()
    suggestedFixes: tuple[SuggestedFix, ...] = ()
    at: AwareDatetime


class ErrorKnowledgeBase(Record):
    """One entry of the knowledge base: a known pattern and how it was resolved."""

    table = "error_knowledge_base"
    id: str
    title: SafeText
    category: str
    symptom: SafeText
    resolution: SafeText
    preventive_measures: SafeText | None = None
    success_rate: Score | None = None
    minutes_to_resolve: int | None = Field(default=None, ge=0)
    updated_at: AwareDatetime


class ChangeKind(StrEnum):
    STANDARD = "standard"
    NORMAL = "normal"
    EMERGENCY = "emergency"


class ChangeStatus(StrEnum):
    DRAFT = "draft"
    PENDING = "pending"
    APPROVED = "approved"
    IMPLEMENTING = "implementing"
    VALIDATING = "validating"
    DONE = "done"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled_back"


class ChangeRequest(Record):
    """Current state of one change; its history is the append-only table `change_event`."""

    table = "change_request"
    id: ChangeId
    kind: ChangeKind
    title: SafeText
    service: SafeText
    risk: Risk
    status: ChangeStatus = ChangeStatus.DRAFT
    requester: str
    incident_id: IncidentId | None = None
    plan_hash: str = ""
    need_level: int = Field(default=1, ge=1, le=4)
    created_at: AwareDatetime
    updated_at: AwareDatetime
    version: int = Field(default=0, ge=0)


class ChangeApproval(Record):
    """One person's decision on one plan of one change."""

    table = "change_approval"
    change_id: ChangeId
    operator: str
    level: int = Field(ge=1, le=4)
    approved: bool
    plan_hash: str
    reason: SafeText | None = None
    at: AwareDatetime


class ChangeImplementation(Record):
    """One step of a change being carried out."""

    table = "change_implementation"
    change_id: ChangeId
    step: int = Field(ge=1)
    action: SafeText
    operator: str
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    outcome: str | None = None


class ChangeValidation(Record):
    """One check made after a change."""

    table = "change_validation"
    change_id: ChangeId
    check: SafeText
    passed: bool
    at: AwareDatetime


class SystemSnapshot(Record):
    """One verified state of a set of targets that can be gone back to."""

    table = "system_snapshot"
    id: SnapshotId
    targets: tuple[str, ...]
    manifest: str  # JSON: hashes, tool versions, sizes
    created_at: AwareDatetime
    seconds: float = Field(ge=0)
    verified_at: AwareDatetime | None = None
    hold: bool = False


class SystemRestoration(Record):
    """One restore of a snapshot, in whole or in part."""

    table = "system_restoration"
    id: str
    snapshot_id: SnapshotId
    change_id: ChangeId | None = None
    targets: tuple[str, ...]
    operator: str
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    healthy: bool | None = None


class Health(StrEnum):
    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    MAINTENANCE = "MAINTENANCE"


class ServiceHealth(Record):
    """Health of one service at one time."""

    table = "service_health"
    service: SafeText
    status: Health
    response_ms: float | None = Field(default=None, ge=0)
    error_rate: Score | None = None
    at: AwareDatetime


RECORDS: tuple[type[Record], ...] = (
    SystemSnapshot,
    SystemRestoration,
    ChangeRequest,
    ChangeApproval,
    ChangeImplementation,
    ChangeValidation,
    ErrorEvent,
    ErrorDiagnosis,
    ErrorPattern,
    ErrorKnowledgeBase,
    Incident,
    ServiceHealth,
)


class ChangeMarkerKind(StrEnum):
    DEPLOY = "deploy"
    CONFIG = "config"
    MIGRATION = "migration"
    FLAG = "flag"


class ChangeMarker(Record):
    """Somebody or something changed a service: a fact kept beside the incidents, not a request for a change."""

    table = "change_marker"
    id: str
    service: SafeText
    kind: ChangeMarkerKind
    version: SafeText
    at: AwareDatetime
    note: SafeText | None = None
    recorded_by: str


class MaintenanceWindow(Record):
    """Planned work on services: what fails in them meanwhile wakes nobody. It begins at `starts_at` and is over at `until`."""

    table = "maintenance_window"
    id: MaintenanceId
    services: tuple[SafeText, ...]
    with_callers: bool = False
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    reason: SafeText
    added_by: str
    added_at: AwareDatetime
    ended_by: str | None = None
    ended_at: AwareDatetime | None = None

    @property
    def until(self) -> datetime:
        """The end as it is known now: as planned, or earlier."""
        return self.ends_at if self.ended_at is None else min(self.ends_at, self.ended_at)


class IncidentEvent(Record):
    """One entry of an incident's timeline."""

    table = "incident_event"
    incident_id: IncidentId
    seq: int = Field(ge=1)
    at: AwareDatetime
    kind: str  # opened, signal, status, severity, note, card, change
    actor: str  # operator id or "stream"
    text: SafeText
    data: dict[str, Any] = Field(default_factory=dict)  # ids and numbers only


class ChangeEvent(Record):
    """One entry of a change request's history."""

    table = "change_event"
    change_id: ChangeId
    seq: int = Field(ge=1)
    at: AwareDatetime
    kind: str
    actor: str  # operator id
    text: SafeText
    data: dict[str, Any] = Field(default_factory=dict)  # ids and numbers only


def utc(value: datetime) -> datetime:
    """Return `value` in UTC; naive times are refused by the records themselves."""
    from datetime import UTC

    return value.astimezone(UTC)
