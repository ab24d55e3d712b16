"""Every place where text could leave Mayday or be kept by it: what Slack was sent, the database, its live copy, open files."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from mark_search import Found, MarkSearch
from marks_rig import Installation

from storage.database import Database
from storage.layout import Layout
from storage.publish import attach_lines
from storage.seal import KeyRing


def sent_to_slack(place: Installation) -> Iterator[tuple[str, str]]:
    """Yield all that Mayday ever sent to Slack: calls, answers to deliveries, messages, views."""
    entries = place.see.record()
    assert len(entries) < place.workspace.settings.record_limit
    for entry in entries:
        said = entry["answer"] if entry["kind"] == "delivery" else entry["request"]
        yield f"{entry['kind']} {entry['number']} {entry['name']}", json.dumps(said, ensure_ascii=False)
    people = place.see.state()["people"]
    for person in people:
        for channel in place.see.state(person["id"])["channels"]:
            for message in place.see.messages(channel["id"], person["id"]):
                if message.get("bot_id"):
                    yield f"message in {channel['id']}", json.dumps(message, ensure_ascii=False)
        if home := place.see.home(person["id"], "A0MAYDAY"):
            yield "a Home tab", json.dumps(home, ensure_ascii=False)


def rows_of(table: str, rows: list[tuple[Any, ...]]) -> Iterator[tuple[str, str | bytes]]:
    for row in rows:
        for value in row:
            yield table, value if isinstance(value, bytes) else str(value)


def in_the_live_copy(layout: Layout, ring: KeyRing) -> Iterator[tuple[str, str | bytes]]:
    """Yield every value of the live copy and of its segments, as any DuckDB client reads them with the keys."""
    connection = duckdb.connect()
    try:
        for line in attach_lines(layout, ring).splitlines():
            connection.execute(line)
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'mayday' "
            "UNION SELECT view_name FROM duckdb_views() WHERE database_name = 'mayday' AND NOT internal"
        ).fetchall()
        assert {("incident",), ("error_pattern",), ("error_event",), ("audit_log",)} <= set(names)
        for (table,) in names:
            yield from rows_of(f"live {table}", connection.execute(f'FROM mayday.main."{table}"').fetchall())
    finally:
        connection.close()


def in_the_database(database: Database) -> Iterator[tuple[str, str | bytes]]:
    """Yield every value of every table of the database, samples and the inbox included."""
    tables = database.read(
        lambda reader: reader.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'ops'")
    )
    filled = set[str]()
    for (table,) in tables:
        rows = database.read(lambda reader, table=table: reader.execute(f'SELECT * FROM ops.main."{table}"'))
        if rows:
            filled.add(table)
        yield from rows_of(f"database {table}", rows)
    assert filled >= {
        "incident", "incident_event", "error_pattern", "signal", "inbox", "slack_message", "audit_log",
        "change_marker", "applied", "seen",
    }  # fmt: skip


def held_open(pids: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    """Yield the contents of files that were deleted and that a process still holds open."""
    for name, pid in pids.items():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(link).endswith("(deleted)") and link.is_file():
                    yield f"deleted file of {name}", link.read_bytes()


def summary(leaks: list[Found]) -> str:
    """One line per mark and form, with where it was found."""
    where: dict[tuple[str, str], dict[str, None]] = {}
    for leak in leaks:
        where.setdefault((leak.text, leak.form), {})[leak.place] = None
    return "\n".join(f"{text!r} as {form} in {', '.join(places)}" for (text, form), places in where.items())


def every_place(search: MarkSearch, found: Iterator[tuple[str, str | bytes]]) -> list[Found]:
    return [
        hit
        for place, value in found
        for hit in (search.data(value, place) if isinstance(value, bytes) else search.text(value, place))
    ]
