"""What is wrong with a query is said from the catalog: where the name stands and what was meant, never what was typed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.clock import system_clock
from models.errors import BadInput, MaydayError
from storage.client import remote_error
from storage.database import Database
from storage.layout import Layout
from storage.published import NAMES
from storage.seal import KeyRing

MARK = "zubrowka"  # made up


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    layout = Layout(tmp_path_factory.mktemp("names") / "state")
    database = Database.open(layout, KeyRing(bytes(32)), system_clock)
    yield database
    database.close()


def refusal(asked: Database, sql: str) -> MaydayError:
    with pytest.raises(BadInput) as caught:
        asked.query(sql)
    return caught.value


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT tite FROM incident", "no column of incident (at character 8; did you mean title"),
        ("SELECT 'ä', tite FROM incident", "no column of incident (at character 13;"),
        ("SELECT i.servise FROM incident i", "no column of incident (at character 8; did you mean service"),
        (f"SELECT {MARK} FROM incident", "no column of incident (at character 8)"),
        ("SELECT title AS t FROM incident WHERE tt > 1", "no column of incident (at character 39"),
        ("FROM incidents", "not a published view (at character 6; did you mean incident?)"),
        (f"FROM {MARK}", "not a published view (at character 6)"),
        (
            "SHOW TABLES",
            'it holds SHOW, DESCRIBE or SUMMARIZE; `mayday sql "FROM dictionary"` lists every view',
        ),
        ("DESCRIBE incident", '`mayday sql "FROM dictionary"` lists every view'),
        ("SELECT service, count(*) FROM incident", "stands neither under GROUP BY nor in an aggregate"),
        ("SELECT title + 1 FROM incident", "does not take values of these types"),
        ("SELECT CAST(1 AS INTEGR)", "a type does not exist"),
    ],
)
def test_what_is_wrong_is_named_from_the_catalog(asked: Database, sql: str, sentence: str) -> None:
    error = refusal(asked, sql)
    assert sentence in error.detail
    assert MARK not in str(error)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT t FROM (SELECT title AS t FROM incident)",
        "WITH a AS (SELECT title AS t FROM incident) SELECT a.t FROM a",
        "SELECT x.y FROM (SELECT 1) AS x(y)",
        "SELECT unnest.a FROM unnest([1]) AS unnest(a)",
    ],
)
def test_names_that_a_query_gives_are_no_fault(asked: Database, sql: str) -> None:
    asked.query(sql)


def test_a_wrong_name_is_answered_with_the_names_there_are(asked: Database) -> None:
    views = refusal(asked, f"WITH {MARK} AS (SELECT 1) SELECT * FROM {MARK}, incidnt").detail
    assert views.endswith(f"the views are {', '.join(sorted(NAMES))}")
    assert MARK not in views
    columns = refusal(asked, "SELECT tite FROM schema_migration").detail
    there = {
        row["column_name"]
        for row in asked.query("FROM dictionary").to_pylist()
        if row["table_name"] == "schema_migration"
    }
    assert columns.endswith(f"schema_migration has {', '.join(sorted(there))}")
    assert "--list" in str(refusal(asked, "FROM nowhere"))


def test_the_way_that_is_pointed_out_works(asked: Database) -> None:
    views = {row["table_name"] for row in asked.query("FROM dictionary").to_pylist()}
    assert {"incident", "error_event", "dictionary"} <= views


@pytest.mark.parametrize("code", ["query_refused", "query_failed"])
def test_over_the_socket_a_refusal_is_bad_input_too(code: str) -> None:
    error = remote_error(f'{{"error": "{code}", "detail": "no", "hint": ""}}'.encode())
    assert isinstance(error, BadInput)
