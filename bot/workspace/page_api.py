"""`/_page/*`: what the page and scripts read and do. Everything acts as the member named in `user`."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.routing import BaseRoute

from bot.workspace.app_settings import settings_of
from bot.workspace.core import Workspace
from bot.workspace.errors import WorkspaceRefused
from bot.workspace.http_json import Body, get, post
from bot.workspace.interactions import SLACKBOT
from bot.workspace.model import App, Channel, Json, Message
from bot.workspace.state import TEAM_ID

LONGEST_WAIT = 30.0


class Say(Body):
    user: str
    channel: str
    text: str = Field(min_length=1, max_length=12_000)
    thread_ts: str = ""


class Act(Body):
    user: str
    channel: str = ""
    ts: str = ""
    view_id: str = ""
    action_id: str
    block_id: str = ""
    value: Any = None
    values: Json = Field(default_factory=dict)


class Suggest(Body):
    user: str
    channel: str = ""
    ts: str = ""
    view_id: str = ""
    action_id: str
    block_id: str = ""
    query: str = Field(default="", max_length=300)


class Submit(Body):
    user: str
    view_id: str = ""
    values: Json = Field(default_factory=dict)


class Close(Body):
    user: str
    view_id: str = ""


class UseShortcut(Body):
    user: str
    callback_id: str
    channel: str = ""
    ts: str = ""


class OpenHome(Body):
    user: str
    app: str


class React(Body):
    user: str
    channel: str
    ts: str
    name: str


class Dismiss(Body):
    user: str
    channel: str
    ts: str


def _app(app: App, connected: int) -> Json:
    commands = (app.commands or {}).values()
    return {
        "id": app.id,
        "name": app.name,
        "bot_user": app.bot_user,
        "transport": app.transport,
        "connections": connected,
        "home_tab": app.home_tab,
        "commands": [
            {"name": each.name, "description": each.description, "usage_hint": each.usage_hint}
            for each in commands
        ],
        "shortcuts": [
            {
                "callback_id": each.callback_id,
                "name": each.name,
                "description": each.description,
                "type": each.type,
            }
            for each in app.shortcuts.values()
        ],
    }


def _worth_showing(channel: Channel) -> bool:
    """Direct conversations in which nothing was said yet are left out of the list."""
    return channel.kind != "im" or bool(channel.messages or channel.ephemerals)


class PageApi:
    """The endpoints over one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._ws = workspace

    def routes(self) -> list[BaseRoute]:
        do = self._ws.interactions
        return [
            get("/_page/state", self._state),
            get("/_page/messages", self._messages),
            get("/_page/view", self._view),
            get("/_page/home", self._home),
            get("/_page/app", self._app),
            get("/_page/record", self._record),
            get("/_page/changes", self._changes),
            post("/_page/say", Say, lambda body: do.say(**dict(body))),
            post("/_page/act", Act, lambda body: do.act(**dict(body))),
            post("/_page/suggest", Suggest, lambda body: do.suggest(**dict(body))),
            post("/_page/submit", Submit, lambda body: do.submit(**dict(body))),
            post("/_page/close", Close, lambda body: do.close(**dict(body))),
            post("/_page/shortcut", UseShortcut, lambda body: do.shortcut(**dict(body))),
            post("/_page/open-home", OpenHome, lambda body: do.open_home(body.user, body.app)),
            post("/_page/react", React, lambda body: do.react(**dict(body))),
            post("/_page/dismiss", Dismiss, self._dismiss),
        ]

    def _user(self, request: Request) -> str:
        """The id of the member named in `user`, by id or by name; empty for nobody."""
        found = self._ws.state.find_person(request.query_params.get("user", ""))
        return found.id if found else ""

    def _state(self, request: Request) -> Json:
        state = self._ws.state
        user = self._user(request)
        people = [
            {
                "id": person.id,
                "name": person.name,
                "real_name": person.real_name,
                "title": person.title,
                "is_bot": person.is_bot,
            }
            for person in state.people.values()
        ]
        channels = [
            channel.to_wire(user) | {"members": channel.members, "bookmarks": channel.bookmarks}
            for channel in state.channels.values()
            if channel.kind == "public" or (user in channel.members and _worth_showing(channel))
        ]
        return {
            "team": {"id": TEAM_ID, "name": state.settings.name},
            "version": self._ws.live.version,
            "people": people,
            "slackbot": SLACKBOT,
            "apps": [_app(app, self._ws.sockets.count(app.id)) for app in state.apps.values()],
            "channels": channels,
            "usergroups": state.usergroups,
        }

    def _channel(self, request: Request) -> Channel:
        found = self._ws.state.find_channel(request.query_params.get("channel", ""))
        if found is None:
            raise WorkspaceRefused("there is no such channel", hint="Use its id or #name")
        return found

    def _messages(self, request: Request) -> Json:
        """Every message of a channel, oldest first, replies included; with `user` also what only they see."""
        channel, user = self._channel(request), self._user(request)
        mine = [message for message in channel.ephemerals.values() if user and message.only_for == user]
        pinned = {pin["ts"] for pin in channel.pins}
        found = sorted([*channel.messages.values(), *mine], key=lambda message: message.ts)
        return {
            "messages": [self._wire(message, pinned) for message in found],
            "version": self._ws.live.version,
        }

    @staticmethod
    def _wire(message: Message, pinned: set[str]) -> Json:
        wire = message.to_wire(TEAM_ID, metadata=True)
        if message.ts in pinned:
            wire["pinned"] = True
        if message.unfurls:
            wire["unfurls"] = message.unfurls
        return wire

    def _view(self, request: Request) -> Json:
        """What this person has open on top, or null."""
        state = self._ws.state
        stack = state.stacks.get(self._user(request))
        view = state.views[stack[-1]] if stack else None
        body = view.to_wire(TEAM_ID, state.apps[view.app_id].bot_id) if view else None
        return {"view": body, "depth": len(stack or []), "version": self._ws.live.version}

    def _home(self, request: Request) -> Json:
        state = self._ws.state
        view = state.homes.get((request.query_params.get("app", ""), self._user(request)))
        body = view.to_wire(TEAM_ID, state.apps[view.app_id].bot_id) if view else None
        return {"view": body, "version": self._ws.live.version}

    def _app(self, request: Request) -> Json:
        """The settings of an app, with its keys; without `app` those of the first."""
        state = self._ws.state
        app = state.apps.get(request.query_params.get("app", "") or self._ws.app.id)
        if app is None:
            raise WorkspaceRefused("there is no such app", hint="GET /_page/state lists them")
        return settings_of(state, app, self._ws.base_url)

    def _record(self, request: Request) -> Json:
        """The recorder's entries: `after` a number, of one `kind`, with one `name`."""
        query = request.query_params
        after = query.get("after", "0")
        if not after.isdecimal():
            raise WorkspaceRefused("`after` is the number of an entry", hint="Leave it out for all")
        found = self._ws.recorder.entries(
            kind=query.get("kind", ""), name=query.get("name", ""), after=int(after)
        )
        return {"entries": [entry.to_wire() for entry in found]}

    async def _changes(self, request: Request) -> Json:
        """Wait until something changed `after` a version, at most `seconds`."""
        try:
            after = int(request.query_params.get("after", "0"))
            seconds = float(request.query_params.get("seconds", "10"))
        except ValueError as error:
            raise WorkspaceRefused("`after` and `seconds` are numbers") from error
        return {"version": await self._ws.live.wait(after, max(0.0, min(seconds, LONGEST_WAIT)))}

    def _dismiss(self, body: Dismiss) -> Json:
        """Take an ephemeral message away, as people do with the small link under it."""
        channel = self._ws.state.find_channel(body.channel)
        message = channel.ephemerals.get(body.ts) if channel else None
        if channel is None or message is None or message.only_for != body.user:
            raise WorkspaceRefused("there is no such message to dismiss")
        del channel.ephemerals[body.ts]
        return {"ok": True}
