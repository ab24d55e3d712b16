"""What people type, as Slack passes it on: mentions become tokens, and in messages `&`, `<` and `>` become entities.

Tokens that are already there stay, so that scripts can write `<@U0LEAD>`.
"""

from __future__ import annotations

import re

from bot.workspace.state import State

_TOKEN = re.compile(r"<(?:[@#][A-Z0-9]+(?:\|[^<>]*)?|![a-z^A-Z0-9|]+|https?://[^<>\s]+)>")
_NAME = re.compile(r"(?<![\w<])([@#])([a-z0-9][a-z0-9_-]*)")


def message_text(text: str, state: State) -> str:
    """A message as it is stored: escaped, with `@name` and `#channel` as tokens."""
    out, at = [], 0
    for token in _TOKEN.finditer(text):
        out += [_tokens(_escaped(text[at : token.start()]), state, named=False), token.group()]
        at = token.end()
    return "".join(out) + _tokens(_escaped(text[at:]), state, named=False)


def command_text(text: str, state: State, *, escape: bool) -> str:
    """What follows a slash command: as typed, or with tokens that carry the name if the command asks for it."""
    return _tokens(text, state, named=True) if escape else text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _tokens(text: str, state: State, *, named: bool) -> str:
    def token(match: re.Match[str]) -> str:
        sign, name = match.groups()
        found = state.find_person(name) if sign == "@" else state.find_channel(name)
        if found is None or found.name != name:
            return match.group()
        return f"<{sign}{found.id}|{name}>" if named else f"<{sign}{found.id}>"

    return _NAME.sub(token, text)
