"""What travels over the command center's socket: bodies that are read within bounds, validated and admitted, and answers.

Texts pass the gate before anything is made of them. A body that does not fit is refused by the names of its fields; what
was sent is never quoted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from command_center.actions import ACTION, CHANGE_ID, Action
from command_center.outcome import Outcome
from models.errors import BadInput
from storage.errors import BadPayload
from storage.exports import ExportNote
from storage.wire import Admission

SMALL: Final = 64 * 1024  # bytes of an action or a query
BODY_S: Final = 30.0  # a body that takes longer is given up


class Query(BaseModel):
    """Body of `POST /query`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    sql: str = Field(min_length=1)
    params: dict[str, str | int | float | bool | None] = Field(default_factory=dict, max_length=32)


async def read_body(request: web.Request, limit: int) -> bytes:
    """Read a body of at most `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.content.iter_any():
                size += len(part)
                if size > limit:
                    raise BadPayload(f"the body is longer than {limit} bytes", hint=BadPayload.remedy)
                parts.append(part)
    except TimeoutError:
        raise BadPayload("the body did not arrive in time", hint="Send it in one piece") from None
    except web.RequestPayloadError:
        raise BadPayload(
            "the body is not packed as its header says, or is cut off", hint=BadPayload.remedy
        ) from None
    return b"".join(parts)


def read_action(body: bytes, gate: Admission) -> Action:
    """Validate an action; the service and the id of a change pass as names, every other text as text."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise BadPayload("the action is not JSON", hint=BadPayload.remedy) from None
    if isinstance(fields, dict) and isinstance(fields.get("service"), str):
        fields["service"] = gate.name(fields["service"])
    if isinstance(fields, dict) and isinstance(fields.get("services"), list):
        named = fields["services"]
        fields["services"] = [
            gate.name(each) if isinstance(each, str) and each.strip() else each for each in named
        ]
    if isinstance(fields, dict) and CHANGE_ID.fullmatch(str(fields.get("change_id") or "")):
        fields["change_id"] = gate.name(str(fields["change_id"]), "tag")
    try:
        return ACTION.validate_python(fields, context={"admit": gate.text})
    except ValidationError as error:
        raise _does_not_fit("the action", error) from None


def read_note(body: bytes, gate: Admission) -> ExportNote:
    """Validate the note of an export."""
    try:
        return ExportNote.model_validate_json(body, context={"admit": gate.text})
    except ValidationError as error:
        raise _does_not_fit("the note of the export", error) from None


def read_query(body: bytes) -> Query:
    """Validate a query; whether it may run is the sandbox's to say."""
    try:
        return Query.model_validate_json(body)
    except ValidationError as error:
        raise _does_not_fit("the query", error) from None


def _does_not_fit(what: str, error: ValidationError) -> BadInput:
    """Name the fields that do not fit; their values are not quoted, and neither are names that we do not
    know.
    """
    known = {"action", "incident", "status", "severity", "service", "kind", "version", "at", "note", "text",
             "title", "reason", "summary", "change_id", "which", "sql", "params",
             "services", "with_callers", "starts_at", "ends_at", "seconds", "window",
             "id", "uid", "first_block", "end_block"}  # fmt: skip
    fields = {
        str(part) for each in error.errors(include_input=False) for part in each["loc"] if part in known
    }
    named = f" ({', '.join(sorted(fields))})" if fields else ""
    return BadInput(f"{what} does not fit what is expected{named}", hint="See docs/reference/commands.md")


def outcome_json(outcome: Outcome, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what is sent back; a look has its facts, and the names of the operators who stand in it."""
    told = _told(outcome)
    if (facts := outcome.facts) is not None and outcome.incident is not None:
        due, suspect = facts.due, facts.suspect
        here = {event.actor for event in outcome.timeline}
        here |= {outcome.incident.acknowledged_by or "", outcome.incident.commander or ""}
        told |= {
            "evidence": list(facts.evidence),
            "warnings": list(facts.warnings),
            "due": {"clock": due[0].value, "at": due[1].isoformat()} if due else None,
            "suspect": {"change": suspect[0], "at": suspect[1].isoformat()} if suspect else None,
            "names": {id: name for id, name in names.items() if id in here},
        }
    return told


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "ok": outcome.ok,
        "message": str(outcome.message),
        "reasons": list(outcome.reasons),
        "incident": outcome.incident.model_dump(mode="json") if outcome.incident else None,
        "marker": outcome.marker.model_dump(mode="json") if outcome.marker else None,
        "windows": [told.as_json() for told in outcome.windows],
        "incidents": [incident.model_dump(mode="json") for incident in outcome.incidents],
        "timeline": [event.model_dump(mode="json") for event in outcome.timeline],
    }


def arrow_bytes(table: pa.Table) -> bytes:
    """Return a table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()
