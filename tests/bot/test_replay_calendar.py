"""`mayday replay` of lines, files and changes whose times lie outside of the calendar: nothing ends, and nothing is lost."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.main import run
from stream.decode import DecodeLimits
from stream.decode.record import RECEIVE_TIME
from stream.decode.text_lines import read_lines

LATEST = 1 << 33  # s; March 2242
START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
STRANGE = (
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999999999",
)


def calm(seconds: int) -> list[str]:
    return [f"{(START + timedelta(seconds=at)).isoformat()} INFO request {at} done" for at in range(seconds)]


@pytest.mark.parametrize("at", STRANGE)
@pytest.mark.parametrize("where", [0, 100])
def test_a_time_outside_of_the_calendar_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at: str, where: int
) -> None:
    lines = calm(100)
    lines.insert(where, f"{at} ERROR pool exhausted")
    (tmp_path / "billing.log").write_text("\n".join(lines) + "\n")
    assert run(["replay", str(tmp_path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "101 lines" in said
    assert said.endswith("to 2026-03-02 03:01:39 UTC")


# Among the fields of a record a number of ten digits may count in milliseconds, so it is no strange time there.
@pytest.mark.parametrize(
    ("at", "as_json"),
    [(at, as_json) for at in STRANGE for as_json in (False, True) if not (as_json and at.isdigit())],
)
def test_the_line_is_kept_whole_with_the_time_of_the_one_before(at: str, as_json: bool) -> None:
    strange = json.dumps({"time": at, "message": "pool"}) if as_json else f"{at} ERROR pool exhausted"
    records, _ = read_lines([*map(str.encode, calm(3)), strange.encode()], DecodeLimits(), (1, 0))
    assert records[-1].ts_sec == records[-2].ts_sec
    assert at in str(records[-1].record)
    alone, _ = read_lines([strange.encode()], DecodeLimits(), (1, 0))
    assert alone[0].flags == (RECEIVE_TIME,)


@pytest.mark.parametrize("written", [-(10**9), LATEST, LATEST + 5 * 10**9])
def test_a_file_that_was_written_outside_of_the_calendar_is_read(tmp_path: Path, written: int) -> None:
    path = tmp_path / "billing.log"
    path.write_text("connection refused\n" * 20)
    os.utime(path, (written, written))
    assert run(["replay", str(path)]) == 0


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z"]
)
def test_a_change_outside_of_the_calendar_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at: str
) -> None:
    (tmp_path / "billing.log").write_text("\n".join(calm(100)) + "\n")
    changes = tmp_path / "changes"
    changes.write_text(json.dumps({"id": "chg-1", "service": "billing", "time": at}) + "\n")
    assert run(["replay", str(tmp_path / "billing.log"), "--changes", str(changes)]) == 2
    assert "changes, line 1: time: " in capsys.readouterr().err
