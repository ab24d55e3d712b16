"""`mayday change record`: tell Mayday that a service was changed, from a pipeline or by hand."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer

from bot.cli.common import (
    MARKUP,
    ConfigOption,
    JsonOption,
    StateOption,
    console,
    local_time,
    moment,
    state_layout,
)
from models.errors import BadInput
from storage.client import StoreClient
from storage.records import ChangeMarkerKind

BAD_TIMES = frozenset({"in_the_future", "too_long_ago"})  # reasons of a refusal that another --at would mend

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=MARKUP,
    no_args_is_help=True,
    help="Record that a service was changed.",
)


@app.callback()
def _changes() -> None:
    """Record that a service was changed."""


@app.command()
def record(
    service: Annotated[str, typer.Option(help="The service that was changed")],
    kind: Annotated[ChangeMarkerKind, typer.Option(help="What was done")],
    version: Annotated[str, typer.Option(help="What it was changed to, for example a version or a flag")],
    at: Annotated[
        str | None, typer.Option(help="When, ISO 8601; local time if it names no offset [default: now]")
    ] = None,
    note: Annotated[str | None, typer.Option(help="A sentence about it")] = None,
    change_id: Annotated[
        str | None, typer.Option("--id", help="An id of your own: the same id is recorded once")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Record a deploy, configuration change, migration or flag as a fact beside the incidents."""
    action = {
        "action": "record_change", "service": service, "kind": kind.value, "version": version,
        "at": moment(at, "--at").isoformat() if at is not None else None, "note": note, "change_id": change_id,
    }  # fmt: skip
    outcome = StoreClient(state_layout(config, state).socket).perform(action)
    if not outcome["ok"] and not BAD_TIMES.isdisjoint(outcome["reasons"]):
        raise BadInput(outcome["message"].rstrip("."))
    if as_json:
        print(json.dumps(outcome))
    else:
        marker = outcome["marker"]
        when = f" ({local_time(datetime.fromisoformat(marker['at']))})" if marker else ""
        console().print(outcome["message"] + when, soft_wrap=True)
    if not outcome["ok"]:
        raise typer.Exit(1)
