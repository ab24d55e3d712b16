"""What is promised of the decision between constant and variable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.mined_template import ENOUGH
from models.settings import TemplateSettings
from models.templates import TemplateMiner

KEY = bytes(range(32))
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LIMITS = TemplateSettings()


def names(count: int, prefix: str = "ward") -> list[str]:
    """Return distinct words of letters alone."""
    return [f"{prefix}{LETTERS[n % 26]}{LETTERS[n // 26 % 26]}" for n in range(count)]


def mine(texts: Sequence[str], limits: TemplateSettings = LIMITS) -> tuple[TemplateMiner, list[str]]:
    """Return the miner and, per line, the id as it is after the last line."""
    miner = TemplateMiner("svc", KEY, limits)
    return miner, [miner.resolve(each) for each in miner.learn_many(texts)]


def templates(texts: Sequence[str]) -> set[str]:
    return {mined.template for mined in mine(texts)[0].templates()}


# -- what stays apart ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [
        [f"bed {n}: VM {state} (lifecycle)" for n in range(40) for state in ("started", "stopped", "paused")],
        [f"cupsd {what} succeeded" for what in ("startup", "shutdown")] * 20,
        [f"icon should now be in state '{state}'" for state in ("Active", "Inactive")] * 20,
        [f"on receive action: app.intent.SCREEN_{what}" for what in ("ON", "OFF")] * 20,
        [
            f'10.0.0.{n} "{verb} /beds/{n} HTTP/1.1" 200'
            for n in range(30)
            for verb in ("GET", "POST", "DELETE")
        ],
        ["session opened", "session closed", "scan finished"] * 5,
    ],
)
def test_one_of_a_few_values_is_a_constant(texts: list[str]) -> None:
    miner, ids = mine(texts)
    assert len(set(ids)) == len(miner) == 3 - (len(set(texts)) == 2)
    assert not any("<*>" in mined.template for mined in miner.templates())


def test_sentences_of_a_single_word_never_become_one() -> None:
    assert len(mine(names(60))[0]) == 60


def test_lines_of_the_same_words_in_other_marks_stay_apart() -> None:
    assert len(mine(["bed is free", "bed (is free)", "bed is: free", "bed is = free"])[0]) == 4


# -- what becomes one ----------------------------------------------------------------------------------------------


def test_a_place_with_many_words_is_a_variable_wherever_it_stands() -> None:
    for sentence in ("{} told the ward to wait", "the ward told {} to wait", "told the ward to wait for {}"):
        texts = [sentence.format(name) for name in names(LIMITS.values_of_letters)]
        assert len(mine(texts[:-1])[0]) == len(texts) - 1
        miner, ids = mine(texts)
        assert len(set(ids)) == 1
        assert templates(texts) == {sentence.format("<*>")}
        assert miner.learn_many([sentence.format("somebody")])[0] == miner.resolve(ids[0])


def test_codes_and_numbered_words_need_less_evidence() -> None:
    codes = [f"module app.ward.{name} told the ward to wait" for name in names(LIMITS.values_of_codes)]
    assert templates(codes) == {"module <*> told the ward to wait"}
    assert templates([f"link up on {a}1 now" for a in ("eth", "wlan", "tun")]) == {"link up on <*> now"}
    assert len(templates([f"link up on {a}1 now" for a in ("eth", "wlan")])) == 2


def test_two_places_may_both_be_variables() -> None:
    people, beds = names(12), names(12, "bed")
    texts = [f"moved patient {who} to the room {where} today" for who in people for where in beds]
    assert templates(texts) == {"moved patient <*> to the room <*> today"}


def test_places_that_never_repeat_are_variables_together() -> None:
    pairs = zip(names(30), names(30, "bed"), strict=True)
    texts = [f"moved patient {who} to the room {where} today" for who, where in pairs]
    assert templates(texts) == {"moved patient <*> to the room <*> today"}


def test_a_word_is_a_value_where_another_line_has_a_masked_one() -> None:
    for texts in (
        ["connection to host 10.0.0.1 lost", "connection to host lab lost"],
        ["lost lab in use", "lost 7 in use"],
    ):
        assert len(templates(texts)) == len(templates(texts[::-1])) == 1
    assert templates(["synced to 10.0.0.1, stratum 3", "synced to LOCAL(0), stratum 9"]) == {
        "synced to <*>, stratum <NUM>"
    }


def test_what_a_line_says_under_a_key_is_a_sentence_and_no_value() -> None:
    lines = [
        f'level=info msg="{said}" req={number}'
        for number in range(3)
        for said in ("pool opened", "pool closed", "ready")
    ]
    assert templates(lines) == {
        'level=<*> msg="pool opened" req=<NUM>',
        'level=<*> msg="pool closed" req=<NUM>',
        'level=<*> msg="ready" req=<NUM>',
    }
    assert len(templates(['{"message": "disk full"}', '{"message": "disk empty"}'])) == 2
    assert len(templates([f'tag="View {kind}" held' for kind in ("Lock", "Pane")])) == 1


def test_what_follows_a_key_and_what_names_an_account_never_splits() -> None:
    assert templates([f"lock=1, tag={tag}, ws=on" for tag in ("view", "audio")]) == {
        "lock=<NUM>, tag=<*>, ws=<*>"
    }
    assert templates([f"session opened for user {who} today" for who in ("ann", "bea")]) == {
        "session opened for user <*> today"
    }


def test_a_value_is_shown_as_a_constant_once_enough_lines_have_it_all_the_same() -> None:
    texts = [f"uid={n} tty=ssh" for n in range(ENOUGH)]
    assert templates(texts[:-1]) == {"uid=<NUM> tty=<*>"}
    assert templates(texts) == {"uid=<NUM> tty=ssh"}
    assert templates([*texts, "uid=9 tty=web"]) == {"uid=<NUM> tty=<*>"}


def test_an_amount_is_one_value_whatever_its_unit() -> None:
    assert templates([f"stored block ({n} {unit} free)" for n in (1, 2) for unit in ("KB", "MB")]) == {
        "stored block (<*> free)"
    }
    assert templates([f"stored block ({n} KB free)" for n in range(9)]) == {"stored block (<NUM> KB free)"}


# -- how it stays steady -------------------------------------------------------------------------------------------


def test_a_former_id_answers_for_the_template_it_went_into() -> None:
    texts = [f"told the ward to wait for {name}" for name in names(LIMITS.values_of_letters)]
    miner = TemplateMiner("svc", KEY)
    given = miner.learn_many(texts)
    assert len(set(given)) == len(given) - 1  # the last one came when the place was a variable
    assert {miner.resolve(each) for each in given} == {given[0]}
    assert {miner.mined(each) for each in given} == {miner.mined(given[0])}
    mined = miner.mined(given[3])
    assert mined is not None
    assert (mined.size, mined.distinct) == (len(texts), ENOUGH)
    assert mined.samples == tuple(texts[:3])
    assert [each.template_id for each in miner.changed()] == [given[0]]
    again = TemplateMiner.load(miner.dump(), "svc", KEY)
    assert {again.resolve(each) for each in given} == {given[0]}


SENTENCES = st.sampled_from(
    [
        "told {} to wait",
        "the ward told {} to wait for {}",
        "action: app.{}.on of bed 7",
        "link up on {}1 in ward {}",
        "uid=0 tty={} for user {}",
        "synced to {}, stratum 3",
        "synced to 10.0.0.1, stratum 3",
        "kept {} ({}, 7 KB)",
        "kept {} ({}, 9 MB)",
        "{}",
    ]
)
LINES = st.builds(
    lambda sentence, one, two: sentence.format(one, two),
    SENTENCES,
    st.sampled_from([*names(14), "x1", "10.0.0.7", "f(x)"]),
    st.sampled_from(names(14, "bed")),
)
SMALL = TemplateSettings(
    values_of_letters=4, values_of_codes=3, values_with_digits=2, max_templates=15, known_lines=20
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(LINES, min_size=1, max_size=120),
    st.lists(st.integers(1, 40), min_size=1, max_size=20),
    st.sampled_from([SMALL, SMALL.model_copy(update={"max_templates": 1000})]),
)
def test_batches_and_restarts_change_nothing(
    lines: list[str], sizes: list[int], limits: TemplateSettings
) -> None:
    whole = TemplateMiner("svc", KEY, limits)
    expected = [template_id for line in lines for template_id in whole.learn_many([line])]
    batched, found, at = TemplateMiner("svc", KEY, limits), list[str](), 0
    while at < len(lines):
        size = sizes[len(found) % len(sizes)]
        found += batched.learn_many(lines[at : at + size])
        batched = TemplateMiner.load(batched.dump(), "svc", KEY, limits)
        at += size
    assert found == expected
    assert batched.templates() == whole.templates()
    assert {each.template_id for each in batched.changed()} == {each.template_id for each in whole.changed()}


@settings(max_examples=100, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=120))
def test_lines_that_were_one_template_stay_one(lines: list[str]) -> None:
    miner = TemplateMiner("svc", KEY, SMALL.model_copy(update={"max_templates": 1000}))
    given_ids = list[str]()
    before: dict[str, set[str]] = {}
    for line in lines:
        given_ids += miner.learn_many([line])
        groups = defaultdict[str, set[str]](set)
        for each in given_ids:
            groups[miner.resolve(each)].add(each)
        assert all(any(old <= new for new in groups.values()) for old in before.values())
        before = dict(groups)
    assert set(before) == {mined.template_id for mined in miner.templates()}
    assert sum(mined.size for mined in miner.templates()) == len(lines)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=120))
def test_what_is_remembered_for_speed_is_what_would_be_found_anew(lines: list[str]) -> None:
    miner = TemplateMiner("svc", KEY, SMALL.model_copy(update={"max_templates": 1000}))
    miner.learn_many(lines)
    fresh = TemplateMiner.load(miner.dump(), "svc", KEY, SMALL.model_copy(update={"max_templates": 1000}))
    assert miner.learn_many(lines) == fresh.learn_many(lines)


def test_memory_stays_bounded_whatever_varies() -> None:
    limits = TemplateSettings(max_templates=50, known_lines=100)
    miner = TemplateMiner("svc", KEY, limits)
    sizes = []
    for round_ in range(4):
        words = names(600, "abcd"[round_] * 3)
        miner.learn_many([f"{word} told {word}q to wait for {word}z ({word}, {word}y)" for word in words])
        miner.learn_many([f"{word} {word}q {word}z" for word in words])
        rows = miner._rows
        assert len(rows.rows) <= 50
        assert len(rows._by_key) == len(rows.rows)
        assert sum(map(len, rows._seen.values())) <= 50 * 60  # places and groups of a line
        assert sum(map(len, rows._crowds.values())) <= 50
        assert len(miner._by_id) <= 50 * 1025
        sizes.append(len(miner.dump()))
    assert sizes[-1] < 1.5 * sizes[0]


def test_a_line_of_nothing_but_marks_takes_no_longer_than_another() -> None:
    limits = TemplateSettings()
    miner = TemplateMiner("svc", KEY, limits)
    texts = [
        "(" * 2000,
        ")" * 2000,
        "a(b)" * 500,
        "a " * 1000,
        "a=" * 1000,
        "(a b) " * 400,
        '"' * 999 + " '" * 500,
    ]
    miner.learn_many(texts)
    assert len(miner) == len(texts)
    assert sum(map(len, miner._rows._seen.values())) == 0  # too long to be compared place by place
