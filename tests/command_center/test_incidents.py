"""Signals become incidents in the transaction that adds their facts, once, on the real store."""

from __future__ import annotations

import pytest
from center_rig import GATE, LEAD, ONCALL, PIPELINE, START, Rig, at, signal, text

from command_center.actions import Acknowledge, Close, Declare, RecordChange, Resolve, SetSeverity
from command_center.incidents.evidence import SignalRecord
from models.levels import Level
from models.sanitizer.safe_text import stored
from storage.facts import SignalKind
from storage.records import ChangeMarkerKind, ErrorPattern, Incident, IncidentEvent, IncidentStatus, Severity

NEW = SignalKind.NEW_ERROR_TEMPLATE


def only(rig: Rig) -> Incident:
    (incident,) = rig.center.incidents("all", None)
    return incident


def kinds(rig: Rig, incident: str = "INC-1") -> list[str]:
    return [event.kind for event in rig.center.timeline(incident)]


def signals(rig: Rig) -> list[SignalRecord]:
    return rig.db.read(lambda reader: reader.rows(SignalRecord, "true ORDER BY ts, id"))


def everything(rig: Rig) -> list[list[tuple[object, ...]]]:
    tables = ("incident", "incident_event", "signal", "audit_log", "pattern_minute", "counter")
    return rig.db.read(lambda reader: [reader.execute(f"FROM {table} ORDER BY ALL") for table in tables])


def test_a_pool_leak_in_billing_with_errors_at_the_gateway_is_one_incident_rooted_in_billing(
    rig: Rig,
) -> None:
    rig.see(signal("api-gateway", 4, template="upstream answered with an error"))
    rig.see(signal("billing", 6, template="connection pool exhausted"))
    rig.see(signal("api-gateway", 40, template="upstream timed out"))
    incident = only(rig)
    assert (incident.service, incident.root_service) == ("api-gateway", "billing")
    assert incident.affected_services == ("api-gateway", "billing")
    assert incident.category == "resource_exhaustion"
    assert (incident.fault_at, incident.last_signal_at, incident.signal_count) == (at(4), at(40), 3)
    assert (incident.detected_at, incident.opened_by, incident.version) == (at(4), "stream", 3)
    assert incident.title == "billing runs out of a resource (1 more service affected)"
    assert kinds(rig) == ["opened", "signal", "signal", "signal", "severity"]


def test_two_unrelated_services_are_two_incidents(rig: Rig) -> None:
    rig.see(signal("auth", 0))
    rig.see(signal("records-db", 5))
    assert [each.service for each in rig.center.incidents("all", None)] == ["records-db", "auth"]


def test_a_replay_of_the_same_facts_changes_nothing(rig: Rig) -> None:
    first = rig.see(
        signal("billing", 0), traffic={"billing": (100, 40)}, lines={("billing", "request failed"): 40}
    )
    second = rig.see(signal("api-gateway", 5))
    before = everything(rig)
    again = rig.center.apply([first, second])
    assert (again.new, again.ignored, again.incidents) == (0, 2, ())
    rig.restart()
    rig.center.apply([second])
    rig.center.apply([first])
    assert everything(rig) == before


def test_a_signal_that_is_reported_by_two_blocks_is_counted_once(rig: Rig) -> None:
    rig.see(signal("billing", 0))
    rig.see(signal("billing", 0))
    assert (only(rig).signal_count, len(signals(rig))) == (1, 1)


def test_facts_of_many_blocks_in_one_call_give_what_single_calls_give(rig: Rig) -> None:
    blocks = [
        rig.stream.block_of(0, [signal("billing", 0)]),
        rig.stream.block_of(9, [signal("auth", 9)]),
        rig.stream.block_of(12, [signal("api-gateway", 12)]),
    ]
    applied = rig.center.apply(blocks)
    assert sorted(applied.incidents) == ["INC-1", "INC-2"]
    roots = {each.id: each.root_service for each in rig.center.incidents("all", None)}
    assert roots == {"INC-1": "billing", "INC-2": "auth"}


def test_a_new_error_of_few_lines_pages_nobody_until_there_are_enough_of_it(rig: Rig) -> None:
    rig.see(signal("billing", 0, kind=NEW, count=1), lines={("billing", "request failed"): 1})
    rig.see(seconds=20, traffic={"billing": (50, 3)}, lines={("billing", "request failed"): 3})
    assert rig.center.incidents("all", None) == ()
    assert [(row.verdict, row.lines) for row in signals(rig)] == [("held", 4)]
    rig.see(seconds=40, traffic={"billing": (50, 1)}, lines={("billing", "request failed"): 1})
    incident = only(rig)
    assert (incident.fault_at, incident.severity, incident.signal_count) == (at(0), Severity.SEV4, 1)
    assert [(row.verdict, row.lines, row.incident_id) for row in signals(rig)] == [("opened", 5, "INC-1")]


def test_a_held_signal_is_forgotten_after_the_window(rig: Rig) -> None:
    rig.see(signal("billing", 0, kind=NEW, count=1))
    rig.see(seconds=900, traffic={"billing": (50, 9)}, lines={("billing", "request failed"): 9})
    assert rig.center.incidents("all", None) == ()


def test_harmless_novelty_after_a_release_is_ignored_with_its_reason(rig: Rig) -> None:
    rig.see(signal("billing", 0, kind=NEW, level=Level.INFO, count=500, template="new invoice layout"))
    assert rig.center.incidents("all", None) == ()
    assert [(row.verdict, row.reason) for row in signals(rig)] == [("ignored", "harmless_level")]


def test_a_burst_after_the_resolution_reopens_and_somebody_has_to_take_it_again(rig: Rig) -> None:
    rig.see(signal("billing", 0))
    rig.center.perform(Acknowledge(incident="INC-1"), ONCALL, cause="cli")
    rig.clock.at = at(100)
    rig.center.perform(Resolve(incident="INC-1"), ONCALL, cause="cli")
    rig.see(signal("billing", 400))
    incident = only(rig)
    assert (incident.status, incident.resolved_at) == (IncidentStatus.DETECTED, None)
    assert (incident.acknowledged_by, incident.acknowledged_at) == ("oncall", START)
    assert kinds(rig)[-1] == "status"
    assert len(rig.audit("incident.reopen")) == 1
    outcome = rig.center.perform(Acknowledge(incident="INC-1"), LEAD, cause="cli")
    assert outcome.ok
    assert only(rig).commander == "lead"


def test_lines_that_were_on_their_way_when_it_was_resolved_reopen_nothing(rig: Rig) -> None:
    rig.see(signal("billing", 0))
    rig.clock.at = at(100)
    rig.center.perform(Resolve(incident="INC-1"), ONCALL, cause="cli")
    rig.see(signal("billing", 99))
    rig.see(signal("api-gateway", 101))
    incident = only(rig)
    assert (incident.status, incident.signal_count) == (IncidentStatus.RESOLVED, 3)
    assert [row.verdict for row in signals(rig)] == ["opened", "echo", "echo"]


def test_after_closing_the_same_trouble_is_another_incident(rig: Rig) -> None:
    rig.see(signal("billing", 0))
    rig.clock.at = at(100)
    rig.center.perform(Resolve(incident="INC-1"), ONCALL, cause="cli")
    rig.center.perform(Close(incident="INC-1"), ONCALL, cause="cli")
    rig.see(signal("billing", 400))
    statuses = {each.id: each.status for each in rig.center.incidents("all", None)}
    assert statuses == {"INC-1": IncidentStatus.CLOSED, "INC-2": IncidentStatus.DETECTED}


def test_flapping_for_a_day_is_one_incident_with_a_handful_of_entries(rig: Rig) -> None:
    for hour in range(24):
        moments = [hour * 3600.0 + five * 300 for five in range(12)]
        rig.center.apply([rig.stream.block_of(each, [signal("billing", each)]) for each in moments])
    incident = only(rig)
    assert incident.signal_count == 24 * 12
    told = kinds(rig)
    assert told.count("flapping") == 1
    assert len(told) <= 10


def test_repeats_without_a_pause_are_one_long_burst_and_no_flapping(rig: Rig) -> None:
    for seconds in range(0, 600, 60):
        moments = [float(seconds + ten) for ten in range(0, 60, 10)]
        rig.center.apply([rig.stream.block_of(each, [signal("billing", each)]) for each in moments])
    assert only(rig).signal_count == 60
    assert kinds(rig) == ["opened", "signal", "signal"]


def test_trouble_beside_an_old_open_incident_is_an_incident_of_its_own(rig: Rig) -> None:
    rig.see(signal("billing", 0))
    rig.see(signal("billing", 5000))
    rig.see(signal("api-gateway", 5010))
    rig.restart()
    rig.see(signal("billing", 5020, template="other"))
    counts = {each.id: each.signal_count for each in rig.center.incidents("all", None)}
    assert counts == {"INC-1": 2, "INC-2": 2}


def test_severity_rises_with_the_traffic_in_error_even_without_a_new_signal(rig: Rig) -> None:
    rig.see(signal("billing", 0, count=10), traffic={"billing": (1000, 10)})
    assert only(rig).severity is Severity.SEV4
    rig.see(seconds=30, traffic={"billing": (200, 150)})
    assert rig.center.tick() == ("INC-1",)
    assert only(rig).severity is Severity.SEV3
    rig.see(seconds=65, traffic={"billing": (2000, 1900)})
    rig.center.tick()
    assert only(rig).severity is Severity.SEV2
    assert kinds(rig) == ["opened", "signal", "severity", "severity"]
    rig.see(seconds=120, traffic={"billing": (100_000, 1)})
    assert rig.center.tick() == ()
    assert only(rig).severity is Severity.SEV2


def test_a_severity_that_a_person_chose_is_left_alone(rig: Rig) -> None:
    rig.see(signal("billing", 0, count=10), traffic={"billing": (1000, 10)})
    rig.center.perform(
        SetSeverity(incident="INC-1", severity=Severity.SEV3, reason=text("a test")), ONCALL, cause="cli"
    )
    rig.see(seconds=30, traffic={"billing": (3000, 2900)})
    rig.see(signal("billing", 35, template="other"), traffic={"billing": (3000, 2900)})
    assert rig.center.tick() == ()
    assert only(rig).severity is Severity.SEV3


def test_a_declared_incident_takes_the_signals_of_its_service_and_keeps_its_words(rig: Rig) -> None:
    action = Declare(title=text("billing is slow"), severity=Severity.SEV3, service=GATE.name("billing"))
    rig.center.perform(action, ONCALL, cause="cli")
    rig.see(signal("billing", 30, template="connection pool exhausted"), traffic={"billing": (100, 99)})
    incident = only(rig)
    assert (incident.title, incident.severity) == ("billing is slow", Severity.SEV3)
    assert (incident.root_service, incident.category, incident.signal_count) == (
        "billing",
        "resource_exhaustion",
        1,
    )


def change(name: str, service: str, seconds: float) -> RecordChange:
    return RecordChange(
        change_id=stored(name),
        service=GATE.name(service),
        kind=ChangeMarkerKind.DEPLOY,
        version=GATE.text("3.8.0"),
        at=at(seconds),
    )


def test_the_change_just_before_the_fault_is_suspected_and_said(rig: Rig) -> None:
    rig.clock.at = at(500)
    for each in (
        change("chg-1", "billing", 100),
        change("chg-2", "billing", 400),
        change("chg-3", "auth", 480),
    ):
        rig.center.perform(each, PIPELINE, cause="cli")
    rig.see(signal("billing", 500))
    assert only(rig).suspect_change == "chg-2"
    (said,) = [event for event in rig.center.timeline("INC-1") if event.kind == "change"]
    assert said.data["change"] == "chg-2"


def test_a_change_that_is_reported_late_is_suspected_then(rig: Rig) -> None:
    rig.see(signal("billing", 500))
    rig.center.perform(change("chg-1", "billing", 501), PIPELINE, cause="cli")
    assert only(rig).suspect_change is None
    outcome = rig.center.perform(change("chg-2", "billing", 400), PIPELINE, cause="cli")
    assert outcome.changed == ("INC-1",)
    assert only(rig).suspect_change == "chg-2"


def test_when_the_root_turns_out_to_lie_deeper_the_suspicion_moves(rig: Rig) -> None:
    rig.clock.at = at(500)
    rig.center.perform(change("chg-1", "api-gateway", 490), PIPELINE, cause="cli")
    rig.center.perform(change("chg-2", "billing", 300), PIPELINE, cause="cli")
    rig.see(signal("api-gateway", 500))
    assert only(rig).suspect_change == "chg-1"
    rig.see(signal("billing", 505))
    assert only(rig).suspect_change == "chg-2"


@pytest.mark.parametrize("distinct", [1, 5])
def test_a_title_and_a_summary_quote_no_template_before_five_parameters(rig: Rig, distinct: int) -> None:
    pattern = ErrorPattern(
        template_id="billing.invoice-printer-failed",
        service=GATE.name("billing"),
        template=text("invoice printer failed"),
        level=Level.ERROR,
        first_seen=at(0),
        last_seen=at(0),
        distinct_parameters=distinct,
    )
    rig.see(signal("billing", 0, template="invoice printer failed"), patterns=[pattern])
    incident = only(rig)
    said = [incident.title, incident.summary or "", *(event.text for event in rig.center.timeline("INC-1"))]
    assert any("invoice printer" in each for each in said) == (distinct >= 5)


def test_each_commit_that_changes_an_incident_is_told_once_afterwards(rig: Rig) -> None:
    told: list[tuple[str, int]] = []

    def listener(incident: str) -> None:
        found = rig.center.incident(incident)  # reads: it would wait for ever inside the transaction
        assert found is not None
        told.append((incident, found.version))

    rig.center.on_change(listener)
    rig.see(signal("billing", 0))
    rig.see(seconds=1, traffic={"auth": (10, 0)})
    rig.see(signal("api-gateway", 5))
    rig.center.perform(Acknowledge(incident="INC-1"), ONCALL, cause="cli")
    rig.center.perform(Acknowledge(incident="INC-1"), ONCALL, cause="cli")
    assert told == [("INC-1", 1), ("INC-1", 2), ("INC-1", 3)]


def test_a_listener_that_fails_breaks_neither_the_commit_nor_the_others(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def broken(incident: str) -> None:
        raise RuntimeError("Grace Mustermann was here")

    rig.center.on_change(broken)
    rig.center.on_change(told.append)
    rig.see(signal("billing", 0))
    assert only(rig).id == "INC-1"
    assert told == ["INC-1"]
    assert "RuntimeError" in caplog.text
    assert "Mustermann" not in caplog.text


def test_the_timeline_is_numbered_without_gaps_and_in_order_of_time(rig: Rig) -> None:
    for number in range(6):
        rig.see(signal("billing", number * 10.0, template=f"error of kind {'abcdef'[number]}"))
    rig.clock.move(-3600)
    rig.center.perform(Acknowledge(incident="INC-1"), ONCALL, cause="cli")
    events: tuple[IncidentEvent, ...] = rig.center.timeline("INC-1")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_what_the_stream_decides_stands_in_the_audit_chain(rig: Rig) -> None:
    rig.see(signal("billing", 0))
    (entry,) = rig.audit("incident.open")
    assert entry["actor"] == "stream"
    assert rig.db.verify_audit().ok
