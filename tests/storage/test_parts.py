"""However much a shard has to say about a block, every message over the socket stays short, and nothing is lost or twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.levels import Level
from models.sanitizer.safe_text import stored
from storage.apply import apply_facts
from storage.database import Database
from storage.facts import BlockFacts, MinuteCount, ServiceTraffic, Signal, SignalKind
from storage.parts import AT_ONCE, PART_BYTES, REQUEST_BYTES, parted, requests, weight
from storage.records import ErrorEvent, ErrorPattern
from storage.wire import MAX_BYTES, pack

AT = datetime(2026, 3, 2, 3, tzinfo=UTC)
GROUPS = ("counts", "traffic", "patterns", "errors", "signals")


def told(
    counts: int = 0, traffic: int = 0, patterns: int = 0, errors: int = 0, signals: int = 0, text: str = "x"
) -> BlockFacts:
    """A report with so many facts, each about a service of its own whose name is `text` and a number."""

    def name(number: int) -> str:
        return stored(f"{text}-{number}")

    return BlockFacts(
        shard=3,
        block=7,
        received_at=AT,
        quarantined=2,
        late=5,
        counts=tuple(
            MinuteCount(service=name(i), template_id=f"t{i}", minute=AT, level=Level.INFO, count=i + 1)
            for i in range(counts)
        ),
        traffic=tuple(ServiceTraffic(service=name(i), lines=i, errors=0, last_ts=AT) for i in range(traffic)),
        patterns=tuple(
            ErrorPattern(
                template_id=f"t{i}",
                service=name(i),
                template=stored(text),
                level=Level.ERROR,
                first_seen=AT,
                last_seen=AT,
                samples=(stored(text),),
            )
            for i in range(patterns)
        ),
        errors=tuple(
            ErrorEvent(
                ts=AT,
                last_ts=AT + timedelta(seconds=1),
                service=name(i),
                host=name(i),
                level=Level.ERROR,
                template_id=f"t{i}",
                count=1,
                shard=3,
                block=7,
            )
            for i in range(errors)
        ),
        signals=tuple(
            Signal(
                id=f"{i:020x}",
                kind=SignalKind.ERROR_BURST,
                service=name(i),
                template=stored(text),
                at=AT,
                seen_at=AT,
                score=1.0,
                threshold=0.5,
                evidence={"count": i, "usual": 0.4, "why": text},
            )
            for i in range(signals)
        ),
    )


some = st.integers(0, 12)


@given(
    some, some, some, some, some, st.sampled_from(["x", "ä" * 40, "\U0001f4a5" * 30]), st.integers(600, 4000)
)
def test_parts_hold_every_fact_once_and_in_order(
    counts: int, traffic: int, patterns: int, errors: int, signals: int, text: str, limit: int
) -> None:
    whole = told(counts, traffic, patterns, errors, signals, text)
    parts = parted(whole, limit)
    for group in GROUPS:
        assert tuple(fact for part in parts for fact in getattr(part, group)) == getattr(whole, group)
    assert [part.part for part in parts] == list(range(len(parts)))
    assert sum(part.late for part in parts) == 5
    assert sum(part.quarantined for part in parts) == 2
    assert all(any(getattr(part, group) for group in GROUPS) for part in parts) or len(parts) == 1
    assert parts == parted(whole, limit)


@given(some, some, some, some, some, st.sampled_from(["x", "ä" * 40, "\U0001f4a5" * 30]))
def test_a_report_weighs_no_less_than_its_bytes(
    counts: int, traffic: int, patterns: int, errors: int, signals: int, text: str
) -> None:
    empty, whole = len(pack([told(text=text)])), told(counts, traffic, patterns, errors, signals, text)
    assert len(pack([whole])) - empty <= weight(whole) + 1024  # what Arrow pads


def test_every_request_is_short_however_many_names_a_block_brings() -> None:
    flood = [told(counts=9_000, traffic=9_000, patterns=9_000, errors=9_000, text="name" * 20)]
    assert weight(flood[0]) > 2 * PART_BYTES
    sent = list(requests([*flood, *(told().model_copy(update={"block": 8 + i}) for i in range(2 * AT_ONCE))]))
    assert all(sum(map(weight, each)) <= REQUEST_BYTES + PART_BYTES and len(each) <= AT_ONCE for each in sent)
    assert max(len(pack(each)) for each in sent) < MAX_BYTES
    order = [(part.block, part.part) for each in sent for part in each]
    assert order == sorted(order)


@pytest.fixture
def total(database: Database) -> Callable[[], tuple[int, ...]]:
    def total() -> tuple[int, ...]:
        return database.read(
            lambda reader: reader.execute(
                """SELECT (SELECT coalesce(sum("count"), 0)::BIGINT FROM pattern_minute),
                          (SELECT coalesce(sum("lines"), 0)::BIGINT FROM service_traffic),
                          (SELECT count(*) FROM error_event),
                          (SELECT count(*) FROM error_pattern),
                          (SELECT sum(reports)::BIGINT FROM ingest_minute),
                          (SELECT sum(late)::BIGINT FROM ingest_minute)"""
            )[0]
        )

    return total


@pytest.mark.parametrize("before", range(4), ids=lambda n: f"{n}_parts_before_the_crash")
def test_a_crash_between_two_parts_changes_no_figure(
    database: Database, total: Callable[[], tuple[int, ...]], before: int
) -> None:
    whole = told(counts=9, traffic=9, patterns=9, errors=9)
    parts = parted(whole, 1500)
    assert len(parts) > 3

    def apply(reports: Sequence[BlockFacts]) -> int:
        return len(database.write(lambda tx: apply_facts(tx, reports)))

    for part in parts[:before]:
        assert apply([part]) == 1
    assert apply(parts) == len(parts) - before  # the stream begins this block again
    assert apply(parts) == 0
    assert apply([whole.model_copy(update={"block": 8})]) == 1  # and one that needs no parts follows
    assert total() == (2 * 45, 2 * 36, 18, 9, 2, 10)
