"""What the session watch finds, what it leaves alone, and how a flag comes to its end."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence
from statistics import mean

import pytest

from benchmarks.anomaly import judge, programs, stores
from benchmarks.session_worlds import SCENARIOS
from models.detectors import DetectorSettings
from models.detectors.session_watch import SessionWatch
from models.detectors.way_back import WayBack

HOUR = 3600 * 10**9
SETTINGS = DetectorSettings()
WORK = ("open", "lock", "read", "check", "write", "unlock", "close")


def usual(rng: random.Random) -> tuple[str, ...]:
    """A session that works: now and then it reads again, one in three is verified."""
    events = [*WORK[:3], *["read"] * rng.choice((0, 0, 1, 2)), *WORK[3:]]
    return (*events, "verify") if rng.random() < 0.33 else tuple(events)


def watch(extra: Sequence[tuple[str, ...]] = (), sessions: int = 1500) -> SessionWatch:
    """A watch that has learnt usual sessions, and others evenly among them."""
    rng = random.Random(3)
    learnt = [usual(rng) for _ in range(sessions)]
    for n, events in enumerate(extra):
        learnt.insert((n * 37) % sessions, events)
    made = SessionWatch(SETTINGS)
    for events in learnt:
        made.learn(events)
    return made


def kinds(made: SessionWatch, events: tuple[str, ...], errors: Sequence[str] = ()) -> set[str]:
    return {reason.kind for reason in made.ended(events, 0, errors).reasons}


def test_usual_sessions_are_not_flagged_and_go_on_being_learnt() -> None:
    made, rng = watch(), random.Random(8)
    assert not any(made.ended(usual(rng), 0).flag for _ in range(500))


def test_a_session_that_stops_is_flagged_with_what_is_missing() -> None:
    verdict = watch().ended(WORK[:3], 0)
    assert verdict.flag
    assert verdict.score >= SessionWatch.threshold
    assert verdict.missing == (("check", 1), ("close", 1), ("unlock", 1), ("write", 1))
    assert verdict.extra == ()


def test_what_is_too_much_is_named_with_its_number() -> None:
    verdict = watch().ended((*WORK[:4], "panic", "panic", *WORK[4:]), 0)
    assert verdict.flag
    assert verdict.extra == (("panic", 2),)


def test_a_stop_is_flagged_though_one_in_a_hundred_of_what_was_learnt_was_one() -> None:
    assert "incomplete" in kinds(watch([WORK[:3]] * 15), WORK[:3])


def test_one_missing_event_is_flagged_though_it_was_learnt_now_and_then() -> None:
    lost = tuple(name for name in WORK if name != "unlock")
    assert "missing_event" in kinds(watch([lost] * 5), lost)


def test_a_rare_detour_that_does_all_its_work_is_usual_once_it_was_seen_some_times() -> None:
    detour = (*WORK[:4], "move", "copy", *WORK[4:])
    assert watch().ended(detour, 0).flag
    assert not watch([detour] * 8).ended(detour, 0).flag


def test_a_rare_event_that_speaks_of_failure_needs_more_to_be_usual() -> None:
    detour = (*WORK[:4], "move failed", *WORK[4:])
    assert kinds(watch([detour] * 8), detour, ["move failed"]) == {"rare_error"}
    assert not watch([detour] * 60).ended(detour, 0, ["move failed"]).flag


def test_a_log_that_is_cut_anywhere_makes_short_sessions_usual() -> None:
    rng = random.Random(5)
    cut = [events[: rng.randint(1, len(events) - 1)] for events in (usual(rng) for _ in range(90))]
    made = watch(cut)
    assert not any(made.ended(WORK[:n], 0).flag for n in range(1, 7))
    assert made.ended(("lock", "read", "write"), 0).flag  # headless: no cut does that


def test_too_few_of_an_event_that_always_comes_as_often_are_flagged_though_some_were_learnt() -> None:
    made = SessionWatch(SETTINGS)
    for n in range(1500):
        made.learn(("open", *["copy"] * (3 if n % 90 else 2), "close"))
    assert kinds(made, ("open", "copy", "copy", "close")) == {"too_few"}


def test_an_event_again_and_again_is_flagged() -> None:
    assert "repeated" in kinds(watch(), (*WORK[:3], *["read"] * 40, *WORK[3:]))


def test_the_wrong_order_is_flagged_also_where_the_numbers_are_right() -> None:
    assert {"new_step", "wrong_order"} <= kinds(
        watch(), ("open", "write", "read", "check", "lock", "unlock", "close")
    )


def test_the_wrong_order_is_found_though_what_was_learnt_was_contaminated() -> None:
    wrong = ("open", "write", "read", "check", "lock", "unlock", "close")
    assert kinds(watch([wrong] * 8), wrong) == {"wrong_order"}


def test_what_is_flagged_is_not_learnt() -> None:
    made = watch()
    assert all(made.ended(WORK[:3], 0).flag for _ in range(200))


def test_the_first_sessions_are_learnt_in_silence() -> None:
    made = SessionWatch(SETTINGS)
    assert not any(made.ended((f"e{n}",), 0).flag for n in range(SETTINGS.session_warm_up))


# -- the way back -----------------------------------------------------------------------------------------------


def test_what_a_deploy_changed_for_most_sessions_is_usual_after_some_of_them() -> None:
    made, rng = watch(), random.Random(2)
    flags = [made.ended((*usual(rng), "goodbye"), 0).flag for _ in range(400)]
    assert all(flags[:20])
    assert not any(flags[200:])


def test_an_outage_is_never_usual_by_number() -> None:
    made = watch()
    assert all(made.ended((*WORK[:3], "failed"), n, ["failed"]).flag for n in range(1000))


def test_what_is_there_for_a_day_and_a_night_is_usual() -> None:
    made = watch()
    flags = [made.ended(WORK[:3], hour * HOUR).flag for hour in range(60)]
    assert all(flags[:24])
    assert not any(flags[26:])


def test_what_comes_back_after_a_long_pause_begins_anew() -> None:
    way, reason = WayBack(hours=12, span_hours=24), ("incomplete", ("close",))
    for hour in range(11):
        way.note([reason], hour * HOUR, hour, harmless=False)
    way.note([reason], 100 * HOUR, 12, harmless=False)
    assert not way.excuses(reason)


def test_what_people_excuse_is_not_reported_again() -> None:
    made = watch()
    for reason in made.ended(WORK[:3], 0).reasons:
        made.excuse(reason)
    assert not made.ended(WORK[:3], 0).flag


# -- state ------------------------------------------------------------------------------------------------------


def test_a_watch_that_was_stopped_and_started_says_the_same() -> None:
    made, rng = watch(), random.Random(6)
    again = pickle.loads(pickle.dumps(made))
    for n in range(300):
        events = usual(rng) if n % 9 else tuple(rng.sample(WORK, rng.randint(1, 7)))
        assert made.ended(events, n) == again.ended(events, n)


def test_sessions_that_are_never_alike_fill_no_memory() -> None:
    made = SessionWatch(SETTINGS)
    for n in range(3000):
        made.learn((f"a{n}", f"b{n}", f"c{n}"))
    once = len(pickle.dumps(made))
    for n in range(3000, 6000):
        made.learn((f"a{n}", f"b{n}", f"c{n}"))
    assert len(pickle.dumps(made)) < 1.2 * once


def test_a_giant_session_and_an_empty_one_do_no_harm() -> None:
    made = watch()
    made.ended((), 0)
    assert made.ended(tuple(f"x{n % 3000}" for n in range(200_000)), 0).flag


# -- made-up programs: the promise in numbers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "least"), [(0, 0.95), (1, 0.85), (2, 0.80)], ids=["clean", "1 %", "3 %"]
)
def test_made_up_programs_nobody_tuned_for_are_judged_well(scenario: int, least: float) -> None:
    scores, rates = judge(programs(SCENARIOS[scenario], range(200, 205)))
    assert mean(scores) >= least
    assert mean(rates) <= 0.005


def test_a_store_with_copies_is_judged_well_though_what_was_learnt_is_contaminated() -> None:
    scores, rates = judge(stores(0.03, range(200, 203)))
    assert mean(scores) >= 0.85
    assert mean(rates) <= 0.005
