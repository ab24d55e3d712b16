"""The workspace's memory: who and what there is, ids and times that are unique, and who hears of changes.

Nothing is written to disk. One event loop owns a `State`; nobody else touches it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal, NamedTuple

from bot.workspace.model import (
    App,
    Channel,
    ChannelKind,
    Json,
    Message,
    Person,
    ResponseUrl,
    Scheduled,
    Trigger,
    View,
)
from bot.workspace.settings import WorkspaceSettings
from models.clock import Clock

TEAM_ID = "T0CLINIC"
TEAM_DOMAIN = "clinic"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

ChangeKind = Literal[
    "message",
    "message_changed",
    "message_deleted",
    "channel",
    "member_joined",
    "member_left",
    "reaction_added",
    "reaction_removed",
    "pin_added",
    "pin_removed",
    "view",
    "home",
    "notice",
    "app",
]


class Change(NamedTuple):
    """Something that happened: what the page shows live and what subscribed apps get as events."""

    kind: ChangeKind
    channel: str = ""
    user: str = ""
    message: Message | None = None
    previous: Message | None = None
    detail: str = ""


class State:
    """All of a workspace.

    `listeners` are called in order with every `Change`, on the loop that owns the state. `clock_offset`
    (seconds) moves this workspace's clock against everyone else's, as a fault.
    """

    def __init__(self, settings: WorkspaceSettings, clock: Clock, rng: Random) -> None:
        self.settings = settings
        self.rng = rng
        self._clock, self._last_ts = clock, 0
        self.clock_offset = 0.0
        self.people: dict[str, Person] = {}
        self.apps: dict[str, App] = {}
        self.channels: dict[str, Channel] = {}
        self.views: dict[str, View] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[tuple[str, str], View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.scheduled: dict[str, Scheduled] = {}
        self.files: dict[str, Json] = {}
        self.usergroups: list[Json] = []
        self.reserved_commands: dict[str, str] = {}
        self.config_token = ""
        self.listeners: list[Callable[[Change], None]] = []

    def now(self) -> float:
        """Seconds since the epoch on this workspace's clock."""
        return self._clock().timestamp() + self.clock_offset

    def mint_ts(self) -> str:
        """A time stamp that no message has yet; later calls give later ones even if the clock goes back."""
        self._last_ts = max(int(self.now() * 1_000_000), self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def mint_id(self, prefix: str, length: int = 9) -> str:
        """An id in Slack's shape, for example C0 and nine characters."""
        return prefix + "".join(self.rng.choice(_ALPHABET) for _ in range(length))

    def mint_key(self, length: int = 32) -> str:
        """A secret or an opaque id: lower-case hexadecimal."""
        return "".join(self.rng.choice("0123456789abcdef") for _ in range(length))

    def tell(self, change: Change) -> None:
        for listener in self.listeners:
            listener(change)

    def find_channel(self, name_or_id: str) -> Channel | None:
        """A channel by id, by name or by `#name`."""
        if found := self.channels.get(name_or_id):
            return found
        name = name_or_id.removeprefix("#")
        return next((channel for channel in self.channels.values() if channel.name == name and name), None)

    def find_person(self, name_or_id: str) -> Person | None:
        """A person by id or by name."""
        if found := self.people.get(name_or_id):
            return found
        name = name_or_id.removeprefix("@")
        return next((person for person in self.people.values() if person.name == name), None)

    def add_channel(
        self, name: str, kind: ChannelKind, creator: str, members: list[str], id: str = ""
    ) -> Channel:
        channel = Channel(
            id=id or self.mint_id("D0" if kind == "im" else "C0"),
            name=name,
            kind=kind,
            created=int(self.now()),
            creator=creator,
            members=list(dict.fromkeys(members)),
        )
        self.channels[channel.id] = channel
        return channel

    def set_member(self, channel: Channel, user: str, *, member: bool) -> None:
        """Put somebody into a channel or take them out, and tell of it."""
        change = channel.members.append if member else channel.members.remove
        change(user)
        self.tell(Change("member_joined" if member else "member_left", channel.id, user))

    def direct_channel(self, one: str, other: str) -> Channel:
        """The direct conversation of two members, made when it is first needed."""
        for channel in self.channels.values():
            if channel.kind == "im" and set(channel.members) == {one, other}:
                return channel
        channel = self.add_channel("", "im", one, [one, other])
        self.tell(Change("channel", channel.id))
        return channel

    def issue_trigger(self, app_id: str, user: str) -> Trigger:
        now = self.now()
        life = self.settings.trigger_seconds
        self.triggers = {
            key: old for key, old in self.triggers.items() if now - old.issued_at < life + 600
        }  # expired and used ones are remembered for ten minutes, so that the answer can say which it was
        trigger = Trigger(f"{int(now * 1000)}.{self.mint_key(12)}.{self.mint_key(32)}", app_id, user, now)
        self.triggers[trigger.id] = trigger
        return trigger

    def issue_response_url(self, app_id: str, channel: str, user: str, ts: str = "") -> ResponseUrl:
        now, life = self.now(), self.settings.response_url_seconds
        self.response_urls = {
            key: old for key, old in self.response_urls.items() if now - old.issued_at < 2 * life
        }
        url = ResponseUrl(self.mint_key(), app_id, channel, user, now, ts)
        self.response_urls[url.key] = url
        return url

    def app_by_token(self, token: str) -> App | None:
        return next((app for app in self.apps.values() if token in (app.bot_token, app.app_token)), None)

    def command_owner(self, name: str) -> str:
        """Who owns a slash command: an app id, `other:<name>` for a reserved name, or nothing."""
        if name in self.reserved_commands:
            return f"other:{self.reserved_commands[name]}"
        for app in self.apps.values():
            if app.commands is not None and name in app.commands:
                return app.id
        return next((app.id for app in self.apps.values() if app.commands is None and app.installed), "")
