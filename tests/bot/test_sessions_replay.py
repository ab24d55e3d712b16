"""An hour of requests with ids: healthy it opens nothing, and when most requests break off it opens an incident that says so."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import Config
from bot.log_files import find_files
from bot.replay import Summary, replay

BEGIN = datetime(2026, 3, 2, 3, tzinfo=UTC)
STEPS = (
    *("request accepted", "input checked", "order stored", "stock reserved", "payment taken"),
    *("mail queued", "receipt printed", "ledger written", "request done"),
)


def hour(folder: Path, broken_from: int) -> Summary:
    """Replay an hour with a request every four seconds, most of which stop half way from a minute on."""
    rng = random.Random(4)
    rows = []
    for number in range(900):
        begun = BEGIN + timedelta(seconds=4 * number)
        steps = STEPS if number < 15 * broken_from or rng.random() < 0.2 else STEPS[:4]
        trace = hashlib.sha256(str(number).encode()).hexdigest()[:11] + "7"
        rows += [
            (begun + timedelta(seconds=0.3 * at), f"{said} trace={trace}") for at, said in enumerate(steps)
        ]
    with (folder / "logs.jsonl").open("w") as out:
        for at, text in sorted(rows):
            row = {"timestamp": at.isoformat(), "service": "portal", "level": "INFO", "message": text}
            out.write(json.dumps(row) + "\n")
    files, _ = find_files([folder / "logs.jsonl"])
    return replay(Config(), files, [])


@pytest.mark.parametrize("broken_from", [60, 45])
def test_only_an_hour_in_which_requests_break_off_has_an_incident(tmp_path: Path, broken_from: int) -> None:
    summary = hour(tmp_path, broken_from)
    assert bool(summary.incidents) is (broken_from < 60)
