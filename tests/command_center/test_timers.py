"""Clocks are computed from records: they survive restarts, fire once each, and show on the card."""

from __future__ import annotations

from datetime import timedelta

import pytest
from center_rig import GATE, LEAD, ONCALL, START, Rig, at, signal, text
from hypothesis import given
from hypothesis import strategies as st

from command_center.actions import Acknowledge, Declare, Note, Resolve, SetSeverity, SetStatus
from command_center.settings import SlaSettings
from command_center.timers import Rule, Watched, due, sla_of
from storage.records import Incident, IncidentStatus, Severity

SETTINGS = SlaSettings()


def incident(severity: Severity, status: IncidentStatus = IncidentStatus.DETECTED) -> Incident:
    return Incident(
        id="INC-1",
        title=text("errors in billing"),
        severity=severity,
        status=status,
        service=text("billing"),
        detected_at=START,
        updated_at=START,
    )


@pytest.mark.parametrize(
    ("severity", "seconds"),
    [(Severity.SEV1, 120), (Severity.SEV2, 900), (Severity.SEV3, 3600), (Severity.SEV4, 4 * 3600)],
)
def test_an_acknowledgement_is_overdue_after_the_time_of_its_severity(
    severity: Severity, seconds: int
) -> None:
    watched = Watched(incident(severity), START)

    def rules(after: float) -> list[Rule]:
        return [each.rule for each in due([watched], at(after), SETTINGS)]

    assert rules(seconds / 2 - 1) == []
    assert rules(seconds / 2) == [Rule.ACKNOWLEDGE_SOON]
    assert rules(seconds - 1) == [Rule.ACKNOWLEDGE_SOON]
    assert rules(seconds) == [Rule.ACKNOWLEDGE_SOON, Rule.ACKNOWLEDGE_OVERDUE]


def test_sev1_has_five_minutes_to_respond_and_thirty_to_resolve() -> None:
    sla = sla_of(incident(Severity.SEV1), SETTINGS)
    assert (sla.acknowledge, sla.respond, sla.resolve) == (120, 300, 1800)


def test_what_is_acknowledged_resolved_or_fired_is_not_due() -> None:
    late = at(86_400)
    held = Watched(incident(Severity.SEV1, IncidentStatus.ACKNOWLEDGED), START)
    assert Rule.ACKNOWLEDGE_OVERDUE not in [each.rule for each in due([held], late, SETTINGS)]
    for status in (IncidentStatus.RESOLVED, IncidentStatus.CLOSED):
        assert due([Watched(incident(Severity.SEV1, status), START)], late, SETTINGS) == []
    watched = Watched(incident(Severity.SEV1), START)
    keys = frozenset(each.key for each in due([watched], late, SETTINGS))
    assert due([Watched(incident(Severity.SEV1), START, None, keys)], late, SETTINGS) == []


def test_what_was_missed_comes_in_order_and_marked_as_late() -> None:
    found = due([Watched(incident(Severity.SEV1), START)], at(10_000), SETTINGS)
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert all(each.late for each in found)
    assert not due([Watched(incident(Severity.SEV1), START)], at(61), SETTINGS)[0].late


@given(
    st.sampled_from(list(Severity)),
    st.lists(st.integers(0, 100_000), min_size=1, max_size=30).map(sorted),
    st.sampled_from([IncidentStatus.DETECTED, IncidentStatus.ACKNOWLEDGED, IncidentStatus.INVESTIGATING]),
)
def test_however_often_it_is_looked_at_each_thing_is_due_once(
    severity: Severity, looks: list[int], status: IncidentStatus
) -> None:
    fired: set[str] = set()
    rung: list[str] = []
    for seconds in looks:
        watched = Watched(incident(severity, status), START, START, frozenset(fired))
        for each in due([watched], START + timedelta(seconds=seconds), SETTINGS):
            rung.append(each.key)
            fired.add(each.key)
    assert len(rung) == len(set(rung))
    at_once = due([Watched(incident(severity, status), START, START)], at(looks[-1]), SETTINGS)
    assert set(rung) == {each.key for each in at_once}


def declared(rig: Rig, severity: Severity = Severity.SEV1) -> str:
    action = Declare(title=text("checkout fails"), severity=severity, service=GATE.name("billing"))
    outcome = rig.center.perform(action, ONCALL, cause="cli")
    assert outcome.incident is not None
    return outcome.incident.id


def rung(rig: Rig, name: str) -> list[str]:
    return [str(event.data["rule"]) for event in rig.center.timeline(name) if event.kind == "timer"]


def look(rig: Rig, seconds: float) -> None:
    rig.clock.at = at(seconds)
    rig.center.tick(rig.clock())


def test_an_overdue_acknowledgement_shows_on_the_timeline_and_the_card(rig: Rig) -> None:
    name = declared(rig)
    told: list[str] = []
    rig.center.on_change(told.append)
    look(rig, 59)
    assert (rung(rig, name), told, rig.center.hints(name)) == ([], [], ())
    look(rig, 60)
    assert rig.center.hints(name) == ("Nobody has acknowledged this yet; SEV1 allows 2 min",)
    look(rig, 121)
    look(rig, 122)
    assert rung(rig, name) == ["acknowledge_soon", "acknowledge_overdue"]
    assert rig.center.hints(name) == ("Acknowledgement is overdue: SEV1 allows 2 min",)
    assert told == [name, name]
    found = rig.center.incident(name)
    assert found is not None
    assert found.version == 3
    rig.center.perform(Acknowledge(incident=name), LEAD, cause="cli")
    assert rig.center.hints(name) == ()


def test_timers_survive_a_restart_at_every_moment(rig: Rig) -> None:
    name = declared(rig)
    for seconds in (30, 70, 125, 200, 301, 1900):
        rig.restart()
        look(rig, seconds)
        rig.restart()
        look(rig, seconds)
    expected = ["acknowledge_soon", "acknowledge_overdue", "respond_overdue", "resolve_overdue"]
    assert rung(rig, name) == expected


def test_what_was_due_while_nothing_ran_is_entered_once_in_order_as_late(rig: Rig) -> None:
    name = declared(rig)
    rig.restart()
    look(rig, 1000)
    look(rig, 1001)
    assert rung(rig, name) == ["acknowledge_soon", "acknowledge_overdue", "respond_overdue"]
    texts = [event.text for event in rig.center.timeline(name) if event.kind == "timer"]
    assert all("late)" in each for each in texts)


def test_a_clock_that_jumps_back_rings_nothing_twice(rig: Rig) -> None:
    name = declared(rig)
    look(rig, 130)
    look(rig, -3600)
    look(rig, 131)
    assert rung(rig, name) == ["acknowledge_soon", "acknowledge_overdue"]


def test_raising_the_severity_shortens_the_clock(rig: Rig) -> None:
    name = declared(rig, Severity.SEV3)
    look(rig, 130)
    assert rung(rig, name) == []
    action = SetSeverity(incident=name, severity=Severity.SEV1, reason=text("worse"))
    rig.center.perform(action, LEAD, cause="cli")
    look(rig, 131)
    assert rung(rig, name) == ["acknowledge_soon", "acknowledge_overdue"]


def test_an_incident_that_came_back_has_to_be_acknowledged_in_time_again(rig: Rig) -> None:
    rig.see(signal("billing", 0), traffic={"billing": (100, 60)})
    rig.center.perform(Acknowledge(incident="INC-1"), ONCALL, cause="cli")
    rig.center.perform(Resolve(incident="INC-1"), ONCALL, cause="cli")
    rig.see(signal("billing", 1000), traffic={"billing": (100, 60)})
    look(rig, 1899)
    assert "acknowledge_overdue" not in rung(rig, "INC-1")
    look(rig, 1900)
    assert rung(rig, "INC-1")[-1] == "acknowledge_overdue"


def test_a_long_silence_of_the_people_is_asked_about_and_a_word_ends_it(rig: Rig) -> None:
    name = declared(rig)
    rig.center.perform(SetStatus(incident=name, status=IncidentStatus.RESOLVING), ONCALL, cause="cli")
    look(rig, 1201)
    assert rung(rig, name) == ["update_overdue"]
    assert rig.center.hints(name) == ("No update for 20 min; please say how it stands",)
    rig.center.perform(Note(incident=name, text=text("still mending")), ONCALL, cause="cli")
    assert rig.center.hints(name) == ()
    look(rig, 2402)
    assert rung(rig, name).count("update_overdue") == 2
