"""Facts count once, whatever is sent again, in whatever order and in whatever company."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.clock import FrozenClock
from storage.apply import apply_facts
from storage.database import Database
from storage.errors import DatabaseBehind
from storage.facts import HANDOVER, BlockFacts
from storage.records import ErrorPattern
from storage.transaction import Transaction

Report = Callable[..., BlockFacts]


def _lines(database: Database) -> int:
    return int(
        database.read(lambda reader: reader.execute("SELECT coalesce(sum(count), 0) FROM pattern_minute"))[0][
            0
        ]
    )


def test_the_rows_of_a_report_are_all_there(database: Database, report: Report) -> None:
    fresh = database.write(lambda tx: apply_facts(tx, [report(3, 1, count=5, late=2, quarantined=1)]))
    assert [facts.block for facts in fresh] == [1]

    def count(sql: str) -> object:
        return database.read(lambda reader: reader.execute(sql))

    assert count("SELECT service, template_id, level, count FROM pattern_minute ORDER BY template_id") == [
        ("service-3", "t1", 17, 1),
        ("service-3", "t2", 9, 5),
    ]
    assert count("SELECT service, lines, errors FROM service_traffic") == [("service-3", 6, 1)]
    assert count("SELECT reports, late, quarantined, lag_max FROM ingest_minute") == [(1, 2, 1, 2.0)]
    assert count("SELECT host, shard, block, count FROM error_event") == [("host-1", 3, 1, 1)]
    assert count("SELECT template_id, samples FROM error_pattern") == [
        ("t1-3", '["cannot reach <IP> today"]')
    ]


def test_a_replayed_block_changes_nothing(database: Database, report: Report) -> None:
    facts = [report(shard, block) for block in (1, 2) for shard in (0, 1)]
    assert len(database.write(lambda tx: apply_facts(tx, facts))) == 4
    rows = database.read(lambda reader: reader.execute("SELECT * FROM pattern_minute ORDER BY ALL"))
    assert database.write(lambda tx: apply_facts(tx, facts)) == []
    assert database.write(lambda tx: apply_facts(tx, facts[:1])) == []
    assert database.read(lambda reader: reader.execute("SELECT * FROM pattern_minute ORDER BY ALL")) == rows


def test_a_block_twice_in_one_call_counts_once(database: Database, report: Report) -> None:
    twice = [report(0, 1), report(0, 1), report(0, 2)]
    assert [facts.block for facts in database.write(lambda tx: apply_facts(tx, twice))] == [1, 2]
    assert _lines(database) == 8


def test_a_block_of_another_series_is_another_block(database: Database, report: Report) -> None:
    """A spool that was removed, or taken back to an older copy, gives a number a second time."""
    first, again = "a" * 32, "b" * 32
    for series in ("", first, again, first, ""):
        facts = [report(0, block).model_copy(update={"series": series}) for block in (5, 6)]
        database.write(lambda tx, facts=facts: apply_facts(tx, facts))
    assert _lines(database) == 3 * 2 * 4
    older = report(0, 5).model_copy(update={"series": again})
    assert database.write(lambda tx: apply_facts(tx, [older])) == []


def test_the_mark_of_a_delivery_is_known_again_and_counts_as_no_report(
    database: Database, report: Report
) -> None:
    marks = [
        BlockFacts(series="c" * 32, shard=HANDOVER, block=number, received_at=report(0, 1).received_at)
        for number in (1, 2)
    ]
    assert len(database.write(lambda tx: apply_facts(tx, [report(0, 9), *marks]))) == 3
    assert database.write(lambda tx: apply_facts(tx, marks)) == []
    assert database.read(lambda reader: reader.execute("SELECT sum(reports) FROM ingest_minute")) == [(1,)]
    assert database.status()["newest_block"] == 9


def test_a_delivery_that_does_not_follow_is_refused_with_all_that_came_with_it(
    database: Database, report: Report
) -> None:
    """A database that was restored from an older copy, or made anew, would lack what lies between."""

    def mark(number: int, stream: str = "c" * 32) -> BlockFacts:
        return report(0, 0).model_copy(
            update={"series": stream, "shard": HANDOVER, "block": number, "counts": (), "traffic": ()}
        )

    def send(*facts: BlockFacts) -> int:
        return len(database.write(lambda tx: apply_facts(tx, facts)))

    assert send(report(0, 1), mark(1)) == 2
    for number, stream in ((3, "c" * 32), (2, "d" * 32)):
        for _ in range(2):  # what was refused has left no trace
            with pytest.raises(DatabaseBehind):
                send(report(0, 2), mark(number, stream))
    assert _lines(database) == 4
    assert send(report(0, 2), mark(2)) == 2
    assert send(report(0, 3), mark(1)) == 1  # gone on from an older state: known, and not refused
    assert _lines(database) == 12


def test_a_failure_takes_the_mark_back_together_with_the_rows(database: Database, report: Report) -> None:
    def fails(tx: Transaction) -> None:
        apply_facts(tx, [report(0, 1)])
        raise OSError("the disk is full")

    failing = database.submit(fails)
    assert isinstance(failing.exception(20), OSError)
    assert _lines(database) == 0
    assert len(database.write(lambda tx: apply_facts(tx, [report(0, 1)]))) == 1
    assert _lines(database) == 4


def test_an_older_template_does_not_take_the_place_of_a_newer_time(
    database: Database, report: Report, clock: FrozenClock
) -> None:
    later = report(3, 1, at=clock.at + timedelta(hours=1))
    earlier = report(3, 2, at=clock.at)
    database.write(lambda tx: apply_facts(tx, [later]))
    database.write(lambda tx: apply_facts(tx, [earlier]))
    (pattern,) = database.read(lambda reader: reader.rows(ErrorPattern))
    assert pattern.first_seen == clock.at
    assert pattern.last_seen == clock.at + timedelta(hours=1)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), max_size=6), min_size=1, max_size=6
    )
)
def test_counts_are_those_of_a_store_that_applies_each_shard_in_order(
    database: Database, report: Report, calls: list[list[tuple[int, int]]]
) -> None:
    """Against a model of four lines: of each shard, only blocks newer than the newest count."""
    database.write(
        lambda tx: [
            tx.execute(f"DELETE FROM {table}") for table in ("pattern_minute", "applied", "error_event")
        ]
    )
    heads: dict[int, int] = {}
    expected = 0
    for call in calls:
        for shard, block in sorted(call, key=lambda pair: pair[1]):
            if block > heads.get(shard, -1):
                heads[shard], expected = block, expected + 4
        facts = [report(shard, block) for shard, block in call]
        database.write(lambda tx, facts=facts: apply_facts(tx, facts))
    assert _lines(database) == expected
