"""The simulated day that lies beside the project: each of its events stands in the report and in the explanations as its truth says.

The day is cut after its first event; `make prove PART=report` takes it whole.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, expect
from report_days import data_of

from benchmarks.incident_day import Services, config_of
from bot.cli.explain_view import explanation
from bot.log_files import find_files
from bot.replay import Ended, read_changes, replay
from bot.report.gather import gather
from bot.report.page import page
from command_center.incidents.explain import Explanation

BESIDE = Path(os.environ.get("MAYDAY_SHARED") or Path(__file__).parents[3] / "shared")
DAY = BESIDE / "datasets" / "incident-day"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DAY.is_dir(), reason="the simulated day does not lie beside the project"),
    pytest.mark.timeout(300),  # the whole day is replayed once, in about a minute on a free machine
]
LATE = timedelta(minutes=2)
CUT = "2026-02-03T12:36"  # after one event, which has a change to blame


class Told(NamedTuple):
    """The report, the explanations by name, and the truth."""

    page: str
    told: dict[str, Explanation]
    truth: dict[str, Any]

    def of(self, event: dict[str, Any]) -> list[Explanation]:
        """Return the incidents that began while an event lasted and name its root service."""
        start, end = at(event["start"]), at(event["end"])
        return [
            each
            for each in self.told.values()
            if each.fault_at is not None
            and start - timedelta(seconds=1) <= each.fault_at <= end
            and start <= each.detected_at <= end + LATE
            and event["root_service"] in (each.root_service, *each.affected_services)
        ]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The day, or as far as its first event: lines, changes, and what is true of them."""
    if request.config.getoption("--whole-day"):
        return DAY
    cut = tmp_path_factory.mktemp("cut")
    shutil.copy(DAY / "services.json", cut)
    truth = json.loads((DAY / "truth.json").read_text())
    truth["events"] = [event for event in truth["events"] if event["start"] < CUT]
    (cut / "truth.json").write_text(json.dumps(truth))
    with gzip.open(DAY / "logs.jsonl.gz", "rt") as lines, gzip.open(cut / "logs.jsonl.gz", "wt") as kept:
        kept.writelines(line for line in lines if json.loads(line)["timestamp"] < CUT)
    changes = (DAY / "changes.jsonl").read_text().splitlines(keepends=True)
    (cut / "changes.jsonl").write_text("".join(c for c in changes if json.loads(c)["time"] < CUT))
    return cut


@pytest.fixture(scope="module")
def told(day: Path) -> Told:
    services = Services.model_validate_json((day / "services.json").read_bytes())
    files, _ = find_files([day / "logs.jsonl.gz"])
    pages: list[str] = []
    explained: dict[str, Explanation] = {}

    def look(ended: Ended) -> None:
        pages.append(page(gather(ended)))
        for each in ended.summary.incidents:
            explained[each["incident"]] = ended.center.explain(each["incident"])

    replay(config_of(services), files, read_changes(day / "changes.jsonl"), look=look)
    return Told(pages[0], explained, json.loads((day / "truth.json").read_text()))


def events(told: Told, *, expected: bool) -> list[dict[str, Any]]:
    return [event for event in told.truth["events"] if event["incident_expected"] is expected]


def test_each_event_has_its_incident_in_the_report_in_its_time_with_its_service(told: Told) -> None:
    data = data_of(told.page)
    drawn = {name: (level, begun, last) for name, level, begun, last in data["incidents"]}
    assert set(drawn) == set(told.told)
    for event in events(told, expected=True):
        found = told.of(event)
        assert found, event["id"]
        for each in found:
            level, begun, _ = drawn[each.id]
            assert begun == round(each.fault_at.timestamp()) if each.fault_at else False
            left = 100 * (begun - data["since"]) / (data["width"] * data["buckets"])
            bar = re.search(
                rf'<a href="#{each.id}" tabindex="-1".*?<rect class="bar" x="([\d.]+)%"', told.page
            )
            assert bar is not None
            assert abs(float(bar[1]) - left) < 0.05
            article = told.page.split(f'<article class="incident sev{level}" id="{each.id}"')[1].split(
                "</article>"
            )[0]
            assert event["root_service"] in article


def test_what_was_changed_is_on_the_page_and_nothing_is_blamed_that_the_truth_does_not_blame(
    told: Told, day: Path
) -> None:
    given = [json.loads(line) for line in (day / "changes.jsonl").read_text().splitlines()]
    listed = re.findall(
        r'<li><svg class="icon".*?<time datetime="([^"]+)".*?</time></span> <b>([^<]+)</b>', told.page
    )
    assert sorted((at(time), name) for time, name in listed) == sorted(
        (at(e["time"]), e["id"]) for e in given
    )
    for event in events(told, expected=True):
        for each in told.of(event):
            blamed = each.suspect.id if each.suspect else None
            assert blamed == event["change"], event["id"]
            assert (blamed or "none: the supposed cause was not changed") in told.page


def test_each_explanation_says_what_opened_it_by_which_rule_and_folds_only_what_was_near(told: Told) -> None:
    for each in told.told.values():
        assert sum(sign.times for sign in each.folded) + each.folded_more == each.signal_count
        assert [sign.verdict for sign in each.folded].count("opened") == 1
        assert each.severities[-1].severity == each.severity
        assert each.category_words
        text = "\n".join(line.text for line in explanation(each))
        assert "for a reason that has no sentence here" not in text
        assert "opened it: " in text
        for sign in each.folded:
            assert sign.score >= sign.threshold
            assert sign.evidence
            assert str(sign.service) in each.affected_services


def test_every_line_of_the_day_is_counted_on_the_page(told: Told, day: Path) -> None:
    data = data_of(told.page)
    files, _ = find_files([day / "logs.jsonl.gz"])
    with files[0].open() as opened:
        lines = sum(1 for line in opened if line.strip())
    assert sum(sum(lane["lines"]) for lane in data["lanes"]) == lines
    assert {lane["name"] for lane in data["lanes"]} == set(told.truth["services"])
    assert len(told.page) < 400_000


@pytest.mark.browser
def test_the_day_is_readable_on_a_narrow_screen_without_network(
    told: Told, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(told.page)
    context = browser.new_context(viewport={"width": 360, "height": 800}, offline=True)
    shown = context.new_page()
    complaints: list[str] = []
    shown.on("console", lambda message: complaints.append(message.text))
    shown.goto(file.as_uri())
    for event in events(told, expected=True):
        for each in told.of(event):
            incident = shown.locator(f"#{each.id}")
            expect(incident).to_be_visible()
            expect(incident).to_contain_text(f"SEV{int(each.severity)}")
            root = incident.get_by_text("Root service")
            if not root.is_visible():  # the only one of a day is open from the start
                incident.locator("summary").click()
            expect(root).to_be_visible()
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []
    context.close()
