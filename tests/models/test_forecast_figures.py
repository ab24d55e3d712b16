"""Which numbers of a line say how full something is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.forecast.figures import THINGS, Figure, carries, figures_in, named_number, number
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary

READ = {
    "pool orders: 17/20 in use": ("pool", 17, 20),
    "connection pool (17/20 used)": ("connection pool", 17, 20),
    "17 of 20 connections in use": ("connection", 17, 20),
    "db connections: 81/100": ("connection", 81, 100),
    "queue depth 120 of 1,000": ("queue depth", 120, 1000),
    "queue depth 120 (limit 1000)": ("queue depth", 120, 1000),
    "QueueMonitor queue_size=120 max=1000": ("queue", 120, 1000),
    "MainPool-1 - stats (active=17, max=20)": ("pool", 17, 20),
    "disk usage of /var is at 83 %": ("disk", 83, 100),
    "Disk /dev/sda1 83.5% full": ("disk", 83.5, 100),
    "83 percent of disk used": ("disk", 83, 100),
    "usage at 83 %": ("usage", 83, 100),
    "free space on /var: 12%": ("space", 88, 100),
    "12 % free on /data": ("usage", 88, 100),
    "idle 3 of 20 connections": ("connection", 17, 20),
    "heap 3GB of 4GB": ("heap", 3 * 2**30, 4 * 2**30),
    "heap 3.5 of 4 GB": ("heap", 3.5 * 2**30, 4 * 2**30),
    "memory used=512M max=1G": ("memory", 2**29, 2**30),
    "retry queue 120/1000": ("queue", 120, 1000),
}
NOT_READ = (
    "attempt 3/5",
    "page 12 of 40 rendered",
    "copied 83 % of the volume",
    "disk scan progress 83%",
    "queue: processed 120 of 1000",
    "replicas ready 17/20",
    "cpu at 83 %",
    "cache hit 83%",
    "GET /api/pool/3/20 answered 200",
    "2026/02/03 pool is warm",
    "pool-17/20 is warm",
    "volume threshold 90 %",
    "pool took 12/30 ms",
    "heap 3GB of 4",
    "pool 0 of 0",
    "pool 90 of 20",
    "sent mail after 59 ms, backlog 4",
    "",
)


@pytest.mark.parametrize("text", READ)
def test_what_fills_up_is_read_with_its_limit(text: str) -> None:
    (figure,) = figures_in(text)
    assert (figure.name, figure.value, figure.limit) == pytest.approx(READ[text])
    assert carries(text)


@pytest.mark.parametrize("text", NOT_READ)
def test_what_reaches_its_end_every_day_is_no_figure(text: str) -> None:
    assert figures_in(text) == []


def test_every_figure_of_a_line_has_its_own_name() -> None:
    found = figures_in("mem 45% disk 83% heap 3GB of 4GB, pool a: 3/20, pool b: 4/20")
    assert [(f.name, round(100 * f.share)) for f in found] == [
        ("memory", 45),
        ("disk", 83),
        ("heap", 75),
        ("pool", 15),
        ("pool", 20),
    ]
    assert len({f.key for f in found}) == 5


def test_figures_of_one_thing_have_one_key_whatever_other_values_the_line_has() -> None:
    some = figures_in("took 12 ms, disk /var at 12 % full after 3 sweeps")
    other = figures_in("took 977 ms, disk /var at 13 % full after 41 sweeps")
    elsewhere = figures_in("took 12 ms, disk /data at 12 % full after 3 sweeps")
    assert [f.key for f in some] == [f.key for f in other] != [f.key for f in elsewhere]


@given(st.text(max_size=300))
def test_any_text_gives_sound_figures_or_none(text: str) -> None:
    for figure in figures_in(text):
        assert 0 <= figure.value <= 2 * figure.limit
        assert set(figure.name.split()) <= THINGS | {"usage"}


@given(
    st.sampled_from(["pool {}/{}", "queue depth {} of {}", "{} of {} slots busy", "sessions open={} max={}"]),
    st.integers(5, 10**6),
    st.data(),
)
def test_any_part_of_a_whole_is_read_as_it_stands(sentence: str, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    (figure,) = figures_in(sentence.format(part, whole))
    assert (figure.value, figure.limit) == (part, whole)


def test_a_name_passes_the_gate_as_it_is() -> None:
    gate = Gate(Vocabulary.base())
    assert [word for word in (*THINGS, "usage", "error lines per minute") if gate.text(word) != word] == []


def test_a_number_is_found_by_the_words_before_it() -> None:
    pattern = named_number("open orders")
    found = [pattern.search(text) for text in ("open_orders=1,200", "Open orders are 3", "reopen orders 4")]
    assert [match and number(match[1], match[2]) for match in found] == [1200.0, None, None]


def test_a_share_is_a_part_of_the_limit() -> None:
    assert Figure("k", "pool", 17, 20, False).share == 0.85
