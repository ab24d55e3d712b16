"""A person's whole way through Slack, over both transports, against the local workspace."""

from __future__ import annotations

from slack_rig import CHANNEL, Rig, has_button, words

from bot.slack.cards import ACK, CLOSE, RESOLVE, STATUS
from bot.slack.people import keep_people, read_people, with_people
from bot.workspace.model import Transport
from storage.records import IncidentStatus

pytest_plugins = ("bot.workspace.fixture",)


def test_declare_acknowledge_status_resolve_and_close_all_show_on_one_card(
    rig: Rig, transport: Transport
) -> None:
    rig.start(transport=transport, http_port=0)
    answer = rig.see.command("oncall", CHANNEL, "/incident declare sev2 checkout answers slowly")
    assert answer["ok"]
    card = rig.card("INC-1", has_button)
    assert "SEV2 major" in words(card)
    assert "checkout answers slowly" in words(card)
    assert "Next due: acknowledgement" in words(card)
    assert rig.see.click("oncall", CHANNEL, card["ts"], ACK)["ok"]
    taken = rig.card(
        "INC-1", lambda message: "On-call engineer" in words(message) and not has_button(message)
    )
    assert taken["ts"] == card["ts"]
    options = next(
        element["options"]
        for block in taken["blocks"] if block["type"] == "actions"
        for element in block["elements"] if element["action_id"] == STATUS
    )  # fmt: skip
    identified = next(o["value"] for o in options if o["text"]["text"] == "identified")
    rig.see.click("lead", CHANNEL, card["ts"], STATUS, value=identified)
    rig.card("INC-1", lambda message: "Identified" in words(message))
    rig.see.click("oncall", CHANNEL, card["ts"], RESOLVE)
    resolved = rig.card("INC-1", lambda message: has_button(message, CLOSE))
    assert not has_button(resolved, RESOLVE)
    rig.see.click("lead", CHANNEL, card["ts"], CLOSE)
    closed = rig.card("INC-1", lambda message: "Closed" in words(message))
    assert not any(block["type"] == "actions" for block in closed["blocks"])
    assert [each["ts"] for each in rig.cards()] == [card["ts"]]
    found = rig.center.incident("INC-1")
    assert found is not None
    assert found.status is IncidentStatus.CLOSED


def test_a_connection_that_slack_renews_is_made_anew_by_itself(rig: Rig) -> None:
    bot = rig.start()
    opened = len(rig.see.record(kind="call", name="apps.connections.open"))
    rig.see.sockets("refresh_requested")
    rig.wait_until(lambda: len(rig.see.record(kind="call", name="apps.connections.open")) > opened)
    rig.wait_until(lambda: bot.state == "connected")
    rig.see.wait_until(
        lambda: {} if rig.see.command("oncall", CHANNEL, "/incident list")["ok"] else None,
        what="a connection",
    )
    rig.answer("oncall", "Incidents: open")


def test_a_person_found_by_e_mail_is_known_after_a_restart(rig: Rig) -> None:
    operators = with_people(rig.directory.operators, {"compliance": "U0COMPLIANCE"})
    assert operators == rig.directory.operators
    nameless = [operator.model_copy(update={"slack": None}) for operator in rig.directory.operators]
    keep_people(rig.layout.root, {"oncall": "U0ONCALL"})
    known = with_people(nameless, read_people(rig.layout.root))
    assert [operator.slack for operator in known] == ["U0ONCALL", None, None]
