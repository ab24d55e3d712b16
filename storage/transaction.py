"""What a piece of work may do to the database: read, and inside the writer change it.

A `Reader` sees one consistent snapshot. A `Transaction` is handed to work by the writer alone; everything
done through it becomes durable together or not at all. Rows are plain tuples; times come back in UTC.
DuckDB's own error texts quote values and are replaced by typed errors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from models.clock import Clock
from models.errors import BadInput
from storage import audit
from storage.columns import from_row, shape, to_row
from storage.engine import Connection, name, typed
from storage.records import Record

R = TypeVar("R", bound=Record)
Params = Sequence[Any] | Mapping[str, Any]
Row = tuple[Any, ...]


class Reader:
    """Reads on a cursor of its own, from one snapshot."""

    def __init__(self, cursor: Connection) -> None:
        self._cursor = cursor

    def execute(self, sql: str, params: Params = ()) -> list[Row]:
        """Run one statement with `?` or `$name` parameters and return all rows."""
        try:
            result = self._cursor.execute(sql, params or None)
            return [_in_utc(row) for row in result.fetchall()]
        except duckdb.Error as error:
            raise typed(error, doing="a statement on the database") from None

    def arrow(self, sql: str, params: Params = ()) -> pa.Table:
        """Run one SELECT and return the rows as an Arrow table."""
        try:
            return self._cursor.execute(sql, params or None).to_arrow_table()
        except duckdb.Error as error:
            raise typed(error, doing="a query of the database") from None

    def rows(self, kind: type[R], where: str = "", params: Params = ()) -> list[R]:
        """Return records of one type; `where` is what follows WHERE, and may go on with ORDER BY and LIMIT.

        Of the bulk tables (`error_event`, `service_health`) this sees the hot tail only.
        """
        columns = shape(kind)
        sql = f"SELECT {columns.names} FROM {name(columns.table)}" + (f" WHERE {where}" if where else "")
        return [from_row(kind, row) for row in self.execute(sql, params)]

    def one(self, kind: type[R], where: str, params: Params = ()) -> R | None:
        """Return the first record that `rows` would return, or None."""
        found = self.rows(kind, f"{where} LIMIT 1", params)
        return found[0] if found else None

    def get(self, kind: type[R], key: str) -> R | None:
        """Return the record with this `id`, or None."""
        return self.one(kind, "id = ?", [key])


class Transaction(Reader):
    """Changes that are committed together. `now` is the time of the transaction."""

    def __init__(self, cursor: Connection, clock: Clock) -> None:
        super().__init__(cursor)
        self.now: datetime = clock()
        self.changed: set[str] = set()

    def insert(self, record: Record) -> None:
        """Add a record; raises `ConstraintBroken` when its key exists."""
        columns = shape(type(record))
        self.execute(
            f"INSERT INTO {name(columns.table)} ({columns.names}) VALUES ({columns.marks})", to_row(record)
        )
        self.changed.add(columns.table)

    def replace(self, record: Record) -> bool:
        """Put `record` in place of its predecessor: the row with its `id` and `version - 1`.

        True for exactly one of several simultaneous callers; False when the row has moved on or does not
        exist.
        """
        columns = shape(type(record))
        values = {column.name: value for column, value in zip(columns.columns, to_row(record), strict=True)}
        if "id" not in values or "version" not in values:
            raise BadInput(f"{columns.table} has no version to compare", hint="Use insert")
        key, version = values.pop("id"), values["version"]
        assigned = ", ".join(f"{name(column)} = ?" for column in values)
        won = self.execute(
            f"UPDATE {name(columns.table)} SET {assigned} WHERE id = ? AND version = ? RETURNING version",
            [*values.values(), key, version - 1],
        )
        self.changed.add(columns.table)
        return bool(won)

    def insert_arrow(self, table: str, rows: pa.Table) -> None:
        """Add many rows at once; the columns of `rows` are named as the table's."""
        if rows.num_rows == 0:
            return
        columns = ", ".join(name(column) for column in rows.column_names)
        self.from_arrow(f"INSERT INTO {name(table)} ({columns}) SELECT {columns} FROM arrow_rows", rows)
        self.changed.add(table)

    def from_arrow(self, sql: str, rows: pa.Table) -> list[Row]:
        """Run one statement that reads `rows` under the name `arrow_rows`."""
        self._cursor.register("arrow_rows", rows)
        try:
            return self.execute(sql)
        finally:
            self._cursor.unregister("arrow_rows")

    def audit(self, action: str, actor: str, **data: audit.AuditValue) -> int:
        """Append to the audit chain; values are ids, numbers, times and `SafeText`. Returns the entry's
        number.
        """
        seq, _ = audit.append(self, self.now, actor, action, data)
        self.changed.add("audit_log")
        return seq

    def next_id(self, prefix: str) -> str:
        """Return the next id of a kind: `next_id("INC")` gives INC-1, INC-2, ... without gaps for committed
        work.
        """
        counted = self.execute(
            "UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value", [prefix]
        )
        value = counted[0][0] if counted else 1
        if not counted:
            self.execute("INSERT INTO counter VALUES (?, 1)", [prefix])
        return f"{prefix}-{value}"

    def first_time(self, identity: str) -> bool:
        """Remember a delivery (as a hash); True when it had not been seen before."""
        digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
        fresh = self.execute(
            "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING key", [digest, self.now]
        )
        return bool(fresh)

    def forget_seen(self, before: datetime) -> int:
        """Drop what was remembered before a time; returns how many."""
        return len(self.execute("DELETE FROM seen WHERE seen_at < ? RETURNING key", [before]))


def _in_utc(row: Row) -> Row:
    if any(isinstance(value, datetime) for value in row):
        return tuple(
            value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value for value in row
        )
    return row
