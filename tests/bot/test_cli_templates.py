"""mayday templates lists the sentences of log files, and shows approved words alone unless it is told otherwise."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from bot.cli.main import run

RAW = [f"2026-03-02 03:00:{n % 60:02} INFO bed {n} is ready for zyxwords" for n in range(90)] + [
    "2026-03-02 03:01:00 ERROR request failed with code 7",
    "java.lang.IllegalStateException: no bed",
    "    at app.ward.Beds.take(Beds.java:12)",
    "2026-03-02 03:01:01 ERROR request failed with code 8",
]


@pytest.fixture
def state(tmp_path: Path) -> list[str]:
    return ["--state", str(tmp_path / "state")]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_line_has_a_row_with_its_final_template(
    tmp_path: Path, state: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    log, out = tmp_path / "ward.log", tmp_path / "out.csv"
    log.write_text("\n".join(RAW) + "\n")
    assert run(["templates", str(log), "--out", str(out), *state]) == 0
    found = rows(out)
    assert [row["LineId"] for row in found] == [str(n) for n in range(1, len(RAW) + 1)]
    assert {row["Template"] for row in found[:90]} == {"bed <NUM> is ready for <WORD>"}
    assert len({row["TemplateId"] for row in found[90:]}) == 1  # the trace belongs to its record
    shown = capsys.readouterr().out
    assert "94 lines, 2 templates" in shown
    assert "bed <NUM> is ready" in shown
    assert "▇" in shown or "█" in shown
    assert "zyxwords" not in shown
    assert "zyxwords" not in out.read_text()
    assert not (tmp_path / "state").exists()


def test_words_stand_as_mined_only_when_asked_for(
    tmp_path: Path, state: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "ward.log.gz"
    log.write_bytes(gzip.compress("\n".join(RAW).encode()))
    assert run(["templates", str(log), "--as-mined", *state]) == 0
    assert "bed <NUM> is ready for zyxwords" in capsys.readouterr().out


def test_content_is_taken_as_it_is(
    tmp_path: Path, state: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    log, out = tmp_path / "content.log", tmp_path / "out.csv"
    log.write_text("\n".join(RAW))
    assert run(["templates", str(log), "--content", "--out", str(out), *state]) == 0
    found = rows(out)
    assert len(found) == len(RAW)
    assert found[0]["Template"].startswith("<DATE>")
    assert len({row["TemplateId"] for row in found[90:]}) == 3
    capsys.readouterr()


def test_json_lines_count_by_their_message_and_files_by_themselves(
    tmp_path: Path, state: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        lines = [json.dumps({"level": "info", "message": f"bed {n} is ready"}) for n in range(9)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    out = tmp_path / "out.csv"
    paths = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]
    assert run(["templates", *paths, "--out", str(out), *state]) == 0
    assert {row["Template"] for row in rows(out)} == {"bed <NUM> is ready"}
    assert len({row["TemplateId"] for row in rows(out)}) == 2
    assert "a.jsonl: 9 lines, 1 templates" in capsys.readouterr().out


def test_a_file_that_is_not_there_and_an_output_that_cannot_be_are_said(
    tmp_path: Path, state: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["templates", str(tmp_path / "none.log"), *state]) == 2
    log = tmp_path / "ward.log"
    log.write_text("bed 7 is ready\n")
    assert run(["templates", str(log), "--out", str(tmp_path / "no" / "out.csv"), *state]) == 2
    assert "the directory for out.csv is not there" in capsys.readouterr().err
