"""One live card per incident: posted once whatever happens to the answer, and updated in place with the newest state."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from slack_rig import CHANNEL, GATE, LEAD, Json, Rig, has_button, is_card, settings_for, words

from bot.slack.outbox import Outbox
from bot.workspace.client import WorkspaceClient
from bot.workspace.faults import Fault
from bot.workspace.fixture import RunningWorkspace
from bot.workspace.server import WorkspaceServer
from bot.workspace.settings import WorkspaceSettings
from command_center.actions import Acknowledge, Close, Note, Resolve
from examples.clinic.clinic import free_ports
from models.clock import system_clock
from storage.records import IncidentStatus

pytest_plugins = ("bot.workspace.fixture",)


def calls(rig: Rig, method: str) -> list[Json]:
    return [
        e for e in rig.see.record(kind="call", name=method) if e["request"].get("channel") == "C0INCIDENTS"
    ]


def rows(rig: Rig) -> list[tuple[Any, ...]]:
    sql = (
        "SELECT incident_id, state, ts, shown_version, wanted_version FROM slack_message ORDER BY incident_id"
    )
    return rig.db.read(lambda reader: reader.execute(sql))


def settled(rig: Rig) -> Callable[[], bool]:
    """Every incident's newest version is shown."""
    return lambda: (
        bool(rows(rig))
        and all(
            row[1] == "shown" and row[3] == rig.center.incident(row[0]).version
            for row in rows(rig)  # type: ignore[union-attr]
        )
    )


def note(rig: Rig, incident: str, text: str) -> None:
    rig.do(Note(incident=incident, text=GATE.text(text)))


# posted once

LOST: dict[str, Fault] = {
    "the connection closes after the post": Fault(kind="drop", target="chat.postMessage", applied=True),
    "the connection closes before the post": Fault(kind="drop", target="chat.postMessage", applied=False),
    "an error 500 after the post": Fault(kind="http_error", target="chat.postMessage", applied=True),
    "an error 503 before the post": Fault(kind="http_error", target="chat.postMessage", status=503),
    "an internal error before the post": Fault(
        kind="api_error", target="chat.postMessage", error="internal_error"
    ),
    "an answer that comes too late": Fault(kind="delay", target="chat.postMessage", seconds=1.6),
    "too many requests": Fault(kind="rate_limited", target="chat.postMessage", seconds=1),
}


@pytest.mark.parametrize("lost", LOST)
def test_whatever_becomes_of_the_answer_there_is_exactly_one_card(rig: Rig, lost: str) -> None:
    rig.see.fault(LOST[lost])
    rig.start(request_timeout=1)
    rig.declare()
    rig.card("INC-1")
    rig.wait_until(settled(rig))
    note(rig, "INC-1", "restarting")
    rig.card("INC-1", lambda message: "restarting" in words(message))
    assert len(rig.cards()) == 1


@pytest.mark.parametrize("times", [4])
def test_answers_lost_again_and_again_still_make_one_card(rig: Rig, times: int) -> None:
    rig.see.fault(Fault(kind="drop", target="chat.postMessage", applied=False, times=times))
    rig.see.fault(Fault(kind="drop", target="conversations.history", times=2))
    rig.start()
    rig.declare()
    rig.card("INC-1")
    rig.wait_until(settled(rig))
    assert len(rig.cards()) == 1
    assert len(calls(rig, "chat.postMessage")) == times + 1


def test_without_a_look_at_the_history_nothing_is_posted_again(rig: Rig) -> None:
    rig.see.change_app(remove_scopes=["channels:history"])
    rig.see.fault(Fault(kind="drop", target="chat.postMessage", applied=True))
    bot = rig.start()
    rig.declare()
    rig.card("INC-1")
    rig.wait_until(lambda: "missing_scope" in bot.trouble)
    assert len(calls(rig, "chat.postMessage")) == 1
    rig.see.change_app(scopes=["channels:history", "channels:read", "groups:read", "chat:write", "commands"])
    rig.wait_until(settled(rig))
    assert len(rig.cards()) == 1


def test_a_message_found_in_the_history_is_brought_up_to_date(rig: Rig) -> None:
    rig.see.fault(Fault(kind="drop", target="chat.postMessage", applied=True))
    rig.start()
    rig.declare()
    rig.do(Acknowledge(incident="INC-1"))
    card = rig.card("INC-1", lambda message: not has_button(message))
    assert "On-call engineer" in words(card)
    assert len(rig.cards()) == 1


class Children:
    """Bots in processes of their own; those that are left are killed at the end."""

    def __init__(self, root: Path, workspace: RunningWorkspace) -> None:
        self._root, self._workspace = root, workspace
        self._running: list[subprocess.Popen[str]] = []

    def start(self, title: str = "") -> subprocess.Popen[str]:
        keys, child = self._workspace.keys, Path(__file__).with_name("slack_child.py")
        arguments = [str(self._root), self._workspace.api_url, keys.bot_token, keys.app_token, title]
        process = subprocess.Popen(
            [sys.executable, str(child), *arguments], stdout=subprocess.PIPE, text=True, cwd=child.parents[2]
        )
        self._running.append(process)
        return process

    def kill(self, process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def end(self) -> None:
        for process in self._running:
            if process.returncode is None:
                self.kill(process)


@pytest.fixture
def children(rig: Rig, workspace: RunningWorkspace) -> Iterator[Children]:
    rig.db.close()
    made = Children(rig.layout.root, workspace)
    yield made
    made.end()


def test_a_bot_that_is_killed_between_the_post_and_its_record_posts_no_second_card(
    rig: Rig, workspace: RunningWorkspace, children: Children
) -> None:
    see = workspace.client
    see.fault(
        Fault(kind="delay", target="chat.postMessage", seconds=20)
    )  # the post is made, its answer is not given
    first = children.start("database down")
    card = see.wait_for(CHANNEL, is_card)
    children.kill(first)
    children.start()
    see.wait_until(
        lambda: next(iter(see.record(kind="call", name="conversations.history")), None),
        what="a look at the history",
    )
    updated = see.wait_for(CHANNEL, lambda message: is_card(message) and bool(message.get("edited")))
    assert updated["ts"] == card["ts"]
    assert len([message for message in see.messages(CHANNEL) if is_card(message)]) == 1
    see.click("oncall", CHANNEL, card["ts"], "mayday_ack")
    see.wait_for(CHANNEL, lambda message: is_card(message) and not has_button(message))
    assert len([message for message in see.messages(CHANNEL) if is_card(message)]) == 1


def test_a_restart_posts_nothing_again_and_shows_what_happened_meanwhile(rig: Rig) -> None:
    rig.start()
    rig.declare()
    card = rig.card("INC-1")
    rig.wait_until(settled(rig))
    rig.stop()
    rig.do(Acknowledge(incident="INC-1"))
    rig.start()
    changed = rig.card("INC-1", lambda message: not has_button(message))
    assert changed["ts"] == card["ts"]
    assert len(rig.cards()) == 1


# updated in place


def test_the_first_update_goes_out_at_once_and_later_ones_are_folded(rig: Rig) -> None:
    rig.start(update_interval=1.0)
    rig.declare()
    rig.card("INC-1")
    rig.wait_until(settled(rig))
    rig.do(Acknowledge(incident="INC-1"))
    acknowledged = system_clock().timestamp()
    rig.card("INC-1", lambda message: not has_button(message))
    for _ in range(12):
        note(rig, "INC-1", "database down")
    note(rig, "INC-1", "restarting")
    rig.card("INC-1", lambda message: "restarting" in words(message))
    rig.wait_until(settled(rig))
    updates = [entry["at"] for entry in calls(rig, "chat.update")]
    assert updates[0] - acknowledged < 0.5
    assert len(updates) <= 4
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(updates))


def test_slacks_retry_after_is_kept_to(rig: Rig) -> None:
    rig.start()
    rig.declare()
    rig.card("INC-1")
    rig.wait_until(settled(rig))
    rig.see.fault(Fault(kind="rate_limited", target="chat.update", seconds=2))
    note(rig, "INC-1", "restarting")
    rig.card("INC-1", lambda message: "restarting" in words(message))
    refused, taken = calls(rig, "chat.update")
    assert refused["status"] == 429
    assert taken["at"] - refused["at"] >= 2.0


def test_an_update_whose_answer_is_lost_is_repeated_on_the_same_card(rig: Rig) -> None:
    rig.start()
    rig.declare()
    card = rig.card("INC-1")
    rig.wait_until(settled(rig))
    rig.see.fault(Fault(kind="drop", target="chat.update", applied=False, times=2))
    note(rig, "INC-1", "restarting")
    changed = rig.card("INC-1", lambda message: "restarting" in words(message))
    assert changed["ts"] == card["ts"]
    assert len(rig.cards()) == 1


def test_a_card_that_was_deleted_in_slack_is_posted_anew_once(rig: Rig) -> None:
    rig.start()
    rig.declare()
    card = rig.card("INC-1")
    rig.wait_until(settled(rig))
    rig.workspace.web().chat_delete(channel="C0INCIDENTS", ts=card["ts"])
    note(rig, "INC-1", "restarting")
    again = rig.card("INC-1", lambda message: "restarting" in words(message))
    assert again["ts"] != card["ts"]
    note(rig, "INC-1", "database down")
    rig.card("INC-1", lambda message: "database down" in words(message))
    assert [each["ts"] for each in rig.cards()] == [again["ts"]]


def test_every_card_carries_its_id_and_no_text_in_the_metadata(rig: Rig) -> None:
    rig.start()
    rig.declare()
    rig.card("INC-1")
    [call] = calls(rig, "chat.postMessage")
    metadata = call["request"]["metadata"]
    metadata = json.loads(metadata) if isinstance(metadata, str) else metadata
    assert metadata["event_type"] == "mayday_card"
    assert set(metadata["event_payload"]) == {"outbox_id"}
    assert metadata["event_payload"]["outbox_id"].startswith("INC-1-")


def test_several_incidents_have_a_card_each(rig: Rig) -> None:
    rig.declare("database down")
    rig.declare("checkout answers slowly")
    rig.start(update_interval=1.0)
    rig.card("INC-1")
    rig.card("INC-2")
    rig.wait_until(settled(rig))
    first, second = calls(rig, "chat.postMessage")
    assert second["at"] - first["at"] >= 0.5


def test_incidents_that_ended_long_ago_are_not_posted_belatedly(rig: Rig) -> None:
    rig.declare("database down")
    rig.do(Acknowledge(incident="INC-1"))
    rig.do(Resolve(incident="INC-1"))
    rig.do(Close(incident="INC-1"), LEAD)
    rig.db.write(lambda tx: tx.execute("UPDATE incident SET updated_at = updated_at - INTERVAL 3 DAY"))
    rig.start()
    rig.declare("checkout answers slowly")
    rig.card("INC-2")
    assert [is_card(each, "INC-2") for each in rig.cards()] == [True]
    found = rig.center.incident("INC-1")
    assert found is not None
    assert found.status is IncidentStatus.CLOSED


# when Slack is away


def test_a_bot_that_starts_while_slack_is_away_says_so_and_catches_up(rig: Rig) -> None:
    """The workspace of this test starts after the bot, on an address that was free before."""
    keys, port = rig.workspace.keys, free_ports(1)[0]
    bot = rig.make_bot(base_url=f"http://127.0.0.1:{port}/api/")
    bot.start()
    try:
        rig.declare()
        rig.wait_until(lambda: bool(bot.trouble))
        assert bot.state == "connecting"
        with WorkspaceServer(WorkspaceSettings(port=port), system_clock, Random(1), credentials=keys) as late:
            WorkspaceClient(late.url).wait_for(CHANNEL, is_card)
            rig.wait_until(lambda: bot.state == "connected")
            rig.wait_until(lambda: not bot.trouble)
    finally:
        bot.stop()


def test_the_channel_that_cannot_be_found_is_named_with_what_to_do(rig: Rig) -> None:
    bot = rig.start(channel="nowhere")
    rig.declare()
    rig.wait_until(lambda: "channel_not_found" in bot.trouble)
    assert "Invite the bot" in bot.trouble


def test_a_look_at_nothing_new_costs_no_call(rig: Rig) -> None:
    rig.start()
    rig.declare()
    rig.card("INC-1")
    rig.wait_until(settled(rig))
    before = len(rig.see.record(kind="call"))
    outbox = Outbox(
        rig.db, rig.center, rig.directory, rig.workspace.web(), settings_for(rig.workspace), b"k" * 32,
        system_clock, Random(1),
    )  # fmt: skip
    assert outbox.step() > 1
    assert outbox.step() > 1
    assert len(rig.see.record(kind="call")) == before + 1  # the channel is looked up once
