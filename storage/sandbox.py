"""Ad-hoc SQL for people: one SELECT over the published views, as fresh as the last commit.

Three walls. A query is allowed by its parse tree, not by its kind: it names published views, CTEs, three table
functions and the functions of `storage.sql_functions`, and everything else is refused (some functions of DuckDB that
look like a SELECT write files or logs). What is allowed runs in a read-only transaction whose names resolve among the
published views. And the whole instance has its configuration locked and sees no file outside the store.

A watch bounds what is left: it interrupts a query that takes too long or makes the process grow too much, and rows and
bytes of the answer are capped. DuckDB looks up from its work once per 2,048 rows, which is why what would make a single
step large is not allowed at all (`storage.sql_steps`). Why this runs in the owner's process, with what measurements, stands
in docs/decisions/0010-ad-hoc-sql-in-the-owner.md.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from storage.catalog import SCHEMA
from storage.engine import Connection
from storage.errors import (
    QueryBusy,
    QueryFailed,
    QueryRefused,
    QueryTooLarge,
    QueryTooLong,
    StoreError,
)
from storage.published import NAMES
from storage.settings import StorageSettings
from storage.sql_functions import ALLOWED, TABLE_FUNCTIONS
from storage.sql_names import LOOK, cause, unknown_columns, unknown_views
from storage.sql_steps import MAX_LITERAL, nodes, steps_too_large

MAX_SQL = 8_000  # characters
LOOK_S = 0.05  # how often the watch looks
_CTE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_REFUSED_NODES = {
    "SHOW_REF": f"it holds SHOW, DESCRIBE or SUMMARIZE; {LOOK}",
    "PIVOT": "it holds PIVOT",
    "RECURSIVE_CTE_NODE": "it is recursive",
}
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
        self._running: set[Connection] = set()
        self._change = threading.Condition()
        cursor = instance.cursor(SCHEMA)
        try:
            taken = cursor.execute(
                "SELECT view_name FROM duckdb_views() UNION SELECT table_name FROM duckdb_tables()"
            ).fetchall()
            shown = cursor.execute("SELECT table_name, column_name FROM dictionary").fetchall()
        finally:
            cursor.close()
        self._columns = {view: frozenset(c for v, c in shown if v == view) for view in {v for v, _ in shown}}
        self._taken = frozenset(row[0].lower() for row in taken) - NAMES

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> pa.Table:
        """Run one SELECT; raises `QueryRefused`, `QueryFailed`, `QueryTooLong`, `QueryTooLarge` or `QueryBusy`."""
        if not self._slots.acquire(blocking=False):
            raise QueryBusy("as many queries run as may run at once", hint=QueryBusy.remedy)
        try:
            cursor = self._instance.cursor(SCHEMA)
            try:
                with self._noted(cursor):
                    return self._run(cursor, sql, dict(params or {}))
            finally:
                cursor.close()
        finally:
            self._slots.release()

    def end(self, within: float) -> bool:
        """Interrupt the queries that run; False if one has not ended `within` seconds."""
        until = time.monotonic() + within
        with self._change:
            while self._running and time.monotonic() < until:
                for cursor in self._running:
                    cursor.interrupt()  # again at each look, until the query has noticed
                self._change.wait(LOOK_S)
            return not self._running

    @contextmanager
    def _noted(self, cursor: Connection) -> Iterator[None]:
        with self._change:
            self._running.add(cursor)
        try:
            yield
        finally:
            with self._change:
                self._running.discard(cursor)
                self._change.notify_all()

    def _run(self, cursor: Connection, sql: str, params: dict[str, Param]) -> pa.Table:
        reasons = self.refusals(cursor, sql)
        if any(isinstance(value, str) and len(value) > MAX_LITERAL for value in params.values()):
            reasons.append(f"a parameter is longer than {MAX_LITERAL} characters")
        if reasons:
            raise QueryRefused(f"this query may not run: {'; '.join(reasons)}", hint=QueryRefused.remedy)
        settings = self._instance.settings
        with _watched(cursor, settings) as watch:
            try:
                cursor.execute("BEGIN TRANSACTION READ ONLY")
                relation = cursor.sql(sql, params=params) if params else cursor.sql(sql)
                return _bounded(relation.limit(settings.query_rows + 1), settings)
            except duckdb.InterruptException:
                raise watch.verdict or QueryFailed("the query was interrupted") from None
            except duckdb.OutOfMemoryException:
                raise _too_large("the query needs more memory than it may have") from None
            except (duckdb.BinderException, duckdb.CatalogException) as error:
                sentence = self._unknown(cursor, sql) or cause(str(error))
                raise QueryFailed(sentence, hint=QueryFailed.remedy) from None
            except duckdb.Error as error:
                raise QueryFailed(
                    f"DuckDB could not run it ({type(error).__name__})", hint=QueryFailed.remedy
                ) from None

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
        return self._judge(sql, tree)

    def _unknown(self, cursor: Connection, sql: str) -> str:
        """Return which name of a query that was allowed is unknown; empty where all are known."""
        with suppress(duckdb.Error):
            cursor.execute("ROLLBACK")  # nothing more can be asked in a transaction that has failed
        row = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        return unknown_columns(sql, nodes(json.loads(row[0])), self._columns) if row else ""

    def _judge(self, sql: str, tree: dict[str, Any]) -> list[str]:
        found: set[str] = set()
        ctes: set[str] = set()
        tables: list[dict[str, Any]] = []
        found |= steps_too_large(tree)
        for node in nodes(tree):
            ctes.update(entry["key"].lower() for entry in (node.get("cte_map") or {}).get("map", []))
            kind = str(node.get("type", ""))
            if kind == "BASE_TABLE":
                tables.append(node)
            elif kind == "TABLE_FUNCTION":
                function = node.get("function") or {}
                if str(function.get("function_name", "")).lower() not in TABLE_FUNCTIONS:
                    found.add("it reads from a table function")
                function["function_name"] = "unnest"  # judged here; as a scalar it may be another matter
            elif kind in _REFUSED_NODES:
                found.add(_REFUSED_NODES[kind])
            if "function_name" in node:
                function_name = str(node["function_name"]).lower()
                qualified = node.get("catalog") or node.get("schema") not in (None, "", "main")
                if function_name not in ALLOWED or qualified:
                    found.add("it calls a function that is not on the list")
        # A CTE may not borrow the name of something that exists: outside its scope the name would mean that.
        if any(not _CTE_NAME.fullmatch(cte) or cte in self._taken for cte in ctes):
            found.add("a WITH name is taken or is not a plain name")
        if sentence := unknown_views(sql, tables, NAMES, ctes):
            found.add(sentence)
        return sorted(found)


class _Watch:
    """Interrupts a query that lasts too long or makes the process grow too much; `verdict` says which."""

    def __init__(self, cursor: Connection, settings: StorageSettings) -> None:
        self.verdict: StoreError | None = None
        self._cursor, self._settings = cursor, settings
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="mayday-query-watch", daemon=True)
        self._until = time.monotonic() + settings.query_s
        self._most = resident_bytes() + settings.query_memory_mb * 1024 * 1024
        self._thread.start()

    def end(self) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            if time.monotonic() > self._until:
                self.verdict = QueryTooLong(
                    f"the query was stopped after {self._settings.query_s:g} s", hint=QueryTooLong.remedy
                )
            elif resident_bytes() > self._most:
                self.verdict = _too_large("the query needs more memory than it may have")
            if self.verdict is not None:
                self._cursor.interrupt()  # again at each look, until the query has noticed


@contextmanager
def _watched(cursor: Connection, settings: StorageSettings) -> Iterator[_Watch]:
    watch = _Watch(cursor, settings)
    try:
        yield watch
    finally:
        watch.end()


def resident_bytes() -> int:
    """Return the memory this process holds, in bytes."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _bounded(relation: duckdb.DuckDBPyRelation, settings: StorageSettings) -> pa.Table:
    """Fetch a result batch by batch, stopping at the caps."""
    reader = relation.to_arrow_reader(2048)
    batches, rows, size = [], 0, 0
    for batch in reader:
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows > settings.query_rows:
            raise _too_large(f"the answer has more than {settings.query_rows} rows")
        if size > settings.query_mb * 1024 * 1024:
            raise _too_large(f"the answer has more than {settings.query_mb} MB")
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=reader.schema)


def _too_large(detail: str) -> QueryTooLarge:
    return QueryTooLarge(detail, hint=QueryTooLarge.remedy)
