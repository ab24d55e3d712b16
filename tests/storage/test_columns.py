"""Tables and records agree, and every column says what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clock import system_clock
from models.sanitizer.safe_text import stored
from storage.catalog import split_comment
from storage.columns import from_row, shape, to_row
from storage.database import Database
from storage.facts import BlockFacts
from storage.layout import Layout
from storage.published import BULK, NAMES, TABLES
from storage.records import RECORDS, ChangeEvent, ChangeMarker, IncidentEvent, Record
from storage.reference import describe
from storage.seal import KeyRing

ALL = (*RECORDS, ChangeEvent, ChangeMarker, IncidentEvent)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    layout = Layout(tmp_path_factory.mktemp("columns") / "state")
    database = Database.open(layout, KeyRing(bytes(32)), system_clock)
    yield database
    database.close()


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.table)
def test_each_record_has_a_table_with_exactly_its_columns(database: Database, kind: type[Record]) -> None:
    columns = database.read(
        lambda reader: reader.execute(
            """SELECT column_name, data_type, is_nullable FROM duckdb_columns()
               WHERE database_name = 'ops' AND table_name = ? ORDER BY column_index""",
            [kind.table],
        )
    )
    assert columns == [(column.name, column.type, column.nullable) for column in shape(kind).columns]


def test_there_are_twelve_records_with_a_table_each() -> None:
    assert len({kind.table for kind in RECORDS}) == len(RECORDS) == 12


def test_every_table_and_column_says_what_it_means_and_in_which_unit(database: Database) -> None:
    tables = database.read(
        lambda reader: reader.execute(
            "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'ops'"
        )
    )
    assert [table for table, comment in tables if not comment] == []
    columns = database.read(
        lambda reader: reader.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE database_name = 'ops'"
        )
    )
    assert [
        (table, column) for table, column, comment in columns if not all(split_comment(comment or ""))
    ] == []


def test_there_is_no_index_besides_the_keys(database: Database) -> None:
    indexes = database.read(
        lambda reader: reader.execute("SELECT index_name FROM duckdb_indexes() WHERE database_name = 'ops'")
    )
    assert indexes == []


def test_bulk_tables_have_the_columns_that_their_segments_keep(database: Database) -> None:
    for bulk in BULK:
        columns = database.read(
            lambda reader, table=bulk.table: reader.execute(
                "SELECT column_name FROM duckdb_columns() WHERE database_name = 'ops' AND table_name = ?",
                [table],
            )
        )
        assert {column for (column,) in columns} == set(bulk.columns)
        assert not bulk.keys or set(bulk.columns) == {*bulk.keys, *bulk.sums, *bulk.maxima}


def test_the_reference_describes_every_table_and_view() -> None:
    described = {table.name: table for table in describe()}
    assert set(described) >= NAMES | set(TABLES)
    assert described["inbox"].comment.endswith("Not published.")
    assert all(column.comment.endswith("]") for table in described.values() for column in table.columns)


@given(
    at=st.datetimes(
        min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.just(timezone(timedelta(hours=5))),
    ),
    text=st.text(max_size=40),
    data=st.dictionaries(st.text(max_size=5), st.integers(-(2**53), 2**53), max_size=4),
)
def test_a_row_is_the_record(at: datetime, text: str, data: dict[str, int]) -> None:
    event = IncidentEvent(
        incident_id="INC-1", seq=1, at=at, kind="note", actor="oncall", text=stored(text), data=data
    )
    assert from_row(IncidentEvent, to_row(event)) == event


def test_words_that_sql_reserves_are_renamed() -> None:
    names = {column.name for kind in ALL for column in shape(kind).columns}
    assert not names & {"at", "check"}


def test_a_report_knows_its_records(report: Callable[..., BlockFacts]) -> None:
    assert to_row(report(1, 2).errors[0])[-2:] == [1, 2]
