"""`mayday status` and `mayday whoami`: what runs, how far behind it is, and who you are here."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import typer

from bot.cli.common import ConfigOption, JsonOption, Setting, StateOption, console, setting
from bot.readiness import read_status
from models.errors import MaydayError
from storage.client import StoreClient
from storage.errors import StoreTimeout, StoreUnavailable
from storage.layout import Layout

if TYPE_CHECKING:
    from bot.config import Config

PROCESSES = ("receive", "stream", "command")


def status(as_json: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """Say what runs, how far behind it is and which incidents are open; exit code 1 while something is wrong."""
    from bot.agents import agents
    from bot.cli.status_view import show_status, troubles
    from models.clock import system_clock

    known, now = setting(config, state), system_clock()
    found = gather(known.layout, known.config)
    heard = agents(known.config, known.layout)
    found["state"] = str(known.layout.root)
    found["agents"] = [row.model_dump(mode="json") for row in heard]
    found["incidents"] = _incidents(known, found["open_incidents"])
    if as_json:
        print(json.dumps(found))
    else:
        show_status(console(), found, heard, now)
    if not all(each["up"] for each in found["processes"].values()) or any(troubles(found, now)):
        raise typer.Exit(1)


def _incidents(known: Setting, count: int | None) -> list[dict[str, Any]] | None:
    """Return the incidents that are open; None where nobody answers, or this Unix user is no operator who may read them.

    Asking all the same would be entered in the audit chain as an attempt.
    """
    from command_center.access.operators import Directory, Permission, may

    if not count:
        return None if count is None else []
    if not may(Directory(known.config.operators).by_uid(os.getuid()), Permission.READ).allowed:
        return None
    try:
        told = StoreClient(known.layout.socket).perform({"action": "list", "which": "open"})
    except MaydayError:  # it went away in between
        return None
    return list(told["incidents"]) if told["ok"] else None


def gather(layout: Layout, config: Config | None = None) -> dict[str, Any]:
    """Return what every process says of itself. A process that is down says nothing, and that is shown.

    `trouble` is a sentence on what is wrong with a process that runs or should, None where nothing is; `spool_damage` is
    the number of damaged places of the spool that are known. What a process that hangs, or a full disk, keeps from being
    said is looked at from outside: `waiting_blocks` are in the spool and not through the stream, the oldest of them since
    `oldest_waiting_at`; with `config`, `short_of_disk` says why the disk is too full for the receiver, None if it is not,
    and `status_due_s` after which time without a new status the receiver is not well.
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
    found = {"processes": processes, "open_incidents": open_incidents, "spool_damage": damage}
    return found | _spool(layout) | ({} if config is None else _limits(layout, config))


def _spool(layout: Layout) -> dict[str, Any]:
    """What waits in the spool for the stream."""
    from stream.moments import moment
    from stream.spool.waiting import waiting

    waits = waiting(layout.spool)
    oldest = None if waits.oldest_ns is None else moment(waits.oldest_ns).isoformat()
    return {"waiting_blocks": waits.blocks, "oldest_waiting_at": oldest}


def _limits(layout: Layout, config: Config) -> dict[str, Any]:
    from stream.spool import NoRoom
    from stream.spool.files import FileOperations

    try:
        short = FileOperations().free_bytes(layout.spool) < config.spool.min_free_bytes
    except FileNotFoundError:  # nothing was ever received
        short = False
    return {
        "short_of_disk": NoRoom.DISK.value if short else None,
        "status_due_s": 3 * config.receive.tick_seconds,
    }


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
