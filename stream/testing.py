"""For tests of whatever runs the flow: messages and blocks made up from lines, and a store that keeps what
it is sent.

`FactStore` does what the command center promises and no more: the facts of one (series, shard, block) are applied
once, in one transaction, and older ones are ignored. It is a SQLite file, so another process can be killed
in the middle and the file looked at afterwards.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from storage.errors import DatabaseBehind
from storage.facts import HANDOVER, BlockFacts
from stream.moments import SECOND_NS
from stream.spool import Block, Entry, Kind, Position

TICK = b'{"control": "tick"}'


def message(lines: Iterable[Mapping[str, object]], received_ns: int, *, agent: str = "agent-1") -> Entry:
    """Return an HTTP entry of records: `service`, `level`, `message`, `date` in seconds and so on."""
    body = json.dumps(list(lines)).encode()
    headers = {"content-type": "application/json"}
    return Entry(Kind.HTTP, received_ns, agent, "127.0.0.1:40000", "", None, headers, body)


def line(
    service: str, text: str, at: float, *, level: str = "INFO", host: str = "node-1"
) -> dict[str, object]:
    """Return one record."""
    return {"service": service, "message": text, "date": at, "level": level, "host": host}


def tick(received_ns: int) -> Entry:
    """Return the control entry that the receiver writes every few seconds."""
    return Entry(Kind.CONTROL, received_ns, "", "", "", None, {}, TICK)


def garbage(received_ns: int) -> Entry:
    """Return an entry that frames and does not decode."""
    return Entry(Kind.FORWARD, received_ns, "agent-1", "", "app", "c1", {}, b"\x93\xa3app\xc1\xc1")


def block(seq: int, entries: Sequence[Entry]) -> Block:
    """Return a block as the spool would give it."""
    received_ns = max((entry.received_ns for entry in entries), default=0)
    return Block(seq, received_ns, tuple(entries), Position(1, seq + 1, seq + 1))


def seconds(at: float) -> int:
    """Return seconds as nanoseconds."""
    return int(at * SECOND_NS)


class FactStore:
    """Applies facts to a SQLite file; see the module's first lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as db:
            db.executescript(
                """CREATE TABLE IF NOT EXISTS applied(
                     series, shard INTEGER, block INTEGER, part INTEGER, PRIMARY KEY (series, shard));
                   CREATE TABLE IF NOT EXISTS cell(
                     service, template, minute, level, n, PRIMARY KEY (service, template, minute, level));
                   CREATE TABLE IF NOT EXISTS report(
                     series, block, shard, part, facts, PRIMARY KEY (series, block, shard, part));"""
            )

    def send(self, facts: Sequence[BlockFacts]) -> dict[str, int]:
        """Apply what is new, in one transaction."""
        new = 0
        with self._open() as db:
            for report in facts:
                place = (report.series, report.shard)
                if report.shard == HANDOVER and not self._follows(db, report):
                    raise DatabaseBehind("this store lacks a delivery", hint=DatabaseBehind.remedy)
                newest = db.execute(
                    "SELECT block, part FROM applied WHERE series = ? AND shard = ?", place
                ).fetchone()
                at = (report.block, report.part)
                if newest is not None and at <= newest:
                    continue
                new += 1
                db.execute("INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?)", (*place, *at))
                if report.shard == HANDOVER:
                    continue
                db.execute(
                    "INSERT INTO report VALUES (?, ?, ?, ?, ?)",
                    (report.series, report.block, report.shard, report.part, report.model_dump_json()),
                )
                db.executemany(
                    """INSERT INTO cell VALUES (?, ?, ?, ?, ?)
                       ON CONFLICT DO UPDATE SET n = n + excluded.n""",
                    [
                        (str(c.service), c.template_id, c.minute.isoformat(), int(c.level), c.count)
                        for c in report.counts
                    ],
                )
        return {"new": new, "ignored": len(facts) - new}

    @staticmethod
    def _follows(db: sqlite3.Connection, mark: BlockFacts) -> bool:
        sql = "SELECT max(block) FROM applied WHERE series = ? AND shard = ?"
        (known,) = db.execute(sql, (mark.series, mark.shard)).fetchone()
        return mark.block <= (known or 0) + 1

    def reports(self) -> list[str]:
        """Return every applied report as JSON, in order of (block, shard), without the marks of deliveries."""
        with self._open() as db:
            return [row[0] for row in db.execute("SELECT facts FROM report ORDER BY block, shard, part")]

    def cells(self) -> dict[tuple[str, str, str, int], int]:
        """Return the count of every (service, template, minute, level)."""
        with self._open() as db:
            return {tuple(row[:4]): row[4] for row in db.execute("SELECT * FROM cell")}

    def _open(self) -> _Transaction:
        return _Transaction(self._path)


class _Transaction:
    """A connection that commits, or rolls back on an error, and is closed."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)

    def __enter__(self) -> sqlite3.Connection:
        return self._db

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._db.commit()
        else:
            self._db.rollback()
        self._db.close()
