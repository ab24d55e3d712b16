"""Everything that went over the wire, in order: calls of the Web API and deliveries to apps. In memory,
bounded.

Tokens and signing secrets are never recorded. Bodies are kept as they were, because the page's inspector
exists to show them; they are gone when the process ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bot.workspace.model import Json


@dataclass(slots=True)
class Entry:
    """One call or delivery. `at` is in seconds since the epoch, `seconds` how long it took; `fault` what was
    injected.

    A call has `name` = method, `request` = arguments, `answer` = JSON sent back. A delivery has `name` =
    kind,
    `request` = payload, `answer` = what the app acknowledged with, `outcome` = "ok" or the reason it failed.
    """

    number: int
    at: float
    kind: Literal["call", "delivery", "response_url"]
    app: str
    name: str
    request: Json
    transport: str = ""
    attempt: int = 0
    answer: Any = None
    status: int = 0
    outcome: str = ""
    seconds: float = 0.0
    fault: str = ""

    @property
    def detail(self) -> str:
        """What kind of delivery it is more closely: the command, the interaction or the event."""
        event = self.request.get("event")
        words = (
            self.request.get("command"),
            event.get("type") if isinstance(event, dict) else self.request.get("type"),
        )
        return next((word for word in words if isinstance(word, str) and self.kind == "delivery"), "")

    def to_wire(self) -> Json:
        return {**asdict(self), "detail": self.detail}


class Recorder:
    """Keeps the last `limit` entries; `on_entry` is called when one is finished."""

    def __init__(self, limit: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._count = 0
        self.on_entry: Callable[[Entry], None] = lambda _: None

    def begin(
        self, at: float, kind: Literal["call", "delivery", "response_url"], app: str, name: str, request: Json
    ) -> Entry:
        self._count += 1
        entry = Entry(self._count, at, kind, app, name, request)
        self._entries.append(entry)
        return entry

    def finish(self, entry: Entry, at: float) -> None:
        entry.seconds = round(max(0.0, at - entry.at), 6)
        self.on_entry(entry)

    def entries(self, *, kind: str = "", name: str = "", after: int = 0) -> list[Entry]:
        """Entries newer than number `after`, oldest first, filtered by kind and name where given."""
        return [
            entry
            for entry in self._entries
            if entry.number > after and kind in ("", entry.kind) and name in ("", entry.name)
        ]

    def find(self, number: int) -> Entry | None:
        return next((entry for entry in self._entries if entry.number == number), None)

    def clear(self) -> None:
        """Forget the entries; numbers go on."""
        self._entries.clear()
