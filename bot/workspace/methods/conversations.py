"""conversations.*: channels, their members and their history."""

from __future__ import annotations

import re

from pydantic import Field

from bot.workspace import posting
from bot.workspace.errors import SlackError
from bot.workspace.methods.base import AnyMethod, Args, Call, Method, Names, Page, paged
from bot.workspace.model import Channel, ChannelKind, Json, Message
from bot.workspace.state import TEAM_ID, Change

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
TOPIC_LENGTH = 250
_READ = ("channels:read", "groups:read", "im:read")
_HISTORY = ("channels:history", "groups:history", "im:history")


class Create(Args):
    name: str = ""
    is_private: bool = False


def _checked_name(call: Call, name: str) -> str:
    if not name:
        raise SlackError("invalid_name_required")
    if len(name) > 80:
        raise SlackError("invalid_name_maxlength")
    if not _NAME.fullmatch(name):
        raise SlackError("invalid_name_specials")
    if any(channel.name == name for channel in call.state.channels.values()):
        raise SlackError("name_taken")
    return name


def create(call: Call, args: Create) -> Json:
    call.need("groups:write" if args.is_private else "channels:manage")
    name = _checked_name(call, args.name)
    kind: ChannelKind = "private" if args.is_private else "public"
    channel = call.state.add_channel(name, kind, call.app.bot_user, [call.app.bot_user])
    call.state.tell(Change("channel", channel.id, call.app.bot_user, detail="created"))
    return {"channel": channel.to_wire(call.app.bot_user)}


class InChannel(Args):
    channel: str


def _write(call: Call, channel: Channel, *narrow: str) -> None:
    """Channels need channels:manage (or one of the narrower scopes), private ones groups:write."""
    call.need(*(("channels:manage", *narrow) if channel.kind == "public" else ("groups:write",)))


class Invite(InChannel):
    users: Names = Field(default_factory=list)


def invite(call: Call, args: Invite) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    _write(call, channel, "channels:write.invites")
    if not args.users:
        raise SlackError("no_user")
    for user in args.users:
        if user not in call.state.people:
            raise SlackError("user_not_found")
        if user == call.app.bot_user:
            raise SlackError("cant_invite_self")
        if user in channel.members:
            raise SlackError("already_in_channel")
    for user in args.users:
        channel.members.append(user)
        call.state.tell(Change("member_joined", channel.id, user))
    return {"channel": channel.to_wire(call.app.bot_user)}


class Kick(InChannel):
    user: str


def kick(call: Call, args: Kick) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    _write(call, channel)
    if args.user == call.app.bot_user:
        raise SlackError("cant_kick_self")
    if args.user not in channel.members:
        raise SlackError("not_in_channel")
    channel.members.remove(args.user)
    call.state.tell(Change("member_left", channel.id, args.user))
    return {}


def join(call: Call, args: InChannel) -> Json:
    channel = call.channel(args.channel, live=True)
    if channel.kind != "public":
        raise SlackError("method_not_supported_for_channel_type")
    answer: Json = {}
    if call.app.bot_user in channel.members:
        answer = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        channel.members.append(call.app.bot_user)
        call.state.tell(Change("member_joined", channel.id, call.app.bot_user))
    return {"channel": channel.to_wire(call.app.bot_user), **answer}


def leave(call: Call, args: InChannel) -> Json:
    channel = call.channel(args.channel, live=True)
    _write(call, channel)
    if call.app.bot_user not in channel.members:
        return {"not_in_channel": True}
    channel.members.remove(call.app.bot_user)
    call.state.tell(Change("member_left", channel.id, call.app.bot_user))
    return {}


def archive(call: Call, args: InChannel) -> Json:
    channel = call.channel(args.channel, member=True)
    _write(call, channel)
    if channel.archived:
        raise SlackError("already_archived")
    channel.archived = True
    call.state.tell(Change("channel", channel.id, call.app.bot_user, detail="archived"))
    return {}


def unarchive(call: Call, args: InChannel) -> Json:
    channel = call.channel(args.channel)
    _write(call, channel)
    if not channel.archived:
        raise SlackError("not_archived")
    channel.archived = False
    call.state.tell(Change("channel", channel.id, call.app.bot_user, detail="unarchived"))
    return {}


class Rename(InChannel):
    name: str


def rename(call: Call, args: Rename) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    _write(call, channel)
    channel.name = _checked_name(call, args.name)
    call.state.tell(Change("channel", channel.id, call.app.bot_user, detail="renamed"))
    return {"channel": channel.to_wire(call.app.bot_user)}


class Topic(InChannel):
    topic: str


class Purpose(InChannel):
    purpose: str


def _described(call: Call, channel: Channel, text: str, subtype: str) -> None:
    """Leave the line that a channel shows when its topic or purpose changes."""
    posting.post(
        call.state,
        channel,
        user=call.app.bot_user,
        text=f"set the channel {subtype.removeprefix('channel_')}: {text}",
        app=call.app,
        extra={"subtype": subtype},
    )


def set_topic(call: Call, args: Topic) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    _write(call, channel, "channels:write.topic")
    if len(args.topic) > TOPIC_LENGTH:
        raise SlackError("too_long")
    channel.topic = args.topic
    call.state.tell(Change("channel", channel.id, call.app.bot_user, detail="topic"))
    _described(call, channel, args.topic, "channel_topic")
    return {"channel": channel.to_wire(call.app.bot_user)}


def set_purpose(call: Call, args: Purpose) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    _write(call, channel, "channels:write.topic")
    if len(args.purpose) > TOPIC_LENGTH:
        raise SlackError("too_long")
    channel.purpose = args.purpose
    call.state.tell(Change("channel", channel.id, call.app.bot_user, detail="purpose"))
    _described(call, channel, args.purpose, "channel_purpose")
    return {"purpose": args.purpose}


class ListChannels(Page):
    types: Names = Field(default_factory=lambda: ["public_channel"])
    exclude_archived: bool = False


def list_channels(call: Call, args: ListChannels) -> Json:
    kinds = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}
    scopes = {
        "public_channel": "channels:read",
        "private_channel": "groups:read",
        "im": "im:read",
        "mpim": "mpim:read",
    }
    for name in args.types:
        if name not in kinds:
            raise SlackError("invalid_types")
        call.need(scopes[name])
    wanted, me = {kinds[name] for name in args.types}, call.app.bot_user
    found = [
        channel.to_wire(me)
        for channel in call.state.channels.values()
        if channel.kind in wanted
        and (channel.kind == "public" or me in channel.members)
        and not (channel.archived and args.exclude_archived)
    ]
    part, meta = paged(found, args)
    return {"channels": part, **meta}


def info(call: Call, args: InChannel) -> Json:
    return {"channel": call.channel(args.channel, "read").to_wire(call.app.bot_user)}


class History(Page, InChannel):
    oldest: str = "0"
    latest: str = ""
    inclusive: bool = False
    include_all_metadata: bool = False


def _between(messages: list[Message], args: History) -> list[Message]:
    """Messages strictly between `oldest` and `latest`, the ends too if inclusive."""
    low, high = _number(args.oldest), _number(args.latest or "9999999999")

    def inside(ts: float) -> bool:
        return low <= ts <= high if args.inclusive else low < ts < high

    return [message for message in messages if inside(float(message.ts))]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SlackError("invalid_ts_latest") from error


def _with_thread(channel: Channel, message: Message, *, metadata: bool) -> Json:
    """A message with the summary of its thread, if it starts one."""
    wire = message.to_wire(TEAM_ID, metadata=metadata)
    if message.thread_ts == message.ts and (replies := channel.replies(message.ts)):
        people = list(dict.fromkeys(reply.user for reply in replies))
        wire |= {
            "reply_count": len(replies),
            "reply_users": people,
            "reply_users_count": len(people),
            "latest_reply": replies[-1].ts,
        }
    if any(pin["ts"] == message.ts for pin in channel.pins):
        wire["pinned_to"] = [channel.id]
    return wire


def history(call: Call, args: History) -> Json:
    channel = call.channel(args.channel, "history", member=True)
    shown = [message for message in channel.messages.values() if not message.is_reply or message.broadcast]
    part, meta = paged(list(reversed(_between(shown, args))), args)
    more = bool(meta["response_metadata"]["next_cursor"])
    messages = [_with_thread(channel, each, metadata=args.include_all_metadata) for each in part]
    return {"messages": messages, "has_more": more, "pin_count": len(channel.pins), **(meta if more else {})}


class Replies(History):
    ts: str


def replies(call: Call, args: Replies) -> Json:
    channel = call.channel(args.channel, "history", member=True)
    parent = channel.messages.get(args.ts)
    if parent is None:
        raise SlackError("thread_not_found")
    root = channel.messages.get(parent.thread_ts, parent) if parent.is_reply else parent
    part, meta = paged([root, *_between(channel.replies(root.ts), args)], args)
    more = bool(meta["response_metadata"]["next_cursor"])
    messages = [_with_thread(channel, each, metadata=args.include_all_metadata) for each in part]
    return {"messages": messages, "has_more": more, **(meta if more else {})}


class Members(Page, InChannel):
    pass


def members(call: Call, args: Members) -> Json:
    part, meta = paged(call.channel(args.channel, "read").members, args)
    return {"members": part, **meta}


class Open(Args):
    users: Names = Field(default_factory=list)
    channel: str = ""
    return_im: bool = False


def open_direct(call: Call, args: Open) -> Json:
    if args.channel:
        channel = call.channel(args.channel)
    elif len(args.users) == 1:
        if args.users[0] not in call.state.people:
            raise SlackError("user_not_found")
        channel = call.state.direct_channel(call.app.bot_user, args.users[0])
    else:
        raise SlackError("not_enough_users" if not args.users else "too_many_users")
    return {"channel": channel.to_wire(call.app.bot_user) if args.return_im else {"id": channel.id}}


_MANAGE = ("channels:manage", "groups:write")
METHODS: tuple[AnyMethod, ...] = (
    Method("conversations.create", Create, create, _MANAGE, tier=2),
    Method("conversations.invite", Invite, invite, (*_MANAGE, "channels:write.invites")),
    Method("conversations.kick", Kick, kick, _MANAGE),
    Method("conversations.join", InChannel, join, ("channels:join",)),
    Method("conversations.leave", InChannel, leave, _MANAGE),
    Method("conversations.archive", InChannel, archive, _MANAGE, tier=2),
    Method("conversations.unarchive", InChannel, unarchive, _MANAGE, tier=2),
    Method("conversations.rename", Rename, rename, _MANAGE, tier=2),
    Method("conversations.setTopic", Topic, set_topic, (*_MANAGE, "channels:write.topic"), tier=2),
    Method("conversations.setPurpose", Purpose, set_purpose, (*_MANAGE, "channels:write.topic"), tier=2),
    Method("conversations.list", ListChannels, list_channels, _READ, tier=2),
    Method("conversations.info", InChannel, info, _READ),
    Method("conversations.history", History, history, _HISTORY),
    Method("conversations.replies", Replies, replies, _HISTORY),
    Method("conversations.members", Members, members, _READ, tier=4),
    Method("conversations.open", Open, open_direct, ("im:write",)),
)
