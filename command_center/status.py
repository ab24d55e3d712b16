"""What the command center says about itself on its socket, for `mayday status`: figures only.

A figure that is not named here cannot be reported, so the reference page has them all.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from models.metrics import condition, gauge, moment


class CommandStatus(BaseModel):
    """State of one command center process. What is None is left out of the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    pid: Annotated[int, condition()] = Field(description="Process id")
    started_at: Annotated[AwareDatetime, moment()] = Field(description="When the socket was bound")
    open_incidents: Annotated[int, gauge("incidents")] = Field(
        description="Incidents that are neither resolved nor closed"
    )
    newest_block: Annotated[int | None, gauge("block number")] = Field(
        default=None, description="Block whose facts were applied last"
    )
    applied_at: Annotated[AwareDatetime | None, moment()] = Field(default=None, description="When that was")
    published_at: Annotated[AwareDatetime | None, moment()] = Field(
        default=None, description="When the live copy was published last"
    )
    waiting_writes: Annotated[int, gauge("transactions")] = Field(
        description="Transactions that wait for the writer"
    )
    database_bytes: Annotated[int, gauge("bytes")] = Field(description="Size of the database file")
    begun_anew_at: Annotated[AwareDatetime | None, moment()] = Field(
        default=None,
        description="When a new database took the place of one that was lost; absent for the first one",
    )
    trouble: Annotated[str | None, condition()] = Field(
        default=None,
        description="What the command center cannot do just now and tries again; absent when all is well",
    )
    slack: Annotated[str | None, condition()] = Field(
        default=None, description="Way to Slack: connected, connecting or listening; absent without Slack"
    )
    slack_trouble: Annotated[str | None, condition()] = Field(
        default=None, description="What is wrong with Slack, empty while nothing is"
    )
    cards_behind: Annotated[int | None, gauge("cards")] = Field(
        default=None, description="Incidents whose card does not show their newest state yet"
    )
