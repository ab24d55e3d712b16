"""Messages come into being, change and go here, whoever asks: a method, a response_url, a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bot.workspace import blockkit
from bot.workspace.errors import SlackError
from bot.workspace.model import App, Channel, Json, Message
from bot.workspace.state import Change, State

TEXT_POSTED, TEXT_EDITED = 40_000, 4_000  # characters: cut when posted, refused when edited or ephemeral
ATTACHMENTS, METADATA_BYTES = 100, 16_000


def checked_blocks(blocks: list[Json] | None) -> list[Json]:
    """The blocks, or `invalid_blocks` with a sentence and a JSON pointer per fault."""
    if not blocks:
        return []
    if faults := blockkit.message_faults(blocks):
        raise SlackError("invalid_blocks", messages=tuple(faults), fields={"errors": faults})
    if blockkit.text_length(blocks) > blockkit.MESSAGE_TEXT:
        raise SlackError("msg_blocks_too_long")
    return blocks


def checked_attachments(attachments: list[Json] | None) -> list[Json]:
    if not attachments:
        return []
    if len(attachments) > ATTACHMENTS:
        raise SlackError("too_many_attachments")
    for index, attachment in enumerate(attachments):
        faults = blockkit.message_faults(attachment.get("blocks") or [], f"/attachments/{index}/blocks")
        if faults:
            raise SlackError("invalid_attachments", messages=tuple(faults), fields={"errors": faults})
    return attachments


def checked_metadata(metadata: Json | None) -> Json | None:
    """The metadata, or Slack's refusal: a named event type and a flat payload of at most 16 kB."""
    if not metadata:
        return None
    kind, payload = metadata.get("event_type"), metadata.get("event_payload")
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise SlackError("invalid_metadata_format")
    if len(orjson.dumps(metadata)) > METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return {"event_type": kind, "event_payload": payload}


def post(
    state: State,
    channel: Channel,
    *,
    user: str,
    text: str,
    app: App | None = None,
    blocks: list[Json] | None = None,
    attachments: list[Json] | None = None,
    metadata: Json | None = None,
    thread_ts: str = "",
    broadcast: bool = False,
    only_for: str = "",
    extra: Mapping[str, Any] | None = None,
) -> Message:
    """Put a message into a channel; with `only_for` it is ephemeral. `extra` sets further fields."""
    blocks, attachments = checked_blocks(blocks), checked_attachments(attachments)
    if not text and not blocks and not attachments and not (extra or {}).get("files"):
        raise SlackError("no_text")
    message = Message(
        ts=state.mint_ts(),
        channel=channel.id,
        user=user,
        text=text[:TEXT_POSTED],
        blocks=blockkit.with_ids(blocks, state.rng),
        attachments=attachments,
        metadata=checked_metadata(metadata),
        app_id=app.id if app else "",
        broadcast=broadcast,
        only_for=only_for,
        **(extra or {}),
    )
    if thread_ts:
        parent = channel.messages.get(thread_ts)
        if parent is None or parent.is_reply:
            raise SlackError("thread_not_found")
        message.thread_ts = parent.thread_ts = thread_ts
        message.subtype = "thread_broadcast" if broadcast else message.subtype
    shelf = channel.ephemerals if only_for else channel.messages
    shelf[message.ts] = message
    state.tell(Change("message", channel.id, only_for, message))
    return message


def update(
    state: State,
    message: Message,
    *,
    text: str | None,
    blocks: list[Json] | None = None,
    attachments: list[Json] | None = None,
    metadata: Json | None = None,
) -> None:
    """Change a message in place; what is None stays as it was."""
    previous = Message(**{name: getattr(message, name) for name in Message.__slots__})
    checked_blocks(blocks), checked_attachments(attachments)
    if text is not None:
        message.text = text
    if blocks is not None:
        message.blocks = blockkit.with_ids(blocks, state.rng)
    if attachments is not None:
        message.attachments = attachments
    if metadata is not None:
        message.metadata = checked_metadata(metadata)
    message.edited_ts = state.mint_ts()
    state.tell(Change("message_changed", message.channel, message.only_for, message, previous))


def delete(state: State, channel: Channel, message: Message) -> None:
    shelf = channel.ephemerals if message.only_for else channel.messages
    del shelf[message.ts]
    channel.pins = [pin for pin in channel.pins if pin["ts"] != message.ts]
    state.tell(Change("message_deleted", channel.id, message.only_for, message))


def respond(
    state: State, app: App, channel: Channel, user: str, body: Json, *, ts: str = ""
) -> Message | None:
    """What a response_url or an acknowledged command says: new, replaced or deleted message; None if nothing
    is new.

    `ts` is the message the interaction came from. Without `response_type` the answer is for `user` alone.
    """
    origin = channel.messages.get(ts) or channel.ephemerals.get(ts)
    if body.get("delete_original"):
        if origin:
            delete(state, channel, origin)
        return None
    text, blocks = str(body.get("text") or ""), body.get("blocks")
    attachments = body.get("attachments")
    if body.get("replace_original") and origin:
        update(state, origin, text=text, blocks=blocks or [], attachments=attachments)
        return origin
    if not (text or blocks or attachments):
        return None
    everyone = body.get("response_type") == "in_channel"
    return post(
        state,
        channel,
        user=app.bot_user,
        text=text,
        app=app,
        blocks=blocks,
        attachments=attachments,
        metadata=body.get("metadata"),
        thread_ts=str(body.get("thread_ts") or ""),
        only_for="" if everyone else user,
    )
