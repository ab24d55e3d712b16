"""Block Kit's limits, as strict as Slack: what may stand in a message, a modal and a Home tab.

`message_faults` and `view_faults` return one sentence with a JSON pointer per fault, in document order, and
an empty list for something Slack would take. Lengths are in characters. Block types newer than those named
here are refused.

>>> message_faults([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}])
['must be less than 151 characters [json-pointer:/blocks/0/text/text]']
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from bot.workspace.model import Json
from bot.workspace.schema import (
    Check,
    anything,
    array,
    boolean,
    both,
    fault,
    one_of,
    record,
    string,
    tagged,
    whole,
)

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MESSAGE_TEXT = 13_200  # all text of a message's blocks together; observed, Slack documents no figure
VIEW_BYTES = 250_000


def text(most: int, *kinds: str, least: int = 1) -> Check:
    """A text object of one of `kinds` (default: plain_text or mrkdwn)."""
    shapes = {
        "plain_text": record(
            {"type": anything, "text": string(most, least), "emoji": boolean}, required=("type", "text")
        ),
        "mrkdwn": record(
            {"type": anything, "text": string(most, least), "verbatim": boolean}, required=("type", "text")
        ),
    }
    return tagged({kind: shapes[kind] for kind in kinds or tuple(shapes)})


def plain(most: int, least: int = 1) -> Check:
    return text(most, "plain_text", least=least)


_CONFIRM = record(
    {
        "title": plain(100),
        "text": text(300),
        "confirm": plain(30),
        "deny": plain(30),
        "style": one_of("primary", "danger"),
    },
    required=("title", "text", "confirm", "deny"),
)


def _option(*kinds: str) -> Check:
    return record(
        {
            "text": text(75, *kinds),
            "value": string(150),
            "description": text(75, *kinds),
            "url": string(3000),
        },
        required=("text", "value"),
    )


_PLAIN_OPTION, _RICH_OPTION = _option("plain_text"), _option()
_OPTIONS = array(_PLAIN_OPTION, most=100)
_GROUPS = array(record({"label": plain(75), "options": _OPTIONS}, required=("label", "options")), most=100)
_ID = string(255)
_COMMON: dict[str, Check] = {
    "type": anything,
    "action_id": _ID,
    "confirm": _CONFIRM,
    "focus_on_load": boolean,
}


def _element(fields: dict[str, Check], *required: str) -> Check:
    return record(_COMMON | fields, required=required)


def _exactly_one(first: str, second: str) -> Check:
    def check(value: object, pointer: str, faults: list[str]) -> None:
        if isinstance(value, dict) and (first in value) == (second in value):
            faults.append(fault(f"must have exactly one of: {first}, {second}", pointer))

    return check


def _text_input(fields: dict[str, Check], *required: str) -> Check:
    dispatch = record(
        {"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), most=2)}
    )
    shared = {"placeholder": plain(150), "initial_value": string(3000, 0), "dispatch_action_config": dispatch}
    return _element(shared | fields, *required)


def _select_kinds() -> dict[str, Check]:
    """The five sources of options, each as a single and as a multiple select."""
    placeholder = {"placeholder": plain(150)}
    listed = {"options": _OPTIONS, "option_groups": _GROUPS}
    ids = array(_ID, most=100)
    several: dict[str, Check] = placeholder | {"max_selected_items": whole(1, 100)}
    chosen = array(_PLAIN_OPTION, most=100)
    filters = record(
        {
            "include": array(one_of("im", "mpim", "private", "public"), most=4),
            "exclude_external_shared_channels": boolean,
            "exclude_bot_users": boolean,
        }
    )
    conversation: dict[str, Check] = {"default_to_current_conversation": boolean, "filter": filters}
    asked = {"min_query_length": whole(0, 255)}
    one_source = _exactly_one("options", "option_groups")
    return {
        "static_select": both(_element(placeholder | listed | {"initial_option": _PLAIN_OPTION}), one_source),
        "multi_static_select": both(_element(several | listed | {"initial_options": chosen}), one_source),
        "external_select": _element(placeholder | asked | {"initial_option": _PLAIN_OPTION}),
        "multi_external_select": _element(several | asked | {"initial_options": chosen}),
        "users_select": _element(placeholder | {"initial_user": _ID}),
        "multi_users_select": _element(several | {"initial_users": ids}),
        "channels_select": _element(placeholder | {"initial_channel": _ID, "response_url_enabled": boolean}),
        "multi_channels_select": _element(several | {"initial_channels": ids}),
        "conversations_select": _element(
            placeholder | conversation | {"initial_conversation": _ID, "response_url_enabled": boolean}
        ),
        "multi_conversations_select": _element(several | conversation | {"initial_conversations": ids}),
    }


_IMAGE_FIELDS: dict[str, Check] = {
    "type": anything,
    "image_url": string(3000),
    "slack_file": record({"id": _ID, "url": string(3000)}),
    "alt_text": string(2000),
}
_IMAGE = both(record(_IMAGE_FIELDS, required=("alt_text",)), _exactly_one("image_url", "slack_file"))
_BUTTON = _element(
    {
        "text": plain(75),
        "value": string(2000, 0),
        "url": string(3000),
        "style": one_of("primary", "danger"),
        "accessibility_label": string(75),
    },
    "text",
)
_OVERFLOW = _element({"options": array(_PLAIN_OPTION, most=5)}, "options")
_DATE = _element({"placeholder": plain(150), "initial_date": string(10, 10)})
_TIME = _element({"placeholder": plain(150), "initial_time": string(5, 5), "timezone": string(100)})
_MOMENT = _element({"initial_date_time": whole(1_000_000_000, 9_999_999_999)})
_RADIO = _element({"options": array(_RICH_OPTION, most=10), "initial_option": _RICH_OPTION}, "options")
_CHECKBOXES = _element(
    {"options": array(_RICH_OPTION, most=10), "initial_options": array(_RICH_OPTION, most=10)}, "options"
)
_TEXT_INPUT = _text_input({"multiline": boolean, "min_length": whole(0, 3000), "max_length": whole(1, 3000)})
_NUMBER_INPUT = _text_input(
    {"is_decimal_allowed": boolean, "min_value": string(40), "max_value": string(40)}, "is_decimal_allowed"
)

_SELECTS = _select_kinds()
_CHOICES: dict[str, Check] = {
    **_SELECTS,
    "datepicker": _DATE,
    "timepicker": _TIME,
    "radio_buttons": _RADIO,
    "checkboxes": _CHECKBOXES,
}
_ACTION_ELEMENTS: dict[str, Check] = {
    **_CHOICES,
    "button": _BUTTON,
    "overflow": _OVERFLOW,
    "datetimepicker": _MOMENT,
}
_INPUT_ELEMENTS: dict[str, Check] = {
    **_CHOICES,
    "datetimepicker": _MOMENT,
    "plain_text_input": _TEXT_INPUT,
    "email_text_input": _text_input({}),
    "url_text_input": _text_input({}),
    "number_input": _NUMBER_INPUT,
    "rich_text_input": _text_input({"initial_value": anything}),
    "file_input": _element({"filetypes": array(string(40), most=100), "max_files": whole(1, 10)}),
}
_ACCESSORIES: dict[str, Check] = {**_CHOICES, "button": _BUTTON, "overflow": _OVERFLOW, "image": _IMAGE}
_CONTEXT_ELEMENTS: dict[str, Check] = {
    "image": _IMAGE,
    "mrkdwn": text(2000, "mrkdwn"),
    "plain_text": plain(2000),
}


def _block(fields: dict[str, Check], *required: str) -> Check:
    return record({"type": anything, "block_id": _ID} | fields, required=required)


def _section_says_something(value: object, pointer: str, faults: list[str]) -> None:
    if isinstance(value, dict) and "text" not in value and "fields" not in value:
        faults.append(fault("missing required field: text", pointer))


def _own_action_ids(value: object, pointer: str, faults: list[str]) -> None:
    """Elements of one block must not share an action_id."""
    seen: set[str] = set()
    elements = value.get("elements") if isinstance(value, dict) else None
    for index, element in enumerate(elements if isinstance(elements, list) else []):
        action = element.get("action_id") if isinstance(element, dict) else None
        if isinstance(action, str):
            if action in seen:
                faults.append(
                    fault("action_id already exists in this block", f"{pointer}/elements/{index}/action_id")
                )
            seen.add(action)


_BLOCKS: dict[str, Check] = {
    "section": both(
        _block(
            {
                "text": text(3000),
                "fields": array(text(2000), most=10),
                "accessory": tagged(_ACCESSORIES),
                "expand": boolean,
            }
        ),
        _section_says_something,
    ),
    "header": _block({"text": plain(150)}, "text"),
    "divider": _block({}),
    "image": both(
        _block(_IMAGE_FIELDS | {"title": plain(2000)}, "alt_text"),
        _exactly_one("image_url", "slack_file"),
    ),
    "actions": both(
        _block({"elements": array(tagged(_ACTION_ELEMENTS), most=25)}, "elements"), _own_action_ids
    ),
    "context": _block({"elements": array(tagged(_CONTEXT_ELEMENTS), most=10)}, "elements"),
    "input": _block(
        {
            "label": plain(2000),
            "element": tagged(_INPUT_ELEMENTS),
            "hint": plain(2000),
            "optional": boolean,
            "dispatch_action": boolean,
        },
        "label",
        "element",
    ),
    "markdown": _block({"text": string(12_000)}, "text"),
    "rich_text": _block({"elements": array(anything, most=1000, least=0)}, "elements"),
    "video": _block(
        {
            "alt_text": string(2000),
            "title": plain(200),
            "title_url": string(3000),
            "thumbnail_url": string(3000),
            "video_url": string(3000),
            "author_name": string(50),
            "description": plain(200),
            "provider_icon_url": string(3000),
            "provider_name": string(50),
        },
        "alt_text",
        "title",
        "thumbnail_url",
        "video_url",
    ),
}
_ANY_BLOCK = tagged(_BLOCKS)


def _own_block_ids(value: object, pointer: str, faults: list[str]) -> None:
    seen: set[str] = set()
    for index, block in enumerate(value if isinstance(value, list) else []):
        block_id = block.get("block_id") if isinstance(block, dict) else None
        if isinstance(block_id, str):
            if block_id in seen:
                faults.append(fault("block_id already exists", f"{pointer}/{index}/block_id"))
            seen.add(block_id)


_MESSAGE = both(array(_ANY_BLOCK, most=MESSAGE_BLOCKS, least=0), _own_block_ids)
_VIEW_BLOCKS = both(array(_ANY_BLOCK, most=VIEW_BLOCKS, least=0), _own_block_ids)
_VIEW_FIELDS: dict[str, Check] = {
    "type": one_of("modal", "home"),
    "blocks": _VIEW_BLOCKS,
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
_MODAL = record(
    _VIEW_FIELDS
    | {
        "title": plain(24),
        "submit": plain(24),
        "close": plain(24),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
    required=("type", "title", "blocks"),
)
_HOME = record(_VIEW_FIELDS, required=("type", "blocks"))


def message_faults(blocks: object, pointer: str = "/blocks") -> list[str]:
    """Why Slack would answer `invalid_blocks`, or an empty list."""
    faults: list[str] = []
    _MESSAGE(blocks, pointer, faults)
    return faults


def view_faults(view: object) -> list[str]:
    """Why Slack would refuse a modal or a Home tab with `invalid_arguments`, or an empty list."""
    faults: list[str] = []
    tagged({"modal": _MODAL, "home": _HOME})(view, "/view", faults)
    if not faults and isinstance(view, dict) and view["type"] == "modal" and "submit" not in view:
        faults += [
            fault("missing required field: submit", "/view")
            for block in view["blocks"]
            if block["type"] == "input"
        ][:1]
    if faults:
        faults.insert(0, fault("failed to match all allowed schemas", "/view"))
    return faults


def text_length(blocks: list[Json]) -> int:
    """Characters of all `text` strings anywhere in the blocks."""
    return sum(len(part["text"]) for part in _objects(blocks) if isinstance(part.get("text"), str))


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every (block, interactive element) of a message or a view, in order."""
    for block in blocks:
        inside: list[Any] = [*(block.get("elements") or []), block.get("accessory"), block.get("element")]
        yield from ((block, part) for part in inside if isinstance(part, dict) and "action_id" in part)


def with_ids(blocks: list[Json], rng: Random) -> list[Json]:
    """A copy with a block_id for every block and an action_id for every interactive element."""

    def name() -> str:
        return "".join(
            rng.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(5)
        )

    def filled(element: object) -> object:
        if not isinstance(element, dict) or element.get("type") not in (_ACTION_ELEMENTS | _INPUT_ELEMENTS):
            return element
        return {"action_id": name(), **element}

    done = []
    for block in blocks:
        copy = {"block_id": name(), **block}
        if block["type"] == "actions":
            copy["elements"] = [filled(element) for element in block["elements"]]
        for place in ("accessory", "element"):
            if place in copy:
                copy[place] = filled(copy[place])
        done.append(copy)
    return done


def _objects(part: object) -> Iterator[Json]:
    if isinstance(part, dict):
        yield part
        for inner in part.values():
            yield from _objects(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _objects(inner)
