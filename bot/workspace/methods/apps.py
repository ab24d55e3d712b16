"""auth.test, api.test, apps.connections.open and apps.manifest.*: the app itself."""

from __future__ import annotations

from pydantic import Field

from bot.workspace import defaults, manifest
from bot.workspace.errors import SlackError
from bot.workspace.methods.base import AnyMethod, Args, Call, Method, NoArgs, Object
from bot.workspace.model import App, Json
from bot.workspace.state import TEAM_ID, Change


def auth_test(call: Call, _: NoArgs) -> Json:
    return {
        "url": call.base_url + "/",
        "team": call.state.settings.name,
        "user": call.state.people[call.app.bot_user].name,
        "team_id": TEAM_ID,
        "user_id": call.app.bot_user,
        "bot_id": call.app.bot_id,
        "is_enterprise_install": False,
    }


class Echo(Args):
    error: str = ""
    foo: str = ""


def api_test(_: Call, args: Echo) -> Json:
    given = args.model_dump(exclude_defaults=True)
    if args.error:
        raise SlackError(args.error, fields={"args": given})
    return {"args": given}


def open_connection(call: Call, _: NoArgs) -> Json:
    address = call.base_url.replace("http", "ws", 1)
    return {"url": f"{address}/link/?ticket={call.sockets.issue_ticket(call.app.id)}&app_id={call.app.id}"}


class WithManifest(Args):
    manifest: Object = Field()
    app_id: str = ""


def _checked(call: Call, args: WithManifest) -> Json:
    body = args.manifest or {}
    if found := manifest.faults(body, call.state.command_owner, args.app_id):
        messages = manifest.as_messages(found)
        raise SlackError("invalid_manifest", fields={"errors": found}, messages=messages)
    return body


def validate(call: Call, args: WithManifest) -> Json:
    _checked(call, args)
    return {"errors": []}


def create(call: Call, args: WithManifest) -> Json:
    body = _checked(call, args)
    app = defaults.new_app(call.state, call.state.mint_id("A0"), str(body["display_information"]["name"]))
    manifest.install(app, body)
    call.state.tell(Change("app", detail=app.id))
    credentials = {
        "client_id": call.state.mint_key(12),
        "client_secret": call.state.mint_key(),
        "verification_token": app.verification_token,
        "signing_secret": app.signing_secret,
    }
    return {"app_id": app.id, "credentials": credentials}


def _known(call: Call, app_id: str) -> App:
    if (app := call.state.apps.get(app_id)) is None:
        raise SlackError("invalid_app_id")
    return app


def update(call: Call, args: WithManifest) -> Json:
    app = _known(call, args.app_id)
    before = app.scopes
    manifest.install(app, _checked(call, args))
    call.state.tell(Change("app", detail=app.id))
    return {"app_id": app.id, "permissions_updated": app.scopes != before}


class OneApp(Args):
    app_id: str


def export(call: Call, args: OneApp) -> Json:
    return {"manifest": _known(call, args.app_id).manifest or {}}


METHODS: tuple[AnyMethod, ...] = (
    Method("api.test", Echo, api_test, key="none", tier=4),
    Method("auth.test", NoArgs, auth_test, tier=0),
    Method("apps.connections.open", NoArgs, open_connection, ("connections:write",), key="app", tier=1),
    Method("apps.manifest.validate", WithManifest, validate, key="config", tier=3),
    Method("apps.manifest.create", WithManifest, create, key="config", tier=1),
    Method("apps.manifest.update", WithManifest, update, key="config", tier=1),
    Method("apps.manifest.export", OneApp, export, key="config", tier=3),
)
