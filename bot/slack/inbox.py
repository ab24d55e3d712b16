"""The inbox: what people asked for, as durable rows that are worked on once each.

A row holds what is to be done (with texts that have passed the gate) and where to answer, never the payload it came
in. Rows are `waiting`, then `working`, then `done` or `failed`; one that a crash left `working` is taken up again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bot.commands import TextGate
from command_center.access.operators import Permission
from command_center.actions import Action, AddMaintenance, Declare
from models.errors import MaydayError
from models.sanitizer import SafeText
from storage.database import Database
from storage.records import Severity
from storage.transaction import Transaction

MOST_ATTEMPTS = 5


class UnreadableRow(MaydayError):
    code = "slack_inbox_row"
    meaning = "A row of the inbox is not what this version writes."
    remedy = "It is set aside as failed; ask again in Slack."


class _Work(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Perform(_Work):
    """Carry out an action."""

    do: Literal["perform"] = "perform"
    action: Action


class OpenForm(_Work):
    """Open a form; `trigger` is Slack's permission to do so, good for 3 s. `severity` is chosen in the one that declares."""

    do: Literal["form"] = "form"
    form: Literal["declare", "maintenance"] = "declare"
    trigger: str = Field(repr=False)
    severity: Severity = Severity.SEV3

    @property
    def permission(self) -> Permission:
        """The right that what is sent with the form will need."""
        return AddMaintenance.permission if self.form == "maintenance" else Declare.permission


class ShowHome(_Work):
    """Publish the Home tab."""

    do: Literal["home"] = "home"


class Tell(_Work):
    """Say a sentence of ours."""

    do: Literal["tell"] = "tell"
    text: SafeText


class CameBack(_Work):
    """Mark the test card of the set-up: its button came back."""

    do: Literal["came_back"] = "came_back"
    ts: str


Work = Annotated[Perform | OpenForm | ShowHome | Tell | CameBack, Field(discriminator="do")]
_WORK: TypeAdapter[Work] = TypeAdapter(Work)
_KINDS: dict[type[BaseModel], str] = {
    Perform: "command",
    OpenForm: "command",
    ShowHome: "event",
    Tell: "button",
    CameBack: "button",
}


class Place(_Work):
    """Where to answer: to `user`, in `channel` where there is one. A `response_url` is never kept."""

    user: str
    channel: str | None = None


class Job(NamedTuple):
    """One row. `operator` is None for a person whom nobody knows."""

    id: str
    operator: str | None
    work: Work
    place: Place

    @property
    def key(self) -> str:
        """Jobs with an equal key are carried out in the order in which they came."""
        incident = getattr(self.work.action, "incident", None) if isinstance(self.work, Perform) else None
        return str(incident or self.id)


class Inbox:
    """The table `inbox`. Methods may be called from any thread."""

    def __init__(self, database: Database, gate: TextGate) -> None:
        self._database, self._gate = database, gate

    def put(self, job: Job) -> bool:
        """Keep a job; True when it is new. On return it is durable."""

        def work(tx: Transaction) -> bool:
            fresh = tx.execute(
                """INSERT INTO inbox(id, received_at, source, kind, operator, action, reply, state)
                   VALUES (?, ?, 'slack', ?, ?, ?, ?, 'waiting') ON CONFLICT DO NOTHING RETURNING id""",
                [
                    job.id,
                    tx.now,
                    _KINDS[type(job.work)],
                    job.operator,
                    job.work.model_dump_json(),
                    job.place.model_dump_json(),
                ],
            )
            return bool(fresh)

        return self._database.write(work)

    def unfinished(self) -> list[Job]:
        """Return what waits or was left half done, in the order in which it came; sets aside what is hopeless."""
        rows = self._database.read(
            lambda reader: reader.execute(
                """SELECT id, operator, action, reply, attempts FROM inbox
                   WHERE source = 'slack' AND state IN ('waiting', 'working') ORDER BY received_at, id"""
            )
        )
        jobs: list[Job] = []
        for id, operator, action, reply, attempts in rows:
            try:
                if attempts >= MOST_ATTEMPTS:
                    raise UnreadableRow(f"a row was begun {attempts} times", hint=UnreadableRow.remedy)
                jobs.append(Job(id, operator, self._work(action), Place.model_validate_json(reply)))
            except (UnreadableRow, ValidationError):
                self.finish(id, "failed", UnreadableRow.code)
        return jobs

    def begin(self, id: str) -> None:
        """Say that work on a row begins."""
        self._database.write(
            lambda tx: tx.execute(
                "UPDATE inbox SET state = 'working', attempts = attempts + 1, started_at = ? WHERE id = ?",
                [tx.now, id],
            )
        )

    def finish(self, id: str, state: Literal["done", "failed"], outcome: str) -> None:
        """Say how a row ended; `outcome` is a code."""
        self._database.write(
            lambda tx: tx.execute(
                "UPDATE inbox SET state = ?, outcome = ?, finished_at = ? WHERE id = ?",
                [state, outcome, tx.now, id],
            )
        )

    def forget(self, before: datetime) -> int:
        """Delete what was finished before a time; returns how many rows. A delivery is never repeated that late."""
        sql = "DELETE FROM inbox WHERE source = 'slack' AND finished_at < ? RETURNING id"
        return len(self._database.write(lambda tx: tx.execute(sql, [before])))

    def _work(self, kept: str) -> Work:
        return _WORK.validate_json(kept, context={"admit": self._gate.text})
