"""The report of a replay shows what happened, keeps what is private out, stays small, and is written whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_days import BROKEN, END, HOSTILE, MENDED, PERSON, START, data_of, line, write_day

from bot.cli.main import run
from bot.report.axis import MOST_BUCKETS, axis_of, ticks
from bot.report.facts import Day, Totals
from bot.report.gather import MOST_SERVICES
from bot.report.page import MARK, page
from bot.report.write import check_place
from models.errors import BadInput


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, str]]]:
    """The report of a day with an outage, and its incidents as `--json` writes them."""
    folder = tmp_path_factory.mktemp("day")
    report, incidents = folder / "report.html", folder / "incidents.json"
    assert run(["replay", *write_day(folder), "--report", str(report), "--json", str(incidents)]) == 0
    return report.read_text("utf-8"), json.loads(incidents.read_text())


def report_of(folder: Path, lines: list[str]) -> str:
    logs, report = folder / "some.jsonl", folder / "report.html"
    logs.write_text("\n".join(lines) + "\n")
    assert run(["replay", str(logs), "--report", str(report)]) == 0
    return report.read_text("utf-8")


class Reader(HTMLParser):
    """Collects tags with their attributes, and what is left open at the end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_incident_stands_in_its_time_with_root_category_and_suspect(
    reported: tuple[str, list[dict[str, str]]],
) -> None:
    shown, incidents = reported
    assert [each["service"] for each in incidents] == ["billing"]
    name, level, begun, last = data_of(shown)["incidents"][0]
    assert name == incidents[0]["incident"]
    assert f"SEV{level}" == incidents[0]["severity"]
    assert BROKEN.timestamp() - 1 <= begun <= BROKEN.timestamp() + 30
    assert begun <= last <= MENDED.timestamp() + 120
    article = shown[shown.index(f'<article class="incident sev{level}" id="{name}"') :].split("</article>")[0]
    for words in (
        "root billing",
        "resource exhaustion",
        "“pool exhausted”",
        "chg-7",
        "deploy of billing v2.4.0",
    ):
        assert words in article
    assert "gateway → billing" in article or "gateway is affected already" in article
    assert f'suspected in <a href="#{name}">' in shown


def test_every_line_is_counted_in_the_column_of_its_minute(
    reported: tuple[str, list[dict[str, str]]],
) -> None:
    data = data_of(reported[0])
    lanes = {lane["name"]: lane for lane in data["lanes"]}
    assert set(lanes) == {"gateway", "billing", "messaging"}
    assert (data["since"], data["width"]) == (START.timestamp(), 60)
    seconds = int((END - START).total_seconds())
    failing = int((MENDED - BROKEN).total_seconds())
    assert sum(lanes["messaging"]["lines"]) == seconds / 5 + 1
    assert sum(lanes["billing"]["errors"]) == failing
    minute = int((BROKEN - START).total_seconds()) // 60
    assert sum(lanes["billing"]["errors"][:minute]) == 0
    assert sum(lanes["billing"]["errors"][minute : minute + 9]) == failing
    assert [bucket for bucket, _ in data["changes"]] == [5, 20]


def test_what_was_too_weak_stands_by_itself_and_near_the_incident(
    reported: tuple[str, list[dict[str, str]]],
) -> None:
    shown = reported[0]
    near = shown.split("<h3>Near it, but held back</h3>")[1].split("</article>")[0]
    assert "new warning</b> in messaging" in near
    assert "Held back: too weak to open an incident alone: it waited 10 min" in near
    alone = shown.split('<h2 id="held-head">Signals that opened nothing</h2>')[1].split("</section>")[0]
    assert "<b>1 time</b> new warning in messaging: too weak" in alone
    assert [mark[1:] for mark in data_of(shown)["marks"] if not mark[4]] == [
        ["new warning", "messaging", 1, ""]
    ]
    assert re.search(r'<g class="held"><title>new warning, 03:15:00 UTC, held back</title>', shown)


def test_nothing_of_a_line_that_may_be_private_or_markup_is_in_the_file(
    reported: tuple[str, list[dict[str, str]]],
) -> None:
    shown = reported[0]
    for word in (*PERSON.split(), HOSTILE, "onerror", "<img", "<b>bold"):
        assert word not in shown
    parsed = Reader(shown)
    assert parsed.open == []
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)


def test_the_page_names_no_other_place_and_its_policy_allows_nothing_but_itself(
    reported: tuple[str, list[dict[str, str]]],
) -> None:
    shown = reported[0]
    parsed = Reader(shown)
    for tag, attributes in parsed.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert "src" not in attributes
        assert "style" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttp", shown)
    policy = next(a["content"] for tag, a in parsed.tags if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        text = re.findall(rf"<{tag}>(.*?)</{tag}>", shown, re.DOTALL)
        assert len(text) == 1
        digest = base64.b64encode(hashlib.sha256(text[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_links_and_shapes_lead_to_something(reported: tuple[str, list[dict[str, str]]]) -> None:
    parsed = Reader(reported[0])
    ids = [a["id"] for _, a in parsed.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"] for _, a in parsed.tags if a.get("href")} <= {f"#{name}" for name in ids}


def test_times_are_utc_in_the_data(reported: tuple[str, list[dict[str, str]]]) -> None:
    times = [a["datetime"] for tag, a in Reader(reported[0]).tags if tag == "time"]
    assert len(times) > 5
    for text in times:
        assert text is not None
        assert text.endswith("Z")
        assert START - timedelta(minutes=1) <= datetime.fromisoformat(text) <= END + timedelta(minutes=1)


# -- days on which there is little to see -------------------------------------------------------------------------------


def test_a_quiet_day_says_that_nothing_was_opened_and_how_to_give_changes(tmp_path: Path) -> None:
    report = tmp_path / "quiet.html"
    assert run(["replay", *write_day(tmp_path / "d", broken=False), "--report", str(report)]) == 0
    shown = report.read_text()
    assert "No incident was opened" in shown
    assert "No changes were given" in shown
    assert data_of(shown)["incidents"] == []


def test_one_minute_and_one_line_make_a_page(tmp_path: Path) -> None:
    shown = report_of(tmp_path, [line(START, "billing", "started")])
    assert data_of(shown)["buckets"] == 1
    assert "there is no course to see" in shown
    assert Reader(shown).open == []


def test_without_any_line_the_page_says_so() -> None:
    shown = page(Day(axis=None, totals=Totals()))
    assert "There was no line to read" in shown
    assert Reader(shown).open == []


# -- days on which there is too much ------------------------------------------------------------------------------------


def test_many_services_and_months_stay_a_small_page_in_which_every_line_is_counted(tmp_path: Path) -> None:
    lines = [
        line(START + timedelta(days=day, seconds=number), f"node-{number}", "tick")
        for day in range(0, 400, 80)
        for number in range(60)
    ]
    shown = report_of(tmp_path, lines)
    data = data_of(shown)
    assert data["buckets"] <= MOST_BUCKETS
    assert len(data["lanes"]) == MOST_SERVICES
    assert sum(sum(lane["lines"]) for lane in data["lanes"]) == len(lines)
    assert f"{60 - MOST_SERVICES + 1} other services" in shown
    assert len(shown) < 500_000


def test_names_that_are_not_approved_stand_as_marks_and_the_page_says_how_to_see_them(tmp_path: Path) -> None:
    shown = report_of(tmp_path, [line(START, "quarmby-desk", "started")])
    assert "quarmby" not in shown
    assert re.search(r"svc-[a-z0-9]{9}", shown)
    assert "not approved to be shown" in shown


@given(
    first=st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    seconds=st.integers(0, 60 * 366 * 86_400),
)
def test_an_axis_holds_its_times_in_few_columns_and_ticks_stand_on_it(first: datetime, seconds: int) -> None:
    last = first + timedelta(seconds=seconds)
    axis = axis_of(first, last)
    assert axis.since <= first
    assert last < axis.until
    assert axis.buckets <= MOST_BUCKETS
    assert 0 <= axis.bucket(first) <= axis.bucket(last) < axis.buckets
    marked = ticks(axis)
    assert 1 <= len(marked) <= 9
    assert all(axis.since <= tick <= axis.until for tick in marked)


# -- where it is written ------------------------------------------------------------------------------------------------


def test_an_earlier_report_is_written_over_and_is_no_log_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text(line(START, "billing", "started") + "\n")
    report = tmp_path / "report.html"
    report.write_text(MARK + "old")
    assert run(["replay", str(tmp_path), "--report", str(report)]) == 0
    out = capsys.readouterr().out
    assert "skipped, a report of a replay: report.html" in out
    assert "1 file, 1 line" in out
    assert report.read_text().startswith(MARK)
    assert "old" not in report.read_text()[: len(MARK) + 3]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.jsonl", "report.html"]


@pytest.mark.parametrize("kind", ["file", "directory", "missing"])
def test_what_is_no_report_is_never_written_over_and_no_time_is_spent_before_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    logs = tmp_path / "a.jsonl"
    logs.write_text(line(START, "billing", "started") + "\n")
    place = {"file": tmp_path / "notes.txt", "directory": tmp_path, "missing": tmp_path / "no" / "r.html"}[
        kind
    ]
    (tmp_path / "notes.txt").write_text("mine")
    assert run(["replay", str(logs), "--report", str(place)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert place.name in said.err or "no" in said.err
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_directory_of_others_is_said_before_the_work() -> None:
    def refused() -> bool:
        with pytest.raises(BadInput, match="cannot be written"):
            check_place(Path("/r.html"))
        return True

    if os.geteuid() != 0:
        assert refused()
        return
    child = os.fork()  # root may write anywhere, so somebody else tries
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            code = 0 if refused() else 1
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_what_was_found_is_shown_and_written_though_the_report_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs, both = tmp_path / "a.jsonl", tmp_path / "both"
    logs.write_text(line(START, "billing", "started") + "\n")
    assert run(["replay", str(logs), "--json", str(both), "--report", "/dev/full"]) == 2
    said = capsys.readouterr()
    assert "1 file, 1 line" in said.out
    assert "full cannot be written" in said.err
    assert json.loads(both.read_text()) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.jsonl", "both"]


def test_a_report_keeps_the_rights_that_new_files_have_and_follows_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.html", tmp_path / "link.html"
    real.write_text(MARK)
    link.symlink_to(real)
    logs = tmp_path / "a.jsonl"
    logs.write_text(line(START, "billing", "started") + "\n")
    assert run(["replay", str(logs), "--report", str(link)]) == 0
    assert link.is_symlink()
    assert len(real.read_text()) > 1000
    assert real.stat().st_mode == logs.stat().st_mode


# -- colours ------------------------------------------------------------------------------------------------------------


def colours() -> dict[str, dict[str, str]]:
    import bot.report.page as module

    css = (Path(module.__file__).parent / "assets" / "report.css").read_text()
    light, dark = css.split("@media (prefers-color-scheme: dark)")
    found = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]{6});")
    base = dict(found.findall(light))
    return {"light": base, "dark": base | dict(found.findall(dark))}


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_read_stands_out_and_what_is_seen_too(theme: str) -> None:
    shown = colours()[theme]
    for ground in ("ground", "ground-soft", "ground-raised"):
        for ink in ("ink", "ink-soft", "link", "sev1", "sev2", "sev3", "sev4"):
            assert contrast(shown[ink], shown[ground]) >= 4.5, f"{ink} on {ground}"
    for mark in ("area", "error", "change", "line-strong", "focus"):
        assert contrast(shown[mark], shown["ground"]) >= 3, mark
