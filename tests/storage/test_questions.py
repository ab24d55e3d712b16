"""The cookbook is the code, and every question gets the right answer from a day that was made for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from models.clock import FrozenClock
from models.levels import Level
from models.sanitizer.safe_text import stored
from storage.apply import apply_facts
from storage.database import Database
from storage.facts import BlockFacts, MinuteCount, ServiceTraffic
from storage.layout import Layout
from storage.publish import attach_lines
from storage.questions import QUESTIONS, cookbook
from storage.records import (
    ChangeMarker,
    ChangeMarkerKind,
    ErrorEvent,
    ErrorPattern,
    Incident,
    IncidentEvent,
    IncidentStatus,
    Severity,
)
from storage.seal import KeyRing
from storage.transaction import Transaction

COOKBOOK = Path(__file__).parents[2] / "docs" / "cookbook.sql.md"
SQL = {question.name: question.sql for question in QUESTIONS}


def _story(tx: Transaction, now: datetime) -> None:
    """Billing is deployed, breaks, is fixed and breaks again; records has a quiet change and goes silent."""

    def ago(**parts: float) -> datetime:
        return now - timedelta(**parts)

    billing, records = stored("billing"), stored("records")
    tx.insert(
        ChangeMarker(id="rel-1", service=billing, kind=ChangeMarkerKind.DEPLOY, version=stored("3.8.0"),
                     at=ago(minutes=35), recorded_by="pipeline")
    )  # fmt: skip
    tx.insert(
        ChangeMarker(id="rel-2", service=records, kind=ChangeMarkerKind.CONFIG, version=stored("7"),
                     at=ago(hours=5), recorded_by="pipeline")
    )  # fmt: skip
    times = {"fault_at": ago(minutes=31), "detected_at": ago(minutes=30)}
    tx.insert(
        Incident(
            id="INC-1", title=stored("Errors in billing"), severity=Severity.SEV1, service=billing,
            acknowledged_at=ago(minutes=26), acknowledged_by="oncall", responded_at=ago(minutes=25),
            status=IncidentStatus.INVESTIGATING, updated_at=now, **times,
        )
    )  # fmt: skip
    tx.insert(
        Incident(
            id="INC-2", title=stored("Slow answers"), severity=Severity.SEV3, service=stored("auth"),
            detected_at=ago(hours=30), acknowledged_at=ago(hours=29), acknowledged_by="lead",
            resolved_at=ago(hours=28), status=IncidentStatus.CLOSED, updated_at=now,
        )
    )  # fmt: skip
    for seq, kind, actor, data in (
        (1, "opened", "stream", {}),
        (2, "status", "oncall", {"from": "investigating", "to": "resolved"}),
        (3, "status", "stream", {"from": "resolved", "to": "detected"}),
        (4, "severity", "lead", {"from": 2, "to": 1}),
    ):
        tx.insert(
            IncidentEvent(incident_id="INC-1", seq=seq, at=ago(minutes=30 - seq), kind=kind, actor=actor,
                          text=stored(kind), data=data)
        )  # fmt: skip
    tx.audit("incident.ack", "oncall", incident="INC-1")
    tx.audit("incident.note", "oncall", incident="INC-1")
    tx.audit("refused", "uid:1000", cause="socket:query", reason="unknown_person")
    tx.execute(
        """INSERT INTO signal VALUES ('s1', 'error_burst', 'billing', NULL, 't-pool', 'pool is empty', 17, ?, ?,
           0.97, 0.8, '{}', 41, 'opened', 'burst', 'INC-1', false, NULL)""",
        [ago(minutes=31), ago(minutes=31)],
    )


def _facts(now: datetime) -> list[BlockFacts]:
    def ago(**parts: float) -> datetime:
        return now - timedelta(**parts)

    billing, records, host = stored("billing"), stored("records"), stored("host-1")

    def minute(at: datetime) -> datetime:
        return at.replace(second=0, microsecond=0)

    def counts(block: int, service: Any, at: datetime, errors: int, lines: int) -> BlockFacts:
        count = [
            MinuteCount(service=service, template_id="t-ok", minute=minute(at), level=Level.INFO, count=lines)
        ]
        events: tuple[ErrorEvent, ...] = ()
        if errors:
            count.append(
                MinuteCount(
                    service=service, template_id="t-pool", minute=minute(at), level=Level.ERROR, count=errors
                )
            )
            events = (
                ErrorEvent(ts=at, last_ts=at, service=service, host=host, level=Level.ERROR, template_id="t-pool",
                           count=errors, shard=0, block=block),
            )  # fmt: skip
        return BlockFacts(
            shard=0, block=block, received_at=at, counts=tuple(count), errors=events, late=block, quarantined=1,
            traffic=(ServiceTraffic(service=service, lines=lines + errors, errors=errors, last_ts=at),),
        )  # fmt: skip

    pattern = ErrorPattern(
        template_id="t-pool", service=billing, template=stored("pool is empty"), level=Level.ERROR,
        first_seen=now, last_seen=now, distinct_parameters=5, samples=(stored("pool is empty"),),
    )  # fmt: skip
    usual = [counts(day, billing, ago(days=8 - day, minutes=10), errors=1, lines=10) for day in range(1, 8)]
    return [
        *usual,
        counts(8, records, ago(hours=2), errors=0, lines=50),
        counts(9, billing, ago(minutes=45), errors=2, lines=100),
        counts(10, billing, ago(minutes=30), errors=40, lines=60),
        counts(11, billing, ago(minutes=1), errors=0, lines=5).model_copy(update={"patterns": (pattern,)}),
    ]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, duckdb.DuckDBPyConnection]]:
    layout, ring = Layout(tmp_path_factory.mktemp("questions") / "state"), KeyRing(bytes(32))
    now = datetime.now(UTC)  # the questions say now(), so the story is told around the real one
    database = Database.open(layout, ring, FrozenClock(now))
    database.write(lambda tx: _story(tx, now))
    facts = _facts(now)
    database.write(lambda tx: apply_facts(tx, facts[:8]))
    database.segments.flush(now, everything=True)  # part of the answers comes from files
    database.write(lambda tx: apply_facts(tx, facts[8:]))
    database.publish()
    live = duckdb.connect()
    live.execute(attach_lines(layout, ring))
    yield database, live
    live.close()
    database.close()


Told = tuple[Database, duckdb.DuckDBPyConnection]


def _ask(told: Told, name: str) -> list[dict[str, Any]]:
    return told[0].query(SQL[name]).to_pylist()


def test_the_cookbook_prints_exactly_the_questions_in_the_code() -> None:
    text = COOKBOOK.read_text("utf-8")
    assert text == cookbook()
    printed = dict(re.findall(r"## ([a-z0-9-]+)\n\n[^\n]+\n\n```sql\n(.*?)\n```", text, re.DOTALL))
    assert printed == SQL
    assert len(SQL) == len(QUESTIONS) >= 20


@pytest.mark.parametrize("name", SQL)
def test_each_question_has_the_same_answer_at_once_and_in_the_live_copy(told: Told, name: str) -> None:
    database, live = told
    ours = database.query(SQL[name])
    theirs = live.execute(SQL[name]).to_arrow_table()
    assert ours.column_names == theirs.column_names
    assert ours.num_rows == theirs.num_rows
    assert ours.num_rows > 0  # the story has an answer to every question


def test_the_answers_are_those_of_the_story(told: Told) -> None:
    assert [row["id"] for row in _ask(told, "open-incidents")] == ["INC-1"]
    assert _ask(told, "slowest-acknowledgements")[0] | {"detected_at": None} == {
        "id": "INC-2", "severity": 3, "service": "auth", "title": "Slow answers", "detected_at": None,
        "acknowledged_by": "lead", "tta_s": 3600.0,
    }  # fmt: skip
    by_severity = {row["severity"]: row for row in _ask(told, "times-by-severity")}
    assert by_severity[1]["mean_tta_s"] == 240.0
    assert by_severity[3]["mttr_s"] == 7200.0
    assert [row["id"] for row in _ask(told, "missed-targets")] == ["INC-1"]
    assert _ask(told, "reopened-incidents")[0]["times"] == 1
    assert [(row["was"], row["became"]) for row in _ask(told, "severity-changes")] == [("2", "1")]
    assert [row["seq"] for row in _ask(told, "newest-timeline")] == [1, 2, 3, 4]


def test_counts_and_baselines_add_up(told: Told) -> None:
    (top,) = [row for row in _ask(told, "top-templates") if row["service"] == "billing"]
    assert (top["lines"], top["usual"], top["template"]) == (42, 1.0, "pool is empty")
    around = {row["id"]: row for row in _ask(told, "errors-around-changes")}
    assert (around["rel-1"]["errors_before"], around["rel-1"]["errors_after"]) == (2, 40)
    landed = {row["id"]: row["change_id"] for row in _ask(told, "change-before-incident")}
    assert landed == {"INC-1": "rel-1", "INC-2": None}
    assert [row["version"] for row in _ask(told, "changes-without-incident")] == ["7"]
    noisy = {row["service"]: row for row in _ask(told, "noisiest-services")}
    assert (noisy["billing"]["lines"], noisy["billing"]["errors"]) == (207, 42)  # the last 24 hours
    assert [row["service"] for row in _ask(told, "silent-services")] == ["records"]
    assert sum(row["late_lines"] for row in _ask(told, "late-and-quarantined")) == sum(range(12))
    assert _ask(told, "refusals")[0]["actor"] == "uid:1000"
