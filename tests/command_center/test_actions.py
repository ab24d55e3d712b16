"""What people do: authorised each time, done once, written down, and answered with the next step."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from center_rig import (
    GATE,
    LEAD,
    OFFICER,
    ONCALL,
    PIPELINE,
    START,
    STRANGER,
    VIEWER,
    Rig,
    at,
    signal,
    text,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from command_center.access.operators import Operator
from command_center.actions import (
    Acknowledge,
    Action,
    Close,
    Declare,
    ListIncidents,
    Note,
    RecordChange,
    Resolve,
    SetSeverity,
    SetStatus,
    ShowIncident,
)
from command_center.incidents.lifecycle import NEXT, OPEN
from models.errors import BadInput
from storage.records import ChangeMarkerKind, IncidentStatus, Severity

S = IncidentStatus
DECLARE = Declare(title=text("checkout fails"), severity=Severity.SEV2, service=GATE.name("billing"))


def declared(rig: Rig) -> str:
    outcome = rig.center.perform(DECLARE, ONCALL, cause="cli")
    assert outcome.incident is not None
    return outcome.incident.id


def audited(rig: Rig, incident: str) -> int:
    where = "json_extract_string(payload, '$.data.incident') = ?"
    return int(
        rig.db.read(
            lambda reader: reader.execute(f"SELECT count(*) FROM audit_log WHERE {where}", [incident])
        )[0][0]
    )


def test_the_whole_life_of_an_incident_reads_well(rig: Rig) -> None:
    name = declared(rig)
    steps: list[Action] = [
        Acknowledge(incident=name),
        SetStatus(incident=name, status=S.INVESTIGATING, note=text("looking at the database")),
        SetStatus(incident=name, status=S.IDENTIFIED),
        SetStatus(incident=name, status=S.RESOLVING),
        Resolve(incident=name),
        Close(incident=name),
    ]
    for number, step in enumerate(steps, 1):
        rig.clock.at = at(60 * number)
        outcome = rig.center.perform(step, ONCALL, cause="cli")
        assert outcome.ok, outcome.message
        assert name in outcome.message
    incident = rig.center.incident(name)
    assert incident is not None
    assert (incident.status, incident.version) == (S.CLOSED, 7)
    assert (incident.acknowledged_at, incident.responded_at) == (at(60), at(120))
    assert (incident.resolved_at, incident.closed_at) == (at(300), at(360))
    assert [event.text for event in rig.center.timeline(name)] == [
        "SEV2 declared: checkout fails",
        "Now acknowledged",
        "Now investigating: looking at the database",
        "Now identified",
        "Now resolving",
        "Now resolved",
        "Now closed",
    ]
    assert audited(rig, name) == 7


def test_two_people_who_acknowledge_at_the_same_moment_are_one_winner_and_one_who_is_told(rig: Rig) -> None:
    for _ in range(5):
        name = declared(rig)
        barrier = threading.Barrier(8)

        def press(number: int, name: str = name, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait()
            who = (ONCALL, LEAD)[number % 2]
            return who, rig.center.perform(Acknowledge(incident=name), who, cause=f"slack:{name}-{number}")

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(press, range(8)))
        incident = rig.center.incident(name)
        assert incident is not None
        assert (incident.version, incident.acknowledged_by) == (2, incident.commander)
        assert sum(bool(outcome.changed) for _, outcome in answers) == 1
        assert [event.kind for event in rig.center.timeline(name)] == ["opened", "status"]
        assert audited(rig, name) == 2
        winner = {"oncall": "On-call engineer", "lead": "Technical lead"}[str(incident.commander)]
        for who, outcome in answers:
            if who.id == incident.commander:
                assert outcome.ok
            else:
                assert not outcome.ok
                assert winner in outcome.message


def test_a_second_identical_acknowledgement_changes_nothing_and_is_answered_politely(rig: Rig) -> None:
    name = declared(rig)
    rig.center.perform(Acknowledge(incident=name), ONCALL, cause="slack:1")
    before = (rig.center.incident(name), rig.center.timeline(name), audited(rig, name))
    outcome = rig.center.perform(Acknowledge(incident=name), ONCALL, cause="slack:2")
    assert outcome.ok
    assert (outcome.reasons, outcome.changed) == (("already_done",), ())
    assert outcome.message == f"You have {name} already; nothing has changed."
    assert (rig.center.incident(name), rig.center.timeline(name), audited(rig, name)) == before


@pytest.mark.parametrize(
    ("before", "again"),
    [
        (
            SetStatus(incident="INC-1", status=S.IDENTIFIED),
            SetStatus(incident="INC-1", status=S.IDENTIFIED, note=text("the pool is exhausted")),
        ),
        (
            Acknowledge(incident="INC-1"),
            SetStatus(incident="INC-1", status=S.ACKNOWLEDGED, note=text("restarting")),
        ),
        (Resolve(incident="INC-1"), Resolve(incident="INC-1", note=text("rolled back"))),
        (
            DECLARE,
            SetSeverity(incident="INC-1", severity=Severity.SEV2, reason=text("every clinic is affected")),
        ),
    ],
)
def test_who_adds_words_to_a_step_that_is_done_already_hears_that_they_are_on_no_timeline(
    rig: Rig, before: Action, again: Action
) -> None:
    name = declared(rig)
    if before is not DECLARE:
        rig.center.perform(before, ONCALL, cause="cli")
    timeline = rig.center.timeline(name)
    outcome = rig.center.perform(again, ONCALL, cause="cli")
    assert (outcome.ok, outcome.reasons) == (True, ("already_done", "not_written"))
    assert outcome.message.endswith(
        "nothing has changed. What you wrote now was not put on the timeline; a note does that."
    )
    assert rig.center.timeline(name) == timeline


RECORD = RecordChange(service=GATE.name("billing"), kind=ChangeMarkerKind.DEPLOY, version=text("3.8.0"))


def every_action(name: str) -> list[Action]:
    return [
        DECLARE,
        Acknowledge(incident=name),
        SetStatus(incident=name, status=S.INVESTIGATING),
        SetStatus(incident=name, status=S.CLOSED),
        Note(incident=name, text=text("a note")),
        SetSeverity(incident=name, severity=Severity.SEV1, reason=text("worse")),
        Resolve(incident=name),
        Close(incident=name),
        RECORD,
        ListIncidents(),
        ShowIncident(incident=name),
    ]


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (None, set[str]()),
        (STRANGER, set[str]()),
        (VIEWER, {"list", "show"}),
        (PIPELINE, {"record_change"}),
        (OFFICER, {"list", "show", "declare", "ack", "status", "note", "resolve"}),
    ],
    ids=["nobody", "stranger", "viewer", "pipeline", "officer"],
)
def test_who_may_not_is_refused_with_an_audit_entry_and_changes_nothing(
    rig: Rig, who: Operator | None, may: set[str]
) -> None:
    name = declared(rig)
    for action in every_action(name):
        closing = isinstance(action, SetStatus) and action.status is S.CLOSED
        if action.action in may and not closing:
            continue
        before = (rig.center.incidents("all", None), len(rig.audit("refused")))
        outcome = rig.center.perform(action, who, cause="slack:Ev1")
        assert not outcome.ok
        assert outcome.message.startswith("You may not")
        assert outcome.changed == ()
        assert (rig.center.incidents("all", None), len(rig.audit("refused"))) == (before[0], before[1] + 1)
    last = rig.audit("refused")[-1]
    assert last["actor"] == ("unknown" if who is None else who.id)


def test_rights_are_those_of_the_directory_and_not_of_what_is_handed_in(rig: Rig) -> None:
    disguised = VIEWER.model_copy(update={"roles": LEAD.roles})
    assert not rig.center.perform(DECLARE, disguised, cause="cli").ok


def test_whatever_is_turned_away_elsewhere_is_written_down_without_its_words(rig: Rig) -> None:
    rig.center.refuse("slack:Ev9", "bad_signature", "Grace Mustermann, born yesterday")
    (entry,) = rig.audit("refused")
    assert "Mustermann" not in str(entry)
    assert entry["data"] == {"cause": "slack:Ev9", "reason": "bad_signature"}


def test_a_delivery_that_comes_again_is_carried_out_once(rig: Rig) -> None:
    first = rig.center.perform(DECLARE, ONCALL, cause="slack:Ev1")
    again = rig.center.perform(DECLARE, ONCALL, cause="slack:Ev1")
    assert first.incident is not None
    assert again.incident is not None
    assert (again.incident.id, again.changed) == (first.incident.id, ())
    name = first.incident.id
    for _ in range(3):
        rig.center.perform(Note(incident=name, text=text("a note")), ONCALL, cause="slack:Ev2")
    rig.center.perform(SetStatus(incident=name, status=S.INVESTIGATING), ONCALL, cause="slack:Ev3")
    rig.center.perform(SetStatus(incident=name, status=S.IDENTIFIED), LEAD, cause="slack:Ev4")
    late = rig.center.perform(SetStatus(incident=name, status=S.INVESTIGATING), ONCALL, cause="slack:Ev3")
    assert late.changed == ()
    assert [event.kind for event in rig.center.timeline(name)] == ["opened", "note", "status", "status"]
    rig.restart()
    assert rig.center.perform(DECLARE, ONCALL, cause="slack:Ev1").changed == ()


def test_a_cause_without_a_delivery_id_stands_for_itself_each_time(rig: Rig) -> None:
    name = declared(rig)
    for _ in range(2):
        rig.center.perform(Note(incident=name, text=text("a note")), ONCALL, cause="cli")
    assert [event.kind for event in rig.center.timeline(name)] == ["opened", "note", "note"]
    assert declared(rig) != name


def test_an_impossible_step_says_what_is_possible(rig: Rig) -> None:
    name = declared(rig)
    outcome = rig.center.perform(Close(incident=name), ONCALL, cause="cli")
    assert (outcome.ok, outcome.reasons) == (False, ("illegal_transition",))
    assert outcome.message.endswith(
        "Possible next: acknowledged, investigating, identified, resolving, resolved."
    )
    assert len(rig.center.timeline(name)) == 1


def test_a_resolved_incident_can_be_reopened_and_a_closed_one_cannot(rig: Rig) -> None:
    name = declared(rig)
    rig.center.perform(Resolve(incident=name), ONCALL, cause="cli")
    again = rig.center.perform(SetStatus(incident=name, status=S.INVESTIGATING), LEAD, cause="cli")
    assert again.ok
    assert again.incident is not None
    assert again.incident.resolved_at is None
    rig.center.perform(Resolve(incident=name), ONCALL, cause="cli")
    rig.center.perform(Close(incident=name), ONCALL, cause="cli")
    assert not rig.center.perform(SetStatus(incident=name, status=S.INVESTIGATING), LEAD, cause="cli").ok


def test_an_unknown_incident_is_one_clear_sentence(rig: Rig) -> None:
    for action in every_action("INC-404"):
        if action.action not in ("declare", "record_change", "list"):
            outcome = rig.center.perform(action, ONCALL, cause="cli")
            assert (outcome.ok, outcome.reasons) == (False, ("no_incident",))


def test_a_severity_is_changed_with_its_reason_and_to_the_same_is_nothing(rig: Rig) -> None:
    name = declared(rig)
    action = SetSeverity(incident=name, severity=Severity.SEV1, reason=text("all checkouts fail"))
    outcome = rig.center.perform(action, ONCALL, cause="cli")
    assert outcome.message == f"{name} is now SEV1 (it was SEV2); the card shows it."
    assert rig.center.timeline(name)[-1].text == "From SEV2 to SEV1: all checkouts fail"
    assert rig.center.perform(action, LEAD, cause="cli").changed == ()


def test_lists_hold_what_they_say_newest_first(rig: Rig) -> None:
    names = [declared(rig) for _ in range(12)]
    rig.center.perform(Resolve(incident=names[0]), ONCALL, cause="cli")
    rig.center.perform(Acknowledge(incident=names[1]), LEAD, cause="cli")
    rig.center.perform(
        SetSeverity(incident=names[2], severity=Severity.SEV1, reason=text("worse")), LEAD, cause="cli"
    )

    def listed(which: Any, who: Operator = ONCALL) -> list[str]:
        outcome = rig.center.perform(ListIncidents(which=which), who, cause="cli")
        assert [each.id for each in outcome.incidents] == [
            each.id for each in rig.center.incidents(which, who)
        ]
        return [each.id for each in outcome.incidents]

    assert listed("all") == names[::-1]
    assert listed("open") == names[:0:-1]
    assert listed("mine") == []
    assert listed("mine", LEAD) == [names[1]]
    assert listed("sev1") == [names[2]]
    with pytest.raises(BadInput):
        rig.center.incidents("sev5", ONCALL)


def test_showing_an_incident_gives_its_timeline(rig: Rig) -> None:
    name = declared(rig)
    outcome = rig.center.perform(ShowIncident(incident=name), VIEWER, cause="cli")
    assert outcome.incident == rig.center.incident(name)
    assert outcome.timeline == rig.center.timeline(name)


def test_times_to_acknowledge_and_resolve_count_from_detection(rig: Rig) -> None:
    rig.see(signal("billing", 0))
    rig.clock.at = at(90)
    rig.center.perform(Acknowledge(incident="INC-1"), ONCALL, cause="cli")
    rig.clock.at = at(720)
    outcome = rig.center.perform(Resolve(incident="INC-1"), ONCALL, cause="cli")
    assert outcome.message == "INC-1 is resolved after 12 min. Next: close it when the review is written."
    assert outcome.incident is not None
    assert outcome.incident.time_to_acknowledge == at(90) - START
    assert outcome.incident.time_to_resolve == at(720) - START


STEPS = st.one_of(
    st.tuples(st.just("status"), st.sampled_from(list(S))),
    st.tuples(st.just("sev"), st.sampled_from(list(Severity))),
    st.tuples(st.sampled_from(["ack", "note", "resolve", "close"]), st.none()),
)


def made(name: str, kind: str, value: Any) -> Action:
    match kind:
        case "status":
            return SetStatus(incident=name, status=value)
        case "sev":
            return SetSeverity(incident=name, severity=value, reason=text("a reason"))
        case "ack":
            return Acknowledge(incident=name)
        case "note":
            return Note(incident=name, text=text("a note"))
        case "resolve":
            return Resolve(incident=name)
        case _:
            return Close(incident=name)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(STEPS, st.sampled_from([ONCALL, LEAD, VIEWER]), st.integers(-120, 300)),
        min_size=1,
        max_size=12,
    )
)
def test_no_sequence_of_actions_reaches_an_illegal_state(
    shared_rig: Rig, steps: list[tuple[tuple[str, Any], Operator, int]]
) -> None:
    rig = shared_rig
    name = declared(rig)
    for (kind, value), who, seconds in steps:
        rig.clock.move(seconds)
        before = rig.center.incident(name)
        assert before is not None
        entries, chain = len(rig.center.timeline(name)), audited(rig, name)
        outcome = rig.center.perform(made(name, kind, value), who, cause="cli")
        after = rig.center.incident(name)
        assert after is not None
        timeline = rig.center.timeline(name)
        if not outcome.changed:
            assert (after, len(timeline), audited(rig, name)) == (before, entries, chain)
            continue
        assert who is not VIEWER
        assert outcome.incident == after
        assert after.version == before.version + 1
        assert (len(timeline), audited(rig, name)) == (entries + 1, chain + 1)
        assert after.status is before.status or after.status in NEXT[before.status]
        assert (after.resolved_at is None) == (after.status in OPEN)
        moments = [event.at for event in timeline]
        assert moments == sorted(moments)
        assert moments[-1] == after.updated_at
