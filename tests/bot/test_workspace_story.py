"""The whole way through the stand-in with a real Bolt app: command, modal, submission, card, button, update."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Transport

pytest_plugins = ("bot.workspace.fixture",)

MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "declare",
    "title": {"type": "plain_text", "text": "Declare an incident"},
    "submit": {"type": "plain_text", "text": "Declare"},
    "blocks": [
        {
            "type": "input",
            "block_id": "title",
            "label": {"type": "plain_text", "text": "What is wrong?"},
            "element": {"type": "plain_text_input", "action_id": "text", "min_length": 5},
        },
        {
            "type": "input",
            "block_id": "severity",
            "label": {"type": "plain_text", "text": "Severity"},
            "element": {
                "type": "static_select",
                "action_id": "level",
                "options": [
                    {"text": {"type": "plain_text", "text": f"SEV{n}"}, "value": f"sev{n}"}
                    for n in range(1, 5)
                ],
            },
        },
    ],
}


def card(title: str, button: bool) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title}}]
    if button:
        press = {
            "type": "button",
            "action_id": "ack",
            "value": "INC-1",
            "text": {"type": "plain_text", "text": "Ack"},
        }
        blocks.append({"type": "actions", "block_id": "buttons", "elements": [press]})
    return blocks


def declare_app(app: App) -> None:
    @app.command("/incident")
    def command(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    @app.view("declare")
    def submitted(ack: Ack, view: dict[str, Any], client: WebClient) -> None:
        values = view["state"]["values"]
        title = values["title"]["text"]["value"]
        if title == "wrong":
            ack(response_action="errors", errors={"title": "Say what is wrong"})
            return
        level = values["severity"]["level"]["selected_option"]["value"]
        client.chat_postMessage(
            channel="C0INCIDENTS",
            text=f"{title} {level}",
            blocks=card(title, True),
            metadata={"event_type": "mayday_card", "event_payload": {"outbox": "o-1"}},
        )
        ack()

    @app.action("ack")
    def pressed(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        title = f"Acknowledged by {body['user']['id']} {body['actions'][0]['value']}"
        client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text=title, blocks=card(title, False)
        )
        ack()


def test_command_modal_card_button_update_over_both_transports(
    workspace: RunningWorkspace, transport: Transport
) -> None:
    client = workspace.client
    with workspace.connected(workspace.bolt(declare_app), transport):
        assert client.command("oncall", "#incidents", "/incident declare") == {"ok": True, "ts": ""}
        view = client.wait_for_view("oncall")
        assert view["callback_id"] == "declare"
        assert client.view("lead") is None, "a modal belongs to one person"

        refused = client.submit("oncall", {"title": "wrong", "severity": "sev2"})
        assert refused == {"ok": False, "errors": {"title": "Say what is wrong"}}
        assert client.submit("oncall", {"title": "Checkout errors", "severity": "sev2"})["ok"]
        assert client.view("oncall") is None

        posted = client.wait_for("#incidents", lambda message: message["text"] == "Checkout errors sev2")
        assert client.click("lead", "#incidents", posted["ts"], "ack") == {"ok": True}
        changed = client.wait_for("#incidents", lambda message: "Acknowledged" in message["text"])

    assert changed["ts"] == posted["ts"], "the card is updated in place"
    assert changed["text"] == "Acknowledged by U0LEAD INC-1"
    assert [block["type"] for block in changed["blocks"]] == ["header"]
    history = workspace.web().conversations_history(channel="C0INCIDENTS", include_all_metadata=True)
    assert history["messages"][0]["metadata"]["event_payload"] == {"outbox": "o-1"}
    kinds = [entry["name"] for entry in client.record(kind="delivery")]
    assert kinds == ["slash_commands", "interactive", "interactive", "interactive"]
    assert {entry["transport"] for entry in client.record(kind="delivery")} == {transport}
