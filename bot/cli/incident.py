"""`mayday incident`: the same grammar as in Slack, at the terminal; times are local with their offset."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bot.cli.common import ConfigOption, JsonOption, StateOption, console, setting
from bot.cli.incident_view import incident_view, local
from bot.cli.rows import show_list
from bot.commands import Context, DeclareForm, Help, MaintenanceForm, withheld
from bot.grammar import help_text, parse
from command_center.actions import ListIncidents
from storage.client import StoreClient

LISTED = ("id", "severity", "status", "since", "service", "title")


def incident(
    words: Annotated[
        list[str] | None, typer.Argument(help="declare|ack|status|note|sev|resolve|close|list|show|help ...")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Declare, acknowledge, follow and resolve incidents: `mayday incident help` explains each verb."""
    from bot.processes import make_gate, passing_ring

    known = setting(config, state)
    client = StoreClient(known.layout.socket)
    gate = make_gate(known.config, known.layout, passing_ring(known.layout))
    context = Context(gate=gate, here=lambda: _open_ids(client))
    parsed = parse(words or [], context)
    if isinstance(parsed, Help | DeclareForm | MaintenanceForm):
        verb = parsed.verb if isinstance(parsed, Help) else "declare"
        print(help_text("mayday incident", verb=verb))
        return
    outcome = client.perform(parsed.model_dump(mode="json"))
    if as_json:
        print(json.dumps(outcome))
    else:
        _show(outcome, listed=parsed.which if isinstance(parsed, ListIncidents) else None)
        if kept := withheld(parsed, ok=outcome["ok"], reasons=outcome["reasons"]):
            console(to_stderr=True).print(kept)
    if not outcome["ok"]:
        raise typer.Exit(1)


def _open_ids(client: StoreClient) -> list[str]:
    found = client.perform({"action": "list", "which": "open"}).get("incidents", [])
    return [each["id"] for each in found]


def _show(outcome: dict[str, Any], *, listed: str | None) -> None:
    """Print what came of a command; `listed` says which incidents a list was asked for."""
    out = console()
    if listed is not None and outcome["ok"]:
        found = outcome.get("incidents", [])
        if found:
            show_list(
                out, LISTED, [_row(each) for each in found], words=("since",), prose=("service", "title")
            )
        else:
            none = "No incident is open. `mayday incident list all` shows every one."
            out.print(none if listed == "open" else "No incidents.")
        return
    out.print(
        incident_view(outcome) if "names" in outcome else outcome["message"], soft_wrap="names" not in outcome
    )


def _row(each: dict[str, Any]) -> list[str]:
    severity, since = f"SEV{each['severity']}", local(each["detected_at"])
    return [each["id"], severity, each["status"], since, each["service"], each["title"]]
