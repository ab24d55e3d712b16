"""Planned work in Slack: a form or a line, an answer for that person alone, and nobody acts beyond their rights."""

from __future__ import annotations

from slack_rig import CHANNEL, Rig, words

from bot.slack.maintenance_form import BEGINS, LASTS, REASON, SERVICES, WHO
from bot.workspace.faults import Fault
from models.clock import system_clock

pytest_plugins = ("bot.workspace.fixture",)
FILLED = {SERVICES: "billing", LASTS: "2h", REASON: "restart"}


def planned(rig: Rig) -> list[str]:
    return [each.window.id for each in rig.center.maintenance(over=True)]


def form(rig: Rig) -> None:
    rig.see.command("oncall", CHANNEL, "/maintenance add")
    assert rig.see.wait_for_view("oncall")["title"]["text"] == "Plan maintenance"


def test_add_opens_a_form_and_sending_it_plans_the_work(rig: Rig) -> None:
    rig.start()
    form(rig)
    begins = int(system_clock().timestamp()) + 2 * 3600
    more = {SERVICES: "billing, api-gateway", BEGINS: begins, LASTS: "1h30m", WHO: "callers"}
    assert rig.see.submit("oncall", FILLED | more)["ok"]
    said = words(rig.answer("oncall", "MNT-1"))
    assert "maintenance of billing, api-gateway and whoever calls them begins in" in said
    [told] = rig.center.maintenance()
    window = told.window
    assert (window.services, window.with_callers, window.added_by) == (
        ("billing", "api-gateway"),
        True,
        "oncall",
    )
    assert (int(window.starts_at.timestamp()), int(window.ends_at.timestamp())) == (begins, begins + 5400)


def test_a_form_that_is_incomplete_says_at_the_input_what_is_wrong(rig: Rig) -> None:
    rig.start()
    form(rig)
    for name, value, said in (
        (LASTS, "soon", "not a length of time"),
        (LASTS, "9000d", "not a length of time"),
        (SERVICES, " , ", "Name one to 50 services"),
        (REASON, "   ", "Say in a few words what is done"),
    ):
        sent = rig.see.submit("oncall", FILLED | {name: value})
        assert not sent["ok"]
        assert said in words(sent)
    assert planned(rig) == []


def test_one_line_plans_lists_and_ends(rig: Rig) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, "/maintenance add billing 2h restart")
    rig.answer("oncall", "maintenance of billing runs for 2 h from now")
    rig.see.command("cto", CHANNEL, "/maintenance")
    rig.answer("cto", "*MNT-1* running: billing")
    rig.see.command("lead", CHANNEL, "/maintenance end MNT-1")
    rig.answer("lead", "MNT-1 is over; it kept 0 signals quiet")
    rig.see.command("lead", CHANNEL, "/maintenance")
    rig.answer("lead", "0 maintenance windows")


def test_who_may_not_plan_is_told_so_and_sees_no_form(rig: Rig) -> None:
    rig.start()
    for typed in ("add", "add billing 2h restart", "end MNT-1"):
        rig.see.command("cto", CHANNEL, f"/maintenance {typed}")
        rig.answer("cto", "needs the right to maintain")
    assert rig.refused() == ["needs_maintain"] * 3
    assert rig.see.view("cto") is None
    assert planned(rig) == []


def test_a_form_that_arrives_three_times_plans_once(rig: Rig) -> None:
    rig.start()
    form(rig)
    rig.see.fault(Fault(kind="duplicate", target="interactive", copies=3))
    assert rig.see.submit("oncall", FILLED)["ok"]
    rig.answer("oncall", "MNT-1")
    assert planned(rig) == ["MNT-1"]


def test_a_form_that_comes_too_late_says_what_to_type(rig: Rig) -> None:
    rig.start()
    rig.see.fault(Fault(kind="expired_trigger", target="slash_commands"))
    rig.see.command("oncall", CHANNEL, "/maintenance add")
    rig.answer("oncall", "type /maintenance add, services, a length and a reason")


def test_a_window_that_makes_no_sense_is_refused_in_words(rig: Rig) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, "/maintenance add billing 30h restart")
    rig.answer("oncall", "24 h is the most")
    assert planned(rig) == []
