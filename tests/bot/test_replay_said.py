"""What a replay says at its end: names to ask on with, no figure that means nothing, no version that nobody gave."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.main import run

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def test_incidents_have_their_names_and_few_lines_no_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    log, changes = tmp_path / "billing.log", tmp_path / "changes"
    with log.open("w") as file:
        for at in range(900):
            text = "ERROR connection pool exhausted" if at >= 600 else "INFO request done"
            file.write(f"{(START + timedelta(seconds=at)).isoformat()} {text}\n" * (5 if at >= 600 else 1))
    at = (START + timedelta(seconds=580)).isoformat()
    changes.write_text(json.dumps({"id": "chg-1", "service": "billing", "time": at, "kind": "deploy"}))
    assert run(["replay", str(log), "--changes", str(changes), "--explain", "all"]) == 0
    said = capsys.readouterr().out
    assert "deploy of billing, " in said
    assert "deploy of billing unknown" not in said
    assert run(["replay", str(log)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("incident")
    assert "\nINC-1 " in said
    assert "lines/s" not in said


def test_changes_of_services_that_no_line_has_are_named_with_where_a_plain_log_has_its_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, changes = tmp_path / "billing.log", tmp_path / "changes"
    log.write_text("".join(f"{(START + timedelta(seconds=s)).isoformat()} INFO done\n" for s in range(60)))
    at = (START + timedelta(seconds=30)).isoformat()
    given = [
        {"id": f"chg-{n}", "service": name, "time": at}
        for n, name in enumerate(["billing", "invoices", "au\x1b[2Jth", "invoices"])
    ]
    changes.write_text("\n".join(map(json.dumps, given)))
    assert run(["replay", str(log), "--changes", str(changes)]) == 0
    said = capsys.readouterr().out
    assert r"no line is of these services of changes" in said
    assert r": invoices, au\x1b[2Jth. " in said
    assert "billing.log is billing" in said

    changes.write_text(json.dumps(given[0]))
    assert run(["replay", str(log), "--changes", str(changes)]) == 0
    assert "no line is of" not in capsys.readouterr().out
