"""What is given in place of a file that people write: a device, a pipe, a loop, lists without end. One sentence, exit code 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.cli.main import run


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("what", ["device", "pipe"])
def test_what_has_no_end_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    path = Path("/dev/zero")
    if what == "pipe":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    log = tmp_path / "billing.log"
    log.write_text("2026-03-02 03:00:00 INFO up\n")
    for arguments in (["whoami", "--config", str(path)], ["replay", str(log), "--changes", str(path)]):
        assert "is a pipe, a directory or a device" in refused(arguments, capsys)


@pytest.mark.parametrize("option", ["--config", "--changes"])
def test_what_is_far_too_long_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    path, log = tmp_path / "long", tmp_path / "billing.log"
    log.write_text("2026-03-02 03:00:00 INFO up\n")
    with path.open("wb") as file:
        file.truncate(1 << 33)
    assert "long is longer than" in refused(["replay", str(log), option, str(path)], capsys)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x = " + "[" * 20_000, "nests too deep"),
        ("x = " + "1" * 20_000, "a number that is too long"),
        ('[state]\ndirectory = "a\\u0000b"\n', "mayday.toml: state.directory has a null character in it"),
        ('[[operators]]\nid = "a\\u0000"\n', "mayday.toml: operators.0.id has a null character in it"),
        ("[spool]\nnope = 1\n", "mayday.toml: there is no key spool.nope"),
        ("[spool]\nnope = \n", "mayday.toml is not TOML. The first fault is at line 2, column 8"),
    ],
)
def test_a_fault_of_the_configuration_names_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    path = tmp_path / "mayday.toml"
    path.write_text(content)
    assert words in refused(["whoami", "--config", str(path)], capsys)


def test_a_loop_of_links_is_no_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mayday.toml").symlink_to("mayday.toml")
    said = refused(["whoami", "--config", str(tmp_path / "mayday.toml")], capsys)
    assert "mayday.toml cannot be read (Too many levels of symbolic links)" in said


@pytest.mark.parametrize("value", ["[", "[" * 20_000])
def test_a_fault_in_the_environment_is_not_the_file_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAYDAY__OPERATORS", value)
    assert "in the environment" in refused(["whoami"], capsys)


@pytest.mark.parametrize("command", [["status"], ["doctor"], ["up"], ["incident", "list"]])
def test_a_loop_of_links_where_a_folder_of_the_state_belongs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "state"
    state.mkdir(0o700)
    (state / "run").symlink_to("run")
    assert "run in the state directory is no directory" in refused([*command, "--state", str(state)], capsys)


def test_a_loop_of_links_where_a_file_of_the_state_belongs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state" / "run").mkdir(0o700, parents=True)
    (tmp_path / "state" / "run" / "up.json").symlink_to("up.json")
    said = refused(["status", "--state", str(tmp_path / "state")], capsys)
    assert "Too many levels of symbolic links" in said
