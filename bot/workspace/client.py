"""Drive a running workspace from a script: act as its members, wait for what they see, order faults.

    client = WorkspaceClient("http://127.0.0.1:8065")
    client.command("oncall", "#incidents", "/incident declare")
    client.submit("oncall", {"title": "Checkout errors"})
    card = client.wait_for("#incidents", lambda message: "Checkout" in message["text"])
    client.click("oncall", "#incidents", card["ts"], "acknowledge")

People are named by id or by name, channels by id or by #name. Waiting means waiting for the next change, not asking
again and again. Every call raises `WorkspaceUnreachable` when nobody answers and `WorkspaceRefused` when the workspace
cannot do what was asked; `WorkspaceTimeout` when a wait ends without what was waited for.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import orjson

from bot.workspace.errors import WorkspaceRefused, WorkspaceTimeout, WorkspaceUnreachable
from bot.workspace.faults import Fault
from bot.workspace.model import Json, Transport

ANSWER_SECONDS = 90.0


class WorkspaceClient:
    """Acts as the members of the workspace at `base_url`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._opener = build_opener(ProxyHandler({}))  # the workspace is local: never through a proxy

    # what members do

    def command(self, user: str, channel: str, text: str) -> Json:
        """Type `text` (a slash command, or anything else to say); returns once the app acknowledged it."""
        return self._post("/_page/say", {"user": user, "channel": channel, "text": text})

    def say(self, user: str, channel: str, text: str, thread_ts: str = "") -> Json:
        """Write a message, in a thread with `thread_ts`."""
        body = {"user": user, "channel": channel, "text": text, "thread_ts": thread_ts}
        return self._post("/_page/say", body)

    def click(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        *,
        value: Any = None,
        values: Json | None = None,
    ) -> Json:
        """Press a button of a message, or choose `value` in its select; confirm dialogs are confirmed."""
        body = {"user": user, "channel": channel, "ts": ts, "action_id": action_id}
        return self._post("/_page/act", body | {"value": value, "values": values or {}})

    def click_in_view(
        self, user: str, action_id: str, *, value: Any = None, view_id: str = "", values: Json | None = None
    ) -> Json:
        """Press a button or choose in the modal on top, or in the view named by `view_id` (a Home tab)."""
        body = {"user": user, "view_id": view_id, "action_id": action_id}
        return self._post("/_page/act", body | {"value": value, "values": values or {}})

    def submit(self, user: str, values: Mapping[str, Any] | None = None, *, view_id: str = "") -> Json:
        """Fill in and submit the modal on top. `values`: block_id or action_id to a plain value."""
        return self._post("/_page/submit", {"user": user, "view_id": view_id, "values": dict(values or {})})

    def close_view(self, user: str, *, view_id: str = "") -> Json:
        return self._post("/_page/close", {"user": user, "view_id": view_id})

    def suggest(
        self, user: str, action_id: str, query: str, *, channel: str = "", ts: str = "", view_id: str = ""
    ) -> Json:
        """Type into an external select; the app's options are in the answer."""
        body = {"user": user, "action_id": action_id, "query": query, "channel": channel, "ts": ts}
        return self._post("/_page/suggest", body | {"view_id": view_id})

    def shortcut(self, user: str, callback_id: str, *, channel: str = "", ts: str = "") -> Json:
        """Use a global shortcut, or with `channel` and `ts` one on a message."""
        body = {"user": user, "callback_id": callback_id, "channel": channel, "ts": ts}
        return self._post("/_page/shortcut", body)

    def open_home(self, user: str, app: str) -> Json:
        return self._post("/_page/open-home", {"user": user, "app": app})

    def react(self, user: str, channel: str, ts: str, name: str) -> Json:
        return self._post("/_page/react", {"user": user, "channel": channel, "ts": ts, "name": name})

    # what members see

    def state(self, user: str = "") -> Json:
        """People, apps and channels."""
        return self._get("/_page/state", user=user)

    def messages(self, channel: str, user: str = "") -> list[Json]:
        """All messages of a channel, oldest first, replies included; for `user` also the ephemeral ones."""
        found: list[Json] = self._get("/_page/messages", channel=channel, user=user)["messages"]
        return found

    def view(self, user: str) -> Json | None:
        """The modal this person has on top."""
        view: Json | None = self._get("/_page/view", user=user)["view"]
        return view

    def home(self, user: str, app: str) -> Json | None:
        """The Home tab of an app as this person sees it."""
        view: Json | None = self._get("/_page/home", user=user, app=app)["view"]
        return view

    def app(self, app: str = "") -> Json:
        """The settings of an app: its tokens, scopes, channels and commands; without an id those of the first."""
        return self._get("/_page/app", app=app)

    # waiting

    def wait_for(
        self, channel: str, wanted: Callable[[Json], bool], *, user: str = "", seconds: float = 20.0
    ) -> Json:
        """The first message of a channel for which `wanted` holds, as soon as there is one."""

        def look() -> Json | None:
            return next((message for message in self.messages(channel, user) if wanted(message)), None)

        return self.wait_until(look, what=f"a message in {channel}", seconds=seconds)

    def wait_for_view(
        self, user: str, wanted: Callable[[Json], bool] = lambda _: True, *, seconds: float = 20.0
    ) -> Json:
        """The modal this person has on top, as soon as `wanted` holds for it."""

        def look() -> Json | None:
            view = self.view(user)
            return view if view and wanted(view) else None

        return self.wait_until(look, what="a modal", seconds=seconds)

    def wait_until(self, look: Callable[[], Json | None], *, what: str, seconds: float = 20.0) -> Json:
        """Whatever `look` finds, looking again after each change in the workspace."""
        deadline = time.monotonic() + seconds
        while True:
            version = self._get("/_page/changes", after="0", seconds="0")["version"]
            if (found := look()) is not None:
                return found
            if (left := deadline - time.monotonic()) <= 0:
                raise WorkspaceTimeout(
                    f"{what} did not appear within {seconds:g} s",
                    hint="The page's inspector shows what happened",
                )
            self._get("/_page/changes", after=str(version), seconds=str(min(left, 10.0)))

    # control

    def record(self, *, kind: str = "", name: str = "", after: int = 0) -> list[Json]:
        """Calls and deliveries so far, oldest first."""
        found: list[Json] = self._get("/_page/record", kind=kind, name=name, after=str(after))["entries"]
        return found

    def fault(self, fault: Fault) -> None:
        """Order a fault."""
        self._post("/_control/faults", {"fault": fault.model_dump()})

    def clear_faults(self) -> None:
        self._send("DELETE", "/_control/faults", {})

    def replay(self, number: int, *, signed_seconds_ago: float = 0.0) -> Json:
        """Deliver a recorded delivery again."""
        return self._post("/_control/replay", {"number": number, "signed_seconds_ago": signed_seconds_ago})

    def sockets(self, action: Literal["drop", "warning", "refresh_requested", "link_disabled"]) -> int:
        """Do something to the app's Socket Mode connections; returns how many there were."""
        return int(self._post("/_control/sockets", {"action": action})["connections"])

    def wait_for_connections(self, count: int = 1) -> int:
        """Return once the app holds `count` Socket Mode connections."""
        return int(self._get("/_control/connections", wait=str(count))["connections"])

    def pending(self) -> list[Json]:
        """Deliveries that are neither acknowledged nor given up yet."""
        return [entry for entry in self.record(kind="delivery") if not entry["outcome"]]

    def verify_url(self) -> bool:
        """Whether the app's request URL echoes a signed challenge, which Slack demands before it uses one."""
        return bool(self._post("/_control/verify-url", {})["ok"])

    def use_http(self, request_url: str) -> None:
        """Deliver over signed HTTP to `request_url` from now on."""
        self.change_app(transport="http", request_url=request_url)

    def change_app(
        self,
        *,
        transport: Transport | None = None,
        request_url: str | None = None,
        scopes: list[str] | None = None,
        remove_scopes: list[str] | None = None,
        app_scopes: list[str] | None = None,
        events: list[str] | None = None,
        installed: bool | None = None,
        manifest: Json | None = None,
    ) -> None:
        """Change the app; what is not given stays."""
        given = {
            "transport": transport,
            "request_url": request_url,
            "scopes": scopes,
            "remove_scopes": remove_scopes,
            "app_scopes": app_scopes,
            "events": events,
            "installed": installed,
            "manifest": manifest,
        }
        self._post("/_control/app", {key: value for key, value in given.items() if value is not None})

    def set_member(self, channel: str, user: str, member: bool) -> None:
        """Put somebody (or the bot) into a channel, or take them out."""
        self._post("/_control/membership", {"channel": channel, "user": user, "member": member})

    def reserve_command(self, command: str, owner: str = "Another app") -> None:
        """Let a slash command belong to another app; with an empty `owner` it is given back."""
        self._post("/_control/commands", {"command": command, "owner": owner})

    def set_clock(self, offset_seconds: float) -> None:
        """Move the workspace's clock against everyone else's."""
        self._post("/_control/clock", {"offset_seconds": offset_seconds})

    def rate_limits(self, on: bool) -> None:
        self._post("/_control/rate-limits", {"on": on})

    def add_channel(self, name: str, *, private: bool = False, members: list[str] | None = None) -> str:
        """Make a channel the bot is not in; returns its id."""
        body = {"name": name, "private": private, "members": members or []}
        return str(self._post("/_control/channels", body)["id"])

    # the wire

    def _get(self, path: str, **query: str) -> Json:
        return self._send("GET", f"{path}?{urlencode(query)}", None)

    def _post(self, path: str, body: Mapping[str, Any]) -> Json:
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> Json:
        data = orjson.dumps(body) if body is not None else None
        request = Request(self.base_url + path, data=data, method=method)  # noqa: S310 - the workspace's own address
        request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as response:
                answer: Json = orjson.loads(response.read())
                return answer
        except HTTPError as error:
            with error:
                raise self._refusal(error.read()) from None
        except (URLError, http.client.HTTPException, OSError, orjson.JSONDecodeError) as error:
            raise WorkspaceUnreachable(
                f"no workspace answered ({type(error).__name__})", hint="Start it with `mayday workspace`"
            ) from None

    @staticmethod
    def _refusal(raw: bytes) -> WorkspaceRefused | WorkspaceUnreachable:
        try:
            body = orjson.loads(raw)
            return WorkspaceRefused(str(body.get("detail") or body["error"]), hint=str(body.get("hint", "")))
        except (orjson.JSONDecodeError, AttributeError, KeyError):
            return WorkspaceUnreachable("what answered is no workspace", hint="Check the address")
