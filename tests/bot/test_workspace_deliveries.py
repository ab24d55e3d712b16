"""How deliveries reach an app: in turn, in time, signed, and again until they are acknowledged."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from delivery_rig import INCIDENTS, acknowledge, http_app, notices, socket_app, ticket
from slack_bolt import Ack, App
from slack_sdk.signature import SignatureVerifier
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from bot.workspace.faults import Fault
from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Json
from bot.workspace.settings import WorkspaceSettings

pytest_plugins = ("bot.workspace.fixture",)


@pytest.fixture
def ack_seconds() -> float:
    """Slack's own; a test in which the time does run out asks for less."""
    return 3.0


@pytest.fixture
def workspace_settings(ack_seconds: float) -> WorkspaceSettings:
    return WorkspaceSettings(port=0, ack_seconds=ack_seconds, retry_seconds=(0.0, 0.05), max_connections=3)


# Socket Mode


def test_every_envelope_goes_to_one_connection_in_turn(workspace: RunningWorkspace) -> None:
    with socket_app(workspace) as first, socket_app(workspace) as second:
        for _ in range(4):
            assert workspace.client.command("oncall", "#incidents", "/incident")["ok"]
        assert (len(first.envelopes()), len(second.envelopes())) == (2, 2)
        ids = {each["envelope_id"] for each in first.envelopes() + second.envelopes()}
        assert len(ids) == 4


def test_a_ticket_opens_one_connection(workspace: RunningWorkspace) -> None:
    url = ticket(workspace)
    with connect(url, proxy=None), pytest.raises(InvalidStatus), connect(url, proxy=None):
        pytest.fail("a ticket was taken twice")


def test_more_connections_than_allowed_are_sent_away(workspace: RunningWorkspace) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket_app(workspace))
        late = stack.enter_context(socket_app(workspace, first="disconnect"))
        assert late.seen[0]["reason"] == "too_many_websockets"
        assert late.next()["type"] == "closed"
        assert workspace.client.wait_for_connections() == 3


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "link_disabled"])
def test_a_disconnect_frame_gives_its_reason(workspace: RunningWorkspace, reason: Any) -> None:
    with socket_app(workspace) as app:
        assert workspace.client.sockets(reason) == 1
        frame = app.next()
        assert (frame["type"], frame["reason"]) == ("disconnect", reason)


@pytest.mark.parametrize("ack_seconds", [0.4])
@pytest.mark.parametrize("action", ["drop", "refresh_requested"])
def test_a_bolt_app_comes_back_after_its_connection_went(workspace: RunningWorkspace, action: Any) -> None:
    def listen(app: App) -> None:
        @app.command("/incident")
        def command(ack: Ack) -> None:
            ack("here")

    with workspace.connected(workspace.bolt(listen), "socket"):
        before = len(workspace.client.record(kind="call", name="apps.connections.open"))
        workspace.client.sockets(action)

        def reopened() -> Json | None:
            calls = workspace.client.record(kind="call", name="apps.connections.open")
            return calls[-1] if len(calls) > before else None

        workspace.client.wait_until(reopened, what="a new connection")
        workspace.client.wait_for_connections(1)
        workspace.client.wait_until(
            lambda: (
                answer
                if (answer := workspace.client.command("oncall", "#incidents", "/incident"))["ok"]
                else None
            ),
            what="an answer",
        )


@pytest.mark.parametrize("ack_seconds", [0.4])
def test_what_nobody_acknowledges_times_out_and_only_the_person_hears_of_it(
    workspace: RunningWorkspace,
) -> None:
    with socket_app(workspace, lambda _: None):
        assert workspace.client.command("oncall", "#incidents", "/incident") == {
            "ok": False,
            "error": "operation_timeout",
        }
    assert notices(workspace, "oncall") == ["`/incident` failed with the error `operation_timeout`."]
    assert notices(workspace, "lead") == []


def test_without_a_connection_a_command_fails_at_once(workspace: RunningWorkspace) -> None:
    assert workspace.client.command("oncall", "#incidents", "/incident")["error"] == "dispatch_failed"


def test_an_acknowledgement_can_carry_the_answer(workspace: RunningWorkspace) -> None:
    say: Json = {"payload": {"text": "All quiet", "response_type": "in_channel"}}
    with socket_app(workspace, lambda _: say):
        ts = workspace.client.command("oncall", "#incidents", "/incident list")["ts"]
    assert [(message["ts"], message["text"]) for message in workspace.client.messages("#incidents")] == [
        (ts, "All quiet")
    ]


def test_an_answer_slack_would_refuse_fails_the_command(workspace: RunningWorkspace) -> None:
    with socket_app(workspace, lambda _: {"payload": {"blocks": [{"type": "section"}]}}):
        assert workspace.client.command("oncall", "#incidents", "/incident")["error"] == "invalid_blocks"


# events


@pytest.mark.parametrize("ack_seconds", [0.4])
def test_events_come_again_until_they_are_acknowledged(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(events=["message.channels"])
    with socket_app(workspace, lambda frame: {} if frame["retry_attempt"] == 2 else None) as app:
        workspace.client.say("oncall", "#incidents", "checkout is slow")
        tries = [app.next() for _ in range(3)]
    assert [(each["retry_attempt"], each["retry_reason"]) for each in tries] == [
        (0, ""),
        (1, "timeout"),
        (2, "timeout"),
    ]
    assert len({each["payload"]["event_id"] for each in tries}) == 1
    assert tries[0]["payload"]["event"]["text"] == "checkout is slow"
    assert tries[0]["accepts_response_payload"] is False


def test_an_app_can_decline_retries(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(events=["message.channels"])
    with http_app(workspace, lambda _: 500, {"X-Slack-No-Retry": "1"}) as got:
        workspace.client.say("oncall", "#incidents", "one")
        assert orjson.loads(got.get(timeout=5)[1])["event"]["text"] == "one"
        workspace.client.change_app(events=[])
        workspace.client.command("oncall", "#incidents", "/incident")
        assert b"command=" in got.get(timeout=5)[1], "nothing came between"


def test_events_need_a_subscription_a_scope_and_membership(workspace: RunningWorkspace) -> None:
    client = workspace.client
    with socket_app(workspace) as app:
        client.say("oncall", "#incidents", "not subscribed")
        client.change_app(
            events=["message.channels", "app_mention", "reaction_added", "member_joined_channel"]
        )
        client.set_member("#general", "U0MAYDAY", False)
        client.say("oncall", "#general", "not a member")
        client.change_app(remove_scopes=["channels:history"])
        ts = client.say("oncall", "#incidents", "<@U0MAYDAY> no scope for messages")["ts"]
        client.react("lead", "#incidents", ts, "pushpin")
        event = app.next()["payload"]["event"]
        client.set_member("#general", "U0MAYDAY", True)
        joined = app.next()["payload"]["event"]
    assert (event["type"], event["reaction"], event["item"]["ts"]) == ("reaction_added", "pushpin", ts)
    assert (joined["type"], joined["user"]) == ("member_joined_channel", "U0MAYDAY")


def test_changes_mentions_links_and_channels_are_events(workspace: RunningWorkspace) -> None:
    names = [
        "message.channels",
        "app_mention",
        "channel_created",
        "channel_archive",
        "pin_added",
        "link_shared",
    ]
    workspace.client.change_app(events=names)
    web = workspace.web()
    with socket_app(workspace) as app:
        workspace.client.say("oncall", "#incidents", "<@U0MAYDAY> look")
        ts = web.chat_postMessage(channel=INCIDENTS, text="a card")["ts"]
        web.chat_update(channel=INCIDENTS, ts=ts, text="changed")
        web.pins_add(channel=INCIDENTS, timestamp=ts)
        web.chat_delete(channel=INCIDENTS, ts=ts)
        web.conversations_archive(channel=web.conversations_create(name="inc-2")["channel"]["id"])
        events = [app.next()["payload"]["event"] for _ in range(8)]
    kinds = sorted((event["type"], event.get("subtype", "")) for event in events)
    assert kinds == [
        ("app_mention", ""),
        ("channel_archive", ""),
        ("channel_created", ""),
        ("message", ""),
        ("message", ""),
        ("message", "message_changed"),
        ("message", "message_deleted"),
        ("pin_added", ""),
    ]


# HTTP


def test_http_deliveries_are_signed_and_retried_with_headers(workspace: RunningWorkspace) -> None:
    workspace.client.change_app(events=["message.channels"])
    verifier = SignatureVerifier(workspace.keys.signing_secret)
    with http_app(workspace, lambda number: 500 if number == 0 else 200) as got:
        workspace.client.say("oncall", "#incidents", "hello")
        (first, body), (second, again) = got.get(timeout=5), got.get(timeout=5)
    assert verifier.is_valid_request(body, first)
    assert verifier.is_valid_request(again, second)
    assert "x-slack-retry-num" not in first
    assert (second["x-slack-retry-num"], second["x-slack-retry-reason"]) == ("1", "http_error")
    assert orjson.loads(body) == orjson.loads(again)


def test_a_command_over_http_is_a_form(workspace: RunningWorkspace) -> None:
    with http_app(workspace) as got:
        workspace.client.command("oncall", "#incidents", "/incident ack INC-1")
        headers, body = got.get(timeout=5)
    form = parse_qs(body.decode(), keep_blank_values=True)
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert (form["command"], form["text"], form["user_id"]) == (["/incident"], ["ack INC-1"], ["U0ONCALL"])


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault(kind="forged"), "dispatch_unknown_error"),
        (Fault(kind="stale", seconds=301), "dispatch_unknown_error"),
        (Fault(kind="stale", seconds=200), "ok"),
    ],
)
def test_bolt_refuses_forged_and_stale_signatures(
    workspace: RunningWorkspace, fault: Fault, outcome: str
) -> None:
    with workspace.connected(workspace.bolt(acknowledge), "http"):
        workspace.client.fault(fault)
        workspace.client.command("oncall", "#incidents", "/incident")
    assert workspace.client.record(kind="delivery")[-1]["outcome"] == outcome


def test_a_recorded_delivery_can_be_replayed_as_an_attacker_would(workspace: RunningWorkspace) -> None:
    with workspace.connected(workspace.bolt(acknowledge), "http"):
        workspace.client.command("oncall", "#incidents", "/incident")
        number = workspace.client.record(kind="delivery")[0]["number"]
        assert workspace.client.replay(number)["ok"]
        assert workspace.client.replay(number, signed_seconds_ago=400)["status"] == 401
    assert workspace.client.record(kind="delivery")[-1]["fault"] == f"replay of {number}"


def test_a_clock_that_is_wrong_makes_signatures_stale(workspace: RunningWorkspace) -> None:
    with workspace.connected(workspace.bolt(acknowledge), "http"):
        workspace.client.set_clock(-3600)
        assert (
            workspace.client.command("oncall", "#incidents", "/incident")["error"] == "dispatch_unknown_error"
        )
        workspace.client.set_clock(0)
        assert workspace.client.command("oncall", "#incidents", "/incident")["ok"]


def test_a_request_url_is_verified_by_a_challenge(workspace: RunningWorkspace) -> None:
    with workspace.connected(workspace.bolt(acknowledge), "http"):
        assert workspace.client.verify_url()
    with http_app(workspace):
        assert not workspace.client.verify_url(), "an empty answer is no echo"
