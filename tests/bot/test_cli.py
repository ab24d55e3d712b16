"""What the command line promises: quick help, and for bad input one sentence, exit code 2 and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from bot.cli.main import COMMANDS, run


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: mayday" in capsys.readouterr().out


def test_mayday_alone_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    shown = capsys.readouterr()
    assert all(name in shown.out for name in COMMANDS)
    assert shown.err == ""


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("change", "record"),
        ("audit", "verify"),
        ("spool", "export"),
        ("slack", "manifest"),
        ("config", "init"),
    ],
)
def test_a_group_alone_shows_its_commands_and_nothing_was_done(
    name: str, inner: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name]) == 2
    shown = capsys.readouterr()
    assert f"Usage: mayday {name}" in shown.out
    assert inner in shown.out
    assert shown.err == ""


@pytest.mark.parametrize(
    ("typed", "near", "help_of"),
    [
        (["statsu"], "status", "mayday"),
        (["doctr"], "doctor", "mayday"),
        (["config", "shw"], "show", "mayday config"),
    ],
)
def test_a_misspelt_command_is_answered_with_the_near_one(
    typed: list[str], near: str, help_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed) == 2
    assert capsys.readouterr().err == (
        f"mayday: No such command '{typed[-1]}'. Did you mean '{near}'? See `{help_of} --help`\n"
    )


def test_what_stands_in_brackets_is_shown_in_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--help"]) == 0
    assert "[default:" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"mayday {version('mayday')}\n"


def test_help_needs_no_heavy_package() -> None:
    program = (
        "import sys\nfrom bot.cli.main import run\nrun(['--help'])\n"
        "print(sorted({'duckdb', 'bytewax', 'river', 'drain3', 'slack_bolt', 'torch'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["teapot"],
        ["sql"],
        ["sql", "SELECT 1", "--list"],
        ["sql", "--question", "no-such-question"],
        ["incident", "resovle"],
        ["incident", "sev", "INC-1", "9", "why"],
        ["change", "record", "--service", "billing", "--kind", "party", "--version", "1"],
        [
            "change",
            "record",
            "--service",
            "billing",
            "--kind",
            "deploy",
            "--version",
            "1",
            "--at",
            "yesterday",
        ],
        ["change", "record", "--service", "billing", "--kind", "deploy", "--version", "1", "--at", ""],
        [
            "change",
            "record",
            "--service",
            "billing",
            "--kind",
            "deploy",
            "--version",
            "1",
            "--at",
            "9999-12-31T23:59:59-23:00",
        ],
        ["config", "init", "absent/mayday.toml"],
        ["workspace", "--port", "0", "--keys", "/dev/null"],
        ["replay", "no-such-file.log"],
        ["receive", "--forward", "nowhere"],
        ["receive", "--forward", "0.0.0.0:0"],
        ["receive", "--forward", "127.0.0.1:99999"],
        ["config", "show", "--config", "absent.toml"],
        ["up", "--config", "absent.toml"],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_clear_sentence_and_exit_code_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    said = capfd.readouterr()
    assert said.err.startswith("mayday: ")
    assert len(said.err.strip().splitlines()) == 1
    assert "Traceback" not in said.err + said.out
    assert "Value error" not in said.err


def test_where_nobody_answers_the_command_says_how_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["sql", "SELECT 1"]) == 1
    assert "mayday up" in capsys.readouterr().err


def test_config_schema_and_show_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert run(["config", "show", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(schema["properties"])


def test_config_init_writes_a_file_that_can_be_used_and_never_overwrites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["config", "init"]) == 0
    assert "your e-mail address (`email`)" in capsys.readouterr().out
    assert run(["whoami"]) == 0
    assert "On-call engineer" in capsys.readouterr().out
    assert run(["config", "init"]) == 2


def test_status_shows_what_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["status", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["up"] for each in found["processes"].values()] == [False, False, False]
