"""Planned work wakes nobody, and nothing that goes on after it is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from center_rig import LEAD, ONCALL, START, VIEWER, Rig, at, signal, text
from hypothesis import given
from hypothesis import strategies as st

from command_center.actions import AddMaintenance, EndMaintenance, ListMaintenance
from command_center.incidents.reasons import plain_why
from command_center.maintenance.windows import Unfit, unfit
from command_center.outcome import Outcome
from command_center.settings import MaintenanceSettings
from models.levels import Level
from storage.facts import Signal, SignalKind

NEW = SignalKind.NEW_ERROR_TEMPLATE
MINUTE = 60


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "state")
    yield rig
    rig.close()


def plan(
    rig: Rig,
    *services: str,
    begins: float = 0,
    ends: float = 60 * MINUTE,
    callers: bool = False,
    cause: str = "cli",
) -> Outcome:
    action = AddMaintenance(
        services=tuple(text(each) for each in services or ("billing",)),
        with_callers=callers,
        starts_at=at(begins),
        ends_at=at(ends),
        reason=text("database upgrade"),
    )
    return rig.center.perform(action, LEAD, cause=cause)


def end(rig: Rig, window: str = "MNT-1") -> Outcome:
    return rig.center.perform(EndMaintenance(window=window), ONCALL, cause="cli")


def stated(entry: dict[str, object]) -> dict[str, object]:
    data = entry["data"]
    assert isinstance(data, dict)
    return data


def opened(rig: Rig) -> list[str]:
    return [str(each.service) for each in reversed(rig.center.incidents("all", None))]


def silenced(rig: Rig) -> list[tuple[str, str | None]]:
    rows = rig.db.query("SELECT verdict, maintenance_id FROM signal ORDER BY ts, id").to_pylist()
    return [(row["verdict"], row["maintenance_id"]) for row in rows]


def test_what_fails_during_the_work_opens_nothing_and_is_kept_with_the_name_of_the_window(rig: Rig) -> None:
    plan(rig)
    rig.see(signal("billing", 120), signal("billing", 130, kind=SignalKind.SILENCE))
    assert opened(rig) == []
    assert silenced(rig) == [("silenced", "MNT-1"), ("silenced", "MNT-1")]
    [told] = rig.center.maintenance()
    assert (told.state.value, told.silenced) == ("running", 2)
    assert plain_why("maintenance") == "its service was under maintenance"


def test_other_services_are_told_of_as_ever(rig: Rig) -> None:
    plan(rig)
    rig.see(signal("reports", 120))
    assert opened(rig) == ["reports"]


def test_whoever_calls_them_is_quiet_too_where_that_was_asked_for(rig: Rig) -> None:
    plan(rig, "records-db", callers=True)
    rig.see(signal("billing", 120), signal("api-gateway", 125), signal("reports", 130))
    assert opened(rig) == ["reports"]
    plan(rig, "records-db")  # without its callers: it is the same time, but another window
    assert len(rig.center.maintenance()) == 2


@pytest.mark.parametrize("second", [-1, 60 * MINUTE + 61])
def test_what_failed_before_the_work_or_after_it_is_told_however_late_it_arrives(
    rig: Rig, second: float
) -> None:
    plan(rig, begins=0)
    rig.see(signal("billing", second), seconds=max(second, 300))
    assert opened(rig) == ["billing"]


def test_what_was_written_during_the_work_and_arrives_after_it_is_kept_quiet(rig: Rig) -> None:
    plan(rig)
    rig.see(signal("billing", 120), seconds=10 * 3600)
    assert opened(rig) == []


def test_personal_data_in_the_log_is_never_kept_quiet(rig: Rig) -> None:
    plan(rig)
    rig.see(signal("billing", 120, kind=SignalKind.PERSONAL_DATA))
    assert opened(rig) == ["billing"]


def test_a_burst_that_is_reported_again_after_the_work_opens_an_incident(rig: Rig) -> None:
    plan(rig)
    rig.see(signal("billing", 59 * MINUTE))
    rig.see(signal("billing", 60 * MINUTE + 30))  # within the grace: it may still be coming back
    assert opened(rig) == []
    rig.see(signal("billing", 61 * MINUTE))
    assert opened(rig) == ["billing"]


def test_a_new_error_that_goes_on_after_the_work_opens_an_incident_that_says_so(rig: Rig) -> None:
    plan(rig)
    begun = signal("billing", 30 * MINUTE, kind=NEW, count=5)
    rig.see(begun, lines={("billing", "request failed"): 5}, traffic={"billing": (50, 5)})
    rig.see(seconds=60 * MINUTE + 30, lines={("billing", "request failed"): 9}, traffic={"billing": (50, 9)})
    assert opened(rig) == []
    rig.see(seconds=62 * MINUTE, lines={("billing", "request failed"): 9}, traffic={"billing": (50, 9)})
    [incident] = rig.center.incidents("open", None)
    assert incident.fault_at == at(61 * MINUTE)
    assert "it began in the maintenance MNT-1 and went on after it" in rig.center.explain(incident.id).opened


def test_a_new_error_that_ends_with_the_work_stays_quiet(rig: Rig) -> None:
    plan(rig)
    begun = signal("billing", 30 * MINUTE, kind=NEW, count=5)
    rig.see(begun, lines={("billing", "request failed"): 5}, traffic={"billing": (50, 5)})
    for minute in range(61, 180, 5):
        rig.see(seconds=minute * MINUTE, traffic={"billing": (50, 0)})
    assert opened(rig) == []
    assert silenced(rig) == [("silenced", "MNT-1")]


def silent(second: float, limit: int = 120) -> Signal:
    """Silence that is noticed at `second`; it bears the time of the last line."""
    found = signal("billing", second - limit, kind=SignalKind.SILENCE)
    return found.model_copy(update={"evidence": {"quiet_s": limit, "limit_s": limit}})


def missing(second: float) -> Signal:
    """A heartbeat that is missed at `second`."""
    kind = SignalKind.TEMPLATE_SILENCE
    found = signal("billing", second, kind=kind, template="heartbeat", level=Level.UNKNOWN)
    return found.model_copy(update={"evidence": {"limit_s": 90.0}})


def test_a_service_that_does_not_come_back_after_the_work_is_missed(rig: Rig) -> None:
    plan(rig)
    rig.see(silent(5 * MINUTE))
    rig.see(seconds=62 * MINUTE, traffic={"reports": (50, 0)})
    assert opened(rig) == []  # it is given as long as it was given before
    rig.see(seconds=63 * MINUTE + 1, traffic={"reports": (50, 0)})
    assert opened(rig) == ["billing"]


def test_a_service_that_comes_back_after_the_work_is_not_missed(rig: Rig) -> None:
    plan(rig)
    rig.see(silent(5 * MINUTE))
    rig.see(seconds=61 * MINUTE + 5, traffic={"billing": (1, 0)})
    for minute in range(62, 120, 5):
        rig.see(seconds=minute * MINUTE, traffic={"reports": (50, 0)})
    assert opened(rig) == []


def test_a_service_that_goes_down_with_the_work_is_not_missed_though_its_last_line_came_before(
    rig: Rig,
) -> None:
    plan(rig)
    rig.see(silent(100), seconds=100)  # its last line came 20 s before the window
    assert opened(rig) == []


def test_a_sentence_that_does_not_come_back_after_the_work_is_missed(rig: Rig) -> None:
    plan(rig)
    rig.see(missing(10 * MINUTE))
    rig.see(missing(11 * MINUTE))
    rig.see(seconds=62 * MINUTE, traffic={"billing": (50, 0)})
    assert opened(rig) == []
    rig.see(seconds=64 * MINUTE, traffic={"billing": (50, 0)})
    assert opened(rig) == ["billing"]


def test_a_sentence_that_comes_back_after_the_work_is_not_missed(rig: Rig) -> None:
    plan(rig)
    rig.see(missing(10 * MINUTE))
    rig.see(missing(11 * MINUTE))
    for minute in (62, 64, 90):
        rig.see(seconds=minute * MINUTE, traffic={"billing": (50, 0)}, lines={("billing", "heartbeat"): 2})
    assert opened(rig) == []


def test_a_host_whose_clock_is_ahead_does_not_end_the_work(rig: Rig) -> None:
    plan(rig)
    rig.see(signal("billing", 30 * MINUTE, kind=NEW, count=5), silent(30 * MINUTE), seconds=30 * MINUTE)
    ahead = rig.stream.block_of(90 * MINUTE, (), {"reports": (5, 0)}, {("billing", "request failed"): 9})
    rig.center.apply([ahead.model_copy(update={"received_at": at(31 * MINUTE)})])
    assert opened(rig) == []


def test_work_that_is_ended_early_ends_the_quiet(rig: Rig) -> None:
    plan(rig)
    rig.clock.at = at(10 * MINUTE)
    assert end(rig).message == "MNT-1 is over; it kept 0 signals quiet. What goes on after it will be told."
    rig.see(signal("billing", 12 * MINUTE))
    assert opened(rig) == ["billing"]
    again = end(rig)
    assert (again.ok, again.reasons, again.message) == (True, ("already_done",), "MNT-1 is over already.")


def test_work_that_is_called_off_keeps_nothing_quiet(rig: Rig) -> None:
    plan(rig, begins=3600, ends=7200)
    assert end(rig).message == "MNT-1 is called off."
    rig.see(signal("billing", 4000))
    assert opened(rig) == ["billing"]
    assert rig.center.maintenance() == ()
    assert [each.state.value for each in rig.center.maintenance(over=True)] == ["called_off"]


def test_what_another_window_keeps_quiet_is_told_after_that_one(rig: Rig) -> None:
    plan(rig)
    plan(rig, begins=50 * MINUTE, ends=180 * MINUTE)
    begun = signal("billing", 30 * MINUTE, kind=NEW, count=5)
    rig.see(begun, lines={("billing", "request failed"): 5}, traffic={"billing": (50, 5)})
    for minute in (62, 100, 179):
        rig.see(
            seconds=minute * MINUTE, lines={("billing", "request failed"): 9}, traffic={"billing": (9, 9)}
        )
    assert opened(rig) == []
    assert silenced(rig) == [("silenced", "MNT-2")]
    rig.see(seconds=182 * MINUTE, lines={("billing", "request failed"): 9}, traffic={"billing": (9, 9)})
    assert opened(rig) == ["billing"]


def test_a_weak_signal_that_waits_is_kept_quiet_when_the_window_is_planned_afterwards(rig: Rig) -> None:
    rig.see(signal("billing", 60, kind=NEW, count=1), lines={("billing", "request failed"): 1})
    plan(rig, begins=0)
    rig.see(seconds=90, lines={("billing", "request failed"): 20}, traffic={"billing": (30, 20)})
    assert opened(rig) == []
    assert silenced(rig) == [("silenced", "MNT-1")]


def test_an_incident_that_was_there_before_the_work_stays_as_it_is(rig: Rig) -> None:
    rig.see(signal("billing", -30), seconds=0)
    plan(rig)
    rig.see(signal("billing", 120))
    [incident] = rig.center.incidents("open", None)
    assert incident.signal_count == 1


def test_windows_and_what_they_kept_quiet_survive_a_restart(rig: Rig) -> None:
    plan(rig)
    rig.see(signal("billing", 120, kind=NEW, count=5), lines={("billing", "request failed"): 5})
    rig.restart()
    rig.see(seconds=62 * MINUTE, lines={("billing", "request failed"): 9}, traffic={"billing": (9, 9)})
    assert opened(rig) == ["billing"]


def test_only_those_may_plan_or_end_it_who_have_the_right(rig: Rig) -> None:
    action = AddMaintenance(services=(text("billing"),), seconds=60, reason=text("restart"))
    refused = rig.center.perform(action, VIEWER, cause="cli")
    assert (refused.ok, refused.reasons) == (False, ("needs_maintain",))
    assert rig.center.perform(EndMaintenance(window="MNT-1"), VIEWER, cause="cli").reasons == (
        "needs_maintain",
    )
    assert rig.center.perform(ListMaintenance(), VIEWER, cause="cli").ok
    refusals = [stated(entry) for entry in rig.audit("refused")]
    assert [entry["reason"] for entry in refusals] == ["needs_maintain", "needs_maintain"]


def test_planning_and_ending_stand_in_the_audit_trail(rig: Rig) -> None:
    plan(rig, "billing", "auth", callers=True)
    rig.clock.at = at(60)
    end(rig)
    [added], [ended] = rig.audit("maintenance.add"), rig.audit("maintenance.end")
    assert (added["actor"], stated(added)["window"]) == ("lead", "MNT-1")
    assert stated(added)["services"] == "billing auth"
    assert (ended["actor"], stated(ended)["window"], stated(ended)["state"]) == ("oncall", "MNT-1", "over")


def test_a_delivery_that_comes_twice_plans_once(rig: Rig) -> None:
    action = AddMaintenance(services=(text("billing"),), seconds=600, reason=text("restart"))
    rig.center.perform(action, LEAD, cause="slack:one")
    rig.clock.at = at(1)
    assert rig.center.perform(action, LEAD, cause="slack:one").reasons == ("already_done",)
    assert plan(rig, cause="slack:two").reasons == ()
    assert plan(rig, cause="slack:three").reasons == ("already_done",)  # the very same window
    assert len(rig.center.maintenance()) == 2


def test_a_name_that_the_logs_do_not_know_is_asked_about(rig: Rig) -> None:
    rig.see(seconds=0, traffic={"billing": (5, 0)})
    assert plan(rig, "billing", ends=600).message == "MNT-1: maintenance of billing runs for 10 min from now."
    assert "No line of auth has been counted lately" in plan(rig, "billing", "auth").message


def test_what_does_not_exist_cannot_be_ended(rig: Rig) -> None:
    missing = end(rig, "MNT-7")
    assert (missing.ok, missing.reasons) == (False, ("no_such_window",))


@pytest.mark.parametrize(
    ("begins", "ends", "reason", "words"),
    [
        (10, 5, "ends_before_it_begins", "would end before it begins"),
        (-600, -5, "over_already", "would be over already"),
        (0, 86_401, "too_long", "would last 24 h, and 24 h is the most"),
        (-90_000, -80_000, "over_already", "would be over already"),
        (-86_401, 0.5, "too_long", "is the most"),
        (
            200 * 86_400,
            200 * 86_400 + 60,
            "too_far_ahead",
            "would begin in 200 days, and 90 days is the most",
        ),
    ],
)
def test_a_window_that_makes_no_sense_is_refused_with_what_to_do(
    rig: Rig, begins: float, ends: float, reason: str, words: str
) -> None:
    refused = plan(rig, begins=begins, ends=ends)
    assert (refused.ok, refused.reasons) == (False, (reason,))
    assert words in refused.message
    assert rig.center.maintenance(over=True) == ()


TIMES = st.integers(-400 * 86_400, 400 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))


@given(TIMES, TIMES)
def test_every_window_that_is_accepted_ends_ahead_and_within_the_limits(
    starts: datetime, ends: datetime
) -> None:
    settings = MaintenanceSettings()
    wrong = unfit(starts, ends, START, settings)
    if wrong is None:
        assert starts < ends > START
        assert ends - starts <= timedelta(seconds=settings.longest)
        assert timedelta(seconds=-settings.back) <= starts - START <= timedelta(seconds=settings.ahead)
    else:
        assert isinstance(wrong, Unfit)


def test_a_fatal_line_during_the_work_is_kept_quiet_as_well(rig: Rig) -> None:
    plan(rig)
    rig.see(signal("billing", 120, kind=NEW, level=Level.FATAL))
    assert opened(rig) == []
