"""What belongs to the app as a whole is as strict as Slack: its manifest, its commands, its rates, who may come in."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_sdk.errors import SlackApiError
from strict_rig import INCIDENTS, SECTION, error_of

from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Json

pytest_plugins = ("bot.workspace.fixture",)


MANIFEST: Json = {
    "display_information": {"name": "Mayday"},
    "features": {
        "bot_user": {"display_name": "mayday"},
        "slash_commands": [{"command": "/incident", "description": "Incidents"}],
        "shortcuts": [
            {"name": "Declare", "type": "global", "callback_id": "declare", "description": "Declare one"}
        ],
    },
    "oauth_config": {"scopes": {"bot": ["commands", "chat:write"]}},
    "settings": {"socket_mode_enabled": True},
}


def test_a_manifest_says_what_is_wrong_with_it_and_who_has_a_command(workspace: RunningWorkspace) -> None:
    config = workspace.web(workspace.server.config_token)
    workspace.client.change_app(manifest=MANIFEST)
    assert config.apps_manifest_update(app_id="A0MAYDAY", manifest=MANIFEST)["permissions_updated"] is False
    workspace.client.reserve_command("/change", "Deployer")
    taken = json.loads(json.dumps(MANIFEST))
    taken["features"]["slash_commands"] += [{"command": "/change", "description": "c"}, {"command": "nope"}]
    with pytest.raises(SlackApiError) as caught:
        config.apps_manifest_validate(app_id="A0MAYDAY", manifest=taken)
    assert caught.value.response["error"] == "invalid_manifest"
    assert [each["pointer"] for each in caught.value.response["errors"]] == [
        "/features/slash_commands/1/command",
        "/features/slash_commands/2/command",
        "/features/slash_commands/2",
    ]


def test_a_created_app_has_keys_of_its_own_and_takes_no_taken_command(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(manifest=MANIFEST)
    config = workspace.web(workspace.server.config_token)
    assert error_of(lambda: config.apps_manifest_create(manifest=MANIFEST)) == "invalid_manifest"
    other = {**MANIFEST, "features": {"slash_commands": [{"command": "/deploy", "description": "d"}]}}
    made = config.apps_manifest_create(manifest=other)
    assert made["credentials"]["signing_secret"] != workspace.keys.signing_secret
    assert config.apps_manifest_export(app_id=made["app_id"])["manifest"] == other


def test_commands_nobody_registered_or_somebody_else_owns_do_not_reach_the_app(
    workspace: RunningWorkspace,
) -> None:
    workspace.client.change_app(manifest=MANIFEST)
    workspace.client.reserve_command("/deploy")
    assert workspace.client.command("lead", "#incidents", "/nonsense")["error"] == "unknown_command"
    assert workspace.client.command("lead", "#incidents", "/deploy now")["error"] == "command_of_another_app"
    assert workspace.client.record(kind="delivery") == []


def test_rate_limits_apply_when_switched_on(workspace: RunningWorkspace) -> None:
    workspace.client.rate_limits(True)
    web = workspace.web()
    for _ in range(5):
        web.chat_postMessage(channel=INCIDENTS, text="x")
    with pytest.raises(SlackApiError) as caught:
        web.chat_postMessage(channel=INCIDENTS, text="x")
    assert (caught.value.response.status_code, caught.value.response["error"]) == (429, "ratelimited")
    assert caught.value.response.headers["Retry-After"] == "1"
    assert web.chat_postMessage(channel="#general", text="the limit is per channel")["ok"]


@pytest.mark.parametrize(
    "headers",
    [{"Host": "mayday.attacker.example"}, {"Origin": "https://attacker.example"}, {"Origin": "null"}],
)
def test_a_foreign_web_page_cannot_press_buttons_here(
    untouched: RunningWorkspace, headers: dict[str, str]
) -> None:
    request = Request(f"{untouched.url}/_page/say", data=b"{}", headers=headers, method="POST")
    with pytest.raises(HTTPError) as caught:
        urlopen(request, timeout=5)
    with caught.value as answer:
        assert answer.status == 403


def test_forms_and_json_mean_the_same(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    form = web.api_call("chat.postMessage", data={"channel": INCIDENTS, "blocks": json.dumps([SECTION])})
    body = web.api_call("chat.postMessage", json={"channel": INCIDENTS, "blocks": [SECTION]})
    assert form["message"]["blocks"][0]["text"] == body["message"]["blocks"][0]["text"] == SECTION["text"]
