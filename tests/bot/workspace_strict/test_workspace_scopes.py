"""Without the key, the scope or the person's consent a call is refused, with Slack's own word for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from strict_rig import INCIDENTS, error_of

from bot.workspace.fixture import RunningWorkspace
from bot.workspace.methods import METHODS

pytest_plugins = ("bot.workspace.fixture",)


def test_auth_test_names_the_app_and_its_scopes_in_the_headers(workspace: RunningWorkspace) -> None:
    answer = workspace.web().auth_test()
    assert (answer["user_id"], answer["bot_id"], answer["team_id"]) == ("U0MAYDAY", "B0MAYDAY", "T0CLINIC")
    granted = str(answer.headers["x-oauth-scopes"]).split(",")
    assert {"chat:write", "commands", "users:read.email"} <= set(granted)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda ws: ws.web("xoxb-unknown").auth_test(), "invalid_auth"),
        (lambda ws: WebClient(base_url=ws.api_url).auth_test(), "not_authed"),
        (lambda ws: ws.web(ws.keys.app_token).auth_test(), "not_allowed_token_type"),
        (
            lambda ws: ws.web(ws.keys.app_token).chat_postMessage(channel=INCIDENTS, text="x"),
            "not_allowed_token_type",
        ),
        (lambda ws: ws.web().apps_connections_open(app_token=ws.keys.bot_token), "not_allowed_token_type"),
        (lambda ws: ws.web().api_call("chat.sing"), "unknown_method"),
        (lambda ws: ws.web().apps_manifest_validate(manifest={}), "not_allowed_token_type"),
    ],
)
def test_a_wrong_key_or_method_is_named(
    untouched: RunningWorkspace, call: Callable[[RunningWorkspace], Any], error: str
) -> None:
    assert error_of(lambda: call(untouched)) == error


def test_an_uninstalled_app_is_inactive(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(installed=False)
    assert error_of(workspace.web().auth_test) == "account_inactive"


def test_a_missing_scope_is_named_with_what_was_granted(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(scopes=["commands", "users:read"])
    with pytest.raises(SlackApiError) as caught:
        workspace.web().chat_postMessage(channel=INCIDENTS, text="x")
    answer = caught.value.response
    assert (answer["error"], answer["needed"], answer["provided"]) == (
        "missing_scope",
        "chat:write",
        "commands,users:read",
    )
    assert answer.headers["x-accepted-oauth-scopes"] == "chat:write"


def test_every_method_that_needs_a_scope_refuses_without_it(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(scopes=[], app_scopes=[])
    for method in METHODS.values():
        if method.scopes:
            token = workspace.keys.app_token if method.key == "app" else workspace.keys.bot_token
            assert error_of(lambda m=method, t=token: workspace.web(t).api_call(m.name)) == "missing_scope", (
                method.name
            )


def test_the_scope_follows_the_kind_of_channel(workspace: RunningWorkspace) -> None:
    private = workspace.client.add_channel("post-mortem", private=True)
    workspace.client.set_member(private, "U0MAYDAY", True)
    assert workspace.web().conversations_history(channel=private)["messages"] == []
    workspace.client.change_app(remove_scopes=["groups:history"])
    assert error_of(lambda: workspace.web().conversations_history(channel=private)) == "missing_scope"
    assert workspace.web().conversations_history(channel=INCIDENTS)["ok"]


def test_emails_are_shown_only_with_their_scope(workspace: RunningWorkspace) -> None:
    web = workspace.web()
    assert web.users_info(user="U0LEAD")["user"]["profile"]["email"] == "lead@clinic.example"
    assert web.users_lookupByEmail(email="LEAD@clinic.example")["user"]["id"] == "U0LEAD"
    workspace.client.change_app(remove_scopes=["users:read.email"])
    assert "email" not in web.users_info(user="U0LEAD")["user"]["profile"]
