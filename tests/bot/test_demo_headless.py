"""`mayday demo --headless --json`: the story that it tells is the story in the live copy, read by a plain DuckDB."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from demo_rig import PROCESSES, mayday, running

pytestmark = pytest.mark.xdist_group("demo")

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
