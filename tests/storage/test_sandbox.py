"""Ad-hoc SQL reads what is published, at once, and can do nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.clock import FrozenClock, system_clock
from storage.apply import apply_facts
from storage.database import Database
from storage.errors import QueryBusy, QueryFailed, QueryRefused, QueryTooLarge, QueryTooLong
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.records import Incident
from storage.sandbox import MAX_SQL
from storage.seal import KeyRing
from storage.settings import StorageSettings

ENDLESS = "SELECT sum(sqrt(i)) FROM range(1000000000000) r(i)"
LIMITS = StorageSettings(query_s=0.5, query_rows=1000, query_mb=1, query_memory_mb=64, queries_at_once=1)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One store for all questions here, with narrow limits."""
    layout = Layout(tmp_path_factory.mktemp("sandbox") / "state")
    database = Database.open(layout, KeyRing(bytes(32)), system_clock, settings=LIMITS)
    yield database
    database.close()


def test_an_incident_is_found_the_moment_it_is_committed(
    database: Database, declare: Callable[..., Incident]
) -> None:
    for number in range(1, 6):
        database.write(declare)
        assert database.query("SELECT max(id) AS id FROM incident").to_pylist() == [{"id": f"INC-{number}"}]


def test_parameters_are_values_not_text(database: Database, declare: Callable[..., Incident]) -> None:
    database.write(declare)
    ask = "SELECT count(*) AS n FROM incident WHERE service = $service AND severity <= $worst"
    assert database.query(ask, {"service": "billing", "worst": 2}).to_pylist() == [{"n": 1}]
    assert database.query(ask, {"service": "x' OR true --", "worst": 2}).to_pylist() == [{"n": 0}]


ALLOWED = [
    "FROM incident",
    "TABLE incident",
    "SELECT 1;",
    "-- a remark\nSELECT count(*) FROM incident -- another",
    "WITH worst AS (SELECT * FROM incident WHERE severity = 1) SELECT count(*) FROM worst",
    "WITH a AS (FROM incident), b AS (FROM a) SELECT * FROM b JOIN incident_event e ON e.incident_id = b.id",
    "SELECT * FROM incident i ASOF LEFT JOIN change_marker c ON i.service = c.service AND i.detected_at >= c.ts",
    "SELECT day, sum(count), rank() OVER (ORDER BY sum(count) DESC) FROM error_event GROUP BY day",
    "SELECT title || ' in ' || service FROM incident WHERE title ILIKE '%error%' OR regexp_matches(title, 'a+')",
    "SELECT affected_services->>0, json_array_length(affected_services) FROM incident",
    "SELECT quantile_cont(tta_s, 0.9), avg(tta_s) FILTER (severity = 1) FROM incident_times",
    "SELECT i FROM range(3) r(i) UNION ALL SELECT unnest([1, 2])",
    "SELECT * FROM incident ORDER BY detected_at AT TIME ZONE 'Europe/Berlin' LIMIT 3",
    "SELECT ts - INTERVAL 1 HOUR, extract(hour FROM ts), date_trunc('day', ts) FROM audit_log",
    "SELECT columns('.*_at') FROM incident",
    "SELECT CASE WHEN severity = 1 THEN 'page' ELSE coalesce(commander, 'nobody') END FROM incident",
    "FROM dictionary WHERE table_name = 'incident'",
]


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_people_ask_is_answered(asked: Database, sql: str) -> None:
    assert asked.query(sql) is not None


REFUSED = [
    # what looks like a SELECT and writes, or shows what the owner does
    "FROM enable_logging(storage='file', storage_path='/tmp/log')",
    "CALL enable_logging(storage='stdout')",
    "FROM disable_logging()",
    "FROM truncate_duckdb_logs()",
    "FROM duckdb_logs",
    "SELECT write_log('x')",
    "FROM checkpoint('ops')",
    "FROM force_checkpoint('ops')",
    "SELECT nextval('s')",
    "SELECT setseed(0.5)",
    "FROM pragma_database_list",
    "FROM pragma_storage_info('incident')",
    "PRAGMA database_size",
    "PRAGMA add_parquet_key('k', 'AAAAAAAAAAAAAAAAAAAAAA==')",
    # other statements
    "DROP TABLE audit_log",
    "DELETE FROM incident",
    "UPDATE incident SET severity = 4",
    "INSERT INTO incident SELECT * FROM incident",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP MACRO m() AS 1",
    "COPY incident TO '/tmp/incident.csv'",
    "COPY (SELECT 1) TO '/tmp/one.csv'",
    "EXPORT DATABASE '/tmp/export'",
    "ATTACH '/tmp/evil.duckdb' AS evil",
    "DETACH ops",
    "USE ops.main",
    "SET threads = 1",
    "RESET threads",
    "LOAD httpfs",
    "INSTALL httpfs",
    "BEGIN",
    "COMMIT",
    "CHECKPOINT ops",
    "VACUUM",
    "PREPARE p AS SELECT 1",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE DELETE FROM audit_log",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE incident",
    "PIVOT incident ON status",
    "SHOW TABLES",
    "DESCRIBE incident",
    "SUMMARIZE incident",
    "SELECT * FROM (DESCRIBE incident)",
    "FROM (SHOW ALL TABLES)",
    # tables that are not published, by every way of naming them
    "FROM inbox",
    "FROM ops.inbox",
    "FROM ops.main.inbox",
    "FROM main.seen",
    'FROM "ops"."main"."setting_value"',
    "SELECT * FROM incident WHERE id IN (SELECT key FROM seen)",
    "SELECT (SELECT count(*) FROM inbox)",
    "WITH x AS (SELECT * FROM inbox) SELECT 1",
    "SELECT * FROM incident, LATERAL (SELECT * FROM inbox)",
    "SELECT * FROM incident UNION SELECT * FROM counter",
    "SELECT EXISTS (FROM setting_value)",
    "SELECT * FROM incident ORDER BY (SELECT max(value) FROM setting_value)",
    "SELECT sum(1) OVER (ORDER BY (SELECT max(value) FROM setting_value)) FROM incident",
    "SELECT list_transform([1], lambda x: (SELECT count(*) FROM inbox))",
    # the system's own tables, also behind a WITH of the same name
    "FROM duckdb_settings()",
    "FROM duckdb_secrets()",
    "FROM duckdb_databases()",
    "FROM duckdb_tables",
    "FROM sqlite_master",
    "FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "WITH duckdb_tables AS (SELECT 1) SELECT * FROM duckdb_tables",
    "SELECT * FROM duckdb_views, (WITH duckdb_views AS (SELECT 1) FROM duckdb_views)",
    "WITH sqlite_master AS (SELECT * FROM sqlite_master) FROM sqlite_master",
    "WITH inbox AS (SELECT 1) FROM inbox",
    'WITH "/etc/passwd" AS (SELECT 1) SELECT 1',
    # files
    "FROM '/etc/hostname'",
    "FROM 'x.parquet'",
    "FROM read_csv('/etc/passwd')",
    "FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/hostname')",
    "FROM read_parquet('*.parquet')",
    "FROM parquet_metadata('x.parquet')",
    "FROM glob('/*')",
    "FROM sniff_csv('/etc/passwd')",
    "FROM read_duckdb('x.duckdb')",
    # SQL inside SQL
    "FROM query('SELECT 1')",
    "FROM query_table('inbox')",
    "SELECT json_serialize_sql('SELECT 1')",
    "FROM json_execute_serialized_sql('{}')",
    "FROM seq_scan('inbox')",
    # settings, session, time wasters
    "SELECT current_setting('temp_directory')",
    "SELECT getvariable('x')",
    "SELECT current_database()",
    "SELECT current_query()",
    "SELECT txid_current()",
    "SELECT sleep_ms(10000)",
    "SELECT pg_sleep(10)",
    "SELECT error('x')",
    # one value of any size in one step
    "SELECT range(1000000000)",
    "SELECT generate_series(1, 1000000000)",
    "SELECT repeat('a', 2000000000)",
    "SELECT lpad('a', 2000000000, 'b')",
    "SELECT printf('%2000000000d', 1)",
    "SELECT format('{:>2000000000}', 1)",
    "SELECT list_resize([1], 2000000000)",
    "SELECT replace('aaaa', 'a', title) FROM incident",
    "SELECT list_aggregate([1], 'list')",
    "WITH RECURSIVE d AS (SELECT 'a' AS s UNION ALL SELECT s || s FROM d) SELECT max(s) FROM d",
    "SELECT title || title AS a, a || a AS b, b || b AS c, c || c AS d, d || d AS e, e || e FROM incident",
    "SELECT 'x" + "y" * MAX_SQL + "'",
    # not SQL at all
    "",
    "hello",
    "SELECT",
    "SELECT \x00",
    "(" * 3000 + "1" + ")" * 3000,
]


@pytest.mark.parametrize("sql", REFUSED, ids=lambda sql: sql[:60])
def test_anything_else_is_refused_before_it_runs(asked: Database, sql: str) -> None:
    before = asked.changes
    with pytest.raises(QueryRefused):
        asked.query(sql)
    assert asked.changes == before
    assert asked.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_nothing_private_can_be_selected(asked: Database) -> None:
    with pytest.raises(QueryFailed):
        asked.query("SELECT samples FROM error_pattern")
    assert "samples" not in asked.query("FROM error_pattern").column_names


def test_the_second_wall_stands_without_the_first(asked: Database, tmp_path: Path) -> None:
    """What would happen if a query passed the judge: the transaction and the configuration still refuse."""
    cursor = asked.cursor("memory.published")
    for statement in (
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/evil.duckdb' AS evil",
        "FROM read_text('/etc/hostname')",
        "SET lock_configuration = false",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "FROM inbox",
    ):
        with pytest.raises(Exception, match=r"(?i)permission|locked|exist|disabled|cannot"):
            cursor.execute(statement)
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    with pytest.raises(Exception, match="read-only"):
        cursor.execute("DELETE FROM ops.main.incident")
    cursor.close()
    assert list(tmp_path.iterdir()) == []


def test_a_query_that_takes_too_long_is_stopped(asked: Database) -> None:
    with pytest.raises(QueryTooLong, match=r"0\.5 s"):
        asked.query(ENDLESS)


def test_a_query_that_takes_too_much_memory_is_stopped(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    settings = StorageSettings(query_memory_mb=64, query_s=30)
    database = Database.open(layout, ring, clock, settings=settings)
    with pytest.raises(QueryTooLarge, match="memory"):
        database.query("SELECT string_agg(md5(i::VARCHAR), '') FROM range(100000000) r(i)")
    database.close()


def test_too_many_rows_or_bytes_are_not_sent(asked: Database) -> None:
    assert asked.query("FROM range(1000)").num_rows == 1000
    with pytest.raises(QueryTooLarge, match="1000 rows"):
        asked.query("FROM range(1001)")
    with pytest.raises(QueryTooLarge, match="1 MB"):
        asked.query("SELECT string_agg(md5(i::VARCHAR), '') FROM range(100000) r(i)")


def test_more_queries_at_once_than_allowed_are_told_to_wait(asked: Database) -> None:
    outcomes: list[type[BaseException] | None] = []
    start = threading.Barrier(3)

    def ask() -> None:
        start.wait()
        try:
            asked.query(ENDLESS)
        except (QueryBusy, QueryTooLong) as error:
            outcomes.append(type(error))

    people = [threading.Thread(target=ask) for _ in range(3)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert QueryBusy in outcomes
    assert QueryTooLong in outcomes


def test_a_long_query_does_not_hold_up_the_writer(
    layout: Layout,
    ring: KeyRing,
    clock: FrozenClock,
    declare: Callable[..., Incident],
    report: Callable[..., BlockFacts],
) -> None:
    database = Database.open(layout, ring, clock, settings=StorageSettings(query_s=3))
    ended: list[type[BaseException]] = []

    def ask() -> None:
        try:
            database.query(ENDLESS)
        except QueryTooLong as error:
            ended.append(type(error))

    asking = threading.Thread(target=ask)
    asking.start()
    for block in range(3):
        database.write(declare)
        database.write(lambda tx, block=block: apply_facts(tx, [report(0, block)]))
    assert asking.is_alive()  # it was still running when the writes were done
    asking.join()
    assert ended == [QueryTooLong]
    assert database.query("SELECT count(*) AS n FROM incident").to_pylist() == [{"n": 3}]
    database.close()
