"""What comes in from Slack: acknowledged at once, acted on once, and refused with an audit entry where it must be."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from slack_rig import CHANNEL, GATE, KEY, ONCALL, Json, Rig, has_button, words

from bot.slack.buttons import Button, seal
from bot.slack.cards import ACK, CLOSE, RESOLVE
from bot.slack.inbox import Inbox, Job, Perform, Place
from bot.slack.run import SlackBot
from bot.slack.worker import WORKING
from bot.workspace.faults import Fault
from bot.workspace.model import Transport
from bot.workspace.signing import signed_headers
from command_center.actions import Acknowledge, Declare, Note
from storage.records import IncidentStatus

pytest_plugins = ("bot.workspace.fixture",)
MARK = "Zorblax"  # an invented name: it stands for a patient's


def start(rig: Rig, transport: Transport) -> SlackBot:
    return rig.start(transport=transport, http_port=0)


def inbox_rows(rig: Rig) -> list[tuple[Any, ...]]:
    sql = "SELECT id, operator, state, outcome, action, reply FROM inbox ORDER BY received_at"
    return rig.db.read(lambda reader: reader.execute(sql))


def all_done(rig: Rig, count: int) -> Callable[[], bool]:
    return lambda: sum(row[2] == "done" for row in inbox_rows(rig)) == count


# acknowledged at once


def test_twelve_commands_at_the_same_moment_are_all_acknowledged_within_a_second(
    rig: Rig, transport: Transport
) -> None:
    start(rig, transport)
    rig.see.command("lead", CHANNEL, "/incident list")  # connections are warm, as after a minute of running
    together = threading.Barrier(12)

    def send(number: int) -> tuple[bool, float]:
        together.wait()
        begun = time.perf_counter()
        answer = rig.see.command("oncall", CHANNEL, f"/incident declare sev3 test failure {number}")
        return bool(answer["ok"]), time.perf_counter() - begun

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, range(12)))
    assert all(ok for ok, _ in answers)
    assert max(seconds for _, seconds in answers) < 1.0
    taken = [
        entry for entry in rig.see.record(kind="delivery", name="slash_commands") if "declare" in words(entry)
    ]
    assert max(entry["seconds"] for entry in taken) < 1.0
    rig.wait_until(lambda: len(rig.center.incidents("all", ONCALL)) == 12)


def said_to(rig: Rig, user: str) -> list[str]:
    """The texts of what one person alone was shown."""
    return [
        str(message["text"]) for message in rig.see.messages(CHANNEL, user) if message.get("is_ephemeral")
    ]


def test_a_command_is_answered_once_and_nothing_stands_beside_the_answer(rig: Rig) -> None:
    rig.start()
    assert rig.see.command("oncall", CHANNEL, "/incident list")["ts"] == ""  # the acknowledgement is empty
    rig.answer("oncall", "Incidents: open")
    rig.wait_until(all_done(rig, 1))
    assert said_to(rig, "oncall") == ["0 incidents"]
    assert said_to(rig, "lead") == []


def test_an_answer_that_takes_its_time_is_announced_once_to_that_person_alone(rig: Rig) -> None:
    bot = rig.start(slow_after=0.05)
    held = threading.Event()
    for lane in bot._worker._lanes:
        lane.submit(held.wait, 20)
    rig.see.command("oncall", CHANNEL, "/incident list")
    rig.answer("oncall", WORKING)
    held.set()
    rig.answer("oncall", "Incidents: open")
    rig.wait_until(all_done(rig, 1))
    assert said_to(rig, "oncall") == [WORKING, "0 incidents"]
    assert said_to(rig, "lead") == []


@pytest.mark.parametrize(
    "text", ["declare sev2 Zorblax Quuxly cannot pay", "declare sev3 checkout answers slowly"]
)
def test_who_types_words_that_are_withheld_is_told_so_and_how_a_word_is_approved(rig: Rig, text: str) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, f"/incident {text}")
    rig.wait_until(all_done(rig, 1))
    (answer,) = said_to(rig, "oncall")
    withheld = "Quuxly" in text
    assert ("&lt;WORD&gt;" in answer) == withheld
    assert ("`words` in mayday.toml" in answer) == withheld
    assert "Quuxly" not in answer


def test_a_form_says_it_too(rig: Rig) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, "/incident declare")
    rig.see.wait_for_view("oncall")
    rig.see.submit("oncall", {"title": "Zorblax Quuxly cannot pay"})
    rig.answer("oncall", "`words` in mayday.toml")


def test_an_unknown_verb_is_answered_with_the_nearest_one_and_help(rig: Rig) -> None:
    rig.start()
    assert rig.see.command("oncall", CHANNEL, f"/incident acknowlege {MARK}")["ok"]
    answer = words(rig.answer("oncall", "Did you mean `/incident ack`?"))
    assert "Say that you have seen it" in answer
    assert MARK not in answer
    assert inbox_rows(rig) == []


def test_a_command_that_this_version_does_not_know_is_answered_with_help(rig: Rig) -> None:
    rig.start()
    assert rig.see.command("oncall", CHANNEL, "/oncall who")["ok"]
    rig.answer("oncall", "Open, follow and end incidents")


def test_with_a_prefix_the_prefixed_command_is_ours(rig: Rig) -> None:
    rig.start(command_prefix="md-")
    rig.see.command("oncall", CHANNEL, "/md-incident declare sev1 database down")
    rig.card("INC-1")
    rig.see.command("oncall", CHANNEL, "/md-incident")
    rig.answer("oncall", "/md-incident note INC-1")


# acted on once


@pytest.mark.parametrize("copies", [3])
def test_the_same_command_delivered_three_times_acts_once(
    rig: Rig, transport: Transport, copies: int
) -> None:
    start(rig, transport)
    rig.see.fault(Fault(kind="duplicate", target="slash_commands", copies=copies))
    assert rig.see.command("oncall", CHANNEL, "/incident declare sev2 database down")["ok"]
    rig.card("INC-1")
    rig.wait_until(all_done(rig, 1))
    assert [incident.id for incident in rig.center.incidents("all", ONCALL)] == ["INC-1"]


def test_the_same_click_delivered_three_times_acts_once(rig: Rig, transport: Transport) -> None:
    start(rig, transport)
    rig.declare()
    card = rig.card("INC-1", has_button)
    rig.see.fault(Fault(kind="duplicate", target="interactive", copies=3))
    assert rig.see.click("oncall", CHANNEL, card["ts"], ACK)["ok"]
    rig.wait_until(all_done(rig, 1))
    assert [event.kind for event in rig.center.timeline("INC-1")].count("status") == 1


def test_a_delivery_replayed_later_does_nothing(rig: Rig) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, "/incident declare sev2 database down")
    rig.card("INC-1")
    rig.wait_until(all_done(rig, 1))
    [taken] = rig.see.record(kind="delivery", name="slash_commands")
    assert rig.see.replay(taken["number"])["ok"]
    assert len(inbox_rows(rig)) == 1
    assert len(rig.center.incidents("all", ONCALL)) == 1


def test_two_people_who_press_acknowledge_together_acknowledge_once(rig: Rig) -> None:
    rig.start()
    rig.declare()
    card = rig.card("INC-1", has_button)
    people = ["oncall", "lead", "oncall", "lead"]
    together = threading.Barrier(len(people))

    def press(person: str) -> bool:
        together.wait()
        return bool(rig.see.click(person, CHANNEL, card["ts"], ACK)["ok"])

    with ThreadPoolExecutor(len(people)) as pool:
        assert all(pool.map(press, people))
    rig.wait_until(all_done(rig, 4))
    found = rig.center.incident("INC-1")
    assert found is not None
    assert found.status is IncidentStatus.ACKNOWLEDGED
    assert [event.kind for event in rig.center.timeline("INC-1")].count("status") == 1


def test_jobs_about_one_incident_keep_their_order(rig: Rig) -> None:
    rig.declare()
    inbox = Inbox(rig.db, GATE)
    for number in range(20):
        note = Note(incident="INC-1", text=GATE.text(f"step {number}"))
        inbox.put(
            Job(
                f"{number:032}", "oncall", Perform(action=note), Place(user="U0ONCALL", channel="C0INCIDENTS")
            )
        )
    rig.start()
    rig.wait_until(all_done(rig, 20))
    told = [event.text for event in rig.center.timeline("INC-1") if event.kind == "note"]
    assert told == [GATE.text(f"step {number}") for number in range(20)]


def test_what_a_crash_left_half_done_is_done_once(rig: Rig) -> None:
    """The first row was begun and its action committed, the second begun only, the third not begun."""
    inbox = Inbox(rig.db, GATE)
    jobs = [
        Job(
            f"{number:032}",
            "oncall",
            Perform(action=Declare(title=GATE.text("database down"))),
            Place(user="U0ONCALL", channel="C0INCIDENTS"),
        )
        for number in range(3)
    ]
    for job in jobs:
        inbox.put(job)
    inbox.begin(jobs[0].id)
    inbox.begin(jobs[1].id)
    assert isinstance(jobs[0].work, Perform)
    rig.center.perform(jobs[0].work.action, ONCALL, cause=f"slack:{jobs[0].id}")
    rig.start()
    rig.wait_until(all_done(rig, 3))
    assert len(rig.center.incidents("all", ONCALL)) == 3


def test_a_row_that_fails_again_and_again_is_set_aside(rig: Rig) -> None:
    inbox = Inbox(rig.db, GATE)
    job = Job("1" * 32, "oncall", Perform(action=Acknowledge(incident="INC-1")), Place(user="U0ONCALL"))
    inbox.put(job)
    for _ in range(5):
        inbox.begin(job.id)
    assert inbox.unfinished() == []
    assert [(row[2], row[3]) for row in inbox_rows(rig)] == [("failed", "slack_inbox_row")]


def test_rights_are_looked_at_again_when_a_job_is_carried_out(rig: Rig) -> None:
    rig.declare()
    inbox = Inbox(rig.db, GATE)
    inbox.put(
        Job(
            "1" * 32,
            "gone",
            Perform(action=Acknowledge(incident="INC-1")),
            Place(user="U0ONCALL", channel="C0INCIDENTS"),
        )
    )
    rig.start()
    rig.answer("oncall", "You may not work on incidents")
    found = rig.center.incident("INC-1")
    assert found is not None
    assert found.status is IncidentStatus.DETECTED
    assert "unknown_person" in rig.refused()


# refused


def test_an_unknown_person_is_refused_with_an_audit_entry_and_nothing_is_kept(
    rig: Rig, transport: Transport
) -> None:
    start(rig, transport)
    rig.see.command("guest", CHANNEL, f"/incident declare sev1 {MARK} is down")
    rig.answer("guest", "Mayday does not know you")
    assert rig.refusals() == [("U0GUEST", "unknown_person")]
    assert inbox_rows(rig) == []


def test_an_unknown_person_who_clicks_is_told_and_nothing_happens(rig: Rig) -> None:
    rig.start()
    rig.declare()
    card = rig.card("INC-1", has_button)
    rig.see.click("guest", CHANNEL, card["ts"], ACK)
    rig.answer("guest", "Mayday does not know you")
    assert rig.refused() == ["unknown_person"]
    assert rig.center.incidents("all", ONCALL)[0].status is IncidentStatus.DETECTED


def test_somebody_without_the_right_is_refused_with_an_audit_entry(rig: Rig) -> None:
    rig.start()
    rig.declare()
    card = rig.card("INC-1", has_button)
    rig.see.command("cto", CHANNEL, "/incident ack INC-1")
    rig.answer("cto", "it needs the right to respond")
    rig.see.command("cto", CHANNEL, "/incident declare")
    rig.answer("cto", "it needs the right to declare")
    rig.see.click("cto", CHANNEL, card["ts"], RESOLVE)
    rig.answer("cto", "You may not work on incidents")
    assert rig.refused() == ["needs_respond", "needs_declare", "needs_respond"]


def test_a_forged_or_expired_button_is_refused_with_an_audit_entry(rig: Rig) -> None:
    rig.start()
    web = rig.workspace.web()
    for value in (
        seal(b"x" * 32, Button("close", "INC-1", 1, 4_000_000_000)),
        seal(KEY, Button("ack", "INC-1", 1, 1)),
        "ack|INC-1|1|4000000000|",
    ):
        block = {"type": "actions", "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": "x"}, "action_id": ACK, "value": value}]}  # fmt: skip
        ts = web.chat_postMessage(channel="C0INCIDENTS", text="x", blocks=[block])["ts"]
        rig.see.click("oncall", CHANNEL, str(ts), ACK)
    rig.wait_until(lambda: len(rig.refused()) == 3)
    assert rig.refused() == ["slack_button"] * 3
    rig.answer("oncall", "that button is forged, altered or too old")


def test_a_button_that_is_not_legal_any_more_says_what_is(rig: Rig) -> None:
    rig.start()
    rig.declare()
    value = seal(KEY, Button("close", "INC-1", 1, 4_000_000_000))
    block = {"type": "actions", "elements": [
        {"type": "button", "text": {"type": "plain_text", "text": "x"}, "action_id": CLOSE, "value": value}]}  # fmt: skip
    ts = rig.workspace.web().chat_postMessage(channel="C0INCIDENTS", text="x", blocks=[block])["ts"]
    rig.see.click("lead", CHANNEL, str(ts), CLOSE)
    rig.answer("lead", "cannot become closed from there")


@pytest.mark.parametrize(("kind", "reason"), [("forged", "forged_signature"), ("stale", "stale_timestamp")])
def test_a_forged_signature_and_a_stale_timestamp_are_refused_with_an_audit_entry(
    rig: Rig, kind: Any, reason: str
) -> None:
    start(rig, "http")
    rig.see.fault(Fault(kind=kind, target="slash_commands", seconds=301))
    assert not rig.see.command("oncall", CHANNEL, "/incident declare sev1 database down")["ok"]
    assert rig.refused() == [reason]
    assert rig.center.incidents("all", ONCALL) == ()


def post(url: str, body: bytes, headers: Json) -> int:
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request("POST", parts.path, body=body, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def signed(rig: Rig, body: bytes, **changed: str) -> Json:
    kind = "application/x-www-form-urlencoded"
    return signed_headers(rig.workspace.keys.signing_secret, int(time.time()), body, kind) | changed


COMMAND = urlencode(
    {"command": "/incident", "text": "declare sev1 database down", "user_id": "U0ONCALL",
     "channel_id": "C0INCIDENTS", "trigger_id": "1.2.3", "team_id": "T0CLINIC"}
).encode()  # fmt: skip


def test_a_signed_request_is_taken_once_and_its_replay_is_refused(rig: Rig) -> None:
    url = str(start(rig, "http").url)
    headers = signed(rig, COMMAND)
    assert post(url, COMMAND, headers) == 200
    assert post(url, COMMAND, headers) == 401
    assert rig.refused() == ["replayed"]


def test_a_timestamp_that_is_no_number_is_answered_with_401(rig: Rig) -> None:
    url = str(start(rig, "http").url)
    headers = signed(rig, COMMAND)
    name = next(each for each in headers if each.lower() == "x-slack-request-timestamp")
    stamps = ["soon", "", "-1", "١٢٣", "9" * 40]
    for stamp in stamps:
        assert post(url, COMMAND, headers | {name: stamp.encode()}) == 401
    assert set(rig.refused()) == {"bad_timestamp"}


def test_a_request_larger_than_slacks_is_cut_off(rig: Rig) -> None:
    url = str(start(rig, "http").url)
    body = b"x" * (2 << 20)
    assert post(url, body, signed(rig, body)) == 401
    assert rig.refused() == ["too_large"]


def test_a_signed_request_without_slacks_shape_changes_nothing(rig: Rig) -> None:
    url = str(start(rig, "http").url)
    for body in (b"payload=%7B", b"command=%2Fincident", b"command=%2Fincident&user_id=;DROP&trigger_id=1"):
        assert post(url, body, signed(rig, body)) in (200, 400, 404)
    assert inbox_rows(rig) == []
    assert rig.bot is not None
    assert rig.see.command("oncall", CHANNEL, "/incident list")["ok"]


# what is kept


def test_what_people_type_is_kept_as_safe_text_only_and_no_payload_is(rig: Rig) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, f"/incident declare sev2 {MARK} cannot log in")
    rig.card("INC-1")
    rig.see.command("oncall", CHANNEL, f"/incident note INC-1 called {MARK} back")
    rig.wait_until(all_done(rig, 2))
    everything = json.dumps([str(row) for row in inbox_rows(rig)])
    assert MARK not in everything
    assert "response_url" not in everything
    assert "hooks" not in everything
    assert MARK not in words({"all": rig.see.messages(CHANNEL, "oncall")})
    rig.close()
    kept = b"".join(path.read_bytes() for path in rig.layout.root.rglob("*") if path.is_file())
    assert MARK.encode() not in kept


def test_finished_rows_are_forgotten_after_a_while(rig: Rig) -> None:
    rig.start()
    rig.see.command("oncall", CHANNEL, "/incident list")
    rig.wait_until(all_done(rig, 1))
    inbox = Inbox(rig.db, GATE)
    now = rig.db.clock()
    assert inbox.forget(now.replace(year=now.year - 1)) == 0
    assert inbox.forget(now.replace(year=now.year + 1)) == 1
