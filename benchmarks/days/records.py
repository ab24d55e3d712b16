"""What a day consists of, and how it is written. Times are seconds since the start of the day unless said otherwise."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """One record: when it arrived, which time its host claims, and what it says."""

    arrival: float
    claimed: float
    host: str
    service: str
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change somebody made; `id` is given when the day is written, in order of time."""

    service: str
    time: float
    kind: str
    version: str
    note: str


@dataclass(frozen=True, slots=True)
class Event:
    """What truth.json says of an event; `change` is what caused it."""

    start: float
    end: float
    detectable_from: float
    root_service: str
    affected_services: tuple[str, ...]
    category: str
    incident_expected: bool
    severity: str
    change: Change | None
    description: str


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that is written. `lines` are in order of arrival, `calls` are (caller, callee)."""

    begins: datetime
    seconds: float
    services: tuple[str, ...]
    calls: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    changes: tuple[Change, ...]
    events: tuple[Event, ...]


class Stamps:
    """Turns seconds since the start into ISO text; remembers the last second, as lines come almost in order."""

    def __init__(self, begins: datetime) -> None:
        self._begins = begins.astimezone(UTC).replace(microsecond=0)
        self._second = -1
        self._text = ""

    def __call__(self, at: float) -> str:
        millis = round(at * 1000)
        second = millis // 1000
        if second != self._second or not self._text:
            self._second = second
            self._text = f"{self._begins + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}."
        return f"{self._text}{millis % 1000:03d}Z"


def write_day(day: Day, folder: Path) -> None:
    """Write the four files of `day` into `folder`, which is made if need be; equal days give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = Stamps(day.begins)
    records = (
        {
            "timestamp": stamp(line.claimed),
            "host": line.host,
            "service": line.service,
            "level": line.level,
            "message": line.message,
        }
        for line in day.lines
    )
    with gzip.GzipFile(folder / "logs.jsonl.gz", "wb", compresslevel=6, mtime=0) as packed:
        packed.write(_json_lines(records))
    ids = {id(change): f"chg-{number:03d}" for number, change in enumerate(day.changes, 1)}
    changes = (
        {
            "id": ids[id(change)],
            "service": change.service,
            "time": stamp(change.time),
            "kind": change.kind,
            "version": change.version,
            "note": change.note,
        }
        for change in day.changes
    )
    (folder / "changes.jsonl").write_bytes(_json_lines(changes))
    graph = {
        "services": list(day.services),
        "calls": [{"caller": caller, "callee": callee} for caller, callee in day.calls],
    }
    (folder / "services.json").write_text(json.dumps(graph, indent=1) + "\n", "utf-8")
    truth = {
        "start": stamp(0),
        "end": stamp(day.seconds),
        "services": list(day.services),
        "events": [
            {
                "id": f"T{number:02d}",
                "start": stamp(event.start),
                "end": stamp(event.end),
                "detectable_from": stamp(event.detectable_from),
                "root_service": event.root_service,
                "affected_services": list(event.affected_services),
                "category": event.category,
                "incident_expected": event.incident_expected,
                "severity": event.severity,
                "change": None if event.change is None else ids[id(event.change)],
                "description": event.description,
            }
            for number, event in enumerate(day.events, 1)
        ],
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", "utf-8")


def _json_lines(records: Iterable[dict[str, str]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
