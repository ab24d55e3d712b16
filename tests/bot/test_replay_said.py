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
