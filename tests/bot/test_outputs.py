"""What a command writes: never over what it reads, looked at before the work, whole or not at all."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.main import run
from bot.outputs import write_output

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "logs" / "billing.log"
    path.parent.mkdir()
    lines = [f"{(START + timedelta(seconds=at)).isoformat()} INFO request {at} done" for at in range(50)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("command", [["replay", "--json"], ["replay", "--report"], ["templates", "--out"]])
@pytest.mark.parametrize("name", ["itself", "soft", "hard", "inside", "of inside"])
def test_what_is_read_is_not_written_over(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str], command: list[str], name: str
) -> None:
    other = tmp_path / "other"
    given, out = log, log
    if name == "soft":
        other.symlink_to(log)
        out = other
    elif name == "hard":
        other.hardlink_to(log)
        out = other
    elif name == "inside":
        given = log.parent
    elif name == "of inside":
        other.hardlink_to(log)
        given, out = log.parent, other
    before = log.read_bytes()
    assert run([command[0], str(given), command[1], str(out)]) == 2
    assert log.read_bytes() == before
    said = capsys.readouterr()
    assert "is not written over" in said.err
    assert not said.out


def test_the_file_of_changes_and_the_configuration_are_read_as_well(tmp_path: Path, log: Path) -> None:
    changes, config = tmp_path / "changes.jsonl", tmp_path / "mayday.toml"
    changes.write_text("")
    config.write_text("[state]\n")
    base = ["replay", str(log), "--changes", str(changes), "--config", str(config), "--json"]
    assert run([*base, str(changes)]) == run([*base, str(config)]) == 2
    assert (changes.read_text(), config.read_text()) == ("", "[state]\n")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("gone/out", "the directory for out is not there"),
        (".", "is a directory"),
        ("loop", "loop cannot be written"),
        ("/proc/out", "out cannot be written"),
        ("x" * 300, "cannot be written"),
    ],
)
@pytest.mark.parametrize("command", [["replay", "--json"], ["replay", "--report"], ["templates", "--out"]])
def test_a_place_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str], place: str, words: str, command: list[str]
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert run([command[0], str(log), command[1], str(tmp_path / place)]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert not said.out


def test_two_outputs_are_two_files(tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert run(["replay", str(log), "--json", out, "--report", out]) == 2
    assert "--json and --report name one file" in capsys.readouterr().err


def test_a_new_file_beside_the_logs_and_a_device_may_be_written(tmp_path: Path, log: Path) -> None:
    out = log.parent / "incidents.json"
    assert run(["replay", str(log.parent), "--json", str(out)]) == 0
    assert json.loads(out.read_text()) == []
    assert run(["replay", str(log), "--json", os.devnull]) == 0
    assert not Path(os.devnull).is_file()
    assert sorted(each.name for each in log.parent.iterdir()) == ["billing.log", "incidents.json"]


def test_what_is_written_anew_keeps_who_may_read_it(tmp_path: Path) -> None:
    path, link = tmp_path / "out", tmp_path / "link"
    path.touch(0o600)
    link.symlink_to(path)
    write_output(link, "--json", "new")
    assert (path.read_text(), path.stat().st_mode & 0o777, link.is_symlink()) == ("new", 0o600, True)
