"""From changes in the workspace to Slack's events, for the apps that subscribed, may read and are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.workspace import payloads
from bot.workspace.deliveries import Deliveries
from bot.workspace.methods.base import ROOMS
from bot.workspace.model import App, Channel, Json
from bot.workspace.state import TEAM_ID, Change, State

_SUFFIX = {"public": "channels", "private": "groups", "im": "im"}
_TYPE = {"public": "channel", "private": "group", "im": "im"}
_LINK = re.compile(r"https?://[^\s>|]+")


class Events:
    """Listens to a state's changes and hands events to the deliveries."""

    def __init__(self, state: State, deliveries: Deliveries) -> None:
        self._state, self._deliveries = state, deliveries

    def on_change(self, change: Change) -> None:
        for app in list(self._state.apps.values()):
            if app.installed:
                for name, body in self._bodies(app, change):
                    if name in app.events:
                        self.send(app, body)

    def send(self, app: App, body: Json) -> None:
        event_id = self._state.mint_id("Ev0")
        self._deliveries.event(app, payloads.event(app, body, event_id, int(self._state.now())))

    def home_opened(self, app: App, user: str) -> None:
        """Tell the app that somebody looks at its Home tab."""
        if "app_home_opened" not in app.events:
            return
        home = self._state.homes.get((app.id, user))
        channel = self._state.direct_channel(app.bot_user, user)
        body: Json = {"type": "app_home_opened", "user": user, "channel": channel.id, "tab": "home"}
        body["event_ts"] = self._state.mint_ts()
        if home:
            body["view"] = home.to_wire(TEAM_ID, app.bot_id)
        self.send(app, body)

    def _bodies(self, app: App, change: Change) -> Iterator[tuple[str, Json]]:
        """(subscription, event) for everything this change is to this app."""
        channel = self._state.channels.get(change.channel)
        if channel is None:
            return
        if change.kind == "channel":
            yield from self._about_channel(channel, change)
        if app.bot_user not in channel.members or (change.message and change.message.only_for):
            return
        if change.kind in ("message", "message_changed", "message_deleted"):
            yield from self._about_message(app, channel, change)
        elif change.kind in ("member_joined", "member_left"):
            verb = change.kind.removeprefix("member_")
            body: Json = {
                "type": f"member_{verb}_channel",
                "user": change.user,
                "channel": channel.id,
                "team": TEAM_ID,
            }
            yield f"member_{verb}_channel", body | {"channel_type": "C", "event_ts": self._state.mint_ts()}
        elif change.message and change.kind in (
            "reaction_added",
            "reaction_removed",
            "pin_added",
            "pin_removed",
        ):
            item: Json = {"type": "message", "channel": channel.id, "ts": change.message.ts}
            body = {"type": change.kind, "user": change.user, "item": item, "event_ts": self._state.mint_ts()}
            if change.kind.startswith("reaction"):
                body |= {"reaction": change.detail, "item_user": change.message.user}
            else:
                body |= {"channel_id": channel.id}
            yield change.kind, body

    def _about_message(self, app: App, channel: Channel, change: Change) -> Iterator[tuple[str, Json]]:
        message = change.message
        if message is None or f"{ROOMS[channel.kind]}:history" not in app.scopes:
            return
        place: Json = {"channel": channel.id, "channel_type": _TYPE[channel.kind]}
        subscription = f"message.{_SUFFIX[channel.kind]}"
        wire = message.to_wire(TEAM_ID)
        if change.kind == "message":
            yield subscription, wire | place | {"event_ts": message.ts}
            if not message.app_id:
                yield from self._about_text(app, channel, wire | place)
            return
        body: Json = {"type": "message", "subtype": change.kind, "hidden": True, **place}
        body["ts"] = body["event_ts"] = self._state.mint_ts()
        if change.kind == "message_changed":
            previous = change.previous.to_wire(TEAM_ID) if change.previous else wire
            yield subscription, body | {"message": wire, "previous_message": previous}
        else:
            yield subscription, body | {"deleted_ts": message.ts, "previous_message": wire}

    def _about_text(self, app: App, channel: Channel, wire: Json) -> Iterator[tuple[str, Json]]:
        if f"<@{app.bot_user}>" in wire["text"] and "app_mentions:read" in app.scopes:
            yield "app_mention", wire | {"type": "app_mention", "event_ts": wire["ts"]}
        links = [
            {"url": link, "domain": host}
            for link in _LINK.findall(wire["text"])
            if (host := urlsplit(link).hostname or "") in app.unfurl_domains
        ]
        if links and "links:read" in app.scopes:
            body: Json = {"type": "link_shared", "channel": channel.id, "user": wire["user"], "links": links}
            yield "link_shared", body | {"message_ts": wire["ts"], "event_ts": wire["ts"]}

    def _about_channel(self, channel: Channel, change: Change) -> Iterator[tuple[str, Json]]:
        stamp = self._state.mint_ts()
        short: Json = {
            "id": channel.id,
            "name": channel.name,
            "created": channel.created,
            "creator": channel.creator,
        }
        match change.detail:
            case "created":
                yield "channel_created", {"type": "channel_created", "channel": short, "event_ts": stamp}
            case "archived" | "unarchived":
                kind = "channel_archive" if change.detail == "archived" else "channel_unarchive"
                yield kind, {"type": kind, "channel": channel.id, "user": change.user, "event_ts": stamp}
            case "renamed":
                yield "channel_rename", {"type": "channel_rename", "channel": short, "event_ts": stamp}
