"""Settings that belong to no other room: the state directory and how processes are watched."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class StateSettings(BaseModel):
    """`[state]`: where everything of Mayday's own stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    directory: Path = Field(
        default=Path("mayday-state"),
        description="State directory; a relative path is taken from the folder of mayday.toml",
    )


class SupervisorSettings(BaseModel):
    """`[up]`: how `mayday up` watches its three processes. Times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    restart_after: float = Field(default=0.2, gt=0, description="Wait before the first restart of a process")
    restart_at_most: float = Field(
        default=10.0, gt=0, description="The wait doubles up to this while restarts fail"
    )
    healthy_after: float = Field(
        default=10.0, gt=0, description="A process that lives this long starts from the shortest wait again"
    )
    stop_grace: float = Field(
        default=15.0, gt=0, description="How long a process may take to stop before it is killed"
    )
