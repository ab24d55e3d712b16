"""`mayday maintenance`: plan work on services, so that what fails in them meanwhile wakes nobody. Times are local with their offset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

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
from bot.cli.rows import show_list
from bot.commands import WITHHELD, has_placeholder
from bot.maintenance_verbs import MOST_SERVICES, named_services
from bot.spans import HOW, read_span
from command_center.maintenance.windows import Unfit
from models.errors import BadInput
from storage.client import StoreClient

LISTED = ("id", "state", "from", "to", "services", "what is done", "kept quiet")

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=MARKUP,
    no_args_is_help=True,
    help="Plan work on services, so that what fails in them meanwhile wakes nobody.",
)


@app.command()
def add(
    service: Annotated[
        list[str], typer.Option(help="A service that is worked on; several times, or with commas")
    ],
    reason: Annotated[str, typer.Option(help="What is done")],
    length: Annotated[str | None, typer.Option("--for", help="How long, for example 2h or 90m")] = None,
    until: Annotated[str | None, typer.Option(help="When it ends, ISO 8601, in place of --for")] = None,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from", help="When it begins, ISO 8601; local time if it names no offset [default: now]"
        ),
    ] = None,
    callers: Annotated[
        bool, typer.Option("--callers", help="Services that call them are meant as well")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Plan a window. Event times count: what was written in it stays quiet, whenever it arrives."""
    services = named_services(",".join(service))
    if not services:
        raise BadInput("--service takes the name of a service", hint=f"One to {MOST_SERVICES} of them")
    if (length is None) == (until is None):
        raise BadInput("a window needs --for or --until, and not both", hint="For example --for 2h")
    span = None if length is None else read_span(length)
    if length is not None and span is None:
        raise BadInput("--for takes a length of time", hint=HOW.rstrip("."))
    action = {
        "action": "maintenance_add", "services": list(services), "with_callers": callers, "reason": reason,
        "starts_at": moment(begin, "--from").isoformat() if begin is not None else None,
        "ends_at": moment(until, "--until").isoformat() if until is not None else None,
        "seconds": None if span is None else round(span.total_seconds()),
    }  # fmt: skip
    _carry_out(action, as_json, StoreClient(state_layout(config, state).socket))


@app.command()
def end(
    window: Annotated[str, typer.Argument(help="Which one, for example MNT-3; `list` shows their names")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """End a window before its time, or call one off that has not begun. What goes on after it is told."""
    action = {"action": "maintenance_end", "window": window.strip().upper()}
    _carry_out(action, as_json, StoreClient(state_layout(config, state).socket))


@app.command("list")
def list_(
    over: Annotated[bool, typer.Option("--all", help="Those that are over as well")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """List the windows that run or are to come, and how many signals each has kept quiet."""
    action = {"action": "maintenance_list", "which": "all" if over else "current"}
    outcome = StoreClient(state_layout(config, state).socket).perform(action)
    if as_json:
        print(json.dumps(outcome))
    elif outcome["ok"] and outcome["windows"]:
        _show_windows(outcome["windows"])
    else:
        console().print("No maintenance." if outcome["ok"] else outcome["message"], soft_wrap=True)
    if not outcome["ok"]:
        raise typer.Exit(1)


def _carry_out(action: dict[str, Any], as_json: bool, client: StoreClient) -> None:
    outcome = client.perform(action)
    if not outcome["ok"] and not set(Unfit).isdisjoint(outcome["reasons"]):
        raise BadInput(outcome["message"].rstrip("."))
    if as_json:
        print(json.dumps(outcome))
    else:
        console().print(outcome["message"], soft_wrap=True)
        for window in outcome["windows"] if outcome["ok"] else ():
            times = f"{_local(window['starts_at'])} to {_local(_end(window))}"
            console().print(f"{window['id']}: {times}", soft_wrap=True)
            if has_placeholder(window["reason"]):
                console(to_stderr=True).print(WITHHELD)
    if not outcome["ok"]:
        raise typer.Exit(1)


def _show_windows(windows: Sequence[dict[str, Any]]) -> None:
    rows = [_row(each) for each in windows]
    show_list(console(), LISTED, rows, words=("from", "to", "kept quiet"), prose=("services", "what is done"))


def _row(each: dict[str, Any]) -> list[str]:
    return [
        each["id"],
        each["state"].replace("_", " "),
        _local(each["starts_at"]),
        _local(_end(each)),
        ", ".join(each["services"]) + (" and their callers" if each["with_callers"] else ""),
        f"{each['reason']} ({each['added_by']})",
        str(each["silenced"]),
    ]


def _end(window: dict[str, Any]) -> str:
    ends: list[str] = [each for each in (window["ends_at"], window["ended_at"]) if each is not None]
    return min(ends, key=datetime.fromisoformat)


def _local(text: str) -> str:
    return local_time(datetime.fromisoformat(text))
