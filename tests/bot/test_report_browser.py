"""A report is opened as a person gets it: one file, no network, on any screen, in light and dark, with keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from report_days import BROKEN, START, day, line, write_day

from bot.cli.main import run
from bot.report.facts import Day, Totals
from bot.report.page import page as drawn

pytestmark = pytest.mark.browser
MINUTE = int((BROKEN - START).total_seconds()) // 60
KINDS = ("outage", "quiet", "minute", "empty", "many")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of each kind of day."""
    folder = tmp_path_factory.mktemp("reports")
    made = {kind: folder / f"{kind}.html" for kind in KINDS}
    for kind, lines in (
        ("minute", [line(START, "billing", "started")]),
        ("many", [each.replace("messaging", f"node-{n % 40}") for n, each in enumerate(day(broken=False))]),
    ):
        logs = folder / f"{kind}.jsonl"
        logs.write_text("\n".join(lines) + "\n")
        assert run(["replay", str(logs), "--report", str(made[kind])]) == 0
    for kind in ("outage", "quiet"):
        arguments = write_day(folder / kind, broken=kind == "outage")
        assert run(["replay", *arguments, "--report", str(made[kind])]) == 0
    made["empty"].write_text(drawn(Day(axis=None, totals=Totals())))
    return made


@contextmanager
def opened(browser: Browser, report: Path, *, width: int = 1280, **options: Any) -> Iterator[Page]:
    """Open a report where no request but for the file itself gets through; complaints of the browser fail the test."""
    options = {"color_scheme": "light", "timezone_id": "UTC", "locale": "en-GB", **options}
    context = browser.new_context(viewport={"width": width, "height": 800}, offline=True, **options)
    page = context.new_page()
    page.set_default_timeout(10_000)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(report.as_uri())
    yield page
    context.close()
    assert complaints == []
    assert {url.split("#")[0] for url in asked} == {report.as_uri()}


OVERFLOWING = """() => [...document.querySelectorAll("body *")]
  .filter((each) => !each.closest("svg") && !each.matches(".skip, #moment, :has(#moment)"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5 || each.scrollWidth > each.clientWidth + 1)
  .filter((each) => getComputedStyle(each).display !== "inline" && each.getClientRects().length)
  .map((each) => each.className || each.tagName)"""

SIZES = """() => [...document.querySelectorAll("p, li, dd, dt, span, b, h2, h3, text")]
  .map((each) => parseFloat(getComputedStyle(each).fontSize))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_fits_its_screen_with_everything_open(
    browser: Browser, reports: dict[str, Path], kind: str, width: int, scheme: str
) -> None:
    with opened(browser, reports[kind], width=width, color_scheme=scheme) as page:
        for closed in page.locator("details:not([open]) > summary").all():
            closed.click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OVERFLOWING) == []
        assert min(page.evaluate(SIZES)) >= 12
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(23, 28, 34)")


def test_the_incident_is_told_by_word_and_opens_where_its_link_leads(
    browser: Browser, reports: dict[str, Path]
) -> None:
    with opened(browser, reports["outage"], width=360) as page:
        page.evaluate("document.querySelector('details').open = false")
        incident = page.locator("#INC-1")
        expect(incident).to_contain_text("SEV2")
        expect(incident).to_contain_text("major")
        expect(incident.get_by_text("Root service")).to_be_hidden()
        page.locator(".incident-row .label").get_by_role("link", name="SEV2 INC-1").click()
        expect(incident.get_by_text("Root service")).to_be_visible()
        expect(incident).to_be_focused()
        expect(incident).to_contain_text("chg-7: deploy of billing v2.4.0")
        expect(incident.get_by_role("listitem").filter(has_text="Opened it").first).to_contain_text(
            "new error in billing"
        )


def test_a_row_of_each_kind_stands_on_the_same_axis(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["outage"]) as page:
        plots = page.locator(".plot > svg").all()
        boxes = [box for plot in plots if (box := plot.bounding_box()) is not None]
        assert len(boxes) == len(plots) > 4
        assert {(round(box["x"]), round(box["width"])) for box in boxes} == {
            (round(boxes[0]["x"]), round(boxes[0]["width"]))
        }
        left, width = boxes[0]["x"], boxes[0]["width"]
        fault = left + width * (BROKEN - START).total_seconds() / (35 * 60)
        release = left + width * 20 * 60 / (35 * 60)
        bar = page.locator("rect.bar").bounding_box()
        flag = page.locator(".changes-row .flag.suspected line").bounding_box()
        assert bar is not None
        assert flag is not None
        assert abs(bar["x"] - fault) < width / 35
        assert abs(flag["x"] - release) < 3


def test_the_pointer_asks_for_a_minute_and_every_service_answers(
    browser: Browser, reports: dict[str, Path]
) -> None:
    with opened(browser, reports["outage"]) as page:
        readout = page.locator("#readout")
        expect(readout).to_contain_text("03:20 to 03:21")  # where the first incident began
        box = page.locator(".service-row .plot").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 23.5 / 35, box["y"] + 30)
        expect(readout).to_contain_text("03:23 to 03:24: 192 lines, 90 errors")
        expect(readout).to_contain_text("INC-1 SEV2")
        expect(page.locator(".service-row").filter(has_text="billing").first).to_contain_text(
            "03:23: 90, 60 errors"
        )
        page.mouse.move(box["x"] + box["width"] * 20.2 / 35, box["y"] + 30)
        expect(readout).to_contain_text("deploy of billing v2.4.0")
        cursors = page.locator("line.cursor").all()
        assert {cursor.get_attribute("x1") for cursor in cursors} == {f"{100 * 20.5 / 35}%"}
        assert not any(cursor.get_attribute("visibility") for cursor in cursors)


def test_a_person_without_a_pointer_moves_along_the_axis_and_opens_an_incident(
    browser: Browser, reports: dict[str, Path]
) -> None:
    with opened(browser, reports["outage"]) as page:
        slider = page.get_by_role("slider", name="Moment on the time axis")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="To the incidents")).to_be_focused()
        page.keyboard.press("Tab")
        expect(slider).to_be_focused()
        page.keyboard.press("Home")
        expect(slider).to_have_attribute("aria-valuetext", "03:00 to 03:01; 102 lines, 0 errors")
        for _ in range(MINUTE):
            page.keyboard.press("ArrowRight")
        said = slider.get_attribute("aria-valuetext") or ""
        assert said.startswith("03:20 to 03:21; ")
        assert "INC-1 SEV2" in said
        assert "new error in billing (INC-1)" in said
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="SEV2 INC-1")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.locator("#INC-1 summary")).to_be_focused()
        page.keyboard.press("Enter")  # the only incident stands open
        expect(page.locator("#INC-1").get_by_text("Root service")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(page.locator("#INC-1").get_by_text("Root service")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_times_are_those_of_the_reader_or_utc_as_they_like(
    browser: Browser, reports: dict[str, Path]
) -> None:
    with opened(browser, reports["outage"], timezone_id="Asia/Kolkata") as page:
        expect(page.locator("#zone")).to_have_text("times are Asia/Calcutta (UTC+05:30)")
        begun = page.locator("#INC-1 summary time").first
        expect(begun).to_have_text("08:50:45")
        expect(begun).to_have_attribute("title", "2 Mar 2026 03:20:45 UTC")
        expect(page.locator(".ticks text").first).to_have_text("08:30")
        page.get_by_label("UTC").check()
        expect(page.locator("#zone")).to_have_text("times are UTC")
        expect(begun).to_have_text("03:20:45")
        expect(page.locator(".ticks text").first).to_have_text("03:00")
        expect(page.locator("#readout")).to_contain_text("03:20 to 03:21")
    with opened(browser, reports["outage"], timezone_id="UTC") as page:
        expect(page.locator("#zones")).to_be_hidden()


def test_without_its_script_the_page_says_the_same_in_utc(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["outage"], java_script_enabled=False, timezone_id="Asia/Kolkata") as page:
        expect(page.locator("#zone")).to_have_text("times are UTC")
        expect(page.locator("#INC-1 summary time").first).to_have_text("03:20:45")
        expect(page.get_by_role("slider")).to_be_hidden()
        expect(page.locator("#readout")).to_contain_text("A column is a minute wide. Times are UTC.")
        page.locator("#INC-1 summary").click()
        expect(page.locator("#INC-1").get_by_text("Root service")).to_be_hidden()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("quiet", ("none was opened", "No incident was opened", "No changes were given")),
        ("minute", ("there is no course to see", "1 line", "nothing unusual was noticed")),
        ("empty", ("There was no line to read",)),
        ("many", ("other services",)),
    ],
)
def test_what_is_not_there_is_said_in_words(
    browser: Browser, reports: dict[str, Path], kind: str, words: tuple[str, ...]
) -> None:
    with opened(browser, reports[kind], width=360) as page:
        for each in words:
            expect(page.get_by_text(each).first).to_be_visible()
