"""What people typed and chose: from plain values to the `state.values` that Slack sends, with Slack's own
checks.

A plain value is a string, a number, a list of strings, or an option object; the element's type says what it
becomes.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from bot.workspace.blockkit import elements
from bot.workspace.errors import WorkspaceRefused
from bot.workspace.model import Json


class _Kind(NamedTuple):
    field: str  # where the value stands in state.values
    initial: str  # where the element carries its initial value
    shape: str  # text, number, option, options, id or ids


_KINDS = {
    "plain_text_input": _Kind("value", "initial_value", "text"),
    "email_text_input": _Kind("value", "initial_value", "text"),
    "url_text_input": _Kind("value", "initial_value", "text"),
    "number_input": _Kind("value", "initial_value", "text"),
    "rich_text_input": _Kind("rich_text_value", "initial_value", "id"),
    "static_select": _Kind("selected_option", "initial_option", "option"),
    "external_select": _Kind("selected_option", "initial_option", "option"),
    "radio_buttons": _Kind("selected_option", "initial_option", "option"),
    "multi_static_select": _Kind("selected_options", "initial_options", "options"),
    "multi_external_select": _Kind("selected_options", "initial_options", "options"),
    "checkboxes": _Kind("selected_options", "initial_options", "options"),
    "users_select": _Kind("selected_user", "initial_user", "id"),
    "multi_users_select": _Kind("selected_users", "initial_users", "ids"),
    "channels_select": _Kind("selected_channel", "initial_channel", "id"),
    "multi_channels_select": _Kind("selected_channels", "initial_channels", "ids"),
    "conversations_select": _Kind("selected_conversation", "initial_conversation", "id"),
    "multi_conversations_select": _Kind("selected_conversations", "initial_conversations", "ids"),
    "datepicker": _Kind("selected_date", "initial_date", "id"),
    "timepicker": _Kind("selected_time", "initial_time", "id"),
    "datetimepicker": _Kind("selected_date_time", "initial_date_time", "number"),
    "file_input": _Kind("files", "initial_files", "ids"),
}
_EMPTY: dict[str, list[str]] = {"options": [], "ids": []}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def initial_values(blocks: list[Json]) -> Json:
    """`state.values` of a view or message nobody has touched yet."""
    values: Json = {}
    for block, element in elements(blocks):
        if kind := _KINDS.get(element["type"]):
            start = element.get(kind.initial, _EMPTY.get(kind.shape))
            wire = {"type": element["type"], kind.field: start}
            values.setdefault(block["block_id"], {})[element["action_id"]] = wire
    return values


def find_element(blocks: list[Json], action_id: str, block_id: str = "") -> tuple[Json, Json]:
    """The (block, element) with this action_id; `block_id` narrows where an action_id stands twice."""
    for block, element in elements(blocks):
        if element["action_id"] == action_id and block_id in ("", block["block_id"]):
            return block, element
    raise WorkspaceRefused(
        "there is no such element here", hint="Check action_id and block_id in the inspector"
    )


def all_options(element: Json) -> list[Json]:
    return [
        *element.get("options", []),
        *(option for group in element.get("option_groups", []) for option in group["options"]),
    ]


def _option(element: Json, plain: object) -> Json:
    """The option a person chose: by its value, or as an object where an app suggested it."""
    if isinstance(plain, dict):
        plain = plain if "external" in element["type"] else plain.get("value")
    if isinstance(plain, dict):
        return plain
    for option in all_options(element):
        if option["value"] == plain:
            return option
    if "external" in element["type"] and isinstance(plain, str):
        return {"text": {"type": "plain_text", "text": plain, "emoji": True}, "value": plain}
    raise WorkspaceRefused("there is no such option", hint="Options are chosen by their value")


def wire_value(element: Json, plain: Any) -> Json:
    """A plain value as `state.values` and actions carry it; empty ones become null or an empty list."""
    kind = _KINDS[element["type"]]
    value: Any = plain if plain not in ("", [], {}) else _EMPTY.get(kind.shape)
    if value is not None:
        match kind.shape:
            case "text":
                value = str(value)
            case "number":
                value = int(value)
            case "option":
                value = _option(element, value)
            case "options":
                value = [_option(element, each) for each in value]
            case "ids":
                value = [str(each) for each in value]
    return {"type": element["type"], kind.field: value}


def is_stateful(element: Json) -> bool:
    return element["type"] in _KINDS


def merge(blocks: list[Json], values: Json, given: Json) -> Json:
    """`values` with what was given laid over it.

    `given` is `{block_id: {action_id: plain}}`, or for scripts `{block_id or action_id: plain}`.
    """
    merged: Json = {block_id: dict(actions) for block_id, actions in values.items()}
    for key, content in given.items():
        here = [
            (block, element)
            for block, element in elements(blocks)
            if key in (block["block_id"], element["action_id"])
        ]
        here = [(block, element) for block, element in here if is_stateful(element)]
        if not here:
            raise WorkspaceRefused(
                "there is no such input here", hint="Values are given by block_id or action_id"
            )
        for block, element in here:
            nested = isinstance(content, dict) and key == block["block_id"] and "value" not in content
            if nested and element["action_id"] not in content:
                continue
            plain = content[element["action_id"]] if nested else content
            merged.setdefault(block["block_id"], {})[element["action_id"]] = wire_value(element, plain)
    return merged


def problems(blocks: list[Json], values: Json) -> dict[str, str]:
    """What Slack's own client would not let through: one sentence per block_id."""
    found: dict[str, str] = {}
    for block, element in elements(blocks):
        if block["type"] != "input":
            continue
        kind = _KINDS[element["type"]]
        value = values.get(block["block_id"], {}).get(element["action_id"], {}).get(kind.field)
        if value in (None, "", []):
            if not block.get("optional"):
                found[block["block_id"]] = "This field is required."
        elif sentence := _problem(element, value):
            found[block["block_id"]] = sentence
    return found


def _problem(element: Json, value: Any) -> str:
    kind = element["type"]
    if kind == "plain_text_input":
        if len(value) < element.get("min_length", 0):
            return f"Please enter at least {element['min_length']} characters."
        if len(value) > element.get("max_length", 3000):
            return f"Please enter at most {element.get('max_length', 3000)} characters."
    if kind == "email_text_input" and not _EMAIL.fullmatch(value):
        return "Please enter an e-mail address."
    if kind == "url_text_input" and not value.startswith(("http://", "https://")):
        return "Please enter a web address that begins with https:// or http://."
    if kind == "number_input":
        return _number_problem(element, value)
    if len(value) > element.get("max_selected_items", 100) if isinstance(value, list) else False:
        return f"Please choose at most {element['max_selected_items']}."
    return ""


def _number_problem(element: Json, value: str) -> str:
    try:
        number = float(value) if element.get("is_decimal_allowed") else int(value)
    except ValueError:
        return "Please enter a number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Please enter a number of at most {element['max_value']}."
    return ""
