"""Whether a process has come up: it says so itself, in its status file or on its socket, under its process id."""

from __future__ import annotations

import json
from typing import Any, Final

from models.errors import MaydayError
from storage.client import StoreClient
from storage.layout import Layout

FILES: Final = {"receive": "receiver.json", "stream": "stream.json"}
AT_WORK: Final = {"receive": ("receiving",), "stream": ("reading", "waiting")}
SOON: Final = 1.0  # seconds that the command center is given to answer


def read_status(layout: Layout, name: str) -> dict[str, Any]:
    """Return the status file that a process writes every second, or nothing."""
    try:
        value = json.loads((layout.run / FILES[name]).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def is_ready(layout: Layout, name: str, pid: int) -> bool:
    """Whether the process `name` with this id does its work."""
    if name in FILES:
        status = read_status(layout, name)  # one that could not start says `stopped` under its id
        return status.get("pid") == pid and status.get("state") in AT_WORK[name]
    try:
        return StoreClient(layout.socket).status(within=SOON).get("pid") == pid
    except MaydayError:
        return False


def listening(layout: Layout) -> str:
    """Say where lines are taken, as the receiver says: `forward on 127.0.0.1:24224, ...`."""
    listeners = read_status(layout, "receive").get("listeners") or {}
    return ", ".join(f"{name} on {address}" for name, address in listeners.items())


def slack_state(layout: Layout) -> str:
    """Say how it stands with Slack, as the command center says."""
    try:
        found = StoreClient(layout.socket).status(within=SOON)
    except MaydayError:
        return "unknown"
    if "slack" not in found:
        return "not connected; `mayday slack setup` connects it, and until then cards are posted nowhere"
    trouble = found.get("slack_trouble")
    return f"{found['slack']}{f' ({trouble})' if trouble else ''}"
