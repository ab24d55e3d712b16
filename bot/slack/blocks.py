"""Builders for Block Kit that cannot exceed its limits: text is escaped first, then cut.

Blocks are plain dicts, as Slack's JSON has them. A value that came from a record is made harmless by `escape`, so
that it can neither ping a channel nor hide characters; what is already mrkdwn of ours is cut by `cut`, which never
splits an escape or a `<...>` token. Lengths are counted in characters after escaping, as Slack counts them.

>>> escape("<!channel> a & b")
'&lt;!channel&gt; a &amp; b'
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

Block = dict[str, Any]

BLOCKS_PER_MESSAGE, BLOCKS_PER_VIEW = 50, 100
SECTION, FIELD, FIELDS_PER_SECTION, HEADER = 3000, 2000, 10, 150
ELEMENTS_PER_ACTIONS, ELEMENTS_PER_CONTEXT, OPTIONS = 25, 10, 100
BUTTON_TEXT, BUTTON_VALUE, OPTION_TEXT, OPTION_VALUE, PLACEHOLDER = 75, 2000, 75, 150, 150
ACTION_ID, BLOCK_ID, VIEW_TITLE, VIEW_BUTTON, PRIVATE_METADATA = 255, 255, 24, 24, 3000
MESSAGE_TEXT, INPUT_LABEL, INPUT_HINT = 4000, 2000, 2000

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def visible(text: str) -> str:
    """Return `text` without characters that nobody can see (control, zero-width, direction marks, surrogates).

    >>> visible("pay\\u200bments\\u202e\\n\\x07ok")
    'payments\\nok'
    """
    return "\n".join(line if line.isprintable() else _seen(line) for line in text.split("\n"))


def _seen(line: str) -> str:
    return "".join(c for c in line if unicodedata.category(c) not in _HIDDEN)


def escape(text: str, limit: int = SECTION) -> str:
    """Make a value fit for mrkdwn: hidden characters out, `&`, `<`, `>` escaped, then cut to `limit`."""
    return cut(visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), limit)


def code(text: str, limit: int = 500) -> str:
    """Return a value as inline code; backticks and line breaks inside cannot end it.

    >>> code("a`b")
    '`aˋb`'
    """
    flat = " ".join(text.replace("`", "ˋ").split())
    return f"`{escape(flat, limit - 2) or ' '}`"


def cut(text: str, limit: int) -> str:
    """Shorten mrkdwn to `limit` characters, never inside an escape or a `<...>` token.

    >>> cut("a &amp; b", 5), cut("at <!date^1^{time}|x>", 12)
    ('a …', 'at …')
    """
    if len(text) <= limit:
        return text
    kept = text[: max(limit - 1, 0)]
    if kept.rfind("<") > kept.rfind(">"):
        kept = kept[: kept.rfind("<")]
    if kept.rfind("&") > kept.rfind(";"):
        kept = kept[: kept.rfind("&")]
    return kept + "…"


def when(at: datetime) -> str:
    """Return a Slack date token: each reader sees their own zone; the fallback is UTC.

    >>> when(datetime(2026, 3, 2, 3, 1, tzinfo=UTC))
    '<!date^1772420460^{date_short_pretty} {time}|2026-03-02 03:01 UTC>'
    """
    fallback = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def plain(text: str, limit: int) -> Block:
    """Return a `plain_text` object; Slack does not interpret it, so nothing is escaped."""
    flat = visible(text)
    return {
        "type": "plain_text",
        "text": (flat if len(flat) <= limit else flat[: limit - 1] + "…") or " ",
        "emoji": False,
    }


def mrkdwn(text: str, limit: int) -> Block:
    """Return a `mrkdwn` object of text that is escaped already; names and addresses are not made links."""
    return {"type": "mrkdwn", "text": cut(text, limit) or " ", "verbatim": True}


def header(text: str) -> Block:
    return {"type": "header", "text": plain(" ".join(text.split()), HEADER)}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text, SECTION)}


def fields(pairs: Sequence[tuple[str, str]]) -> list[Block]:
    """Return sections of two columns, one field per (name, mrkdwn value), as many sections as the limit asks for."""
    cells = [mrkdwn(f"*{name}*\n{value}", FIELD) for name, value in pairs]
    step = FIELDS_PER_SECTION
    return [{"type": "section", "fields": cells[i : i + step]} for i in range(0, len(cells), step)]


def context(texts: Sequence[str]) -> Block:
    """Return small print; what exceeds ten elements is joined into the last one."""
    kept, rest = list(texts[: ELEMENTS_PER_CONTEXT - 1]), list(texts[ELEMENTS_PER_CONTEXT - 1 :])
    lines = [*kept, " · ".join(rest)] if rest else kept
    return {"type": "context", "elements": [mrkdwn(line, FIELD) for line in lines or [" "]]}


def divider() -> Block:
    return {"type": "divider"}


def bullets(title: str, lines: Iterable[str], limit: int = SECTION) -> Block:
    """Return a section with a bold title and as many whole lines as fit; it says how many did not."""
    lines = list(lines)
    text = f"*{title}*"
    for shown, line in enumerate(lines):
        if len(text) + len(line) + 40 > limit and shown:
            return section(f"{text}\n… and {len(lines) - shown} more")
        text += f"\n• {line}"
    return section(text)


def actions(block_id: str, elements: Sequence[Block]) -> Block:
    return {
        "type": "actions",
        "block_id": block_id[:BLOCK_ID],
        "elements": list(elements[:ELEMENTS_PER_ACTIONS]),
    }


def button(text: str, action_id: str, value: str, *, style: str | None = None) -> Block:
    """Return a button. `value` is signed, so it is never cut: one that is too long is a fault of ours."""
    if len(value) > BUTTON_VALUE:
        raise ValueError("the value of a button is too long")
    made = {
        "type": "button",
        "text": plain(text, BUTTON_TEXT),
        "action_id": action_id[:ACTION_ID],
        "value": value,
    }
    return made | ({"style": style} if style else {})


def option(text: str, value: str) -> Block:
    if len(value) > OPTION_VALUE:
        raise ValueError("the value of an option is too long")
    return {"text": plain(text, OPTION_TEXT), "value": value}


def select(
    placeholder: str, action_id: str, options: Sequence[Block], *, initial: Block | None = None
) -> Block:
    made: Block = {
        "type": "static_select",
        "placeholder": plain(placeholder, PLACEHOLDER),
        "action_id": action_id[:ACTION_ID],
        "options": list(options[:OPTIONS]),
    }
    return made | ({"initial_option": initial} if initial else {})


def text_input(
    block_id: str, label: str, *, hint: str, max_length: int, multiline: bool = False, optional: bool = False
) -> Block:
    """Return an input block whose element is always called `value`."""
    return {
        "type": "input",
        "block_id": block_id[:BLOCK_ID],
        "label": plain(label, INPUT_LABEL),
        "hint": plain(hint, INPUT_HINT),
        "optional": optional,
        "element": {
            "type": "plain_text_input",
            "action_id": "value",
            "max_length": max_length,
            "multiline": multiline,
        },
    }


def select_input(block_id: str, label: str, options: Sequence[Block], initial: Block) -> Block:
    return {
        "type": "input",
        "block_id": block_id[:BLOCK_ID],
        "label": plain(label, INPUT_LABEL),
        "element": select(label, "value", options, initial=initial),
    }


def moment_input(block_id: str, label: str, initial: datetime) -> Block:
    """Return an input of a date and a time, in the zone of whoever fills it in."""
    return {
        "type": "input",
        "block_id": block_id[:BLOCK_ID],
        "label": plain(label, INPUT_LABEL),
        "element": {
            "type": "datetimepicker",
            "action_id": "value",
            "initial_date_time": int(initial.timestamp()),
        },
    }


def message(blocks: Sequence[Block], limit: int = BLOCKS_PER_MESSAGE) -> list[Block]:
    """Return at most `limit` blocks; the last one says how many were left out, and actions are never among these."""
    if len(blocks) <= limit:
        return list(blocks)
    last = [blocks[-1]] if blocks[-1]["type"] == "actions" else []
    kept = list(blocks[: limit - 1 - len(last)])
    return [*kept, context([f"… {len(blocks) - len(kept) - len(last)} more parts are not shown"]), *last]
