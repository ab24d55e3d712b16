"""`mayday status` and `mayday whoami`: what runs, how far behind it is, and who you are here."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from bot.cli.common import ConfigOption, JsonOption, StateOption, console, setting
from bot.readiness import read_status
from storage.client import StoreClient
from storage.errors import StoreTimeout, StoreUnavailable
from storage.layout import Layout

if TYPE_CHECKING:
    from bot.agents import AgentRow

PROCESSES = ("receive", "stream", "command")


def status(as_json: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """Say what runs, how far behind it is and which incidents are open; exit code 1 while something is wrong."""
    from bot.agents import agents

    known = setting(config, state)
    found = gather(known.layout)
    heard = agents(known.config, known.layout)
    found["agents"] = [row.model_dump(mode="json") for row in heard]
    if as_json:
        print(json.dumps(found))
    else:
        table = Table("process", "state", "pid", "details", box=None, pad_edge=False, header_style="bold")
        for name in PROCESSES:
            each = found["processes"][name]
            details = ", ".join(
                f"{key.replace('_', ' ')} {value}"
                for key, value in each["details"].items()
                if not isinstance(value, dict | list)
            )
            state_word = "FAILING" if each["failures"] else "up" if each["up"] else "DOWN"
            table.add_row(name, state_word, str(each["pid"] or ""), details)
        console().print(table)
        for name in PROCESSES:
            if trouble := found["processes"][name]["trouble"]:
                console().print(f"{name}: {trouble}", soft_wrap=True)
        if found["spool_damage"]:
            console().print(damage_sentence(found["spool_damage"]), soft_wrap=True)
        console().print(
            f"open incidents: {found['open_incidents']}"
            if found["open_incidents"] is not None
            else "open incidents: unknown"
        )
        show_agents(console(), heard)
    well = all(each["up"] and not each["trouble"] for each in found["processes"].values())
    if not well or found["spool_damage"]:
        raise typer.Exit(1)


def damage_sentence(places: int) -> str:
    """Say that the spool is damaged at so many places.

    >>> damage_sentence(1)
    'spool: DAMAGED at 1 place; `mayday spool info` names it'
    """
    which = (
        "1 place; `mayday spool info` names it"
        if places == 1
        else f"{places} places; `mayday spool info` names them"
    )
    return f"spool: DAMAGED at {which}"


def show_agents(out: Console, heard: Sequence[AgentRow]) -> None:
    """Print the agents that the receiver has heard since its start, and say of each that has gone quiet how unusual that is."""
    from bot.agents import since, span

    if not heard:
        return
    table = Table(
        "agent", "last message", "messages", "bytes", "", box=None, pad_edge=False, header_style="bold"
    )
    for row in heard:
        word = f"GONE QUIET (usually every {span(max(1.0, row.usual_s))})" if row.gone_quiet else ""
        table.add_row(row.agent, since(row.last_at, row.quiet_s), f"{row.messages:,}", f"{row.bytes:,}", word)
    out.print()
    out.print(table)


def gather(layout: Layout) -> dict[str, Any]:
    """Return what every process says of itself. A process that is down says nothing, and that is shown.

    `trouble` is a sentence on what is wrong with a process that runs or should, None where nothing is; `spool_damage` is
    the number of damaged places of the spool that are known.
    """
    from bot.supervisor import running
    from bot.watched import read
    from storage.predecessor import missing
    from stream.spool import read_damage

    pids, watched = running(layout), read(layout)
    processes: dict[str, Any] = {}
    open_incidents: int | None = None
    for name in PROCESSES:
        details: dict[str, Any] = {}
        up = name in pids
        if name == "command":
            try:
                details = StoreClient(layout.socket).status()
                up = True
                open_incidents = details.pop("open_incidents", None)
            except StoreUnavailable:
                up = False
            except StoreTimeout:  # it runs and has no time for us
                details = {"trouble": "does not answer in time"}
        else:
            details = read_status(layout, name)
            up = up or _alive(details.get("pid"))
        seen = watched.get(name)
        trouble = details.pop("trouble", None)
        if seen is not None and seen.failures:
            trouble = seen.sentence
        elif name == "command" and not up and (loss := missing(layout)) is not None:
            trouble = str(loss)
        processes[name] = {
            "up": up,
            "failures": seen.failures if seen is not None else 0,
            "trouble": trouble,
            "pid": pids.get(name) or details.get("pid"),
            "details": {k: v for k, v in details.items() if k != "pid"},
        }
    damage = len(read_damage(layout.spool).damage)
    return {"processes": processes, "open_incidents": open_incidents, "spool_damage": damage}


def _alive(pid: object) -> bool:
    return isinstance(pid, int) and os.path.exists(f"/proc/{pid}")  # noqa: PTH110 (a question to the kernel, not a path of ours)


def whoami(config: ConfigOption = None, state: StateOption = None) -> None:
    """Say which operator you are at this terminal, and why."""
    from command_center.access.operators import Directory

    known = setting(config, state)
    operator = Directory(known.config.operators).by_uid(os.getuid())
    if operator is None:
        console().print(
            f"You are nobody here: no operator has the Unix user id {os.getuid()}. You may read the status. "
            "Ask somebody to add `uid` to your entry under [[operators]] in mayday.toml."
        )
        raise typer.Exit(1)
    roles = ", ".join(role.value for role in operator.roles)
    console().print(
        f"You are {operator.name} ({operator.id}; {roles}), because the Unix user id {os.getuid()} stands in that entry of mayday.toml."
    )
