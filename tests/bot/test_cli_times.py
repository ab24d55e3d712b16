"""No time that somebody wrote or that stands in the database is too early or too late to be shown or refused in words."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from bot.cli.main import run
from bot.cli.sql import readable


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("moment", ["datetime.min", "datetime.max", "datetime(2026, 3, 2)"])
def test_every_time_of_the_calendar_is_shown_in_every_zone(zone: str, moment: str) -> None:
    code = (
        "from datetime import UTC, datetime; from bot.cli.common import local_time; "
        f"print(local_time({moment}.replace(tzinfo=UTC)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TZ": zone},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_column_with_times_outside_the_calendar_is_shown_as_numbers() -> None:
    kind = pa.timestamp("us", tz="UTC")
    table = pa.table({"far": pa.array([2**60], kind), "near": pa.array([0], kind)})
    assert readable(table).to_pylist() == [{"far": 2**60, "near": datetime(1970, 1, 1, tzinfo=UTC)}]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon"])
def test_a_change_at_a_time_that_cannot_be_is_refused_in_words(
    at: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--service", "billing", "--kind", "deploy", "--version", "1", "--at", at]
    assert run(["change", "record", *arguments, "--state", "/nowhere"]) == 2
    assert "--at takes a time in ISO 8601" in capsys.readouterr().err
