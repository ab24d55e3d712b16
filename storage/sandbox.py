"""Ad-hoc SQL for people: one SELECT over the published views, as fresh as the last commit.

Three walls. A query is allowed by its parse tree, not by its kind: published views, CTEs and three table
functions are named, everything else is refused (some functions of DuckDB that look like a SELECT write files
or logs). What is allowed runs in a read-only transaction whose names resolve among the published views. And
the whole instance has its configuration locked and sees no file outside the store. A timer, a row cap and a
byte cap bound what is left; functions that make one huge value in one step, which no timer stops, are
refused.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from storage.catalog import SCHEMA
from storage.engine import Connection
from storage.errors import QueryBusy, QueryFailed, QueryRefused, QueryTooLarge, QueryTooLong
from storage.published import NAMES
from storage.settings import StorageSettings

MAX_SQL = 20_000  # characters
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
# What shows paths or settings, and what makes one value of any size in one step.
REFUSED_FUNCTIONS = frozenset(
    {
        "current_setting", "getenv", "getvariable", "nextval", "currval", "pg_get_viewdef", "get_block_size",
        "array_resize", "bar", "format", "list_resize", "lpad", "printf", "repeat", "rpad",
    }
)  # fmt: skip
_CTE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
Param = str | int | float | bool | None


class Instance(Protocol):
    """What the sandbox needs of the database."""

    settings: StorageSettings

    def cursor(self, use: str = ...) -> Connection: ...


class Sandbox:
    """Judges and runs ad-hoc queries; a bounded number at once."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._slots = threading.BoundedSemaphore(instance.settings.queries_at_once)
        cursor = instance.cursor(SCHEMA)
        try:
            effects = cursor.execute(
                "SELECT DISTINCT function_name FROM duckdb_functions() WHERE has_side_effects"
            ).fetchall()
            taken = cursor.execute(
                """SELECT view_name FROM duckdb_views() UNION SELECT table_name FROM duckdb_tables()"""
            ).fetchall()
        finally:
            cursor.close()
        self._refused = REFUSED_FUNCTIONS | (
            {row[0] for row in effects} - {"random", "uuid", "uuidv4", "uuidv7"}
        )
        self._taken = frozenset(row[0].lower() for row in taken) - NAMES

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> pa.Table:
        """Run one SELECT; raises `QueryRefused`, `QueryFailed`, `QueryTooLong`, `QueryTooLarge` or
        `QueryBusy`.
        """
        if not self._slots.acquire(blocking=False):
            raise QueryBusy("as many queries run as may run at once", hint=QueryBusy.remedy)
        try:
            cursor = self._instance.cursor(SCHEMA)
            try:
                return self._run(cursor, sql, dict(params or {}))
            finally:
                cursor.close()
        finally:
            self._slots.release()

    def _run(self, cursor: Connection, sql: str, params: dict[str, Param]) -> pa.Table:
        reasons = self.refusals(cursor, sql)
        if reasons:
            raise QueryRefused(f"this query may not run: {'; '.join(reasons)}", hint=QueryRefused.remedy)
        settings = self._instance.settings
        timer = threading.Timer(settings.query_s, cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            relation = cursor.sql(sql, params=params) if params else cursor.sql(sql)
            return _bounded(relation.limit(settings.query_rows + 1), settings)
        except duckdb.InterruptException:
            raise QueryTooLong(
                f"the query was stopped after {settings.query_s:g} s", hint=QueryTooLong.remedy
            ) from None
        except duckdb.OutOfMemoryException:
            raise QueryTooLarge(
                "the query needs more memory than it may have", hint=QueryTooLarge.remedy
            ) from None
        except duckdb.Error as error:
            raise QueryFailed(_explained(error), hint=QueryFailed.remedy) from None
        finally:
            timer.cancel()

    def refusals(self, cursor: Connection, sql: str) -> list[str]:
        """Return why `sql` may not run; nothing means that it may."""
        if len(sql) > MAX_SQL:
            return [f"it is longer than {MAX_SQL} characters"]
        try:
            row = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
            tree = json.loads(row[0]) if row else {}
        except (duckdb.Error, ValueError, RecursionError):
            return ["it cannot be parsed"]
        if tree.get("error", True):
            return ["it is not one plain SELECT"]
        if len(tree["statements"]) != 1:
            return ["it is more than one statement"]
        return self._judge(tree)

    def _judge(self, tree: dict[str, Any]) -> list[str]:
        found: list[str] = []
        ctes: set[str] = set()
        tables: list[dict[str, Any]] = []
        waiting: list[Any] = [tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, list):
                waiting.extend(node)
            elif isinstance(node, dict):
                waiting.extend(node.values())
                ctes.update(entry["key"].lower() for entry in (node.get("cte_map") or {}).get("map", []))
                kind = node.get("type")
                if kind == "BASE_TABLE":
                    tables.append(node)
                elif kind == "TABLE_FUNCTION":
                    function = str((node.get("function") or {}).get("function_name", "")).lower()
                    if function not in TABLE_FUNCTIONS:
                        found.append("it reads from a table function")
                elif kind in ("SHOW_REF", "PIVOT"):
                    found.append("it holds SHOW, DESCRIBE, SUMMARIZE or PIVOT")
                if "function_name" in node and str(node["function_name"]).lower() in self._refused:
                    found.append(f"it calls {str(node['function_name']).lower()}")
        # A CTE may not borrow the name of something that exists: outside its scope the name would mean that.
        if any(not _CTE_NAME.fullmatch(cte) or cte in self._taken for cte in ctes):
            found.append("a WITH name is taken or is not a plain name")
        for table in tables:
            plain = not table.get("schema_name") and not table.get("catalog_name")
            if not plain or str(table.get("table_name", "")).lower() not in NAMES | ctes:
                found.append("it reads from something that is not a published view")
        return sorted(set(found))


def _bounded(relation: duckdb.DuckDBPyRelation, settings: StorageSettings) -> pa.Table:
    """Fetch a result batch by batch, stopping at the caps."""
    reader = relation.to_arrow_reader(2048)
    batches, rows, size = [], 0, 0
    for batch in reader:
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows > settings.query_rows:
            raise QueryTooLarge(f"more than {settings.query_rows} rows", hint=QueryTooLarge.remedy)
        if size > settings.query_mb * 1024 * 1024:
            raise QueryTooLarge(f"more than {settings.query_mb} MB", hint=QueryTooLarge.remedy)
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=reader.schema)


def _explained(error: duckdb.Error) -> str:
    """Return a sentence for a failed query. Only binder and parser texts name the query's own words, not
    values.
    """
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException):
        return "a name or a type in the query does not exist or does not fit"
    return f"DuckDB could not run it ({type(error).__name__})"
