"""Everything a person can do to an incident, as small validated records.

Slack's grammar, the command line and the socket all make one of these; `CommandCenter.perform` is the only
place that carries one out. `permission` says which right it needs. Text a person typed arrives here as
`SafeText`.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from command_center.access.operators import Permission
from models.sanitizer import SafeText
from storage.records import ChangeMarkerKind, IncidentId, IncidentStatus, MaintenanceId, Severity

CHANGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def _as_change_id(text: SafeText) -> SafeText:
    if not CHANGE_ID.fullmatch(text):
        raise ValueError("an id of a change has letters, digits and . _ : - only, and at most 64 of them")
    return text


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    permission: ClassVar[Permission] = Permission.RESPOND


class Declare(_Action):
    """Open an incident by hand. `channel` is the Slack channel it was said in, if any."""

    permission = Permission.DECLARE
    action: Literal["declare"] = "declare"
    title: SafeText
    severity: Severity = Severity.SEV3
    service: SafeText | None = None
    summary: SafeText | None = None


class Acknowledge(_Action):
    action: Literal["ack"] = "ack"
    incident: IncidentId


class SetStatus(_Action):
    action: Literal["status"] = "status"
    incident: IncidentId
    status: IncidentStatus
    note: SafeText | None = None


class Note(_Action):
    action: Literal["note"] = "note"
    incident: IncidentId
    text: SafeText


class SetSeverity(_Action):
    permission = Permission.COMMAND
    action: Literal["sev"] = "sev"
    incident: IncidentId
    severity: Severity
    reason: SafeText


class Resolve(_Action):
    action: Literal["resolve"] = "resolve"
    incident: IncidentId
    note: SafeText | None = None


class Close(_Action):
    permission = Permission.COMMAND
    action: Literal["close"] = "close"
    incident: IncidentId
    note: SafeText | None = None


class RecordChange(_Action):
    """Record a change marker; `change_id` makes a repeated call from a pipeline record it once.

    An id comes from outside and may be made of anything, so it is kept as the gate shows names: as it is, or as a
    token that is the same for the same id.
    """

    permission = Permission.RECORD_CHANGE
    action: Literal["record_change"] = "record_change"
    change_id: Annotated[SafeText, AfterValidator(_as_change_id)] | None = None
    service: SafeText
    kind: ChangeMarkerKind
    version: SafeText
    at: AwareDatetime | None = None
    note: SafeText | None = None


class AddMaintenance(_Action):
    """Plan work on `services`, from `starts_at` (now if left out) to `ends_at`, or for `seconds`; one of the two is given."""

    permission = Permission.MAINTAIN
    action: Literal["maintenance_add"] = "maintenance_add"
    services: tuple[Annotated[SafeText, Field(min_length=1)], ...] = Field(min_length=1, max_length=50)
    with_callers: bool = False
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    seconds: int | None = Field(default=None, ge=1, le=366 * 86_400)
    reason: SafeText = Field(min_length=1)

    @model_validator(mode="after")
    def _one_end(self) -> AddMaintenance:
        if (self.ends_at is None) == (self.seconds is None):
            raise ValueError("a window needs an end or a length, and not both")
        return self


class EndMaintenance(_Action):
    """End a window now, or call one off that has not begun."""

    permission = Permission.MAINTAIN
    action: Literal["maintenance_end"] = "maintenance_end"
    window: MaintenanceId


class ListMaintenance(_Action):
    """List the windows that run or are to come; with `all` those that are over as well."""

    permission = Permission.READ
    action: Literal["maintenance_list"] = "maintenance_list"
    which: Literal["current", "all"] = "current"


class ListIncidents(_Action):
    permission = Permission.READ
    action: Literal["list"] = "list"
    which: Literal["open", "mine", "all", "sev1", "sev2", "sev3", "sev4"] = "open"


class ShowIncident(_Action):
    permission = Permission.READ
    action: Literal["show"] = "show"
    incident: IncidentId


Step = (
    Declare
    | Acknowledge
    | SetStatus
    | Note
    | SetSeverity
    | Resolve
    | Close
    | RecordChange
    | AddMaintenance
    | EndMaintenance
)
"""What changes something."""

Action = Annotated[Step | ListMaintenance | ListIncidents | ShowIncident, Field(discriminator="action")]
ACTION: TypeAdapter[Action] = TypeAdapter(Action)
