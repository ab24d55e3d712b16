"""What the command line promises about the state directory: it says what is wrong with it, and makes none to answer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.main import run
from bot.watched import Watched, write
from models.clock import system_clock
from storage.database import Database
from storage.errors import StateUnusable
from storage.layout import Layout
from storage.seal import KeyRing

ASKING = [
    ["status"],
    ["doctor"],
    ["audit", "verify"],
    ["sql", "SELECT 1"],
    ["sql", "--attach"],
    ["spool", "info"],
    ["spool", "export"],
    ["incident", "list"],
    ["incident", "note", "INC-1", "words"],
    ["slack", "check"],
    ["whoami"],
]
STARTING = [["up"], ["receive"], ["stream"], ["command"], ["command", "--new-database"]]
NOBODY = 65534


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert "internal error" not in captured.err
    return " ".join((captured.err + captured.out).split())


@pytest.fixture
def state(tmp_path: Path, empty_state: Path) -> Layout:
    """A state whose database is gone although everything speaks of it."""
    layout = Layout(shutil.copytree(empty_state, tmp_path / "state"))
    Database.open(layout, KeyRing.load(layout, create=False, environ={}), system_clock).close()
    layout.database.unlink()
    return layout


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_a_command_that_only_asks_makes_no_state(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "none"
    run([*command, "--state", str(place)])
    said(capsys)
    assert not place.exists()


@pytest.mark.parametrize("command", [*ASKING, *STARTING], ids=" ".join)
def test_a_state_that_is_a_file_is_a_sentence_and_exit_code_2(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "file"
    place.write_text("kept")
    assert run([*command, "--state", str(place)]) == 2
    assert "the state directory is a file. Choose a directory" in said(capsys)
    assert place.read_text() == "kept"


@pytest.mark.parametrize("command", STARTING, ids=" ".join)
def test_a_path_too_long_for_a_socket_is_a_sentence_and_exit_code_2(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / ("p" * 100)
    assert run([*command, "--state", str(place)]) == 2
    assert "too long" in said(capsys)
    assert not place.exists()


def test_a_state_that_cannot_be_made_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(["up", "--state", str(tmp_path / "file" / "state")]) == 2
    assert "a directory above the state directory is a file" in said(capsys)
    assert run(["up", "--state", "/proc/mayday"]) == 2
    assert "cannot be made" in said(capsys)


def test_the_state_of_another_user_is_told_by_its_owner(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(StateUnusable, match=f"belongs to the Unix user {os.getuid()}"):
        Layout(tmp_path).check(may=lambda _path, _mode: False)


@pytest.mark.parametrize(
    "command", [["status"], ["incident", "list"], ["spool", "info"], ["up"]], ids=" ".join
)
def test_another_users_state_ends_every_command_with_a_sentence(command: list[str]) -> None:
    program = (  # root's own directory, for somebody who is not root
        "import os, sys\nfrom bot.cli.main import run\n"
        f"run(['--help'])\nimport bot.cli.{'run' if command == ['up'] else command[0]}, bot.config, bot.readiness, bot.supervisor\n"
        f"os.getuid() or (os.setgid({NOBODY}), os.setuid({NOBODY}))\nos.chdir('/')\n"
        f"sys.exit(run([*{command!r}, '--state', '/root']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("mayday: the state directory belongs to the Unix user 0")


def test_a_database_that_is_gone_is_told_by_every_check(
    state: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "the database store/ops.duckdb is missing, and there was one here"
    where = ["--state", str(state.root)]
    assert run(["audit", "verify", *where]) == 1
    assert told in said(capsys)
    assert run(["status", *where]) == 1
    assert told in said(capsys)
    assert run(["doctor", "--json", *where]) == 1
    findings = json.loads(capsys.readouterr().out)
    (finding,) = [each for each in findings if each["subject"] == "store" and each["state"] == "wrong"]
    assert told in finding["sentence"]
    assert "--new-database" in finding["remedy"]
    assert run(["command", *where]) == 1
    assert told in said(capsys)
    assert told in (state.logs / "command.log").read_text()
    assert not state.database.exists()


def test_a_new_database_is_made_when_asked_for_and_told_afterwards(
    state: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--state", str(state.root)]
    assert run(["command", "--new-database", *where]) == 0
    assert "A new, empty database stands" in said(capsys)
    assert state.database.exists()
    run(["doctor", *where])
    assert "a new database took the place of one that was lost" in said(capsys)
    assert run(["command", "--new-database", *where]) == 2
    assert "is there and opens" in said(capsys)


def test_a_process_that_does_not_stay_up_is_told_with_its_reason(
    state: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    down = Watched(failures=7, ending="exit code 1", reason="the key is gone. Bring it back")
    write(state, {"receive": Watched(pid=os.getpid()), "stream": Watched(pid=os.getpid()), "command": down})
    where = ["--state", str(state.root)]
    assert run(["status", *where]) == 1
    shown = said(capsys)
    assert "FAILING" in shown
    assert "command: ended 7 times in a row (exit code 1): the key is gone. Bring it back" in shown
    assert run(["doctor", "--json", *where]) == 1
    findings = {each["sentence"]: each["state"] for each in json.loads(capsys.readouterr().out)}
    assert (
        findings["command: ended 7 times in a row (exit code 1): the key is gone. Bring it back"] == "wrong"
    )


def test_doctor_tells_that_nothing_runs_any_more(state: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    (state.run / "receiver.json").write_text("{}")
    (state.store / "ops.duckdb").touch()
    assert run(["doctor", "--json", "--state", str(state.root)]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert ("nothing of Mayday runs", "wrong") in [(each["sentence"], each["state"]) for each in findings]


def test_a_remedy_is_shown_whole_however_long_its_path_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "d"  # as long as the path of a test is, and no longer than a socket's may be
    Layout(place).prepare()
    place.chmod(0o755)
    assert run(["doctor", "--state", str(place)]) == 1
    printed = capsys.readouterr().out
    assert f"chmod go-rwx {place}\n" in printed
    assert "…" not in printed
