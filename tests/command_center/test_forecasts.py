"""A limit that will be reached is a low incident of its own, or one more sign of an open one."""

from __future__ import annotations

from center_rig import GATE, Rig, at, signal

from command_center.incidents.evidence import SignalRecord
from models.levels import Level
from storage.facts import Signal, SignalKind
from storage.records import Severity


def forecast(service: str, seconds: float, **evidence: int | float | str) -> Signal:
    return Signal(
        id=f"{service}.{seconds:g}.{evidence.get('number', 1)}",
        kind=SignalKind.FORECAST,
        service=GATE.name(service),
        template_id=f"{service}.disk",
        template=GATE.template("disk <PATH> is <NUM>% full"),
        level=Level.WARN,
        at=at(seconds),
        seen_at=at(seconds),
        score=0.6,
        threshold=0.5,
        evidence={
            "figure": "disk", "number": 1, "value": 83.0, "limit": 100.0, "full_percent": 83.0,
            "percent_per_minute": 0.7, "in_min": 25, "earliest_min": 21, "latest_min": 31, "ends": 1,
            **evidence,
        },
    )  # fmt: skip


def test_a_forecast_alone_is_a_low_incident_that_says_what_when_and_how_sure(rig: Rig) -> None:
    rig.see(forecast("records-db", 0), traffic={"records-db": (1000, 400)})
    (incident,) = rig.center.incidents("all", None)
    assert incident.severity is Severity.SEV4
    assert incident.title == "records-db is about to reach a limit"
    assert rig.center.evidence(incident.id) == (
        "disk of records-db will be full in about 25 min (83 % now, +0.7 %/min, 21 to 31 min)",
    )
    (row,) = rig.db.read(lambda reader: reader.rows(SignalRecord))
    assert (row.evidence["figure"], row.evidence["in_min"]) == ("disk", 25)


def test_three_forecasts_are_still_low(rig: Rig) -> None:
    for n, figure in enumerate(("disk", "heap", "pool")):
        rig.see(forecast("records-db", 10 * n, figure=figure, number=n))
    (incident,) = rig.center.incidents("all", None)
    assert incident.severity is Severity.SEV4


def test_a_forecast_joins_the_open_incident_of_its_service_and_errors_join_that_of_a_forecast(
    rig: Rig,
) -> None:
    rig.see(signal("records-db", 0, template="no space left on device"))
    rig.see(forecast("records-db", 60))
    rig.see(forecast("auth", 4000))
    rig.see(signal("auth", 4060, template="no space left on device"), traffic={"auth": (1000, 400)})
    auth, records = rig.center.incidents("all", None)
    assert (records.service, records.signal_count) == ("records-db", 2)
    assert (auth.service, auth.signal_count) == ("auth", 2)
    assert auth.severity < Severity.SEV4
    assert auth.title == "auth runs out of a resource"


def test_words_among_the_evidence_pass_the_gate_again(rig: Rig) -> None:
    rig.see(forecast("records-db", 0, figure="patient Zorblax Quuxley"))
    (row,) = rig.db.read(lambda reader: reader.rows(SignalRecord))
    assert "Zorblax" not in str(row.evidence)
