"""mayday doctor finds what is wrong and says how to mend it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from slack_rig import GATE

from bot.cli.main import run
from bot.config import parse
from bot.doctor import LOW_DISK, Circumstances, Finding, State, examine
from bot.slack.people import keep_people
from command_center.access.operators import Directory
from command_center.center import CommandCenter
from command_center.service import StoreService
from command_center.settings import CenterSettings
from models.clock import FrozenClock
from storage.database import Database
from storage.layout import Layout
from storage.seal import KeyRing
from stream.flow_status import Progress, status_path
from stream.receivers.testing import RunningReceiver
from stream.spool import Quarantine, Quarantined
from stream.spool.testing import numbered_entry, small_settings

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
LISTEN: dict[str, Any] = {"receive": {"forward": "127.0.0.1:0", "http": "off", "otlp": "off"}}
ME: dict[str, Any] = {
    "operators": [
        {
            "id": "oncall",
            "name": "On-call engineer",
            "uid": 1,
            "email": "oncall@clinic.example",
            "roles": ["engineer"],
        }
    ]
}


def look(
    tmp_path: Path, values: dict[str, Any], environment: Mapping[str, str] | None = None
) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in examine(
        Circumstances(parse(LISTEN | values), Layout(tmp_path), FrozenClock(NOW), environment or {})
    ):
        found.setdefault(finding.subject, []).append(finding)
    return found


def test_every_finding_that_is_not_good_says_what_to_do(tmp_path: Path) -> None:
    for findings in look(tmp_path, {}).values():
        assert all(each.remedy for each in findings if each.state is not State.GOOD)


def test_without_operators_nobody_may_do_anything_and_that_is_wrong(tmp_path: Path) -> None:
    assert look(tmp_path, {})["people"][0].state is State.WRONG
    assert look(tmp_path, ME)["people"][0].state is State.GOOD


@pytest.mark.parametrize(
    ("other", "words"), [({}, "share one id (oncall)"), ({"id": "lead"}, "share one uid (oncall and lead)")]
)
def test_operators_that_share_what_tells_them_apart_are_named(
    tmp_path: Path, other: dict[str, str], words: str
) -> None:
    (me,) = ME["operators"]
    (found,) = (f for f in look(tmp_path, {"operators": [me, me | other]})["start"] if "share" in f.sentence)
    assert words in found.sentence
    assert "[[operators]]" in found.remedy


def test_people_whom_the_set_up_of_slack_cannot_find_are_named(tmp_path: Path) -> None:
    (me,) = ME["operators"]
    without = {key: value for key, value in me.items() if key != "email"}
    pipeline = {"id": "deploys", "name": "Deployments", "roles": ["automation"]}
    (found,) = look(tmp_path, {"operators": [me, pipeline, without | {"id": "lead"}]})["people"]
    assert found.state is State.LOOK
    assert found.sentence.startswith("of lead neither e-mail address nor Slack id is known")
    assert "Add `email`" in found.remedy
    for values in ({"operators": [me, pipeline, without | {"id": "lead", "slack": "U012ABCDE"}]},
                   {"operators": [without], "slack": {"enabled": False}}):  # fmt: skip
        assert look(tmp_path, values)["people"][0].state is State.GOOD
    keep_people(tmp_path, {"oncall": "U012ABCDE"})  # as the set-up leaves it
    assert look(tmp_path, {"operators": [without]})["people"][0].state is State.GOOD


def test_a_key_that_others_can_read_is_wrong(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    KeyRing.load(layout, create=True)
    assert look(tmp_path, ME)["keys"][0].state is State.GOOD
    layout.master_key.chmod(0o644)
    assert look(tmp_path, ME)["keys"][0].state is State.WRONG


def test_an_address_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = look(tmp_path, {"receive": {"forward": f"127.0.0.1:{port}", "http": "off", "otlp": "off"}})[
            "ports"
        ]
    assert found[0].state is State.WRONG
    assert "Address already in use" in found[0].sentence


def test_our_own_listeners_are_no_conflict_however_the_receiver_was_started(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, forward="127.0.0.1:0") as receiver:
        port = receiver.address()[1]
        values = {"receive": {"forward": f"127.0.0.1:{port}", "http": "off", "otlp": "off"}}
        (found,) = look(tmp_path, values)["ports"]
        assert (found.state, found.sentence) == (
            State.GOOD,
            f"forward: the receiver listens on 127.0.0.1:{port}",
        )
    (found,) = look(tmp_path, values)["ports"]
    assert found.sentence == f"forward: 127.0.0.1:{port} is free"


@pytest.mark.parametrize(
    ("bot", "app", "state"),
    [
        ("xoxb-1", "xapp-1", State.GOOD),
        ("xoxp-1", "xapp-1", State.WRONG),
        ("xoxb-1", "", State.WRONG),
        ("", "", State.LOOK),
    ],
)
def test_tokens_of_the_wrong_kind_are_found_and_never_shown(
    tmp_path: Path, bot: str, app: str, state: State
) -> None:
    found = look(tmp_path, {}, {"MAYDAY_SLACK_BOT_TOKEN": bot, "MAYDAY_SLACK_APP_TOKEN": app})["slack"][0]
    assert found.state is state
    assert "xoxp-1" not in found.sentence + found.remedy


def test_a_clock_behind_what_was_written_is_wrong(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    (layout.spool / "segment").touch()  # written now, which is later than the frozen clock
    assert look(tmp_path, {})["clock"][0].state is State.WRONG


def test_a_variable_that_opens_a_port_is_wrong(tmp_path: Path) -> None:
    found = look(tmp_path, {}, {"BYTEWAX_DATAFLOW_API_ENABLED": "0"})["packages"]
    assert any(each.state is State.WRONG and "BYTEWAX" in each.sentence for each in found)


@contextmanager
def center_that_says(root: Path, **figures: object) -> Iterator[None]:
    """A command center whose bot reports these figures of itself."""
    layout, clock = Layout(root).prepare(), FrozenClock(NOW)
    database = Database.open(layout, KeyRing.load(layout, create=True, environ={}), clock)
    directory = Directory(())
    service = StoreService(
        CommandCenter(database, GATE, directory, CenterSettings(), clock), database, directory, GATE, layout
    )
    for name, value in figures.items():
        service.report(name, lambda value=value: value)  # type: ignore[misc]
    service.start()
    try:
        yield
    finally:
        service.stop()
        database.close()


def test_slack_that_the_command_center_cannot_reach_is_wrong_whatever_the_tokens_are(tmp_path: Path) -> None:
    trouble = "Slack cannot be reached (URLError)"
    tokens = {"MAYDAY_SLACK_BOT_TOKEN": "xoxb-1", "MAYDAY_SLACK_APP_TOKEN": "xapp-1"}
    with center_that_says(tmp_path, slack="connecting", slack_trouble=trouble, cards_behind=3):
        (found,) = look(tmp_path, ME, tokens)["slack"]
        assert run(["doctor", "--state", str(tmp_path)]) == 1
    assert found.state is State.WRONG
    assert trouble in found.sentence
    assert "3 cards wait" in found.sentence
    assert "mayday slack check" in found.remedy


@pytest.mark.parametrize(("said", "state"), [("connected", State.GOOD), ("connecting", State.LOOK)])
def test_a_command_center_that_runs_says_how_it_stands_with_slack(
    tmp_path: Path, said: str, state: State
) -> None:
    with center_that_says(tmp_path, slack=said, slack_trouble="", cards_behind=0):
        (found,) = look(tmp_path, ME)["slack"]
    assert (found.state, said in found.sentence) == (state, True)


def test_a_command_center_that_was_started_before_there_were_tokens_is_told(tmp_path: Path) -> None:
    tokens = {"MAYDAY_SLACK_BOT_TOKEN": "xoxb-1", "MAYDAY_SLACK_APP_TOKEN": "xapp-1"}
    with center_that_says(tmp_path):
        (found,) = look(tmp_path, ME, tokens)["slack"]
    assert found.state is State.WRONG
    assert "without them" in found.sentence


def test_messages_that_were_kept_aside_are_counted_by_reason(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    ring = KeyRing.load(layout, create=True)
    assert "quarantine" not in look(tmp_path, ME)
    reasons = ["bad_gzip", "bad_json", "bad_json"]
    with Quarantine.open(layout.spool, ring, small_settings()) as quarantine:
        quarantine.add(
            Quarantined(seq, 0, 0, reason, numbered_entry(seq)) for seq, reason in enumerate(reasons)
        )
    (found,) = look(tmp_path, ME)["quarantine"]
    assert found.state is State.LOOK
    assert found.sentence.startswith(
        "3 messages did not decode; kept aside, sealed"
    )  # reads well of one message, too
    assert "(bad_gzip 1, bad_json 2)" in found.sentence
    assert "docs/operations.md" in found.remedy
    told = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    assert "**Messages kept aside.**" in told


def test_damage_and_faults_that_the_stream_reports_are_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    progress = Progress(status_path(layout), FrozenClock(NOW))
    progress.write()
    assert "stream" not in look(tmp_path, ME)
    progress.damage, progress.faults = 2, 1
    progress.write("stopped")
    damage, faults = look(tmp_path, ME)["stream"]
    assert (damage.state, faults.state) == (State.WRONG, State.LOOK)
    assert "since its start: 2" in damage.sentence
    assert "1 message met" in faults.sentence


@pytest.mark.parametrize(("free", "state"), [(LOW_DISK, State.WRONG), (LOW_DISK + 1, State.GOOD)])
def test_too_little_room_is_wrong_before_the_disk_is_full(tmp_path: Path, free: int, state: State) -> None:
    layout = Layout(tmp_path / "not" / "there" / "yet")
    asked = list[Path]()

    def room(place: Path) -> int:
        asked.append(place)
        return free

    found = examine(Circumstances(parse(LISTEN | ME), layout, FrozenClock(NOW), {}, room))
    (disk,) = [each for each in found if each.subject == "disk"]
    assert disk.state is state
    assert asked == [tmp_path]
    assert disk.sentence == f"{free / 1e9:.1f} GB are free where state is kept"
    assert disk.remedy.startswith("Make room") is (state is State.WRONG)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[receive]\nforwards = '127.0.0.1:1'\n", "receive.forwards"),
        ("[receive\n", "mayday.toml"),
        ("[spool]\ndedupe_hours = -1\n", "spool.dedupe_hours"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named_key_and_all(
    tmp_path: Path, text: str, words: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mayday.toml").write_text(text)
    assert run(["doctor"]) == 2
    said = capfd.readouterr()
    assert said.err.startswith("mayday: ")
    assert words in said.err
    assert "Traceback" not in said.err
