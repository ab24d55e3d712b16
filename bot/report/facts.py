"""What a report shows, as records: made by `gather`, drawn by `page`. Texts are `SafeText`, times UTC, widths seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from command_center.incidents.explain import Explanation
from models.sanitizer import SafeText
from storage.facts import SignalKind
from storage.records import ChangeMarkerKind


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Axis(_Fact):
    """The shared time axis: `buckets` columns of `width` seconds from `since` on."""

    since: AwareDatetime
    width: int = Field(ge=60)
    buckets: int = Field(ge=1)

    @property
    def until(self) -> datetime:
        return self.since + timedelta(seconds=self.width * self.buckets)

    def percent(self, at: datetime) -> float:
        """Return where a time stands, 0 at the left end and 100 at the right; times beyond stand at the end."""
        share = (at - self.since) / timedelta(seconds=self.width * self.buckets)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def bucket(self, at: datetime) -> int:
        """Return the column that a time falls into; the first or the last for times beyond."""
        return min(self.buckets - 1, max(0, (at - self.since) // timedelta(seconds=self.width)))


class Mark(_Fact):
    """Signals of one kind, in one service and column, that met the same end. `incident` is None where they opened nothing."""

    bucket: int
    at: AwareDatetime
    kind: SignalKind
    family: str
    times: int = Field(ge=1)
    incident: str | None = None


class Lane(_Fact):
    """One service: lines and error lines per column, and its signals. `services` is above 1 where several are added up."""

    service: SafeText
    services: int = 1
    lines: tuple[int, ...]
    errors: tuple[int, ...]
    marks: tuple[Mark, ...] = ()


class ChangeShown(_Fact):
    """A change, and the incidents in which it is suspected."""

    id: SafeText
    kind: ChangeMarkerKind
    service: SafeText
    version: SafeText
    at: AwareDatetime
    suspected: tuple[str, ...] = ()


class HeldBack(_Fact):
    """Signals of one kind that opened nothing, for one reason."""

    kind: SignalKind
    reason: str
    why: SafeText
    times: int = Field(ge=1)
    services: tuple[SafeText, ...]


class Totals(_Fact):
    """What was read and found altogether. `outside` counts lines whose time lies off the axis."""

    files: int = 0
    lines: int = 0
    errors: int = 0
    services: int = 0
    templates: int = 0
    undecoded: int = 0
    outside: int = 0
    signals: int = 0
    folded: int = 0
    incidents: int = 0
    changes: int = 0
    marked_names: int = 0


class Day(_Fact):
    """All that a report shows. `axis` is None where no line was read; what was too much to show is in `totals`."""

    axis: Axis | None
    totals: Totals
    lanes: tuple[Lane, ...] = ()
    incidents: tuple[Explanation, ...] = ()
    changes: tuple[ChangeShown, ...] = ()
    held: tuple[HeldBack, ...] = ()
