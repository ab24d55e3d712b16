"""What `mayday replay --json` writes is what the scorer beside the project reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.main import run

BESIDE = Path(os.environ.get("MAYDAY_SHARED") or Path(__file__).parents[3] / "shared")
SCORER = BESIDE / "yardstick" / "score_incidents.py"
START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SCORER.is_file(), reason="the scorer does not lie beside the project"),
]


def at(second: float) -> str:
    return (START + timedelta(seconds=second)).isoformat()


def row(second: float, level: str, message: str) -> str:
    fields = {"timestamp": at(second), "host": "h1", "service": "billing", "level": level, "message": message}
    return json.dumps(fields) + "\n"


def test_the_scorer_reads_what_a_replay_writes(tmp_path: Path) -> None:
    with (tmp_path / "day.jsonl").open("w") as file:
        for second in range(1500):
            file.write(row(second, "INFO", f"request finished in {second % 40} ms"))
            if second >= 900:
                file.write(
                    row(second + 0.5, "ERROR", f"connection refused by upstream after {second % 7} attempts")
                )
    change = {
        "id": "chg-1",
        "service": "billing",
        "time": at(880),
        "kind": "deploy",
        "version": "2",
        "note": "",
    }
    (tmp_path / "changes.jsonl").write_text(json.dumps(change) + "\n")
    event = {
        "id": "T1", "start": at(900), "end": at(1500), "detectable_from": at(900), "root_service": "billing",
        "affected_services": ["billing"], "category": "network", "incident_expected": True, "severity": "SEV2",
        "change": "chg-1", "description": "upstream refuses",
    }  # fmt: skip
    truth, out = tmp_path / "truth.json", tmp_path / "incidents.json"
    truth.write_text(
        json.dumps({"start": at(0), "end": at(1500), "services": ["billing"], "events": [event]})
    )
    day = [str(tmp_path / "day.jsonl"), "--changes", str(tmp_path / "changes.jsonl")]
    assert run(["replay", *day, "--json", str(out)]) == 0
    done = subprocess.run(
        [sys.executable, str(SCORER), str(out), str(truth)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    score = json.loads(done.stdout)
    for name in (
        "recall",
        "precision",
        "root_service_accuracy",
        "category_accuracy",
        "suspect_change_accuracy",
    ):
        assert score[name] == 1.0, (name, score)
