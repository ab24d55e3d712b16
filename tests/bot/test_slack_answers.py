"""What a person is shown: forms, lists, one incident, the Home tab; where the bot cannot speak, directly."""

from __future__ import annotations

import pytest
from slack_rig import CHANNEL, ONCALL, Rig, words

from bot.slack.answers import DECLARE
from bot.workspace.faults import Fault

pytest_plugins = ("bot.workspace.fixture",)
MARK = "Zorblax"  # an invented name: it stands for a patient's


def test_nothing_typed_opens_the_form_and_sending_it_opens_an_incident(rig: Rig) -> None:
    rig.start()
    assert rig.see.command("oncall", CHANNEL, "/incident")["ok"]
    form = rig.see.wait_for_view("oncall")
    assert form["title"]["text"] == "Declare an incident"
    sent = rig.see.submit(
        "oncall", {"title": f"database down, {MARK} called", "severity": "1", "service": "billing"}
    )
    assert sent["ok"], sent
    card = words(rig.card("INC-1"))
    assert "SEV1 critical" in card
    assert "billing" in card
    assert MARK not in card
    rig.answer("oncall", "INC-1 is open as SEV1")


def test_the_severity_that_was_typed_is_chosen_in_the_form(rig: Rig) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, "/incident declare sev1")
    form = rig.see.wait_for_view("oncall")
    chosen = form["blocks"][1]["element"]["initial_option"]
    assert chosen["value"] == "1"


def test_a_form_that_is_incomplete_stays_open_and_says_why(rig: Rig) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, "/incident declare")
    rig.see.wait_for_view("oncall")
    sent = rig.see.submit("oncall", {"title": "   ", "severity": "2"})
    assert not sent["ok"]
    assert "Say in a few words what is wrong" in words(sent)
    assert rig.see.view("oncall") is not None
    assert rig.center.incidents("all", ONCALL) == ()


def test_a_form_sent_three_times_opens_one_incident(rig: Rig) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, "/incident declare")
    rig.see.wait_for_view("oncall")
    rig.see.fault(Fault(kind="duplicate", target="interactive", copies=3))
    assert rig.see.submit("oncall", {"title": "database down", "severity": "2"})["ok"]
    rig.card("INC-1")
    rig.answer("oncall", "INC-1 is open as SEV2")
    assert len(rig.center.incidents("all", ONCALL)) == 1


def test_a_form_that_comes_too_late_says_so(rig: Rig) -> None:
    rig.start()
    rig.see.fault(Fault(kind="expired_trigger", target="slash_commands"))
    rig.see.command("oncall", CHANNEL, "/incident declare")
    rig.answer("oncall", "The form came too late to be opened")


def test_nothing_typed_shows_the_one_open_incident(rig: Rig) -> None:
    rig.start()
    rig.declare()
    rig.see.command("oncall", CHANNEL, "/incident")
    shown = rig.answer("oncall", "adds to its timeline")
    assert "INC-1" in words(shown)
    assert "mayday_ack" not in words(shown)
    rig.see.click("oncall", CHANNEL, shown["ts"], DECLARE)
    assert rig.see.wait_for_view("oncall")["title"]["text"] == "Declare an incident"


def test_a_verb_without_an_id_means_the_one_open_incident_and_asks_when_there_are_two(rig: Rig) -> None:
    rig.start()
    rig.declare("database down")
    rig.see.command("oncall", CHANNEL, "/incident ack")
    rig.answer("oncall", "INC-1 is yours")
    rig.declare("checkout answers slowly")
    rig.see.command("oncall", CHANNEL, "/incident ack")
    rig.answer("oncall", "Several incidents are open here: INC-2, INC-1")


def test_words_that_were_not_kept_are_not_said_to_be_kept_with_placeholders(rig: Rig) -> None:
    rig.start()
    rig.declare("database down")
    rig.see.command("oncall", CHANNEL, "/incident status identified")
    rig.answer("oncall", "The cause of INC-1 is known")
    rig.see.command("oncall", CHANNEL, "/incident status identified Zorblax Quuxly fell")
    said = words(rig.answer("oncall", "INC-1 is identified already; nothing has changed"))
    assert "was not put on the timeline" in said
    assert "was kept" not in said


def test_lists_name_incidents_with_severity_and_state(rig: Rig) -> None:
    rig.start()
    rig.declare("database down")
    rig.see.command("oncall", CHANNEL, "/incident list")
    assert "*INC-1* 🔺 SEV2 major, detected, billing: database down" in words(
        rig.answer("oncall", "Incidents: open (1)")
    )
    rig.see.command("oncall", CHANNEL, "/incident list sev1")
    rig.answer("oncall", "Incidents: sev1")


def test_the_home_tab_shows_what_is_open_and_what_can_be_typed(rig: Rig) -> None:
    rig.start()
    rig.declare("database down")
    rig.see.open_home("oncall", "A0MAYDAY")
    home = rig.see.wait_until(lambda: rig.see.home("oncall", "A0MAYDAY"), what="the Home tab")
    assert "database down" in words(home)
    assert "/incident note" in words(home)
    rig.see.click_in_view("oncall", DECLARE, view_id=home["id"])
    assert rig.see.wait_for_view("oncall")["title"]["text"] == "Declare an incident"


def test_a_strangers_home_tab_tells_nothing_and_is_audited(rig: Rig) -> None:
    rig.start()
    rig.declare("database down")
    rig.see.open_home("guest", "A0MAYDAY")
    home = rig.see.wait_until(lambda: rig.see.home("guest", "A0MAYDAY"), what="the Home tab")
    assert "You are not among the operators" in words(home)
    assert "database" not in words(home)
    assert rig.refused() == ["unknown_person"]


def test_where_the_bot_is_no_member_the_answer_comes_directly(rig: Rig) -> None:
    rig.start()
    rig.see.add_channel("war-room", private=True)
    rig.see.command("oncall", "#war-room", "/incident declare sev3 database down")
    rig.card("INC-1")
    direct = rig.see.wait_until(
        lambda: next(iter(rig.see.record(kind="call", name="conversations.open")), None),
        what="a direct message",
    )
    assert direct["answer"]["ok"]
    told = [e for e in rig.see.record(kind="call", name="chat.postMessage") if "INC-1 is open" in words(e)]
    rig.wait_until(
        lambda: any("INC-1 is open" in words(e) for e in rig.see.record(kind="call", name="chat.postMessage"))
    )
    assert all(entry["request"]["channel"].startswith("D") for entry in told)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="rate_limited", target="chat.postEphemeral", seconds=1),
        Fault(kind="drop", target="chat.postEphemeral", times=3),
        Fault(kind="http_error", target="chat.postEphemeral", status=503),
    ],
    ids=lambda fault: fault.kind,
)
def test_an_answer_that_slack_does_not_take_is_sent_again(rig: Rig, fault: Fault) -> None:
    rig.start()
    rig.see.fault(fault)
    rig.see.command("oncall", CHANNEL, "/incident declare sev3 database down")
    rig.answer("oncall", "INC-1 is open as SEV3")


def test_an_answer_that_a_stop_cuts_off_is_given_after_the_next_start(rig: Rig) -> None:
    rig.start(retry_first=30, retry_most=30)
    rig.see.fault(Fault(kind="drop", target="chat.postEphemeral"))
    rig.see.command("oncall", CHANNEL, "/incident declare sev3 database down")
    rig.see.wait_until(
        lambda: next(iter(rig.see.record(kind="call", name="chat.postEphemeral")), None),
        what="the lost answer",
    )
    rig.stop()
    rig.start()
    rig.answer("oncall", "INC-1 was declared already, with this very message")
    assert len(rig.center.incidents("all", ONCALL)) == 1
