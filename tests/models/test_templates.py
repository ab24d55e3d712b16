"""What the template miner promises."""

from __future__ import annotations

import re

import msgpack
import pytest
from drain3.drain import Drain
from hypothesis import given, settings
from hypothesis import strategies as st

from models.masking import Masker, mask_word, shapes
from models.mined_template import ENOUGH
from models.placeholders import masked
from models.recent import Recent
from models.sample_lines import sample_lines
from models.settings import TemplateSettings
from models.templates import TemplateMiner, UnknownState

KEY = bytes(range(32))


def batches(texts: list[str], size: int) -> list[list[str]]:
    return [texts[at : at + size] for at in range(0, len(texts), size)]


def learnt(miner: TemplateMiner, texts: list[str], size: int) -> list[str]:
    return [template_id for batch in batches(texts, size) for template_id in miner.learn_many(batch)]


@pytest.mark.parametrize("size", [1, 7, 500])
@pytest.mark.parametrize(
    ("known_lines", "max_templates", "depth", "max_children"),
    [(4096, 1000, 4, 100), (5, 1000, 4, 100), (50, 20, 4, 100), (4096, 25, 6, 4), (4096, 1000, 5, 3)],
)
def test_below_the_templates_stand_the_clusters_of_plain_drain3(
    size: int, known_lines: int, max_templates: int, depth: int, max_children: int
) -> None:
    texts = sample_lines(2000, seed=size, wild=0.1)
    plain = Drain(depth=depth, max_children=max_children, max_clusters=max_templates)
    for line in Masker().mask_many(texts):
        plain.add_log_message(line)
    limits = TemplateSettings(
        known_lines=known_lines,
        max_templates=max_templates,
        depth=depth,
        max_children=max_children,
        known_shapes=100,
    )
    miner = TemplateMiner("svc", KEY, limits)
    learnt(miner, texts, size)
    assert miner.clusters() == {cluster.cluster_id: cluster.get_template() for cluster in plain.clusters}


def test_ids_are_the_same_for_any_batching_and_after_every_restart() -> None:
    texts = sample_lines(2000, seed=3, wild=0.1)
    whole = TemplateMiner("svc", KEY)
    expected = learnt(whole, texts, 2000)
    limits = TemplateSettings()
    miner, ids = TemplateMiner("svc", KEY, limits), list[str]()
    for batch in batches(texts, 150):
        ids += miner.learn_many(batch)
        miner = TemplateMiner.load(miner.dump(), "svc", KEY, limits)
    assert ids == expected
    assert sorted(miner.changed()) == sorted(whole.changed())


def test_a_restart_also_keeps_the_order_in_which_templates_are_forgotten() -> None:
    texts = sample_lines(2000, seed=5, wild=0.3)
    limits = TemplateSettings(max_templates=15)
    straight = TemplateMiner("svc", KEY, limits)
    stopped = TemplateMiner("svc", KEY, limits)
    for batch in batches(texts, 100):
        expected = straight.learn_many(batch)
        stopped = TemplateMiner.load(stopped.dump(), "svc", KEY, limits)
        assert stopped.learn_many(batch) == expected
    assert stopped.dump() == straight.dump()


def test_the_same_line_of_another_service_or_under_another_key_has_another_id() -> None:
    line = ["cannot reach the ledger"]
    ids = {TemplateMiner(name, key).learn_many(line)[0] for name in ("a", "b") for key in (KEY, KEY[::-1])}
    assert len(ids) == 4


def test_memory_stays_bounded_when_every_line_is_new() -> None:
    limits = TemplateSettings(max_templates=50, known_lines=100, known_shapes=100)
    masker = Masker(100, 100)
    miner = TemplateMiner("svc", KEY, limits, masker)
    sizes = []
    for round_ in range(4):
        words = [f"{chr(97 + i % 26)}{'xyz'[i % 3] * (1 + i // 26)}{'abcd'[round_]}" for i in range(1500)]
        miner.learn_many([f"{word} {word}q {word}w" for word in words])
        miner.changed()
        sizes.append(len(miner.dump()))
    assert len(miner) <= 50
    assert len(miner._rows.answers) <= 100
    assert len(miner._base.answers) <= 100
    assert len(masker._shapes) <= 100
    assert len(masker._forms) <= 100
    assert len(masker._words) <= 100
    assert sizes[-1] < 1.5 * sizes[0]


def test_distinct_parameters_are_counted_up_to_five_and_three_samples_kept() -> None:
    miner = TemplateMiner("svc", KEY)
    miner.learn_many(["bed 1 is free"] * 100)
    (first,) = miner.changed()
    assert (first.distinct, first.size, first.samples) == (1, 100, ("bed 1 is free",))
    miner.learn_many([f"bed {n} is free" for n in range(100)])
    (second,) = miner.changed()
    assert (second.distinct, second.size) == (ENOUGH, 200)
    assert second.samples == ("bed 1 is free", "bed 0 is free", "bed 2 is free")
    miner.learn_many([f"bed {n} is free" for n in range(1000)])
    assert miner.changed() == []  # size alone is no change


def test_digits_inside_a_word_come_back_only_while_all_lines_agree_on_them() -> None:
    miner = TemplateMiner("svc", KEY)
    miner.learn_many(["read utf8 from eth1 of 10.0.0.1"] * 2)
    assert [mined.template for mined in miner.changed()] == ["read utf8 from eth1 of <IP>"]
    miner.learn_many(["read utf8 from eth2 of 10.0.0.1"])
    assert [mined.template for mined in miner.changed()] == ["read utf8 from <ID> of <IP>"]


def test_a_masked_value_never_comes_back_beside_digits_of_a_word() -> None:
    miner = TemplateMiner("svc", KEY)
    miner.learn_many(["node7=10.1.2.3"])
    assert [mined.template for mined in miner.changed()] == ["<ID>=<IP>"]


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(UnknownState, match="recovery directory"):
        TemplateMiner.load(msgpack.packb({"schema": 99}), "svc", KEY)


def test_a_lowered_limit_forgets_what_was_seen_longest_ago() -> None:
    miner = TemplateMiner("svc", KEY)
    learnt(miner, sample_lines(500), 50)
    smaller = TemplateMiner.load(miner.dump(), "svc", KEY, TemplateSettings(max_templates=10))
    assert len(smaller.clusters()) == len(smaller) == 10
    smaller.learn_many(["one more sentence"])
    assert len(smaller.clusters()) == len(smaller) == 10


def test_a_long_line_and_a_stack_trace_count_by_what_they_say_first() -> None:
    miner = TemplateMiner("svc", KEY)
    long = "word " * 100_000
    ids = miner.learn_many([long, long + "more", "boom 1\n  at A\n  at B", "boom 2\n  at C"])
    assert ids[0] == ids[1]
    assert ids[2] == ids[3]
    assert max(len(mined.template) for mined in miner.changed()) <= TemplateSettings().max_chars


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=60) | st.text("0123456789 abf.:-/@x_<*>\n\0", max_size=60), max_size=12))
def test_any_text_is_learnt(texts: list[str]) -> None:
    miner = TemplateMiner("svc", KEY)
    ids = miner.learn_many(texts)
    assert len(ids) == len(texts)
    assert {mined.template_id for mined in miner.changed()} == set(ids)
    again = TemplateMiner.load(miner.dump(), "svc", KEY)
    assert again.learn_many(texts) == miner.learn_many(texts)


def test_lone_surrogates_of_invalid_utf8_survive_the_state() -> None:
    miner = TemplateMiner("svc", KEY)
    ids = miner.learn_many(["bad \udcff byte"])
    assert TemplateMiner.load(miner.dump(), "svc", KEY).learn_many(["bad \udcff byte"]) == ids


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("0123456789ab \0é", max_size=30), max_size=8))
def test_a_shape_is_the_line_with_each_run_of_digits_as_one_zero(texts: list[str]) -> None:
    expected = [re.sub("[0-9]+", "0", text.replace("\0", " ")).encode() for text in texts]
    assert shapes(texts) == expected


@pytest.mark.parametrize(
    "value",
    [
        "https://example.test/a?b=1",
        "ops@example.test",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "00:1b:44:11:3a:b7",
        "10.20.30.40",
        "10.20.30.40:5432",
        "2026-03-02",
        "2026-03-02T03:04:05Z",
        "03:04:05",
        "03:04:05.123",
        "250ms",
        "1.5s",
        "12KB",
        "4096",
        "3.14",
        "0xdeadbeef0",
        "4f3a9c01d2",
    ],
)
def test_the_masks_of_shapes_agree_with_the_table_of_placeholders(value: str) -> None:
    (shape,) = shapes([value])
    assert mask_word(shape.decode()) == masked(value)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.lists(st.integers(0, 60), max_size=300))
def test_the_cache_never_outgrows_its_capacity_and_never_lies(capacity: int, keys: list[int]) -> None:
    cache = Recent[int, int](capacity)
    for key in keys:
        assert cache.get(key) in (None, key + 1)
        cache.put(key, key + 1)
        assert cache.get(key) == key + 1
        assert len(cache) <= max(2, capacity)
