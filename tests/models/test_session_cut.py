"""Sessions are cut from lines that nobody has described, in bounded memory, and the same however the lines come in."""

from __future__ import annotations

import pickle
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.detectors.session_breaks import SessionBreaks, Templates
from models.detectors.session_cut import Ended, SessionCutter
from models.detectors.session_ids import IdSample
from models.detectors.settings import DetectorSettings

SECOND = 10**9
Row = tuple[str, str, int]
STEPS = ("asked", "checked", "stored", "answered")
TEMPLATES = Templates(lambda template_id: template_id, lambda template_id: f"{template_id} <ID>")


def token(rng: random.Random) -> str:
    return f"{rng.getrandbits(44):011x}7"


def rows_of(sessions: int, form: str = "{} req={}", seed: int = 1) -> list[Row]:
    """A session a second of four steps, and a line of another kind between them."""
    rng = random.Random(seed)
    rows = []
    for number in range(sessions):
        value = token(rng)
        rows += [
            (form.format(step, value), step, (number * 10 + 3 * place) * SECOND // 10)
            for place, step in enumerate(STEPS)
        ]
        rows.append((f"beat of worker-0{number % 4} of node-1000", "beat", number * SECOND))
    return sorted(rows, key=lambda row: row[2])


def cut(cutter: SessionCutter, rows: list[Row]) -> list[Ended]:
    if not rows:
        return []
    texts, ids, times = (list(column) for column in zip(*rows, strict=True))
    return cutter.take(texts, ids, times)


@pytest.mark.parametrize(
    "form",
    ["{} req={}", "[req-{1}] {0}", "{} for order {}", "{} (session: {})", "{} blk_-{}", '{{"{}","id":"{}"}}'],
)
def test_ids_are_found_by_their_regularity(form: str) -> None:
    found = cut(SessionCutter(), rows_of(1500, form))
    assert len(found) > 900
    assert {each.events for each in found} == {STEPS}


def sample_of(rows: list[Row]) -> IdSample:
    sample = IdSample(len(rows))
    for text, event, at in rows:
        sample.add(text, event, at)
    return sample


def test_hosts_people_and_figures_are_no_sessions() -> None:
    rng = random.Random(2)
    hosts = [(f"{rng.choice(STEPS)} on node-{1000 + n % 40}", STEPS[n % 4], n * SECOND) for n in range(2000)]
    once = [(f"{STEPS[n % 4]} req={token(rng)}", STEPS[n % 4], n * SECOND) for n in range(2000)]
    alike = [(f"asked req=a{n // 3:05}", "asked", n * SECOND) for n in range(2000)]
    took = [
        (f"{STEPS[n % 4]} in {rng.randrange(1000, 9999)} ms", STEPS[n % 4], n * SECOND) for n in range(2000)
    ]
    for rows in (hosts, once, alike):
        assert sample_of(rows).form() is None
    assert not cut(SessionCutter(), took * 3) or sample_of(took).form() is None


def test_what_comes_back_was_no_session_and_is_not_taken_for_one_again() -> None:
    rng = random.Random(3)
    people = [f"u{n:05}" for n in range(3000)]
    rows = []
    for visit in range(20_000):
        person = people[visit * 7 % 3000]
        for place, step in enumerate(STEPS[: 2 + rng.randrange(3)]):
            rows.append((f"{step} by user {person}", step, visit * SECOND // 10 + place))
    cutter = SessionCutter()
    cut(cutter, rows)
    assert cutter._form is None


def test_a_session_is_over_when_it_was_quiet_while_others_went_on() -> None:
    cutter = SessionCutter()
    rows = rows_of(1000)
    found = cut(cutter, rows)
    later = rows[-1][2] + 3600 * SECOND
    assert cut(cutter, []) == []
    more = cut(cutter, [("asked req=abcdef123456", "asked", later)])
    assert len(more) + len(found) > 550
    assert all(one.at_ns <= other.at_ns for one, other in pairwise(found))


ROWS = [*rows_of(1200), *[(text, event, at + 1300 * SECOND) for text, event, at in rows_of(300, seed=5)]]
WHOLE = cut(SessionCutter(), ROWS)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, len(ROWS)), max_size=12), st.booleans())
def test_the_same_sessions_end_however_the_lines_come_in(places: list[int], stored: bool) -> None:
    assert len(WHOLE) > 500
    cutter, found, before = SessionCutter(), list[Ended](), 0
    for place in [*sorted(places), len(ROWS)]:
        found += cut(cutter, ROWS[before:place])
        before = place
        if stored:
            cutter = pickle.loads(pickle.dumps(cutter))
    assert found == WHOLE


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["{} req={}", "{} {}", "{}"]), st.integers(1, 60))
def test_memory_is_bounded_whatever_comes(seed: int, form: str, lives: int) -> None:
    rng = random.Random(seed)
    cutter = SessionCutter()
    values = [token(rng) for _ in range(50)]
    rows = []
    for n in range(12_000):
        if n % lives == 0:
            values[rng.randrange(50)] = token(rng)
        rows.append((form.format(rng.choice(STEPS), rng.choice(values)), rng.choice(STEPS), n * SECOND // 50))
    cut(cutter, rows)
    assert len(cutter._open) <= 2048
    assert len(pickle.dumps(cutter)) < 4_000_000


def test_many_broken_sessions_are_one_finding_a_minute_and_a_few_are_none() -> None:
    for every, wanted in ((2, range(3, 9)), (200, range(1))):
        breaks, found = SessionBreaks(DetectorSettings()), []
        rows = [
            (text, event, at)
            for text, event, at in rows_of(2000)
            if not (
                at > 1600 * SECOND
                and event in ("stored", "answered")
                and int(text.split("=")[1][:6], 16) % every == 0
            )
        ]
        texts, ids, times = (list(column) for column in zip(*rows, strict=True))
        for at in range(0, len(rows), 100):
            found += breaks.take(texts[at : at + 100], ids[at : at + 100], times[at : at + 100], TEMPLATES)
        assert len(found) in wanted
        assert all(each.evidence["missing"] == "answered <ID> | stored <ID>" for each in found)


def test_a_template_that_became_a_part_of_another_is_no_broken_session() -> None:
    breaks, found = SessionBreaks(DetectorSettings()), []
    rows = rows_of(2400)
    for at in range(0, len(rows), 100):
        part = rows[at : at + 100]
        merged = at > 7000
        ids = ["kept" if merged and event == "stored" else event for _, event, _ in part]
        templates = Templates(
            lambda each, merged=merged: "kept" if merged and each == "stored" else each, str
        )  # type: ignore[misc]
        found += breaks.take([row[0] for row in part], ids, [row[2] for row in part], templates)
    assert found == []
