"""The bodies of deliveries, as Slack sends them. Pure: everything they need is passed in."""

from __future__ import annotations

from bot.workspace.model import App, Channel, Json, Message, Person, Shortcut, View
from bot.workspace.state import TEAM_DOMAIN, TEAM_ID


def slash(
    app: App, person: Person, channel: Channel, command: str, text: str, response_url: str, trigger: str
) -> Json:
    return {
        "token": app.verification_token,
        "team_id": TEAM_ID,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": channel.name or "directmessage",
        "user_id": person.id,
        "user_name": person.name,
        "command": command,
        "text": text,
        "api_app_id": app.id,
        "is_enterprise_install": False,
        "response_url": response_url,
        "trigger_id": trigger,
    }


def _common(app: App, person: Person, kind: str) -> Json:
    return {
        "type": kind,
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": TEAM_ID},
        "api_app_id": app.id,
        "token": app.verification_token,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _channel(channel: Channel) -> Json:
    return {"id": channel.id, "name": channel.name or "directmessage"}


def message_container(channel: Channel, message: Message) -> Json:
    return {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": bool(message.only_for),
    }


def message_action(
    app: App,
    person: Person,
    channel: Channel,
    message: Message,
    action: Json,
    state: Json,
    response_url: str,
    trigger: str,
) -> Json:
    """`block_actions` from a message."""
    wire = message.to_wire(TEAM_ID)
    return _common(app, person, "block_actions") | {
        "container": message_container(channel, message),
        "trigger_id": trigger,
        "channel": _channel(channel),
        "message": wire,
        "state": {"values": state},
        "response_url": response_url,
        "actions": [action],
    }


def view_action(app: App, person: Person, view: View, action: Json, trigger: str) -> Json:
    """`block_actions` from a modal or a Home tab."""
    return _common(app, person, "block_actions") | {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": trigger,
        "view": view.to_wire(TEAM_ID, app.bot_id),
        "actions": [action],
    }


def submission(app: App, person: Person, view: View, trigger: str) -> Json:
    return _common(app, person, "view_submission") | {
        "trigger_id": trigger,
        "view": view.to_wire(TEAM_ID, app.bot_id),
        "response_urls": [],
    }


def closed(app: App, person: Person, view: View, *, cleared: bool) -> Json:
    return _common(app, person, "view_closed") | {
        "view": view.to_wire(TEAM_ID, app.bot_id),
        "is_cleared": cleared,
    }


def suggestion(
    app: App, person: Person, place: tuple[Channel, Message] | View, block_id: str, action_id: str, query: str
) -> Json:
    """`block_suggestion`: what a person typed into an external select."""
    body = _common(app, person, "block_suggestion") | {
        "action_id": action_id,
        "block_id": block_id,
        "value": query,
    }
    if isinstance(place, View):
        return body | {
            "container": {"type": "view", "view_id": place.id},
            "view": place.to_wire(TEAM_ID, app.bot_id),
        }
    channel, message = place
    return body | {
        "container": message_container(channel, message),
        "channel": _channel(channel),
        "message": message.to_wire(TEAM_ID),
    }


def shortcut(app: App, person: Person, which: Shortcut, trigger: str, action_ts: str) -> Json:
    return _common(app, person, "shortcut") | {
        "callback_id": which.callback_id,
        "trigger_id": trigger,
        "action_ts": action_ts,
    }


def message_shortcut(
    app: App,
    person: Person,
    which: Shortcut,
    channel: Channel,
    message: Message,
    response_url: str,
    trigger: str,
    action_ts: str,
) -> Json:
    return _common(app, person, "message_action") | {
        "callback_id": which.callback_id,
        "trigger_id": trigger,
        "action_ts": action_ts,
        "response_url": response_url,
        "message_ts": message.ts,
        "channel": _channel(channel),
        "message": message.to_wire(TEAM_ID),
    }


def event(app: App, body: Json, event_id: str, at: int) -> Json:
    """The `event_callback` around an event."""
    return {
        "token": app.verification_token,
        "team_id": TEAM_ID,
        "api_app_id": app.id,
        "event": body,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": at,
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM_ID,
                "user_id": app.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }
