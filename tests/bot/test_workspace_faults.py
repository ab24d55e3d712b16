"""Everything that can be made to go wrong with deliveries and calls, and what is recorded of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http.client import IncompleteRead
from typing import Any

import orjson
import pytest
from delivery_rig import INCIDENTS, socket_app
from slack_sdk.errors import SlackApiError

from bot.workspace.faults import Fault
from bot.workspace.fixture import RunningWorkspace
from bot.workspace.settings import WorkspaceSettings

pytest_plugins = ("bot.workspace.fixture",)


@pytest.fixture
def workspace_settings() -> WorkspaceSettings:
    return WorkspaceSettings(port=0, retry_seconds=(0.0, 0.05), max_connections=3)


# faults on deliveries


def test_a_duplicate_has_the_same_trigger_in_new_envelopes(workspace: RunningWorkspace) -> None:
    workspace.client.fault(Fault(kind="duplicate", target="slash_commands", copies=3))
    with socket_app(workspace) as app:
        assert workspace.client.command("oncall", "#incidents", "/incident")["ok"]
        assert workspace.client.command("oncall", "#incidents", "/incident")["ok"]
    triggers = [each["payload"]["trigger_id"] for each in app.envelopes()]
    assert [triggers.count(each) for each in dict.fromkeys(triggers)] == [3, 1]
    assert len({each["envelope_id"] for each in app.envelopes()}) == 4


def test_reordered_deliveries_arrive_last_first(workspace: RunningWorkspace) -> None:
    workspace.client.fault(Fault(kind="reorder", times=2, copies=2, seconds=30))
    with socket_app(workspace) as app, ThreadPoolExecutor(2) as pool:
        first = pool.submit(workspace.client.command, "oncall", "#incidents", "/incident first")
        workspace.client.wait_until(lambda: (workspace.client.pending() or [None])[0], what="a held delivery")
        second = pool.submit(workspace.client.command, "lead", "#incidents", "/incident second")
        assert first.result(5)["ok"]
        assert second.result(5)["ok"]
    assert [each["payload"]["text"] for each in app.envelopes()] == ["second", "first"]


def test_a_lone_held_delivery_goes_on_after_its_time(workspace: RunningWorkspace) -> None:
    workspace.client.fault(Fault(kind="reorder", copies=2, seconds=0.05))
    with socket_app(workspace):
        assert workspace.client.command("oncall", "#incidents", "/incident")["ok"]


@pytest.mark.parametrize(("kind", "arrived"), [("stall_ack", 1), ("lose", 0)])
def test_a_late_or_lost_delivery_times_out_for_the_person(
    workspace: RunningWorkspace, kind: Any, arrived: int
) -> None:
    workspace.client.fault(Fault(kind=kind))
    with socket_app(workspace) as app:
        assert workspace.client.command("oncall", "#incidents", "/incident")["error"] == "operation_timeout"
        assert len(app.envelopes()) == arrived


def test_a_trigger_can_arrive_expired(workspace: RunningWorkspace) -> None:
    workspace.client.fault(Fault(kind="expired_trigger"))
    with socket_app(workspace) as app:
        workspace.client.command("oncall", "#incidents", "/incident")
        trigger = app.next()["payload"]["trigger_id"]
    view = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        workspace.web().views_open(trigger_id=trigger, view=view)


# faults on calls


def post(workspace: RunningWorkspace) -> Any:
    return workspace.web().chat_postMessage(channel=INCIDENTS, text="x")


@pytest.mark.parametrize(
    ("fault", "error", "posted"),
    [
        (Fault(kind="http_error", status=503), SlackApiError, 0),
        (Fault(kind="http_error", status=502, applied=True), SlackApiError, 1),
        (Fault(kind="drop"), IncompleteRead, 0),
        (Fault(kind="drop", applied=True), IncompleteRead, 1),
        (Fault(kind="api_error", error="fatal_error"), SlackApiError, 0),
    ],
)
def test_an_answer_can_be_lost_with_or_without_the_deed(
    workspace: RunningWorkspace, fault: Fault, error: type[Exception], posted: int
) -> None:
    workspace.client.fault(fault.model_copy(update={"target": "chat.postMessage"}))
    with pytest.raises(error):
        post(workspace)
    assert len(workspace.client.messages("#incidents")) == posted
    assert post(workspace)["ok"], "a fault is used up"


def test_a_rate_limit_says_how_long_to_wait(workspace: RunningWorkspace) -> None:
    workspace.client.fault(Fault(kind="rate_limited", target="chat.postMessage", seconds=7, times=2))
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            post(workspace)
        assert caught.value.response.status_code == 429
        assert caught.value.response.headers["Retry-After"] == "7"
    assert workspace.web().auth_test()["ok"]
    assert post(workspace)["ok"]


def test_a_delayed_answer_comes_late(workspace: RunningWorkspace) -> None:
    workspace.client.fault(Fault(kind="delay", seconds=0.2))
    post(workspace)
    entry = workspace.client.record(kind="call")[-1]
    assert entry["seconds"] >= 0.2
    assert entry["fault"] == "delay"


def test_faults_can_be_called_off(workspace: RunningWorkspace) -> None:
    workspace.client.fault(Fault(kind="api_error", times=100))
    workspace.client.clear_faults()
    assert post(workspace)["ok"]


# the recorder


def test_the_recorder_has_everything_but_the_keys(workspace: RunningWorkspace) -> None:
    with socket_app(workspace):
        workspace.client.command("oncall", "#incidents", "/incident")
    post(workspace)
    workspace.web().api_call("auth.test", params={"token": workspace.keys.bot_token})
    entries = workspace.client.record()
    assert [(entry["kind"], entry["name"]) for entry in entries] == [
        ("call", "apps.connections.open"),
        ("delivery", "slash_commands"),
        ("call", "chat.postMessage"),
        ("call", "auth.test"),
    ]
    assert [entry["number"] for entry in entries] == [1, 2, 3, 4]
    text = orjson.dumps(entries).decode()
    assert workspace.keys.bot_token not in text
    assert workspace.keys.app_token not in text
    assert workspace.keys.signing_secret not in text
    assert workspace.client.record(after=3) == entries[3:]
