"""What the watches of one service find in lines that are no errors, and what they leave alone."""

from __future__ import annotations

import pickle
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from models.detectors import DetectorSettings, Finding
from models.detectors.clock_watch import ClockWatch
from models.detectors.drop_watch import DropWatch
from models.detectors.gauge_watch import GaugeWatch
from models.detectors.gauges import gauges
from models.detectors.host_silence import HostSilence
from models.detectors.personal import hinted, personal
from models.detectors.personal_watch import PersonalWatch
from models.detectors.template_silence import TemplateSilence

SECOND = 10**9
MINUTE = 60 * SECOND
SETTINGS = DetectorSettings()
YEAR = 2026
DAY = 1_772_420_400 * SECOND  # 2026-03-02 03:00:00 UTC


# -- figures --------------------------------------------------------------------------------------------------------


def answers(watch: GaugeWatch, took: list[float], start: int = DAY, every_s: float = 5) -> list[Finding]:
    """Let the watch see one answer after the other; return what it found."""
    found = list[Finding]()
    for number, value in enumerate(took):
        at = start + int(number * every_s * SECOND)
        found += watch.take([("t1", f"answered order {number} in {value:.0f} ms", at)])
    return found


def usual(count: int, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [rng.lognormvariate(4, 0.4) for _ in range(count)]


def test_answers_that_take_far_longer_than_usual_are_found_and_told_once_a_minute() -> None:
    watch = GaugeWatch(SETTINGS)
    assert answers(watch, usual(240)) == []
    slow = answers(watch, [n * 20 for n in usual(40, 2)], DAY + 20 * MINUTE)
    assert [found.kind for found in slow] == ["figure_shift"] * len(slow)
    assert 2 <= len(slow) <= 5
    assert slow[0].at_ns - (DAY + 20 * MINUTE) < 30 * SECOND
    assert float(slow[0].evidence["value"]) > 5 * float(slow[0].evidence["usual"])
    assert slow[0].evidence["figure"] == "order in ms"


def test_usual_answers_are_no_shift_whatever_the_seed() -> None:
    for seed in range(20):
        assert answers(GaugeWatch(SETTINGS), usual(500, seed)) == []


def test_a_shift_that_lasts_becomes_the_usual() -> None:
    watch = GaugeWatch(DetectorSettings(accept_seconds=300))
    answers(watch, usual(240))
    slow = answers(watch, [n * 20 for n in usual(400, 2)], DAY + 20 * MINUTE)
    assert slow
    assert slow[-1].at_ns < DAY + 26 * MINUTE


def test_ids_ports_and_what_is_left_are_no_figures() -> None:
    for text in (
        "order 4711 of ward 17 stored",
        "listening on port 8080",
        "token valid for 43 more minutes",
        "200 connections free",
        "at 10:22:31 from 10.0.0.7:5432",
    ):
        assert gauges(text) == []


@given(st.text(max_size=200))
def test_any_text_has_figures_or_none(text: str) -> None:
    assert all(each.value >= 0 for each in gauges(text))


# -- drops ----------------------------------------------------------------------------------------------------------


def lines_at(per_slot: int, slots: int, start: int = DAY) -> list[dict[int, int]]:
    rng = random.Random(per_slot * 1000 + slots)
    first = start // (10 * SECOND)
    return [{first + slot: max(1, round(rng.gauss(per_slot, per_slot**0.5)))} for slot in range(slots)]


def test_a_service_that_says_far_less_than_usual_is_found() -> None:
    watch = DropWatch(SETTINGS)
    assert [found for slots in lines_at(40, 150) for found in watch.take(slots)] == []
    drop = [found for slots in lines_at(4, 20, DAY + 1500 * SECOND) for found in watch.take(slots)]
    assert drop
    assert drop[0].at_ns <= DAY + 1600 * SECOND
    assert float(drop[0].evidence["usual"]) > 3 * float(drop[0].evidence["lines"])


def test_a_slow_night_is_no_drop() -> None:
    watch = DropWatch(SETTINGS)
    for hour, per_slot in enumerate((60, 55, 50, 44, 38, 33, 28)):
        for slots in lines_at(per_slot, 360, DAY + hour * 3600 * SECOND):
            assert watch.take(slots) == []


# -- sentences that are missing -------------------------------------------------------------------------------------


def missed(said_until: int, *, every: int = 5, until: int = 4800) -> list[float]:
    """Seconds after its last line at which a sentence is told to be missing."""
    watch = TemplateSilence(SETTINGS)
    found = list[Finding]()
    last = 0
    for second in range(0, until, 5):
        at = DAY + second * SECOND
        beat = second < said_until and second % every == 0
        last = second if beat else last
        said = Counter({"work": 3} | ({"beat": 1} if beat else {}))
        found += watch.take(said, dict.fromkeys(said, at), at)
    assert {(each.kind, each.template_id) for each in found} <= {("template_silence", "beat")}
    return [(each.at_ns - DAY) / SECOND - last for each in found]


def test_a_heartbeat_that_stops_is_missed_and_missed_again_while_it_stays_away() -> None:
    first, again = missed(2400)
    assert 60 <= first < again <= 120


def test_what_was_not_said_like_a_clock_for_long_is_missed_once() -> None:
    assert len(missed(1200)) == 1
    watch, found = TemplateSilence(SETTINGS), list[Finding]()
    for second in range(0, 7200, 5):
        at = DAY + second * SECOND
        said = Counter({"work": 3} | ({"job": 1} if second < 3600 and second % 120 < 60 else {}))
        found += watch.take(said, dict.fromkeys(said, at), at)
    assert len([each for each in found if each.template_id == "job"]) == 1


def test_when_a_service_does_less_its_sentences_are_missed_once_each() -> None:
    watch, found = TemplateSilence(SETTINGS), list[Finding]()
    for second in range(0, 4800, 5):
        at = DAY + second * SECOND
        said = Counter({"work": 3} | ({f"step-{n}": 1 for n in range(6)} if second < 2400 else {}))
        found += watch.take(said, dict.fromkeys(said, at), at)
    assert Counter(each.template_id for each in found) == {f"step-{n}": 1 for n in range(6)}


# -- hosts that are missing -----------------------------------------------------------------------------------------


def hosts_missed(gone_at: int, *, late: str = "", until: int = 5400) -> list[tuple[str | None, float]]:
    """Hosts told to be missing where node-2 falls silent, with the seconds since then; `late` is a host that appears in between."""
    watch, found = HostSilence(SETTINGS), list[Finding]()
    for second in range(0, until, 5):
        said = (
            {"node-1": 2}
            | ({"node-2": 2} if second < gone_at else {})
            | ({late: 1} if late and second > 2000 else {})
        )
        found += watch.take(said, DAY + second * SECOND)
    return [(each.host, (each.at_ns - DAY) / SECOND - gone_at) for each in found]


def test_one_silent_host_of_two_is_missed_and_missed_again() -> None:
    (first, seconds), (again, later) = hosts_missed(2400)
    assert first == again == "node-2"
    assert 50 <= seconds < later <= 120


def test_hosts_that_come_and_go_are_not_missed() -> None:
    assert hosts_missed(2400, late="node-3") == []
    assert hosts_missed(1200) == []  # it was not there for long


def test_a_host_of_a_fleet_is_not_missed() -> None:
    watch, found = HostSilence(SETTINGS), list[Finding]()
    for second in range(0, 5400, 5):
        names = {f"node-{n}": 1 for n in range(100) if n or second < 2400}
        found += watch.take(names, DAY + second * SECOND)
    assert found == []


# -- personal data --------------------------------------------------------------------------------------------------


def searches(count: int) -> list[str]:  # made-up people
    return [f"GET /search?last=Example{chr(97 + n)}&born=19{50 + n}-04-1{n % 10} 200" for n in range(count)]


def test_birth_dates_that_begin_to_appear_are_found_once_per_template() -> None:
    watch = PersonalWatch(SETTINGS)
    for minute in range(10):
        assert watch.take(["t"] * 3, ["GET /wards 200"] * 3, DAY + minute * MINUTE) == []
    found = [
        each
        for n, text in enumerate(searches(9))
        for each in watch.take(["t"], [text], DAY + (20 * 60 + n) * SECOND)
    ]
    assert [each.kind for each in found] == ["personal_data"]
    assert "birth" in str(found[0].evidence["kinds"])


def test_names_with_record_numbers_are_found_although_each_makes_another_template() -> None:
    watch = PersonalWatch(SETTINGS)
    watch.take(["t"], ["ready"], DAY)
    lines = [f"no file for Example{chr(97 + n)}, Anna (MRN1234567{n})" for n in range(4)]  # made-up people
    found = [
        each
        for n, text in enumerate(lines)
        for each in watch.take([f"t{n}"], [text], DAY + 20 * MINUTE + n * SECOND)
    ]
    assert [each.kind for each in found] == ["personal_data"]


def test_what_was_always_there_is_no_news_and_one_line_is_none_either() -> None:
    watch = PersonalWatch(SETTINGS)
    assert watch.take(["t"] * 9, searches(9), DAY) == []
    assert watch.take(["t"] * 9, searches(9), DAY + 20 * MINUTE) == []
    other = PersonalWatch(SETTINGS)
    other.take(["t"], ["ready"], DAY)
    for minute in range(5, 40):
        assert other.take(["t"], [searches(1)[0]], DAY + minute * MINUTE) == []


def test_dates_of_today_ids_and_words_of_the_trade_are_no_personal_data() -> None:
    for text in (
        "job of 2026-03-01 done",
        "patient=4711 moved",
        "name=billing-worker started",
        "hostname: node-7",
        "phone line 3 down",
        "street map tile 12 loaded",
    ):
        assert personal(text, YEAR) == frozenset(), text


@given(st.lists(st.text(max_size=80), max_size=20))
def test_what_is_personal_is_hinted_at(texts: list[str]) -> None:
    hints = set(hinted(texts))
    for at, text in enumerate(texts):
        if personal(text, YEAR):
            assert at in hints


# -- clocks ---------------------------------------------------------------------------------------------------------


def clock(skew_s: float, start: int = DAY, before: ClockWatch | None = None) -> list[Finding]:
    watch = before or ClockWatch(SETTINGS)
    found = list[Finding]()
    for second in range(0, 300, 5):
        received = start + second * SECOND
        found += watch.take(
            [("node-1", received - SECOND), ("node-2", received + int(skew_s * SECOND))], received
        )
    return found


def test_a_host_whose_lines_come_from_the_future_is_told_of_once() -> None:
    found = clock(400)
    assert [(each.kind, each.host) for each in found] == [("clock_skew", "node-2")]
    assert found[0].evidence["skew_s"] == 400


def test_a_host_that_falls_behind_is_told_of_when_it_was_on_time_before() -> None:
    watch = ClockWatch(SETTINGS)
    assert clock(-1, before=watch) == []
    assert [each.host for each in clock(-900, DAY + 10 * MINUTE, watch)] == ["node-2"]
    assert clock(-900) == []  # it may have come late from the start


def test_a_clock_that_is_set_right_again_is_not_told_of() -> None:
    watch = ClockWatch(SETTINGS)
    assert len(clock(400, before=watch)) == 1
    assert clock(-1, DAY + 20 * MINUTE, watch) == []
    assert clock(-1, DAY + 40 * MINUTE, watch) == []


def test_a_backlog_that_shrinks_is_no_clock() -> None:
    watch = ClockWatch(SETTINGS)
    clock(-1, before=watch)
    for second in range(300):
        received = DAY + (600 + second) * SECOND
        late = received - (900 - 3 * second) * SECOND
        assert watch.take([("node-2", min(late, received))], received) == []


# -- all of them ----------------------------------------------------------------------------------------------------


def test_a_watch_goes_on_after_it_was_stored_as_if_nothing_had_been() -> None:
    whole, cut = GaugeWatch(SETTINGS), GaugeWatch(SETTINGS)
    answers(whole, usual(240))
    answers(cut, usual(240))
    cut = pickle.loads(pickle.dumps(cut))
    slow = [n * 20 for n in usual(40, 2)]
    assert answers(whole, slow, DAY + 20 * MINUTE) == answers(cut, slow, DAY + 20 * MINUTE)
