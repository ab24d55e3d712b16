"""Which signals belong together: near in time and on the service graph; the rest stays apart."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime

import pytest
from center_rig import CALLS, at, signal
from hypothesis import given
from hypothesis import strategies as st

from command_center.incidents.correlate import Decision, Known, Verdict, correlate
from command_center.incidents.graph import ServiceGraph
from command_center.incidents.root import root_of
from command_center.incidents.weight import Candidate
from command_center.settings import CorrelationSettings
from models.levels import Level
from storage.facts import Signal, SignalKind
from storage.records import IncidentStatus

GRAPH = ServiceGraph((caller, callee) for caller, callees in CALLS.items() for callee in callees)
NO_GRAPH = ServiceGraph()
SETTINGS = CorrelationSettings()
NEW = SignalKind.NEW_ERROR_TEMPLATE
SILENCE = SignalKind.SILENCE


def found(each: Signal, lines: int | None = None) -> Candidate:
    return Candidate(each, int(each.evidence.get("count", 0)) if lines is None else lines)


def decide(
    *signals: Signal,
    known: tuple[Known, ...] = (),
    held: tuple[Candidate, ...] = (),
    graph: ServiceGraph = GRAPH,
) -> list[Decision]:
    return correlate(known, held, [found(each) for each in signals], graph, SETTINGS)


def verdicts(decisions: list[Decision]) -> list[tuple[str, Verdict, str | None]]:
    return [(str(each.found.signal.service), each.verdict, each.incident) for each in decisions]


def known(
    *signals: Signal, status: IncidentStatus = IncidentStatus.DETECTED, resolved: float | None = None
) -> Known:
    made = Known("INC-1", status, signals[0].at, frozenset(), None if resolved is None else at(resolved))
    for each in signals:
        made = made.having(found(each))
    return made


def test_a_leak_in_billing_and_its_symptom_at_the_gateway_are_one_incident() -> None:
    decisions = decide(
        signal("api-gateway", 4), signal("billing", 0), signal("api-gateway", 30, template="timeout")
    )
    assert verdicts(decisions) == [
        ("billing", Verdict.OPENED, "new-1"),
        ("api-gateway", Verdict.JOINED, "new-1"),
        ("api-gateway", Verdict.JOINED, "new-1"),
    ]


def test_it_does_not_matter_that_the_symptom_is_seen_first() -> None:
    decisions = decide(signal("api-gateway", 0), signal("billing", 20))
    assert {each.incident for each in decisions} == {"new-1"}
    made = known(signal("api-gateway", 0), signal("billing", 20))
    assert made.root(GRAPH) == "billing"


def test_two_services_without_a_path_between_them_are_two_incidents() -> None:
    decisions = decide(
        signal("billing", 0), signal("reports", 1), graph=ServiceGraph([("x", "billing"), ("y", "reports")])
    )
    assert [each.incident for each in decisions] == ["new-1", "new-2"]


def test_a_second_branch_below_the_gateway_is_not_blamed_on_the_first() -> None:
    """The gateway's errors are explained by billing; auth, which it calls too, fails for reasons of its own."""
    billing = known(signal("billing", 0), signal("api-gateway", 5))
    decisions = decide(signal("auth", 60), known=(billing,))
    assert [each.verdict for each in decisions] == [Verdict.OPENED]


def test_branches_that_burst_together_and_share_a_callee_are_one_incident_with_that_root() -> None:
    decisions = decide(signal("billing", 0), signal("messaging", 20))
    assert [each.incident for each in decisions] == ["new-1", "new-1"]
    assert known(signal("billing", 0), signal("messaging", 20)).root(GRAPH) == "records-db"


def test_branches_that_fail_minutes_apart_are_two_incidents() -> None:
    decisions = decide(signal("billing", 0), signal("messaging", 240))
    assert [each.incident for each in decisions] == ["new-1", "new-2"]


@pytest.mark.parametrize(("score", "incidents"), [(0.95, {"new-1"}), (0.6, {"new-1", "new-2"})])
def test_without_a_graph_only_strong_bursts_at_the_same_time_join(score: float, incidents: set[str]) -> None:
    decisions = decide(signal("a", 0, score=score), signal("b", 30, score=score), graph=NO_GRAPH)
    assert {each.incident for each in decisions} == incidents


def test_far_apart_in_time_are_two_incidents_even_on_one_call_path() -> None:
    decisions = decide(signal("billing", 0), signal("api-gateway", 700, template="other"))
    assert [each.incident for each in decisions] == ["new-1", "new-2"]


def test_the_very_same_signal_joins_its_open_incident_however_late() -> None:
    decisions = decide(signal("billing", 50_000), known=(known(signal("billing", 0)),))
    assert [(each.verdict, each.reason) for each in decisions] == [(Verdict.JOINED, "came_back")]


def test_an_old_open_incident_does_not_swallow_new_trouble_when_its_signal_comes_back() -> None:
    old = known(signal("billing", 0))
    decisions = decide(signal("billing", 5000), signal("api-gateway", 5010), known=(old,))
    assert verdicts(decisions) == [
        ("billing", Verdict.JOINED, "INC-1"),
        ("api-gateway", Verdict.OPENED, "new-1"),
    ]
    again = decide(
        signal("billing", 5020, template="other"),
        signal("api-gateway", 5010),
        known=(old.having(found(signal("billing", 5000)), came_back=True),),
    )
    assert {each.incident for each in again} == {"new-1"}


@pytest.mark.parametrize(
    ("lines", "level", "verdict"),
    [
        (1, Level.ERROR, Verdict.HELD),
        (4, Level.ERROR, Verdict.HELD),
        (5, Level.ERROR, Verdict.OPENED),
        (1, Level.FATAL, Verdict.OPENED),
        (100, Level.WARN, Verdict.HELD),
        (100, Level.UNKNOWN, Verdict.HELD),
        (100, Level.INFO, Verdict.IGNORED),
        (100, Level.DEBUG, Verdict.IGNORED),
    ],
)
def test_benign_novelty_does_not_page(lines: int, level: Level, verdict: Verdict) -> None:
    (decision,) = decide(signal("billing", 0, kind=NEW, level=level, count=lines))
    assert decision.verdict is verdict


def test_two_different_weak_errors_of_one_service_make_an_incident_together() -> None:
    first = found(signal("billing", 0, kind=NEW, count=1))
    decisions = decide(signal("billing", 30, kind=NEW, count=2, template="other"), held=(first,))
    assert [(each.verdict, each.incident) for each in decisions] == [
        (Verdict.OPENED, "new-1"),
        (Verdict.JOINED, "new-1"),
    ]


def test_weak_errors_of_two_services_that_do_not_call_each_other_stay_held() -> None:
    decisions = decide(signal("billing", 0, kind=NEW, count=1), signal("auth", 1, kind=NEW, count=1))
    assert [each.verdict for each in decisions] == [Verdict.HELD, Verdict.HELD]


def test_a_held_signal_opens_once_it_has_lines_enough_and_is_not_mentioned_before() -> None:
    weak = signal("billing", 0, kind=NEW, count=1)
    assert correlate((), [found(weak, 4)], [], GRAPH, SETTINGS) == []
    (decision,) = correlate((), [found(weak, 5)], [], GRAPH, SETTINGS)
    assert decision.verdict is Verdict.OPENED


def test_a_weak_error_of_an_affected_service_is_evidence_and_elsewhere_is_not() -> None:
    billing = known(signal("billing", 0))
    same = decide(signal("billing", 60, kind=NEW, count=1, template="other"), known=(billing,))
    assert [each.verdict for each in same] == [Verdict.JOINED]
    caller = decide(signal("api-gateway", 60, kind=NEW, count=1), known=(billing,))
    assert [each.verdict for each in caller] == [Verdict.HELD]


def test_what_comes_back_within_the_quiet_time_reopens() -> None:
    over = known(signal("billing", 0), status=IncidentStatus.RESOLVED, resolved=300)
    (decision,) = decide(signal("billing", 900), known=(over,))
    assert (decision.verdict, decision.incident) == (Verdict.REOPENED, "INC-1")


def test_after_reopening_the_rest_of_the_round_joins() -> None:
    over = known(signal("billing", 0), status=IncidentStatus.RESOLVED, resolved=300)
    decisions = decide(signal("billing", 900), signal("api-gateway", 905), known=(over,))
    assert [(each.verdict, each.incident) for each in decisions] == [
        (Verdict.REOPENED, "INC-1"),
        (Verdict.JOINED, "INC-1"),
    ]


def test_what_comes_back_after_the_quiet_time_is_another_incident() -> None:
    over = known(signal("billing", 0), status=IncidentStatus.RESOLVED, resolved=300)
    (decision,) = decide(signal("billing", 300 + 1801), known=(over,))
    assert decision.verdict is Verdict.OPENED


def test_the_last_lines_of_a_resolved_incident_are_its_echo() -> None:
    over = known(signal("billing", 0), status=IncidentStatus.RESOLVED, resolved=300)
    decisions = decide(signal("billing", 290), signal("api-gateway", 320), known=(over,))
    assert [each.verdict for each in decisions] == [Verdict.ECHO, Verdict.ECHO]


def test_a_closed_incident_takes_its_echo_and_is_never_reopened() -> None:
    over = known(signal("billing", 0), status=IncidentStatus.CLOSED, resolved=300)
    assert [each.verdict for each in decide(signal("billing", 310), known=(over,))] == [Verdict.ECHO]
    assert [each.verdict for each in decide(signal("billing", 400), known=(over,))] == [Verdict.OPENED]


def test_a_weak_new_error_does_not_reopen() -> None:
    over = known(signal("billing", 0), status=IncidentStatus.RESOLVED, resolved=300)
    (decision,) = decide(signal("billing", 900, kind=NEW, count=1, template="other"), known=(over,))
    assert decision.verdict is Verdict.HELD


def test_silence_opens_by_itself() -> None:
    (decision,) = decide(signal("reports", 0, kind=SILENCE))
    assert decision.verdict is Verdict.OPENED


def test_a_signal_joins_what_a_person_declared_for_its_service() -> None:
    declared = Known("INC-7", IncidentStatus.ACKNOWLEDGED, at(0), frozenset({"billing"}))
    decisions = decide(signal("billing", 60), signal("api-gateway", 70), known=(declared,))
    assert [each.incident for each in decisions] == ["INC-7", "INC-7"]


def test_a_cycle_of_calls_has_a_root_all_the_same() -> None:
    graph = ServiceGraph([("a", "b"), ("b", "c"), ("c", "b")])
    assert root_of({"a": at(0), "b": at(3), "c": at(2)}, graph) == "c"


SIGNALS = st.lists(
    st.builds(
        signal,
        st.sampled_from(["api-gateway", "billing", "messaging", "auth", "records-db", "reports"]),
        st.integers(0, 2000).map(float),
        kind=st.sampled_from(list(SignalKind)),
        template=st.sampled_from(["request failed", "timeout"]),
        level=st.sampled_from([Level.INFO, Level.WARN, Level.ERROR, Level.FATAL]),
        count=st.integers(1, 60),
        score=st.sampled_from([0.6, 0.9]),
    ),
    max_size=12,
    unique_by=lambda each: each.id,
)


@given(SIGNALS, st.randoms(use_true_random=False))
def test_every_signal_is_decided_once_whatever_the_order(signals: list[Signal], rng: random.Random) -> None:
    decisions = decide(*signals)
    assert sorted(each.found.signal.id for each in decisions) == sorted(each.id for each in signals)
    shuffled = list(signals)
    rng.shuffle(shuffled)
    assert decide(*shuffled) == decisions
    for each in decisions:
        belongs = each.verdict not in (Verdict.HELD, Verdict.IGNORED)
        assert (each.incident is not None) == belongs


def test_when_everything_fails_at_once_a_few_incidents_take_it_all_in_and_say_why() -> None:
    apart = ServiceGraph([(f"caller{n}", f"service{n}") for n in range(10)])  # nobody has a callee in common
    decisions = decide(*(signal(f"service{n}", n) for n in range(10)), graph=apart)
    assert len({each.incident for each in decisions}) == 5
    folded = [each for each in decisions if each.reason == "storm"]
    assert len(folded) == 5
    assert {each.incident for each in folded} == {"new-1"}
    later = decide(
        signal("service9", 300), known=tuple(known(signal(f"s{n}", 0)) for n in range(5)), graph=apart
    )
    assert later[0].verdict is Verdict.OPENED


# -- signals that are weak by themselves -----------------------------------------------------------------------------

WARNING = SignalKind.WARNING_BURST
FIGURE = SignalKind.FIGURE_SHIFT


def weak(kind: SignalKind, seconds: float, service: str = "billing", template: str = "retries") -> Signal:
    return signal(service, seconds, kind=kind, template=template, level=Level.WARN)


def test_warnings_open_nothing_until_they_have_gone_on_for_a_while() -> None:
    first = weak(WARNING, 0)
    assert [each.verdict for each in decide(first)] == [Verdict.HELD]
    soon = decide(weak(WARNING, 59), held=(found(first),))
    assert Verdict.OPENED not in [each.verdict for each in soon]
    later = decide(weak(WARNING, 61), held=(found(first),))
    assert (Verdict.OPENED, "goes_on") in [(each.verdict, each.reason) for each in later]


def test_what_was_changed_just_before_may_complain_for_longer() -> None:
    def changed(service: str, _moment: object) -> bool:
        return service == "billing"

    for template, seconds, opens in (
        ("request timed out", 120, False),
        ("request timed out", 181, True),
        ("header will go away", 181, False),
    ):
        first = found(weak(WARNING, 0, template=template))
        between = [found(weak(WARNING, at_s, template=template)) for at_s in range(60, seconds, 60)]
        second = [found(weak(WARNING, seconds, template=template))]
        decisions = correlate((), (first, *between), second, GRAPH, SETTINGS, changed)
        assert any(each.verdict is Verdict.OPENED for each in decisions) is opens


def test_a_warning_and_a_raised_figure_are_evidence_together_and_two_warnings_are_not() -> None:
    together = decide(weak(WARNING, 0), weak(FIGURE, 20, template="answered"))
    assert {each.incident for each in together} == {"new-1"}
    alike = decide(weak(WARNING, 0), weak(SignalKind.NEW_WARNING_TEMPLATE, 20, template="backing off"))
    assert {each.incident for each in alike} == {None}


def test_two_weak_signals_further_apart_than_new_trouble_joins_are_still_one() -> None:
    decisions = decide(weak(WARNING, 0), weak(FIGURE, 500, template="answered"))
    assert [each.incident for each in decisions] == ["new-1", "new-1"]


def broken(seconds: float, lacking: int, sessions: int = 40) -> Signal:
    evidence = {"broken": lacking, "lacking": lacking, "sessions": sessions}
    made = weak(SignalKind.SEQUENCE_BREAK, seconds)
    return made.model_copy(update={"evidence": evidence, "template_id": None, "template": None})


def test_broken_sessions_open_nothing_by_themselves_unless_half_of_them_lack_a_step_for_a_minute() -> None:
    for lacking, opens in ((40, True), (20, True), (19, False), (0, False)):
        first, later = broken(0, lacking), broken(61, lacking)
        assert [each.verdict for each in decide(first)] == [Verdict.HELD]
        decisions = decide(later, held=(found(first),))
        assert any(each.verdict is Verdict.OPENED for each in decisions) is opens
    soon = decide(broken(59, 40), held=(found(broken(0, 40)),))
    assert Verdict.OPENED not in [each.verdict for each in soon]


def test_a_release_may_say_less() -> None:
    signals = [found(broken(at_s, 40)) for at_s in range(0, 361, 60)]
    decisions = correlate((), signals[:-1], signals[-1:], GRAPH, SETTINGS, lambda _service, _at: True)
    assert Verdict.OPENED not in [each.verdict for each in decisions]


def test_broken_sessions_are_evidence_beside_warnings_and_not_beside_other_lines_that_are_missing() -> None:
    together = decide(weak(WARNING, 0), broken(20, 5))
    assert {each.incident for each in together} == {"new-1"}
    alike = decide(weak(SignalKind.TEMPLATE_SILENCE, 0), broken(20, 5))
    assert {each.incident for each in alike} == {None}


def test_a_service_that_is_called_less_belongs_to_what_troubles_its_caller() -> None:
    decisions = decide(
        signal("api-gateway", 100, kind=SignalKind.TRAFFIC_DROP, template="x"),
        signal("auth", 110, kind=SignalKind.TRAFFIC_DROP, template="x"),
        known=(known(signal("billing", 0), signal("api-gateway", 10)),),
    )
    assert {each.incident for each in decisions} == {"INC-1"}


def test_who_merely_says_less_is_not_the_cause() -> None:
    made = known(signal("api-gateway", 0), signal("auth", 5, kind=SignalKind.TRAFFIC_DROP))
    assert made.root(GRAPH) == "api-gateway"
    alone = known(signal("auth", 5, kind=SignalKind.TRAFFIC_DROP))
    assert alone.root(GRAPH) == "auth"


def test_personal_data_are_an_incident_of_their_own_beside_any_other() -> None:
    leak = signal("billing", 30, kind=SignalKind.PERSONAL_DATA, template="search")
    beside = known(signal("billing", 0), signal("billing", 20))
    decisions = decide(leak, known=(beside,))
    assert [(each.verdict, each.incident) for each in decisions] == [(Verdict.OPENED, "new-1")]
    after = decide(signal("billing", 40, template="pool exhausted"), known=(known(leak),))
    assert [(each.verdict, each.incident) for each in after] == [(Verdict.OPENED, "new-1")]


def test_personal_data_in_the_very_lines_of_an_incident_belong_to_it() -> None:
    old = known(signal("billing", 0, kind=NEW, template="no file for"))
    out = signal("billing", 30, kind=SignalKind.PERSONAL_DATA, template="no file for", level=Level.UNKNOWN)
    assert [each.incident for each in decide(out, known=(old,))] == ["INC-1"]
    assert [each.incident for each in decide(out, known=(known(signal("billing", 0)),))] == ["new-1"]


def test_a_warning_of_what_was_meant_to_be_never_opens_one() -> None:
    def goes_on(template: str) -> bool:
        held = [found(weak(WARNING, second, template=template)) for second in range(0, 900, 60)]
        last = [found(weak(WARNING, 900, template=template))]
        return any(each.verdict is Verdict.OPENED for each in correlate((), held, last, GRAPH, SETTINGS))

    assert goes_on("slow answer")
    assert not goes_on("scanner (approved): GET")


def test_new_trouble_of_a_service_minutes_after_the_last_is_another_incident() -> None:
    old = known(signal("billing", 0), signal("billing", 60))
    assert [each.incident for each in decide(signal("billing", 200, template="other"), known=(old,))] == [
        "INC-1"
    ]
    assert [each.incident for each in decide(signal("billing", 220, template="other"), known=(old,))] == [
        "new-1"
    ]
    assert [each.incident for each in decide(signal("billing", 600), known=(old,))] == ["INC-1"]


def test_what_goes_on_and_two_weak_signals_join_the_trouble_of_whom_their_service_calls() -> None:
    old = known(signal("billing", 0), signal("billing", 60))
    lasts = decide(
        weak(WARNING, 61, "api-gateway"), held=(found(weak(WARNING, 0, "api-gateway")),), known=(old,)
    )
    assert (Verdict.JOINED, "INC-1") in [(each.verdict, each.incident) for each in lasts]
    together = decide(
        weak(WARNING, 20, "api-gateway"), weak(FIGURE, 30, "api-gateway", "answered"), known=(old,)
    )
    assert [each.incident for each in together] == ["INC-1", "INC-1"]


def test_what_began_anew_after_a_pause_has_not_gone_on() -> None:
    decisions = decide(weak(WARNING, 400), held=(found(weak(WARNING, 0)),))
    assert {each.incident for each in decisions} == {None}


def test_a_sentence_that_is_merely_rare_opens_nothing_however_often_it_comes_in_the_end() -> None:
    def said(lines: int, over_s: float, minutes: int) -> bool:
        first = signal("billing", 0, kind=NEW, score=0.9).model_copy(
            update={"evidence": {"minutes": minutes}}
        )
        return any(
            each.verdict is Verdict.OPENED
            for each in correlate((), (Candidate(first, lines, at(over_s)),), (), GRAPH, SETTINGS)
        )

    assert not said(5, 420, 5)  # once in five minutes, then five times in seven
    assert said(5, 10, 5)
    assert said(5, 300, 120)


@pytest.mark.parametrize("level", [Level.ERROR, Level.WARN])
def test_what_a_service_helps_itself_with_has_to_last(level: Level) -> None:
    kind = NEW if level is Level.ERROR else SignalKind.NEW_WARNING_TEMPLATE
    first = signal("billing", 0, kind=kind, level=level, template="refused, trying the next address")
    first = first.model_copy(update={"evidence": {"minutes": 90}})

    def opens(seconds: float) -> bool:
        held = (Candidate(first, 60, at(seconds)),)
        return any(each.verdict is Verdict.OPENED for each in correlate((), held, (), GRAPH, SETTINGS))

    assert [opens(seconds) for seconds in (30, 120, 185)] == [False, False, True]


def test_an_incident_lives_as_long_as_the_lines_that_were_new_with_it() -> None:
    old = known(signal("billing", 0))
    later = signal("billing", 400, template="other")
    assert {each.incident for each in decide(later, known=(old,))} == {"new-1"}
    assert {each.incident for each in decide(later, known=(replace(old, alive_at=at(380)),))} == {"INC-1"}


def test_a_new_error_of_a_caller_and_of_whom_it_calls_are_evidence_together() -> None:
    def once(service: str, seconds: float) -> Signal:
        return signal(service, seconds, kind=NEW, count=1, score=0.9)

    assert {each.incident for each in decide(once("billing", 0), once("api-gateway", 60))} == {"new-1"}
    assert {each.incident for each in decide(once("billing", 0), once("auth", 60))} == {None}
    assert {each.incident for each in decide(once("billing", 0), once("api-gateway", 130))} == {None}


def test_what_was_too_little_stays_too_little_while_nothing_more_of_it_comes() -> None:
    first = signal("billing", 0, kind=NEW, score=0.9).model_copy(update={"evidence": {"minutes": 5}})
    drip = Candidate(first, 5, at(420))
    assert correlate((), (drip,), (), GRAPH, SETTINGS) == []
    other = found(weak(WARNING, 430, service="auth"))
    decisions = correlate((), (drip._replace(until=None, again=True),), (other,), GRAPH, SETTINGS)
    assert Verdict.OPENED not in [each.verdict for each in decisions]


def test_what_a_release_warns_of_stays_its_news_however_long_it_goes_on() -> None:
    def changed(_service: str, moment: datetime) -> bool:
        return moment <= at(300)  # the change is remembered that long, and the warnings began before

    held = [found(weak(WARNING, second, template="header will go away")) for second in range(0, 900, 60)]
    last = [found(weak(WARNING, 900, template="header will go away"))]
    assert Verdict.OPENED not in [
        each.verdict for each in correlate((), held, last, GRAPH, SETTINGS, changed)
    ]
    without = correlate((), held, last, GRAPH, SETTINGS)
    assert Verdict.OPENED in [each.verdict for each in without]


def test_a_sentence_that_stays_away_opens_one_and_a_release_that_words_it_anew_does_not() -> None:
    def missing(seconds: float) -> Signal:
        return signal("billing", seconds, kind=SignalKind.TEMPLATE_SILENCE, level=Level.UNKNOWN, score=0.53)

    held, again = found(missing(0)), found(missing(40))
    assert [each.verdict for each in correlate((), (), (held,), GRAPH, SETTINGS)] == [Verdict.HELD]
    # Missed once is not missed twice, however often it is looked at.
    assert correlate((), (held._replace(again=True),), (), GRAPH, SETTINGS) == []
    opened = [each.reason for each in correlate((), (held,), (again,), GRAPH, SETTINGS)]
    assert opened[0] == "goes_on"
    after = correlate((), (held,), (again,), GRAPH, SETTINGS, lambda _service, _at: True)
    assert Verdict.OPENED not in [each.verdict for each in after]
