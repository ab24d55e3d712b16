"""Follows the clinic's log files and ships them to a receiver by the Forward protocol, with acks.

It plays the part of Fluent Bit in the demo: lines are read in batches, every chunk is acknowledged before the
position moves on, and a chunk without its ack is sent again under the same id.
"""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from stream.forward_client import ForwardClient, NotDelivered

BATCH_BYTES = 1_000_000


@dataclass
class Follower:
    """Reads whole new lines of one file; the position moves only with `confirm`."""

    path: Path
    offset: int = 0
    _ahead: int = field(default=0, repr=False)

    def read(self) -> list[bytes]:
        """Return complete lines past the confirmed position, at most `BATCH_BYTES` of them."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read(BATCH_BYTES)
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._ahead = self.offset + len(whole)
        return whole.splitlines()

    def confirm(self) -> None:
        """What `read` returned last is safe at the receiver."""
        self.offset = self._ahead


def entry(service: str, host: str, line: bytes) -> tuple[int, dict[str, Any]]:
    """Return (unix nanoseconds, record) of one log line, as a parsing agent would send it."""
    text = line.decode("utf-8", "surrogateescape")
    record: dict[str, Any] = {"service": service, "host": host}
    if text.startswith("{"):
        fields = json.loads(text)
        at = fields.pop("time")
        record |= {"level": fields["level"], "log": fields["message"]}
    else:
        at, level, message = text.split(" ", 2)
        record |= {"level": level, "log": message}
    return int(datetime.fromisoformat(at).timestamp() * 1_000_000) * 1000, record


def ship(logs: Path, client: ForwardClient, stop: threading.Event, *, every: float = 0.5) -> None:
    """Ship every file in `logs` until `stop`; then once more, so that nothing written before is left behind.

    When the receiver cannot be reached at the end, the rest stays in the files, where a next shipper finds it.
    """
    host = socket.gethostname()
    followers: dict[Path, Follower] = {}
    last = False
    while not last:
        last = stop.wait(every)
        for path in sorted(logs.glob("*.log")):
            follower = followers.setdefault(path, Follower(path))
            if lines := follower.read():
                try:
                    client.send(f"clinic.{path.stem}", [entry(path.stem, host, line) for line in lines])
                except NotDelivered:  # raised only when it is stopped
                    return
                follower.confirm()
