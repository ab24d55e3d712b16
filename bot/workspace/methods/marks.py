"""pins.*, bookmarks.* and reactions.*: what people and apps hang onto channels and messages."""

from __future__ import annotations

import re

from bot.workspace.errors import SlackError
from bot.workspace.methods.base import AnyMethod, Args, Call, Method, Page, paged
from bot.workspace.model import Channel, Json, Message
from bot.workspace.state import TEAM_ID, Change, State

_EMOJI = re.compile(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?")
PINS, BOOKMARKS = 100, 100


class OnMessage(Args):
    channel: str
    timestamp: str


def add_pin(call: Call, args: OnMessage) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    message = call.message(channel, args.timestamp)
    if any(pin["ts"] == message.ts for pin in channel.pins):
        raise SlackError("already_pinned")
    if len(channel.pins) >= PINS:
        raise SlackError("too_many_pins")
    channel.pins.append({"ts": message.ts, "created": int(call.state.now()), "created_by": call.app.bot_user})
    call.state.tell(Change("pin_added", channel.id, call.app.bot_user, message))
    return {}


def remove_pin(call: Call, args: OnMessage) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    message = call.message(channel, args.timestamp)
    kept = [pin for pin in channel.pins if pin["ts"] != message.ts]
    if len(kept) == len(channel.pins):
        raise SlackError("no_pin")
    channel.pins = kept
    call.state.tell(Change("pin_removed", channel.id, call.app.bot_user, message))
    return {}


class InChannel(Args):
    channel: str


def list_pins(call: Call, args: InChannel) -> Json:
    channel = call.channel(args.channel)
    items = [
        {
            "type": "message",
            "channel": channel.id,
            "created": pin["created"],
            "created_by": pin["created_by"],
            "message": channel.messages[pin["ts"]].to_wire(TEAM_ID),
        }
        for pin in channel.pins
    ]
    return {"items": items}


class AddBookmark(Args):
    channel_id: str
    title: str
    type: str
    link: str = ""
    emoji: str = ""


def add_bookmark(call: Call, args: AddBookmark) -> Json:
    channel = call.channel(args.channel_id, live=True, member=True)
    if args.type != "link":
        raise SlackError("invalid_bookmark_type")
    if not args.link.startswith(("http://", "https://")):
        raise SlackError("invalid_link")
    if len(channel.bookmarks) >= BOOKMARKS:
        raise SlackError("too_many_bookmarks")
    now = int(call.state.now())
    bookmark = {
        "id": call.state.mint_id("Bk"),
        "channel_id": channel.id,
        "title": args.title,
        "link": args.link,
        "emoji": args.emoji,
        "type": "link",
        "date_created": now,
        "date_updated": now,
        "app_id": call.app.id,
    }
    channel.bookmarks.append(bookmark)
    call.state.tell(Change("channel", channel.id, call.app.bot_user, detail="bookmarks"))
    return {"bookmark": bookmark}


def _bookmark(channel: Channel, bookmark_id: str) -> Json:
    for bookmark in channel.bookmarks:
        if bookmark["id"] == bookmark_id:
            return bookmark
    raise SlackError("not_found")


class EditBookmark(Args):
    channel_id: str
    bookmark_id: str
    title: str | None = None
    link: str | None = None
    emoji: str | None = None


def edit_bookmark(call: Call, args: EditBookmark) -> Json:
    channel = call.channel(args.channel_id, live=True, member=True)
    bookmark = _bookmark(channel, args.bookmark_id)
    bookmark |= args.model_dump(include={"title", "link", "emoji"}, exclude_none=True)
    bookmark["date_updated"] = int(call.state.now())
    call.state.tell(Change("channel", channel.id, call.app.bot_user, detail="bookmarks"))
    return {"bookmark": bookmark}


class OneBookmark(Args):
    channel_id: str
    bookmark_id: str


def remove_bookmark(call: Call, args: OneBookmark) -> Json:
    channel = call.channel(args.channel_id, live=True, member=True)
    channel.bookmarks.remove(_bookmark(channel, args.bookmark_id))
    call.state.tell(Change("channel", channel.id, call.app.bot_user, detail="bookmarks"))
    return {}


class OfChannel(Args):
    channel_id: str


def list_bookmarks(call: Call, args: OfChannel) -> Json:
    return {"bookmarks": call.channel(args.channel_id).bookmarks}


class React(OnMessage):
    name: str


def react(state: State, channel: Channel, message: Message, name: str, user: str) -> None:
    """Add `user`'s reaction to a message."""
    name = name.strip(":")
    if not _EMOJI.fullmatch(name):
        raise SlackError("invalid_name")
    people = message.reactions.setdefault(name, [])
    if user in people:
        raise SlackError("already_reacted")
    people.append(user)
    state.tell(Change("reaction_added", channel.id, user, message, detail=name))


def unreact(state: State, channel: Channel, message: Message, name: str, user: str) -> None:
    """Take `user`'s reaction away."""
    name = name.strip(":")
    people = message.reactions.get(name, [])
    if user not in people:
        raise SlackError("no_reaction")
    people.remove(user)
    if not people:
        del message.reactions[name]
    state.tell(Change("reaction_removed", channel.id, user, message, detail=name))


def add_reaction(call: Call, args: React) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    react(call.state, channel, call.message(channel, args.timestamp), args.name, call.app.bot_user)
    return {}


def remove_reaction(call: Call, args: React) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    unreact(call.state, channel, call.message(channel, args.timestamp), args.name, call.app.bot_user)
    return {}


def get_reactions(call: Call, args: OnMessage) -> Json:
    channel = call.channel(args.channel)
    message = call.message(channel, args.timestamp)
    return {"type": "message", "channel": channel.id, "message": message.to_wire(TEAM_ID)}


class ListReactions(Page):
    user: str = ""


def list_reactions(call: Call, args: ListReactions) -> Json:
    user = args.user or call.app.bot_user
    items = [
        {"type": "message", "channel": channel.id, "message": message.to_wire(TEAM_ID)}
        for channel in call.state.channels.values()
        for message in channel.messages.values()
        if any(user in people for people in message.reactions.values())
    ]
    part, meta = paged(items, args)
    return {"items": part, **meta}


METHODS: tuple[AnyMethod, ...] = (
    Method("pins.add", OnMessage, add_pin, ("pins:write",), tier=2),
    Method("pins.remove", OnMessage, remove_pin, ("pins:write",), tier=2),
    Method("pins.list", InChannel, list_pins, ("pins:read",), tier=2),
    Method("bookmarks.add", AddBookmark, add_bookmark, ("bookmarks:write",), tier=2),
    Method("bookmarks.edit", EditBookmark, edit_bookmark, ("bookmarks:write",), tier=2),
    Method("bookmarks.remove", OneBookmark, remove_bookmark, ("bookmarks:write",), tier=2),
    Method("bookmarks.list", OfChannel, list_bookmarks, ("bookmarks:read",)),
    Method("reactions.add", React, add_reaction, ("reactions:write",)),
    Method("reactions.remove", React, remove_reaction, ("reactions:write",), tier=2),
    Method("reactions.get", OnMessage, get_reactions, ("reactions:read",)),
    Method("reactions.list", ListReactions, list_reactions, ("reactions:read",), tier=2),
)
