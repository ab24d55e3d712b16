"""`/_control/*`: faults, the recorder, and levers that no member of a real workspace has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.routing import BaseRoute

from bot.workspace import manifest as manifests
from bot.workspace.app_settings import MANIFEST_LENGTH, read_manifest
from bot.workspace.core import Workspace
from bot.workspace.errors import WorkspaceRefused
from bot.workspace.faults import Fault
from bot.workspace.http_json import Body, get, post
from bot.workspace.model import App, Json, Transport
from bot.workspace.state import Change


class AddFault(Body):
    fault: Fault


class Nothing(Body):
    pass


class SetClock(Body):
    offset_seconds: float = Field(ge=-10_000_000, le=10_000_000)


class SocketLever(Body):
    app: str = ""
    action: Literal["drop", "warning", "refresh_requested", "link_disabled"]


class AppLever(Body):
    """Change an app; what is None stays."""

    app: str = ""
    transport: Transport | None = None
    request_url: str | None = Field(default=None, max_length=2000)
    scopes: list[str] | None = None
    remove_scopes: list[str] = Field(default_factory=list)
    app_scopes: list[str] | None = None
    events: list[str] | None = None
    installed: bool | None = None
    manifest: Json | None = None
    manifest_text: str | None = Field(default=None, max_length=MANIFEST_LENGTH)


class Membership(Body):
    channel: str
    user: str
    member: bool


class Reserve(Body):
    """Give a command to another app; without an owner it is given back."""

    command: str = Field(pattern=r"^/[a-z0-9_-]{1,31}$")
    owner: str = Field(default="Another app", max_length=80)


class NewChannel(Body):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")
    private: bool = False
    members: list[str] = Field(default_factory=list)


class Replay(Body):
    number: int
    signed_seconds_ago: float = 0.0


class RateLimitLever(Body):
    on: bool


class Control:
    """The levers over one workspace. Apps are named by id; without one the first app is meant."""

    def __init__(self, workspace: Workspace) -> None:
        self._ws = workspace

    def routes(self) -> list[BaseRoute]:
        return [
            get("/_control/faults", self._faults),
            post("/_control/faults", AddFault, self._add_fault),
            post("/_control/faults", Nothing, self._clear_faults, "DELETE"),
            post("/_control/record", Nothing, self._clear_record, "DELETE"),
            post("/_control/replay", Replay, self._replay),
            post("/_control/clock", SetClock, self._set_clock),
            post("/_control/sockets", SocketLever, self._sockets),
            post("/_control/app", AppLever, self._app),
            post("/_control/verify-url", Nothing, self._verify_url),
            post("/_control/membership", Membership, self._membership),
            post("/_control/commands", Reserve, self._reserve),
            post("/_control/channels", NewChannel, self._channel),
            post("/_control/rate-limits", RateLimitLever, self._rate_limits),
            get("/_control/connections", self._connections),
        ]

    def _find(self, app_id: str) -> App:
        app = self._ws.state.apps.get(app_id) if app_id else self._ws.app
        if app is None:
            raise WorkspaceRefused("there is no such app", hint="GET /_page/state lists them")
        return app

    def _faults(self, _: Request) -> Json:
        return {"faults": [fault.model_dump() for fault in self._ws.faults.list()]}

    def _add_fault(self, body: AddFault) -> Json:
        self._ws.faults.add(body.fault)
        return {"ok": True}

    def _clear_faults(self, _: Nothing) -> Json:
        self._ws.faults.clear()
        return {"ok": True}

    def _clear_record(self, _: Nothing) -> Json:
        self._ws.recorder.clear()
        return {"ok": True}

    async def _replay(self, body: Replay) -> Json:
        entry = self._ws.recorder.find(body.number)
        if entry is None or entry.kind != "delivery":
            raise WorkspaceRefused(
                "there is no such delivery in the record", hint="GET /_page/record lists them"
            )
        app = self._find(entry.app)
        ack = await self._ws.deliveries.resend(app, entry, age=body.signed_seconds_ago)
        return {"ok": ack.ok, "error": ack.reason, "status": ack.status}

    def _set_clock(self, body: SetClock) -> Json:
        self._ws.state.clock_offset = body.offset_seconds
        return {"ok": True, "now": self._ws.state.now()}

    async def _sockets(self, body: SocketLever) -> Json:
        app = self._find(body.app)
        if body.action == "drop":
            return {"ok": True, "connections": await self._ws.sockets.drop(app.id)}
        return {"ok": True, "connections": await self._ws.sockets.request_disconnect(app.id, body.action)}

    def _app(self, body: AppLever) -> Json:
        app = self._find(body.app)
        manifest = body.manifest if body.manifest_text is None else read_manifest(body.manifest_text)
        if manifest is not None:
            if found := manifests.faults(manifest, self._ws.state.command_owner, app.id):
                raise WorkspaceRefused("the manifest is refused: " + "; ".join(manifests.as_messages(found)))
            manifests.install(app, manifest)
        if body.scopes is not None:
            app.scopes = set(body.scopes)
        app.scopes -= set(body.remove_scopes)
        if body.app_scopes is not None:
            app.app_scopes = set(body.app_scopes)
        if body.events is not None:
            app.events = set(body.events)
        if body.transport is not None:
            app.transport = body.transport
        if body.request_url is not None:
            app.request_url = body.request_url
        if body.installed is not None:
            app.installed = body.installed
        self._ws.state.tell(Change("app", detail=app.id))
        return {"ok": True, "scopes": sorted(app.scopes)}

    async def _verify_url(self, _: Nothing) -> Json:
        return {"ok": await self._ws.deliveries.verify_url(self._ws.app)}

    def _membership(self, body: Membership) -> Json:
        channel = self._ws.state.find_channel(body.channel)
        person = self._ws.state.find_person(body.user)
        if channel is None or person is None:
            raise WorkspaceRefused("there is no such channel or member", hint="Use ids or names")
        if body.member == (person.id in channel.members):
            return {"ok": True}
        self._ws.state.set_member(channel, person.id, member=body.member)
        return {"ok": True}

    def _reserve(self, body: Reserve) -> Json:
        if body.owner:
            self._ws.state.reserved_commands[body.command] = body.owner
        else:
            self._ws.state.reserved_commands.pop(body.command, None)
        self._ws.state.tell(Change("app"))
        return {"ok": True}

    def _channel(self, body: NewChannel) -> Json:
        if self._ws.state.find_channel(body.name):
            raise WorkspaceRefused("a channel of this name exists already")
        members = body.members or [
            person.id for person in self._ws.state.people.values() if not person.is_bot
        ]
        channel = self._ws.state.add_channel(
            body.name, "private" if body.private else "public", members[0], members
        )
        self._ws.state.tell(Change("channel", channel.id, channel.creator, detail="created"))
        return {"ok": True, "id": channel.id}

    def _rate_limits(self, body: RateLimitLever) -> Json:
        self._ws.webapi.rate_limits = body.on
        return {"ok": True}

    async def _connections(self, request: Request) -> Json:
        """How many Socket Mode connections the app holds; `wait` waits until it holds that many."""
        app = self._find(request.query_params.get("app", ""))
        wait = request.query_params.get("wait", "0")
        if not wait.isdecimal():
            raise WorkspaceRefused("`wait` is a number of connections")
        await self._ws.sockets.wait_for_connections(app.id, int(wait))
        return {"connections": self._ws.sockets.count(app.id)}
