"""Block Kit's limits: one element more or one character more is refused, with a pointer to it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.workspace.blockkit import elements, message_faults, view_faults, with_ids
from bot.workspace.errors import WorkspaceRefused
from bot.workspace.inputs import initial_values, merge, problems, wire_value
from bot.workspace.model import Json


def plain(words: str) -> Json:
    return {"type": "plain_text", "text": words}


def option(n: int, words: str = "o") -> Json:
    return {"text": plain(words), "value": str(n)}


def options(count: int) -> list[Json]:
    return [option(n) for n in range(count)]


def section(**more: Any) -> Json:
    return {"type": "section", "text": plain("x"), **more}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain("x"), **more}


def actions(*inside: Json) -> Json:
    return {"type": "actions", "elements": list(inside)}


def select(**more: Any) -> Json:
    return {"type": "static_select", **more}


def entry(element: Json, **more: Any) -> Json:
    return {"type": "input", "label": plain("x"), "element": element, **more}


CONFIRM: Json = {"title": plain("t"), "text": plain("x"), "confirm": plain("y"), "deny": plain("n")}
# (a block at the limit, the same beyond it, where the fault is)
LIMITS: list[tuple[Json, Json, str]] = [
    (section(text=plain("x" * 3000)), section(text=plain("x" * 3001)), "/text/text"),
    (section(fields=[plain("x")] * 10), section(fields=[plain("x")] * 11), "/fields"),
    (section(fields=[plain("x" * 2000)]), section(fields=[plain("x" * 2001)]), "/fields/0/text"),
    (
        {"type": "header", "text": plain("x" * 150)},
        {"type": "header", "text": plain("x" * 151)},
        "/text/text",
    ),
    (actions(*[button()] * 25), actions(*[button()] * 26), "/elements"),
    (
        {"type": "context", "elements": [plain("x")] * 10},
        {"type": "context", "elements": [plain("x")] * 11},
        "/elements",
    ),
    (actions(button(text=plain("x" * 75))), actions(button(text=plain("x" * 76))), "/elements/0/text/text"),
    (actions(button(value="x" * 2000)), actions(button(value="x" * 2001)), "/elements/0/value"),
    (actions(button(action_id="x" * 255)), actions(button(action_id="x" * 256)), "/elements/0/action_id"),
    (actions(button(url="x" * 3000)), actions(button(url="x" * 3001)), "/elements/0/url"),
    (actions(select(options=options(100))), actions(select(options=options(101))), "/elements/0/options"),
    (
        actions(select(options=[option(1, "x" * 75)])),
        actions(select(options=[option(1, "x" * 76)])),
        "/elements/0/options/0/text/text",
    ),
    (
        actions(select(options=[{**option(1), "value": "x" * 150}])),
        actions(select(options=[{**option(1), "value": "x" * 151}])),
        "/elements/0/options/0/value",
    ),
    (
        actions({"type": "overflow", "options": options(5)}),
        actions({"type": "overflow", "options": options(6)}),
        "/elements/0/options",
    ),
    (
        actions({"type": "checkboxes", "options": options(10)}),
        actions({"type": "checkboxes", "options": options(11)}),
        "/elements/0/options",
    ),
    (
        actions(button(confirm={**CONFIRM, "title": plain("x" * 100)})),
        actions(button(confirm={**CONFIRM, "title": plain("x" * 101)})),
        "/elements/0/confirm/title/text",
    ),
    (
        actions(button(confirm={**CONFIRM, "text": plain("x" * 300)})),
        actions(button(confirm={**CONFIRM, "text": plain("x" * 301)})),
        "/elements/0/confirm/text/text",
    ),
    (
        entry({"type": "plain_text_input", "max_length": 3000}),
        entry({"type": "plain_text_input", "max_length": 3001}),
        "/element/max_length",
    ),
    (
        entry({"type": "plain_text_input", "placeholder": plain("x" * 150)}),
        entry({"type": "plain_text_input", "placeholder": plain("x" * 151)}),
        "/element/placeholder/text",
    ),
    (section(block_id="x" * 255), section(block_id="x" * 256), "/block_id"),
    ({"type": "markdown", "text": "x" * 12_000}, {"type": "markdown", "text": "x" * 12_001}, "/text"),
    (
        {"type": "image", "image_url": "https://x.example/a.png", "alt_text": "x" * 2000},
        {"type": "image", "image_url": "https://x.example/a.png", "alt_text": "x" * 2001},
        "/alt_text",
    ),
]


@pytest.mark.parametrize(("most", "beyond", "pointer"), LIMITS, ids=[pointer for _, _, pointer in LIMITS])
def test_a_limit_is_exact(most: Json, beyond: Json, pointer: str) -> None:
    assert message_faults([most]) == []
    faults = message_faults([section(), beyond])
    assert len(faults) == 1
    assert faults[0].endswith(f"[json-pointer:/blocks/1{pointer}]")


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ({"type": "section"}, "missing required field: text [json-pointer:/blocks/0]"),
        ({"text": plain("x")}, "missing required field: type [json-pointer:/blocks/0]"),
        ({"type": "banner"}, "unsupported type: banner [json-pointer:/blocks/0/type]"),
        (section(colour="red"), "invalid additional property: colour [json-pointer:/blocks/0]"),
        (section(text=plain("")), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        (section(text="x"), "must be an object [json-pointer:/blocks/0/text]"),
        (
            {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
            "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
        ),
        (actions(), "no less than 1 items allowed [json-pointer:/blocks/0/elements]"),
        (
            actions(button(style="loud")),
            "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
        ),
        (
            actions(button(action_id="a"), button(action_id="a")),
            "action_id already exists in this block [json-pointer:/blocks/0/elements/1/action_id]",
        ),
        (
            actions(select(options=options(1), option_groups=[])),
            "no less than 1 items allowed [json-pointer:/blocks/0/elements/0/option_groups]",
        ),
        (
            entry({"type": "number_input"}),
            "missing required field: is_decimal_allowed [json-pointer:/blocks/0/element]",
        ),
        ("text", "must be an object [json-pointer:/blocks/0]"),
    ],
)
def test_a_fault_is_named_with_its_pointer(block: Any, fault: str) -> None:
    assert fault in message_faults([block])


def test_a_message_holds_fifty_blocks_and_a_view_a_hundred() -> None:
    assert message_faults([section()] * 50) == []
    assert message_faults([section()] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    modal = {"type": "modal", "title": plain("t"), "blocks": [section()] * 100}
    assert view_faults(modal) == []
    assert "no more than 100 items allowed [json-pointer:/view/blocks]" in view_faults(
        {**modal, "blocks": [section()] * 101}
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"title": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/title/text]"),
        (
            {"private_metadata": "x" * 3001},
            "must be less than 3001 characters [json-pointer:/view/private_metadata]",
        ),
        ({"callback_id": "x" * 256}, "must be less than 256 characters [json-pointer:/view/callback_id]"),
        ({"submit": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/submit/text]"),
        (
            {"blocks": [entry({"type": "plain_text_input"})]},
            "missing required field: submit [json-pointer:/view]",
        ),
        (
            {"blocks": [section(block_id="a")] * 2},
            "block_id already exists [json-pointer:/view/blocks/1/block_id]",
        ),
        ({"type": "home", "close": plain("c")}, "invalid additional property: close [json-pointer:/view]"),
        ({"type": "workflow"}, "unsupported type: workflow [json-pointer:/view/type]"),
    ],
)
def test_a_view_keeps_its_own_limits(change: Json, fault: str) -> None:
    modal: Json = {"type": "modal", "title": plain("t"), "blocks": []}
    assert view_faults(modal) == []
    assert fault in view_faults({**modal, **change})


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "elements", "fields", "accessory", "element", "options", "value"]
            ),
            inner
            | st.sampled_from(
                ["section", "actions", "button", "plain_text", "static_select", "input", "modal"]
            ),
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(json)
def test_whatever_comes_in_gets_an_answer_and_what_passes_can_be_stored(value: Any) -> None:
    if not message_faults(value):
        kept = with_ids(value, Random(1))
        assert all("block_id" in block for block in kept)
        initial_values(kept)
    view_faults(value)


def test_ids_are_filled_in_and_own_ones_kept() -> None:
    blocks = with_ids([actions(button(), button(action_id="mine")), section(block_id="own")], Random(1))
    assert [element["action_id"] for _, element in elements(blocks)][1] == "mine"
    assert blocks[1]["block_id"] == "own"
    assert len({block["block_id"] for block in blocks}) == 2


# what people fill in

FORM = with_ids(
    [
        entry({"type": "plain_text_input", "action_id": "text", "min_length": 3}, block_id="title"),
        entry(select(action_id="level", options=options(3)), block_id="severity"),
        entry(
            {"type": "checkboxes", "action_id": "also", "options": options(3)}, block_id="also", optional=True
        ),
        entry(
            {"type": "number_input", "action_id": "n", "is_decimal_allowed": False, "max_value": "9"},
            block_id="n",
        ),
        entry({"type": "email_text_input", "action_id": "mail"}, block_id="mail", optional=True),
        entry({"type": "url_text_input", "action_id": "link"}, block_id="link", optional=True),
        entry(
            {"type": "multi_users_select", "action_id": "who", "max_selected_items": 1},
            block_id="who",
            optional=True,
        ),
    ],
    Random(1),
)


def test_values_are_given_by_block_or_action_and_become_slacks_state() -> None:
    values = merge(
        FORM, initial_values(FORM), {"title": "Slow", "level": "2", "also": {"also": ["0", "1"]}, "n": 7}
    )
    assert values["title"]["text"] == {"type": "plain_text_input", "value": "Slow"}
    assert values["severity"]["level"]["selected_option"]["value"] == "2"
    assert [each["value"] for each in values["also"]["also"]["selected_options"]] == ["0", "1"]
    assert values["n"]["n"]["value"] == "7"
    assert values["who"]["who"] == {"type": "multi_users_select", "selected_users": []}
    assert problems(FORM, values) == {}


@pytest.mark.parametrize(
    ("given", "block", "words"),
    [
        ({}, "title", "required"),
        ({"title": "ab"}, "title", "at least 3"),
        ({"title": "x" * 3001}, "title", "at most 3000"),
        ({"n": "many"}, "n", "a number"),
        ({"n": "10"}, "n", "at most 9"),
        ({"mail": "nobody"}, "mail", "e-mail"),
        ({"link": "ftp://x"}, "link", "web address"),
        ({"who": ["U1", "U2"]}, "who", "at most 1"),
    ],
)
def test_slacks_own_checks_come_before_the_app(given: Json, block: str, words: str) -> None:
    assert words in problems(FORM, merge(FORM, initial_values(FORM), given))[block]


def test_what_is_not_there_cannot_be_filled_in_or_chosen() -> None:
    with pytest.raises(WorkspaceRefused, match="no such input"):
        merge(FORM, {}, {"nowhere": "x"})
    with pytest.raises(WorkspaceRefused, match="no such option"):
        wire_value(select(options=options(2)), "9")
