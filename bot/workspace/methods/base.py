"""What every Web API method is made of: its name, its arguments, the scopes it needs, what it does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.workspace.errors import SlackError
from bot.workspace.model import App, Channel, Json, Message
from bot.workspace.sockets import Sockets
from bot.workspace.state import State

KeyKind = Literal["bot", "app", "config", "none"]
ROOMS = {"public": "channels", "private": "groups", "im": "im"}


class Args(BaseModel):
    """Arguments of a method. Slack ignores what it does not know; forms carry structures as JSON text."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class NoArgs(Args):
    pass


def _decoded(value: object) -> object:
    """JSON text as the value it stands for; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value) if value.strip() else None
    except orjson.JSONDecodeError as error:
        raise ValueError("not valid JSON") from error


def _split(value: object) -> object:
    """`a,b` as a list."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Objects = Annotated[list[Json] | None, BeforeValidator(_decoded)]
Object = Annotated[Json | None, BeforeValidator(_decoded)]
Names = Annotated[list[str], BeforeValidator(_split)]


class Page(Args):
    """Arguments of methods that answer in pages."""

    limit: int = Field(default=100, ge=0, le=1000)
    cursor: str = ""


A = TypeVar("A", bound=Args)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: whose it is and what it may touch."""

    state: State
    app: App
    sockets: Sockets
    base_url: str

    def need(self, *scopes: str) -> None:
        """Refuse unless the app was granted one of `scopes`."""
        if scopes and not self.app.scopes.intersection(scopes):
            raise missing_scope(scopes, self.app.scopes)

    def channel(
        self, name_or_id: str, scope: str = "", *, live: bool = False, member: bool = False
    ) -> Channel:
        """The channel a method means.

        `scope` is the part of the scope after the colon that this kind of channel needs; `live` refuses
        archived channels, `member` those that the bot is not in. A private channel the bot is not in does
        not exist for it.
        """
        found = self.state.find_channel(name_or_id)
        inside = found is not None and self.app.bot_user in found.members
        if found is None or (found.kind != "public" and not inside):
            raise SlackError("channel_not_found")
        if scope:
            self.need(f"{ROOMS[found.kind]}:{scope}")
        if member and not inside:
            raise SlackError("not_in_channel")
        if live and found.archived:
            raise SlackError("is_archived")
        return found

    def message(self, channel: Channel, ts: str) -> Message:
        if (found := channel.messages.get(ts)) is None:
            raise SlackError("message_not_found")
        return found


@dataclass(frozen=True)
class Method(Generic[A]):
    """One method of the Web API. `scopes`: any one of them is enough; `tier` is Slack's rate limit tier."""

    name: str
    args: type[A]
    run: Callable[[Call, A], Json]
    scopes: tuple[str, ...] = ()
    key: KeyKind = "bot"
    tier: int = 3


def missing_scope(needed: Sequence[str], provided: set[str]) -> SlackError:
    return SlackError(
        "missing_scope", fields={"needed": ",".join(needed), "provided": ",".join(sorted(provided))}
    )


def paged(items: list[Item], page: Page) -> tuple[list[Item], Json]:
    """One page of `items` and the `response_metadata` that leads to the next."""
    size = page.limit or 100
    start = _offset(page.cursor)
    more = start + size < len(items)
    following = base64.b64encode(f"at:{start + size}".encode()).decode() if more else ""
    return items[start : start + size], {"response_metadata": {"next_cursor": following}}


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        word, _, number = base64.b64decode(cursor, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise SlackError("invalid_cursor") from error
    if word != "at" or not number.isdecimal():
        raise SlackError("invalid_cursor")
    return int(number)


AnyMethod = Method[Any]
