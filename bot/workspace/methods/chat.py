"""chat.*: posting, changing and removing messages."""

from __future__ import annotations

import contextlib
from typing import Any

from pydantic import Field

from bot.workspace import posting
from bot.workspace.errors import SlackError
from bot.workspace.methods.base import AnyMethod, Args, Call, Method, Object, Objects, Page, paged
from bot.workspace.model import Channel, Json, Scheduled
from bot.workspace.state import TEAM_DOMAIN, TEAM_ID, Change, State

DAYS_AHEAD = 120


class Content(Args):
    channel: str
    text: str | None = None
    blocks: Objects = None
    attachments: Objects = None


class PostMessage(Content):
    thread_ts: str = ""
    reply_broadcast: bool = False
    metadata: Object = None
    username: str = ""
    icon_emoji: str = ""
    unfurl_links: bool = True
    mrkdwn: bool = True


def _room(call: Call, name: str) -> Channel:
    """Where a message goes: a channel, or a person's id for the direct conversation with them."""
    if name in call.state.people:
        return call.state.direct_channel(call.app.bot_user, name)
    channel = call.channel(name, live=True)
    if call.app.bot_user not in channel.members and "chat:write.public" not in call.app.scopes:
        raise SlackError("not_in_channel")
    return channel


def post_message(call: Call, args: PostMessage) -> Json:
    channel = _room(call, args.channel)
    if args.username or args.icon_emoji:
        call.need("chat:write.customize")
    message = posting.post(
        call.state,
        channel,
        user=call.app.bot_user,
        text=args.text or "",
        app=call.app,
        blocks=args.blocks,
        attachments=args.attachments,
        metadata=args.metadata,
        thread_ts=args.thread_ts,
        broadcast=args.reply_broadcast,
        extra={"username": args.username, "icon_emoji": args.icon_emoji},
    )
    answer: Json = {
        "channel": channel.id,
        "ts": message.ts,
        "message": message.to_wire(TEAM_ID, metadata=True),
    }
    if len(args.text or "") > posting.TEXT_POSTED:
        answer["warning"] = "message_truncated"
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


class Update(Content):
    ts: str
    metadata: Object = None


def _short(text: str | None) -> None:
    if len(text or "") > posting.TEXT_EDITED:
        raise SlackError("msg_too_long")


def update(call: Call, args: Update) -> Json:
    channel = call.channel(args.channel, live=True)
    message = call.message(channel, args.ts)
    if message.app_id != call.app.id:
        raise SlackError("cant_update_message")
    _short(args.text)
    if args.text is None and args.blocks is None and args.attachments is None:
        raise SlackError("no_text")
    posting.update(
        call.state,
        message,
        text=args.text,
        blocks=args.blocks,
        attachments=args.attachments,
        metadata=args.metadata,
    )
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": message.to_wire(TEAM_ID, metadata=True),
    }


class At(Args):
    channel: str
    ts: str


def delete(call: Call, args: At) -> Json:
    channel = call.channel(args.channel)
    message = call.message(channel, args.ts)
    if message.app_id != call.app.id:
        raise SlackError("cant_delete_message")
    posting.delete(call.state, channel, message)
    return {"channel": channel.id, "ts": message.ts}


class PostEphemeral(Content):
    user: str
    thread_ts: str = ""


def post_ephemeral(call: Call, args: PostEphemeral) -> Json:
    channel = call.channel(args.channel, live=True, member=True)
    if args.user not in call.state.people or args.user not in channel.members:
        raise SlackError("user_not_in_channel")
    _short(args.text)
    message = posting.post(
        call.state,
        channel,
        user=call.app.bot_user,
        text=args.text or "",
        app=call.app,
        blocks=args.blocks,
        attachments=args.attachments,
        thread_ts=args.thread_ts,
        only_for=args.user,
    )
    return {"message_ts": message.ts}


class Schedule(Content):
    post_at: int
    thread_ts: str = ""
    metadata: Object = None


def schedule(call: Call, args: Schedule) -> Json:
    channel = _room(call, args.channel)
    now = call.state.now()
    if args.post_at <= now:
        raise SlackError("time_in_past")
    if args.post_at > now + DAYS_AHEAD * 86_400:
        raise SlackError("time_too_far")
    posting.checked_blocks(args.blocks)
    if not args.text and not args.blocks:
        raise SlackError("no_text")
    content = args.model_dump(include={"text", "blocks", "attachments", "thread_ts", "metadata"})
    planned = Scheduled(call.state.mint_id("Q0"), call.app.id, channel.id, args.post_at, int(now), content)
    call.state.scheduled[planned.id] = planned
    return {
        "channel": channel.id,
        "scheduled_message_id": planned.id,
        "post_at": planned.post_at,
        "message": {"text": args.text or "", "type": "delayed_message", "user": call.app.bot_user},
    }


class ListScheduled(Page):
    channel: str = ""


def list_scheduled(call: Call, args: ListScheduled) -> Json:
    wanted = call.channel(args.channel).id if args.channel else ""
    planned = [
        {
            "id": each.id,
            "channel_id": each.channel,
            "post_at": each.post_at,
            "date_created": each.created,
            "text": each.arguments.get("text") or "",
        }
        for each in call.state.scheduled.values()
        if each.app_id == call.app.id and wanted in ("", each.channel)
    ]
    part, meta = paged(sorted(planned, key=lambda each: each["post_at"]), args)
    return {"scheduled_messages": part, **meta}


class DeleteScheduled(Args):
    channel: str
    scheduled_message_id: str


def delete_scheduled(call: Call, args: DeleteScheduled) -> Json:
    planned = call.state.scheduled.get(args.scheduled_message_id)
    if planned is None or planned.app_id != call.app.id or planned.channel != call.channel(args.channel).id:
        raise SlackError("invalid_scheduled_message_id")
    del call.state.scheduled[planned.id]
    return {}


def post_due(state: State) -> None:
    """Post what was scheduled for now or earlier; what can no longer be posted is dropped, as Slack does."""
    now = state.now()
    for planned in [each for each in state.scheduled.values() if each.post_at <= now]:
        del state.scheduled[planned.id]
        app, channel = state.apps[planned.app_id], state.channels[planned.channel]
        if not channel.archived:
            content: dict[str, Any] = dict(planned.arguments)
            content["text"] = content["text"] or ""
            with contextlib.suppress(SlackError):  # its thread may be gone by now
                posting.post(state, channel, user=app.bot_user, app=app, **content)


class Permalink(Args):
    channel: str
    message_ts: str


def permalink(call: Call, args: Permalink) -> Json:
    channel = call.channel(args.channel)
    message = call.message(channel, args.message_ts)
    link = f"{call.base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": link, "team": TEAM_DOMAIN}


class Unfurl(Args):
    channel: str
    ts: str
    unfurls: Object = Field()


def unfurl(call: Call, args: Unfurl) -> Json:
    message = call.message(call.channel(args.channel), args.ts)
    for link, card in (args.unfurls or {}).items():
        if link not in message.text:
            raise SlackError("cannot_unfurl_url")
        if not isinstance(card, dict):
            raise SlackError("cannot_parse_attachment")
        posting.checked_blocks(card.get("blocks"))
        message.unfurls[link] = card
    call.state.tell(Change("message_changed", message.channel, "", message, message))
    return {}


METHODS: tuple[AnyMethod, ...] = (
    Method("chat.postMessage", PostMessage, post_message, ("chat:write",), tier=0),
    Method("chat.update", Update, update, ("chat:write",)),
    Method("chat.delete", At, delete, ("chat:write",)),
    Method("chat.postEphemeral", PostEphemeral, post_ephemeral, ("chat:write",), tier=4),
    Method("chat.scheduleMessage", Schedule, schedule, ("chat:write",)),
    Method("chat.scheduledMessages.list", ListScheduled, list_scheduled),
    Method("chat.deleteScheduledMessage", DeleteScheduled, delete_scheduled, ("chat:write",)),
    Method("chat.getPermalink", Permalink, permalink, tier=0),
    Method("chat.unfurl", Unfurl, unfurl, ("links:write",)),
)
