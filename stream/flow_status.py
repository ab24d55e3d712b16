"""What the stream says about itself in `run/stream.json`, for `mayday status`: numbers only.

Written whole and renamed into place about once a second; a file that is older than a few seconds belongs to
a stream that died or waits for the command center.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from models.clock import Clock
from models.metrics import condition, counter, gauge, moment
from storage.layout import Layout
from storage.status_file import write_whole
from stream.forgetting import Forgotten

LOG = logging.getLogger(__name__)


class FlowStatus(BaseModel):
    """State of one stream process; counts are since its start."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    state: Annotated[str, condition()] = Field(
        description="reading, waiting (for the command center), stopped or failed"
    )
    pid: Annotated[int, condition()] = Field(description="Process id")
    started_at: Annotated[AwareDatetime, moment()] = Field(description="When it started")
    written_at: Annotated[AwareDatetime, moment()] = Field(description="When this was written")
    blocks: Annotated[int, counter("blocks")] = Field(ge=0, description="Blocks read")
    lines: Annotated[int, counter("lines")] = Field(ge=0, description="Lines read")
    lag_seconds: Annotated[float, gauge("s")] = Field(
        ge=0, description="Age of the newest block that was read, 0 when all are read"
    )
    services: Annotated[int, gauge("services")] = Field(ge=0, description="Services in memory")
    templates: Annotated[int, gauge("templates")] = Field(ge=0, description="Templates in memory")
    services_forgotten: Annotated[int, counter("services")] = Field(
        default=0, ge=0, description="Services forgotten for want of room, the quietest of their shard"
    )
    templates_forgotten: Annotated[int, counter("templates")] = Field(
        default=0,
        ge=0,
        description="Templates forgotten for want of room, the least recently seen of their service",
    )
    quarantined: Annotated[int, counter("messages")] = Field(
        ge=0, description="Messages kept aside because they did not decode"
    )
    faults: Annotated[int, counter("messages")] = Field(
        ge=0, description="Failures of our own code on messages"
    )
    damage: Annotated[int, counter("places")] = Field(
        ge=0, description="Places of the spool that could not be read"
    )
    committed_seq: Annotated[int | None, gauge("block number")] = Field(
        description="Number of the next block after the newest stored state"
    )
    gc_seconds: Annotated[float, counter("s")] = Field(ge=0, description="Time spent collecting garbage")


class Progress:
    """The numbers as they grow, and the file they are written to. Not to be shared between threads."""

    EVERY_S = 1.0

    def __init__(self, path: Path | None, clock: Clock, forgotten: Forgotten | None = None) -> None:
        self._path, self._clock = path, clock
        self._forgotten = forgotten or Forgotten()
        self._started_at = clock()
        self._written_at: datetime | None = None
        self.state = "reading"
        self.blocks = self.lines = self.quarantined = self.faults = self.damage = 0
        self.newest_at: datetime | None = None  # receive time of the newest block, None when all are read
        self.committed_seq: int | None = None
        self.gc_seconds = 0.0
        self.services: dict[int, int] = {}  # by shard
        self.templates: dict[int, int] = {}

    def current(self) -> FlowStatus:
        """Return the numbers as they are now."""
        now = self._clock()
        lag = (now - self.newest_at).total_seconds() if self.newest_at is not None else 0.0
        return FlowStatus(
            state=self.state,
            pid=os.getpid(),
            started_at=self._started_at,
            written_at=now,
            blocks=self.blocks,
            lines=self.lines,
            lag_seconds=round(max(0.0, lag), 3),
            services=sum(self.services.values()),
            templates=sum(self.templates.values()),
            services_forgotten=self._forgotten.services,
            templates_forgotten=self._forgotten.templates,
            quarantined=self.quarantined,
            faults=self.faults,
            damage=self.damage,
            committed_seq=self.committed_seq,
            gc_seconds=round(self.gc_seconds, 3),
        )

    def write(self, state: str | None = None) -> None:
        """Write the file if a second has passed or the state is another; a full disk does not end the flow."""
        now, changed = self._clock(), state is not None and state != self.state
        if state is not None:
            self.state = state
        due = self._written_at is None or abs((now - self._written_at).total_seconds()) >= self.EVERY_S
        if self._path is None or not (due or changed):
            return
        self._written_at = now
        try:
            write_whole(self._path, self.current().model_dump_json())
        except OSError as error:
            LOG.warning("stream: the status could not be written (errno %d)", error.errno or 0)


def status_path(layout: Layout) -> Path:
    """Where the status stands."""
    return layout.run / "stream.json"


def read_flow_status(layout: Layout) -> FlowStatus | None:
    """Return the status that a stream of `layout` wrote last, None without one."""
    try:
        return FlowStatus.model_validate_json(status_path(layout).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
