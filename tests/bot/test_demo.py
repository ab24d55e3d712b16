"""The demo with nothing left out: the real bot, the three real processes and the clinic's real services.

First the story that plays by itself. Then the README's first five minutes: the demo as `make run` starts it and a
person at its page, who does everything there, while a plain DuckDB looks on from a process of its own. In one file and
in this order, so that never two demos share the machine.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from demo_rig import MAYDAY, PROCESSES, SERVICES, RunningDemo, mayday, query, running, until
from playwright.sync_api import Browser, Locator, Page, expect

from bot.cli.main import run
from bot.demo_state import clear
from storage.layout import Layout

CARD_WITHIN = timedelta(seconds=20)
LIVE_WITHIN = timedelta(seconds=12)
TIMES = "detected_at, acknowledged_at, responded_at, resolved_at"
LOOK_ON = """
import json, sys, threading, duckdb
from datetime import UTC, datetime
lines, sql, found, waiting = sys.stdin.read(), sys.argv[1], [], threading.Event()
connection = duckdb.connect()
while not found:
    connection.execute(lines)
    found = connection.execute(sql).fetchall()
    seen_at = datetime.now(UTC)
    waiting.wait(0 if found else 0.4)
print(json.dumps([*found[0], seen_at.isoformat()]))
"""
STEPS = ("fault_at", "detected_at", "card_at", "acknowledged_at", "resolved_at")
READ = """
import json, sys, duckdb
connection = duckdb.connect()
connection.execute(sys.stdin.read())
found = connection.execute(sys.argv[1]).fetchall()
print(json.dumps([[str(value) for value in row] for row in found]))
"""
STORY = """
SELECT incident.id, slack.channel, slack.ts, change.ts, detected_at, acknowledged_at, resolved_at
FROM incident
JOIN slack_message AS slack ON slack.incident_id = incident.id
JOIN change_marker AS change ON change.service = 'billing' AND change.version = '4.2.0'
"""


def test_a_port_that_is_taken_ends_it_with_2_and_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clear(Layout(tmp_path / "demo"))
    earlier = tmp_path / "demo" / "run" / "left-by-an-earlier-demo"
    earlier.touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["demo", "--port", str(port), "--state", str(tmp_path / "demo")]) == 2
    assert earlier.exists()  # a demo that does not start removes nothing
    said = capsys.readouterr().err
    assert str(port) in said
    assert said.count("\n") == 1


def test_a_story_in_which_a_step_does_not_happen_ends_with_1_and_names_the_step(tmp_path: Path) -> None:
    command = [
        *MAYDAY,
        "demo",
        "--headless",
        "--json",
        "--card-within",
        "0",
        "--state",
        str(tmp_path / "state"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "mayday: no incident card within 0 s of the fault" in done.stderr
    assert running(tmp_path / "state") == set()


def test_a_demo_that_is_killed_takes_every_process_with_it(tmp_path: Path) -> None:
    with RunningDemo(tmp_path / "state", "--fault-after", "0") as demo:
        demo.until_up()
        assert running(demo.state) == PROCESSES | SERVICES
        demo.kill()
        assert until(lambda: running(demo.state) == set())


def test_the_story_it_prints_stands_in_the_live_copy_with_the_same_times(tmp_path: Path) -> None:
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    elsewhere.mkdir()
    story = json.loads(mayday("demo", "--headless", "--json", "--state", str(state), seconds=100))
    assert running(state) == set()
    assert set(story["pids"]) == PROCESSES
    times = {name: datetime.fromisoformat(story[name]) for name in STEPS}
    assert list(times.values()) == sorted(times.values())
    done = subprocess.run(
        [sys.executable, "-c", READ, STORY],
        input=mayday("sql", "--attach", "--state", str(state)),
        capture_output=True,
        text=True,
        cwd=elsewhere,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    [[incident, channel, ts, *at]] = json.loads(done.stdout)
    assert (incident, channel, ts) == (story["incident"], story["slack_channel"], story["slack_ts"])
    assert [datetime.fromisoformat(each) for each in at] == [
        times[name] for name in ("fault_at", "detected_at", "acknowledged_at", "resolved_at")
    ]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """The demo; it ends by Ctrl-C, without a word of complaint and with nothing left running."""
    state = tmp_path_factory.mktemp("demo") / "state"
    with RunningDemo(state, "--fault-after", "12") as started:
        yield started
        assert started.press_ctrl_c() == 0
        assert started.complaints == ""
    assert running(state) == set()


@pytest.fixture(scope="module")
def address(demo: RunningDemo) -> str:
    return demo.until_up()


@pytest.fixture(scope="module")
def onlooker(
    demo: RunningDemo, address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[str]]:
    """A stock DuckDB that opens the newest live copy again and again, until an incident stands in it.

    Nothing of ours is imported there; it has the printed lines alone.
    """
    assert until(Layout(demo.state).live.exists)
    reader = subprocess.Popen(
        [sys.executable, "-c", LOOK_ON, "SELECT id, detected_at::VARCHAR FROM incident"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path_factory.mktemp("elsewhere"),
    )
    assert reader.stdin is not None
    reader.stdin.write(mayday("sql", "--attach", "--state", str(demo.state)))
    reader.stdin.close()
    reader.stdin = None
    with reader:
        yield reader
        reader.kill()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The workspace's page; fails afterwards on any script error."""
    context = browser.new_context(timezone_id="Asia/Kolkata", locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(address)
    yield page
    context.close()
    assert complaints == []


def shown_at(card: Locator, field: str) -> datetime:
    """The time beside `field` on the card, to the second, as a program reads it from the page."""
    text = card.locator(".fields > *", has_text=field).locator("time").get_attribute("datetime")
    assert text is not None
    return datetime.fromisoformat(text)


@pytest.mark.browser
def test_a_card_comes_and_is_acknowledged_followed_and_resolved_in_the_page(
    demo: RunningDemo, onlooker: subprocess.Popen[str], page: Page
) -> None:
    assert running(demo.state) == PROCESSES | SERVICES
    page.get_by_role("navigation").get_by_role("button", name="incidents", exact=True).click()
    composer = page.get_by_label("Message #incidents")
    expect(composer).to_be_focused()
    cards = page.get_by_role("main").locator(".message").filter(has=page.get_by_role("heading", name="INC-"))
    expect(cards).to_have_count(0)

    demo.until("The bad release is out")
    expect(cards).to_have_count(1, timeout=CARD_WITHIN.total_seconds() * 1000)
    card = cards.first
    place = card.get_attribute("data-ts")
    appeared = card.locator(".byline time").get_attribute("datetime")
    [found] = query(
        demo.state, f"SELECT id, root_service, {TIMES} FROM incident"
    )  # at once: one look, no waiting
    assert found["root_service"] == "billing"  # its pool; the database that its lines name is well
    incident = found["id"]
    assert found["acknowledged_at"] is None
    [change] = query(demo.state, "SELECT ts FROM change_marker WHERE service = 'billing'")
    assert appeared is not None
    assert datetime.fromisoformat(appeared) - datetime.fromisoformat(change["ts"]) <= CARD_WITHIN
    expect(card).to_contain_text("billing")
    expect(card).to_contain_text("deploy of billing 4.2.0")
    expect(card).to_contain_text("Nobody yet")

    card.get_by_role("button", name="Acknowledge").click()
    expect(card).to_contain_text("Acknowledged On-call engineer")
    expect(card.get_by_role("button", name="Acknowledge")).to_have_count(0)
    acknowledged = shown_at(card, "Acknowledged")

    composer.fill(f"/incident status {incident} investigating billing after the release")
    composer.press("Enter")
    expect(card).to_contain_text("Investigating")
    card.get_by_label("Set status").select_option(label="identified")
    expect(card).to_contain_text("Identified")

    card.get_by_role("button", name="Resolve").click()
    expect(card).to_contain_text("✔ Resolved")
    expect(card.get_by_role("button", name="Close")).to_be_visible()
    resolved = shown_at(card, "Resolved")
    expect(cards).to_have_count(1)
    assert card.get_attribute("data-ts") == place

    [row] = query(demo.state, f"SELECT {TIMES}, status, acknowledged_by FROM incident")
    assert (row["status"], row["acknowledged_by"]) == ("resolved", "oncall")
    times = [datetime.fromisoformat(row[name]) for name in TIMES.split(", ")]
    assert times == sorted(times)
    assert [at.replace(microsecond=0) for at in (times[1], times[3])] == [acknowledged, resolved]
    steps = query(
        demo.state, "SELECT data->>'to' AS step FROM incident_event WHERE kind = 'status' ORDER BY seq"
    )
    assert [step["step"] for step in steps] == ["acknowledged", "investigating", "identified", "resolved"]


def test_a_plain_duckdb_finds_the_incident_in_the_live_copy_while_everything_runs(
    demo: RunningDemo, onlooker: subprocess.Popen[str]
) -> None:
    printed, _ = onlooker.communicate(timeout=90)
    incident, detected_at, seen_at = json.loads(printed)
    assert running(demo.state) == PROCESSES | SERVICES
    [found] = query(demo.state, f"SELECT detected_at FROM incident WHERE id = '{incident}'")
    raised = datetime.fromisoformat(found["detected_at"])
    assert datetime.fromisoformat(detected_at) == raised
    assert datetime.fromisoformat(seen_at) - raised <= LIVE_WITHIN
