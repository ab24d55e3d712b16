"""The lifecycle is a table; what it does not list cannot happen, and times and versions never go back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from center_rig import START, at, text
from hypothesis import given
from hypothesis import strategies as st

from command_center.incidents.lifecycle import NEXT, OPEN, IllegalTransition, moved, possible_next, touched
from storage.records import Incident, IncidentStatus, Severity

S = IncidentStatus
EVERY_PAIR = [(before, after) for before in S for after in S]
# Written out once more by hand: a change of the table must be meant.
ALLOWED = {
    (S.DETECTED, S.ACKNOWLEDGED), (S.DETECTED, S.INVESTIGATING), (S.DETECTED, S.IDENTIFIED),
    (S.DETECTED, S.RESOLVING), (S.DETECTED, S.RESOLVED),
    (S.ACKNOWLEDGED, S.INVESTIGATING), (S.ACKNOWLEDGED, S.IDENTIFIED), (S.ACKNOWLEDGED, S.RESOLVING),
    (S.ACKNOWLEDGED, S.RESOLVED),
    (S.INVESTIGATING, S.IDENTIFIED), (S.INVESTIGATING, S.RESOLVING), (S.INVESTIGATING, S.RESOLVED),
    (S.IDENTIFIED, S.INVESTIGATING), (S.IDENTIFIED, S.RESOLVING), (S.IDENTIFIED, S.RESOLVED),
    (S.RESOLVING, S.INVESTIGATING), (S.RESOLVING, S.IDENTIFIED), (S.RESOLVING, S.RESOLVED),
    (S.RESOLVED, S.DETECTED), (S.RESOLVED, S.INVESTIGATING), (S.RESOLVED, S.CLOSED),
}  # fmt: skip


def incident(status: S = S.DETECTED) -> Incident:
    return Incident(
        id="INC-1",
        title=text("errors in billing"),
        severity=Severity.SEV2,
        status=status,
        service=text("billing"),
        detected_at=START,
        updated_at=START,
        version=1,
    )


@pytest.mark.parametrize(("before", "after"), EVERY_PAIR, ids=lambda status: status.value)
def test_exactly_the_listed_transitions_are_possible(before: S, after: S) -> None:
    if (before, after) in ALLOWED:
        result = moved(incident(before), after, at(60), "oncall")
        assert (result.status, result.version, result.updated_at) == (after, 2, at(60))
        return
    with pytest.raises(IllegalTransition) as refusal:
        moved(incident(before), after, at(60), "oncall")
    assert all(each.value in refusal.value.hint for each in possible_next(before))
    assert f"INC-1 is {before.value}" in refusal.value.detail


def test_an_incident_is_never_stuck_before_it_is_closed() -> None:
    assert [status for status in S if not NEXT[status]] == [S.CLOSED]


def test_the_first_acknowledgement_is_stamped_once() -> None:
    first = moved(incident(), S.ACKNOWLEDGED, at(30), "oncall")
    assert (first.acknowledged_at, first.acknowledged_by, first.commander) == (at(30), "oncall", "oncall")
    assert first.time_to_acknowledge == timedelta(seconds=30)
    back = moved(moved(first, S.RESOLVED, at(60), "oncall"), S.DETECTED, at(90), "stream")
    second = moved(back, S.ACKNOWLEDGED, at(120), "lead")
    assert (second.acknowledged_at, second.acknowledged_by) == (at(30), "oncall")
    assert second.commander == "lead"


def test_whoever_starts_with_the_cure_has_acknowledged_and_responded() -> None:
    skipped = moved(incident(), S.RESOLVING, at(40), "oncall")
    assert skipped.acknowledged_at == skipped.responded_at == at(40)


def test_acknowledging_alone_is_no_response_and_a_note_after_it_is() -> None:
    held = moved(incident(), S.ACKNOWLEDGED, at(10), "oncall")
    assert held.responded_at is None
    assert touched(held, at(20), "stream").responded_at is None
    assert touched(held, at(30), "oncall").responded_at == at(30)


def test_reopening_takes_the_resolution_back_and_closing_keeps_it() -> None:
    resolved = moved(incident(), S.RESOLVED, at(100), "oncall")
    assert resolved.time_to_resolve == timedelta(seconds=100)
    assert moved(resolved, S.DETECTED, at(200), "stream").resolved_at is None
    closed = moved(resolved, S.CLOSED, at(200), "oncall")
    assert (closed.resolved_at, closed.closed_at) == (at(100), at(200))


def test_the_stream_never_counts_as_a_person() -> None:
    back = moved(moved(incident(), S.RESOLVED, at(1), "oncall"), S.DETECTED, at(2), "stream")
    assert back.commander == "oncall"
    never_seen = incident(S.RESOLVED)
    assert moved(never_seen, S.DETECTED, at(2), "stream").acknowledged_at is None


def test_a_clock_that_goes_back_does_not_take_the_record_with_it() -> None:
    held = moved(incident(), S.ACKNOWLEDGED, at(100), "oncall")
    later = moved(held, S.RESOLVED, at(-500), "oncall")
    assert later.updated_at == later.resolved_at == at(100)


@given(
    st.lists(
        st.tuples(st.sampled_from(list(S)), st.integers(-600, 600), st.sampled_from(["oncall", "lead"])),
        max_size=40,
    )
)
def test_no_sequence_of_steps_breaks_the_record(steps: list[tuple[S, int, str]]) -> None:
    now, current = START, incident()
    for to, seconds, by in steps:
        now += timedelta(seconds=seconds)
        allowed = to in NEXT[current.status]
        try:
            after = moved(current, to, now, by)
        except IllegalTransition:
            assert not allowed
            continue
        assert allowed
        assert after.version == current.version + 1
        assert after.updated_at >= current.updated_at
        for stamp in ("acknowledged_at", "responded_at", "closed_at"):
            was = getattr(current, stamp)
            assert was is None or getattr(after, stamp) == was
        assert (after.resolved_at is None) == (after.status in OPEN)
        order = [after.detected_at, after.acknowledged_at, after.responded_at]
        known = [each for each in order if each is not None]
        assert known == sorted(known)
        current = after
