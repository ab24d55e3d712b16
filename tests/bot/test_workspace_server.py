"""The workspace as a process and as something scripts speak to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from random import Random
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.slack.manifest import manifest
from bot.workspace import Credentials, WorkspaceClient, WorkspaceServer, WorkspaceSettings
from bot.workspace.errors import (
    WorkspaceAddressRefused,
    WorkspaceRefused,
    WorkspaceTimeout,
    WorkspaceUnreachable,
)
from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Json, Transport
from models.clock import system_clock
from models.errors import BadInput

pytest_plugins = ("bot.workspace.fixture",)

PROGRAM = """
from random import SystemRandom
from bot.workspace import WorkspaceSettings, run_workspace
from models.clock import system_clock
run_workspace(WorkspaceSettings(port=0), system_clock, SystemRandom(), announce=lambda server: print(server.url, flush=True))
"""


def plain(words: str) -> Json:
    return {"type": "plain_text", "text": words}


def test_it_runs_as_a_process_and_ends_on_sigterm() -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        client = WorkspaceClient(process.stdout.readline().strip())
        state = client.wait_until(lambda: client.state("oncall"), what="the state")
        assert [channel["name"] for channel in state["channels"]] == ["incidents", "general"]
        assert [person["id"] for person in state["people"] if not person["is_bot"]] == [
            "U0ONCALL",
            "U0LEAD",
            "U0CTO",
            "U0COMPLIANCE",
            "U0GUEST",
        ]
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
    assert output == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "workspace.example"])
def test_it_refuses_to_listen_beyond_this_machine(host: str) -> None:
    with pytest.raises(WorkspaceAddressRefused, match="loopback only"):
        WorkspaceServer(WorkspaceSettings(host=host, port=0), system_clock, Random(1))


def test_a_taken_port_is_named_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WorkspaceAddressRefused, match=f"cannot listen on port {port} "):
            WorkspaceServer(WorkspaceSettings(port=port), system_clock, Random(1))


def test_keys_can_be_passed_in_and_a_faulty_manifest_is_refused_at_once() -> None:
    keys = Credentials(bot_token="xoxb-1", app_token="xapp-1", signing_secret="a signing secret")
    with WorkspaceServer(WorkspaceSettings(port=0), system_clock, Random(1), credentials=keys) as server:
        assert server.credentials == keys
        assert WebClient("xoxb-1", base_url=server.api_url).auth_test()["ok"]
    with pytest.raises(BadInput, match="/display_information/name"):
        WorkspaceServer(WorkspaceSettings(port=0), system_clock, Random(1), manifest={})


def test_maydays_own_manifest_is_installed_as_it_is() -> None:
    with WorkspaceServer(WorkspaceSettings(port=0), system_clock, Random(1), manifest=manifest()) as server:
        app = WorkspaceClient(server.url).state()["apps"][0]
        assert app["name"] == "Mayday"
        assert "/incident" in [command["name"] for command in app["commands"]]


def test_keys_are_different_each_time_and_never_printed() -> None:
    first, second = (WorkspaceServer(WorkspaceSettings(port=0), system_clock, Random(n)) for n in (1, 2))
    assert first.credentials != second.credentials
    assert first.credentials.bot_token not in repr(first.credentials)
    first.stop()
    second.stop()


def test_a_bot_that_is_not_invited_starts_outside() -> None:
    with WorkspaceServer(WorkspaceSettings(port=0, bot_invited=False), system_clock, Random(1)) as server:
        members = WorkspaceClient(server.url).state()["channels"][0]["members"]
        assert "U0MAYDAY" not in members


def test_nobody_at_the_address_is_said_plainly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(WorkspaceUnreachable, match="mayday workspace"):
        WorkspaceClient(address).state()


def test_a_wait_that_ends_says_what_did_not_come(workspace: RunningWorkspace) -> None:
    with pytest.raises(WorkspaceTimeout, match=r"a message in #incidents did not appear within 0\.05 s"):
        workspace.client.wait_for("#incidents", lambda _: False, seconds=0.05)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_page/say", b"{"),
        ("/_page/say", b"[]"),
        ("/_page/say", b'{"user": "oncall"}'),
        ("/_page/say", b'{"user": "oncall", "channel": "#incidents", "text": "x", "shout": true}'),
        ("/_page/say", b'{"user": "nobody", "channel": "#incidents", "text": "x"}'),
        ("/_page/say", b'{"user": "oncall", "channel": "#nowhere", "text": "x"}'),
        ("/_page/act", b'{"user": "oncall", "channel": "#incidents", "ts": "1.0", "action_id": "a"}'),
        ("/_page/submit", b'{"user": "oncall"}'),
        ("/_page/shortcut", b'{"user": "oncall", "callback_id": "none"}'),
        ("/_page/react", b'{"user": "oncall", "channel": "#incidents", "ts": "1.0", "name": "eyes"}'),
        ("/_control/faults", b'{"fault": {"kind": "earthquake"}}'),
        ("/_control/faults", b'{"fault": {"kind": "drop", "times": 0}}'),
        ("/_control/replay", b'{"number": 99}'),
        ("/_control/app", b'{"app": "A0NONE"}'),
        ("/_control/app", b'{"manifest": {}}'),
        ("/_control/membership", b'{"channel": "#nowhere", "user": "oncall", "member": true}'),
        ("/_control/channels", b'{"name": "incidents"}'),
        ("/_control/commands", b'{"command": "incident"}'),
    ],
)
def test_bad_requests_of_scripts_get_a_sentence(workspace: RunningWorkspace, path: str, body: bytes) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(workspace.url + path, data=body, method="POST"), timeout=5)
    with caught.value as answer:
        assert answer.status == 400
        assert len(answer.read()) > 40


def test_a_script_hears_why_the_workspace_refuses(workspace: RunningWorkspace) -> None:
    with pytest.raises(WorkspaceRefused, match="no such person"):
        workspace.client.command("nobody", "#incidents", "/incident")
    with pytest.raises(WorkspaceRefused, match="no such message"):
        workspace.client.click("oncall", "#incidents", "1.0", "ack")


# what else people do: suggestions, stacks of modals, shortcuts, Home


def views(app: App) -> None:
    modal: Json = {"type": "modal", "callback_id": "first", "title": plain("First"), "submit": plain("Next")}
    choose: Json = {"type": "external_select", "action_id": "service"}
    form: Json = {"type": "input", "block_id": "service", "label": plain("Service"), "element": choose}

    @app.shortcut("declare")
    def shortcut(ack: Ack, body: Json, client: WebClient) -> None:
        client.views_open(
            trigger_id=body["trigger_id"], view={**modal, "blocks": [form], "notify_on_close": True}
        )
        ack()

    @app.shortcut("note")
    def note(ack: Ack, body: Json, client: WebClient) -> None:
        client.chat_postMessage(
            channel=body["channel"]["id"], text="Noted", thread_ts=body["message"]["ts"], reply_broadcast=True
        )
        ack()

    @app.options("service")
    def options(ack: Ack, payload: Json) -> None:
        ack(options=[{"text": plain(payload["value"].upper()), "value": payload["value"]}])

    @app.view("first")
    def first(ack: Ack, view: Json) -> None:
        chosen = view["state"]["values"]["service"]["service"]["selected_option"]["value"]
        second = {
            **modal,
            "callback_id": "second",
            "title": plain("Second"),
            "private_metadata": chosen,
            "blocks": [],
        }
        ack(response_action="push", view=second)

    @app.view("second")
    def second(ack: Ack, view: Json, client: WebClient) -> None:
        client.chat_postMessage(channel="C0INCIDENTS", text=f"about {view['private_metadata']}")
        ack(response_action="clear")

    @app.view_closed("first")
    def closed(ack: Ack, client: WebClient, body: Json) -> None:
        client.chat_postMessage(channel="C0INCIDENTS", text=f"closed by {body['user']['id']}")
        ack()

    @app.event("app_home_opened")
    def home(event: Json, client: WebClient) -> None:
        press: Json = {"type": "button", "text": plain("Declare"), "action_id": "home", "value": "7"}
        blocks = [{"type": "actions", "elements": [press]}]
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    @app.action("home")
    def pressed(ack: Ack, body: Json, client: WebClient) -> None:
        client.chat_postMessage(channel=body["user"]["id"], text=f"pressed {body['actions'][0]['value']}")
        ack()


MANIFEST: Json = {
    "display_information": {"name": "Mayday"},
    "features": {
        "app_home": {"home_tab_enabled": True},
        "shortcuts": [
            {"name": "Declare", "type": "global", "callback_id": "declare", "description": "Open the form"},
            {"name": "Note", "type": "message", "callback_id": "note", "description": "Onto the timeline"},
        ],
    },
    "oauth_config": {"scopes": {"bot": ["chat:write", "channels:history", "im:history", "im:write"]}},
    "settings": {"socket_mode_enabled": True, "event_subscriptions": {"bot_events": ["app_home_opened"]}},
}


def test_shortcut_suggestion_stack_and_home(workspace: RunningWorkspace, transport: Transport) -> None:
    client = workspace.client
    client.change_app(manifest=MANIFEST)
    with workspace.connected(workspace.bolt(views), transport):
        assert client.shortcut("lead", "declare")["ok"]
        first = client.wait_for_view("lead")
        assert client.suggest("lead", "service", "auth")["options"][0]["text"]["text"] == "AUTH"
        assert client.submit("lead", {"service": "auth"})["ok"]
        second = client.wait_for_view("lead", lambda view: view["callback_id"] == "second")
        assert (second["previous_view_id"], second["root_view_id"]) == (first["id"], first["id"])
        assert client.submit("lead")["ok"]
        assert client.view("lead") is None, "clear closes the whole stack"
        about = client.wait_for("#incidents", lambda message: message["text"] == "about auth")

        assert client.shortcut("lead", "declare")["ok"]
        client.wait_for_view("lead")
        assert client.close_view("lead")["ok"]
        client.wait_for("#incidents", lambda message: message["text"] == "closed by U0LEAD")

        assert client.shortcut("cto", "note", channel="#incidents", ts=about["ts"])["ok"]
        noted = client.wait_for("#incidents", lambda message: message["text"] == "Noted")
        assert (noted["thread_ts"], noted["subtype"]) == (about["ts"], "thread_broadcast")

        client.open_home("cto", "A0MAYDAY")
        home = client.wait_until(lambda: client.home("cto", "A0MAYDAY"), what="the Home")
        assert client.click_in_view("cto", "home", view_id=home["id"])["ok"]
        direct = workspace.web().conversations_open(users="U0CTO")["channel"]["id"]
        client.wait_for(direct, lambda message: message["text"] == "pressed 7")
    assert client.state("lead")["channels"][-1]["name"] == "general", (
        "a direct conversation is seen by its members"
    )


def test_typed_names_become_tokens_and_signs_entities(workspace: RunningWorkspace) -> None:
    client = workspace.client
    client.say(
        "oncall",
        "#incidents",
        "@lead: a < b & c in #general, not @nobody, but <@U0CTO> oncall@clinic.example",
    )
    assert client.messages("#incidents")[-1]["text"] == (
        "<@U0LEAD>: a &lt; b &amp; c in <#C0GENERAL>, not @nobody, but <@U0CTO> oncall@clinic.example"
    )


@pytest.mark.parametrize(
    ("escape", "text"), [(True, "handoff <@U0LEAD|lead> a < b"), (False, "handoff @lead a < b")]
)
def test_commands_get_tokens_only_if_they_ask_for_them(
    workspace: RunningWorkspace, escape: bool, text: str
) -> None:
    command = {"command": "/incident", "description": "Incidents", "should_escape": escape}
    scopes = {"scopes": {"bot": ["commands"]}}
    features = {**MANIFEST["features"], "slash_commands": [command]}
    workspace.client.change_app(manifest={**MANIFEST, "features": features, "oauth_config": scopes})
    workspace.client.command("oncall", "#incidents", "/incident handoff @lead a < b")
    assert workspace.client.record(kind="delivery")[-1]["request"]["text"] == text


def test_commands_do_not_work_in_threads(workspace: RunningWorkspace) -> None:
    ts = workspace.client.say("oncall", "#incidents", "parent")["ts"]
    answer = workspace.client.say("oncall", "#incidents", "/incident list", thread_ts=ts)
    assert answer == {"ok": False, "error": "not_supported_in_threads"}
    assert workspace.client.record(kind="delivery") == []
