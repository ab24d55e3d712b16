"""What a workspace consists of: people, apps, channels, messages, views. Plain mutable records, in memory
only.

Everything here is touched by one event loop alone, so there are no locks. Times are Slack's: seconds since
the epoch as text with six decimals (`ts`), unique and increasing over the whole workspace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Transport = Literal["socket", "http"]
ChannelKind = Literal["public", "private", "im"]


@dataclass(slots=True)
class Person:
    """A member of the workspace: one of the personas, or an app's bot user."""

    id: str
    name: str
    real_name: str
    title: str
    email: str
    tz: str = "Europe/London"
    app_id: str = ""

    @property
    def is_bot(self) -> bool:
        return bool(self.app_id)

    def to_wire(self, team_id: str, *, with_email: bool) -> Json:
        profile: Json = {
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "title": self.title,
            "team": team_id,
        }
        if self.is_bot:
            profile |= {"api_app_id": self.app_id, "bot_id": bot_id(self.app_id)}
        elif with_email:
            profile["email"] = self.email
        return {
            "id": self.id,
            "team_id": team_id,
            "name": self.name,
            "deleted": False,
            "real_name": self.real_name,
            "tz": self.tz,
            "profile": profile,
            "is_admin": False,
            "is_owner": False,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "is_restricted": self.id == "U0GUEST",
        }


def bot_id(app_id: str) -> str:
    """Id of the bot that belongs to an app.

    >>> bot_id("A0MAYDAY")
    'B0MAYDAY'
    """
    return "B" + app_id[1:]


@dataclass(slots=True)
class Command:
    """A slash command as the manifest registers it."""

    name: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = False


@dataclass(slots=True)
class Shortcut:
    """A shortcut as the manifest registers it: global (lightning menu) or on a message."""

    callback_id: str
    name: str
    description: str
    type: Literal["global", "message"]


@dataclass(slots=True)
class App:
    """An installed app: its keys, what it may do, and how deliveries reach it.

    `commands` is None while no manifest was imported: such an app answers to every command nobody else owns.
    """

    id: str
    name: str
    bot_user: str
    bot_token: str
    app_token: str
    signing_secret: str
    verification_token: str
    scopes: set[str]
    app_scopes: set[str]
    events: set[str]
    commands: dict[str, Command] | None = None
    shortcuts: dict[str, Shortcut] = field(default_factory=dict)
    transport: Transport = "socket"
    request_url: str = ""
    home_tab: bool = True
    installed: bool = True
    unfurl_domains: set[str] = field(default_factory=set)
    manifest: Json | None = None

    @property
    def bot_id(self) -> str:
        return bot_id(self.id)


@dataclass(slots=True)
class Message:
    """A message. `only_for` names the one person who sees it when it is ephemeral."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    app_id: str = ""
    username: str = ""
    icon_emoji: str = ""
    thread_ts: str = ""
    broadcast: bool = False
    subtype: str = ""
    edited_ts: str = ""
    only_for: str = ""
    reactions: dict[str, list[str]] = field(default_factory=dict)
    files: list[Json] = field(default_factory=list)
    unfurls: Json = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        return bool(self.thread_ts) and self.thread_ts != self.ts

    def to_wire(self, team_id: str, *, metadata: bool = False) -> Json:
        """The message as Slack's methods and events carry it."""
        wire: Json = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text, "team": team_id}
        optional: Mapping[str, Any] = {
            "subtype": self.subtype,
            "username": self.username,
            "blocks": self.blocks,
            "attachments": self.attachments,
            "thread_ts": self.thread_ts,
            "files": self.files,
        }
        wire |= {key: value for key, value in optional.items() if value}
        if self.app_id:
            wire |= {"bot_id": bot_id(self.app_id), "app_id": self.app_id}
        if self.edited_ts:
            wire["edited"] = {"user": self.user, "ts": self.edited_ts}
        if self.reactions:
            wire["reactions"] = [
                {"name": name, "users": users, "count": len(users)} for name, users in self.reactions.items()
            ]
        if self.only_for:
            wire["is_ephemeral"] = True
        if metadata and self.metadata:
            wire["metadata"] = self.metadata
        return wire


@dataclass(slots=True)
class Channel:
    """A conversation with its messages, oldest first; `members` keeps the order of joining."""

    id: str
    name: str
    kind: ChannelKind
    created: int
    creator: str
    members: list[str] = field(default_factory=list)
    topic: str = ""
    purpose: str = ""
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: dict[str, Message] = field(default_factory=dict)
    pins: list[Json] = field(default_factory=list)
    bookmarks: list[Json] = field(default_factory=list)

    def replies(self, thread_ts: str) -> list[Message]:
        """The replies of one thread, oldest first, without its parent."""
        return [
            message
            for message in self.messages.values()
            if message.is_reply and message.thread_ts == thread_ts
        ]

    def to_wire(self, for_user: str) -> Json:
        if self.kind == "im":
            other = next((member for member in self.members if member != for_user), for_user)
            return {
                "id": self.id,
                "created": self.created,
                "is_im": True,
                "is_archived": False,
                "user": other,
            }
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": self.kind == "public",
            "is_group": self.kind == "private",
            "is_im": False,
            "is_mpim": False,
            "is_private": self.kind == "private",
            "is_general": False,
            "is_archived": self.archived,
            "is_member": for_user in self.members,
            "created": self.created,
            "creator": self.creator,
            "num_members": len(self.members),
            "topic": {"value": self.topic, "creator": self.creator, "last_set": self.created},
            "purpose": {"value": self.purpose, "creator": self.creator, "last_set": self.created},
        }


@dataclass(slots=True)
class View:
    """A modal or a Home tab as one person sees it. `hash` changes with every update."""

    id: str
    app_id: str
    user: str
    type: Literal["modal", "home"]
    body: Json
    hash: str
    root_id: str
    previous_id: str = ""
    values: Json = field(default_factory=dict)

    def to_wire(self, team_id: str, bot: str) -> Json:
        wire: Json = {
            "id": self.id,
            "team_id": team_id,
            "type": self.type,
            "blocks": self.body.get("blocks", []),
            "private_metadata": self.body.get("private_metadata", ""),
            "callback_id": self.body.get("callback_id", ""),
            "state": {"values": self.values},
            "hash": self.hash,
            "title": self.body.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
            "clear_on_close": bool(self.body.get("clear_on_close", False)),
            "notify_on_close": bool(self.body.get("notify_on_close", False)),
            "close": self.body.get("close"),
            "submit": self.body.get("submit"),
            "previous_view_id": self.previous_id or None,
            "root_view_id": self.root_id,
            "app_id": self.app_id,
            "external_id": self.body.get("external_id", ""),
            "app_installed_team_id": team_id,
            "bot_id": bot,
        }
        return wire


@dataclass(slots=True)
class Trigger:
    """A single-use permission to open a view for one person."""

    id: str
    app_id: str
    user: str
    issued_at: float
    used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """A URL that answers an interaction: `ts` is the message it came from, empty for a slash command."""

    key: str
    app_id: str
    channel: str
    user: str
    issued_at: float
    ts: str = ""
    uses: int = 0


@dataclass(slots=True)
class Scheduled:
    """A message that is to be posted later."""

    id: str
    app_id: str
    channel: str
    post_at: int
    created: int
    arguments: Json
