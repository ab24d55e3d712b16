"""The first five minutes as the README tells them: the demo as `make run` starts it, and a person at its page.

The real bot, the three real processes and the clinic's real services run; everything that is done is done in
the page. A plain DuckDB looks on from a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from demo_rig import PROCESSES, SERVICES, RunningDemo, mayday, query, running, until
from playwright.sync_api import Browser, Locator, Page, expect

from storage.layout import Layout

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo")]

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


@pytest.fixture(scope="module", autouse=True)
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


def test_a_card_comes_and_is_acknowledged_followed_and_resolved_in_the_page(
    demo: RunningDemo, page: Page
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
    [found] = query(demo.state, f"SELECT id, {TIMES} FROM incident")  # at once: one look, no waiting
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
