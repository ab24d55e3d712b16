"""One incident for the terminal: what it is, who is on it, what is due, and what has happened. Times are local."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.cli.common import local_time
from bot.slack.cards import DUE, WORD
from command_center.timers import Rule
from storage.records import Severity

OWN = {"stream": "Mayday", "health": "Mayday", "clock": "Mayday"}


def incident_view(told: Mapping[str, Any]) -> RenderableType:
    """Return what `mayday incident show` prints, from the command center's answer."""
    incident, names = told["incident"], told["names"]
    parts: list[RenderableType] = [Text(f"{incident['id']}  {incident['title']}", style="bold"), ""]
    fields = Table.grid(padding=(0, 2, 0, 0))
    fields.add_column(style="dim", no_wrap=True)
    fields.add_column(overflow="fold")
    for name, value in _fields(told):
        fields.add_row(f"  {name}", Text(value))
    parts += [fields]
    parts += _listed(
        "What is failing", told["evidence"] or ([incident["summary"]] if incident["summary"] else [])
    )
    parts += _listed("Overdue", told["warnings"])
    timeline = Table.grid(padding=(0, 2, 0, 0))
    timeline.add_column(no_wrap=True)
    timeline.add_column(overflow="fold")
    for event in told["timeline"]:
        who = _name(event["actor"], names)
        timeline.add_row(f"  {local(event['at'])}", Text(f"{who}: {event['text']}"))
    return Group(*parts, "", Text("Timeline", style="bold"), timeline)


def _fields(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    incident, names = told["incident"], told["names"]
    severity = Severity(incident["severity"])
    yield "Severity", f"{severity.name} {WORD[severity]}"
    yield "Status", incident["status"]
    root = incident["root_service"]
    yield (
        "Service",
        incident["service"] + (f" (root: {root})" if root not in (None, incident["service"]) else ""),
    )
    others = [each for each in incident["affected_services"] if each not in (incident["service"], root)]
    if others:
        yield "Also affected", ", ".join(others)
    yield "Since", local(incident["fault_at"] or incident["detected_at"])
    yield "Detected", local(incident["detected_at"])
    if incident["acknowledged_at"]:
        who = _name(incident["acknowledged_by"] or "", names)
        yield "Acknowledged", f"{local(incident['acknowledged_at'])} by {who}"
    else:
        yield "Acknowledged", "by nobody yet"
    if incident["commander"] and incident["commander"] != incident["acknowledged_by"]:
        yield "Led by", _name(incident["commander"], names)
    if told["suspect"]:
        yield "Suspect change", f"{told['suspect']['change']}, {local(told['suspect']['at'])}"
    if incident["resolved_at"]:
        yield "Resolved", local(incident["resolved_at"])
    if incident["closed_at"]:
        yield "Closed", local(incident["closed_at"])
    if told["due"]:
        yield "Next due", f"{DUE.get(Rule(told['due']['clock']), 'an answer')} by {local(told['due']['at'])}"


def _listed(title: str, lines: Sequence[str]) -> list[RenderableType]:
    if not lines:
        return []
    return ["", Text(title, style="bold"), *(Text(f"  - {line}") for line in lines)]


def _name(actor: str, names: Mapping[str, str]) -> str:
    return names.get(actor) or OWN.get(actor, actor)


def local(text: str) -> str:
    """Return an ISO 8601 time in this machine's zone with its offset."""
    return local_time(datetime.fromisoformat(text))
