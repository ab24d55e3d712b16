"""The benchmark of sessions: what it reads, and that it needs no labels."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

from models.detectors.failure_words import speaks_of_failure

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.anomaly", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_sessions_are_judged_without_labels(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "events.csv.gz", "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("timestamp", "session", "template"))
        for n in range(600):
            for name in ("begin", "work, on <*>", "end")[: 1 if n == 555 else 3]:
                writer.writerow((n, f"s{n}", name))
    (tmp_path / "meta.json").write_text(json.dumps({"test_from": 500}))
    done = run(str(tmp_path), "--out", str(tmp_path / "out" / "pred.csv"))
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out" / "pred.csv").open(newline="") as file:
        rows = {row["session"]: row["flag"] for row in csv.DictReader(file)}
    assert len(rows) == 100
    assert [session for session, flag in rows.items() if flag == "1"] == ["s555"]


def test_a_folder_without_a_set_is_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    done = run(str(tmp_path), "--out", str(tmp_path / "pred.csv"))
    assert done.returncode == 2
    assert "events.csv.gz" in done.stderr
    assert "Traceback" not in done.stderr


def test_words_of_failure_are_whole_words() -> None:
    assert speaks_of_failure("Connection timed out after <*> ms")
    assert speaks_of_failure("caught java.net.SocketException")
    assert not speaks_of_failure("errorless failover of terrors")
