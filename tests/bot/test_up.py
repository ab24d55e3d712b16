"""`mayday up` with its real processes: what it says, and how it ends."""

from __future__ import annotations

import base64
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.cli.main import run
from bot.supervisor import running
from models.clock import system_clock
from storage.database import Database
from storage.layout import Layout
from storage.seal import KeyRing
from stream.spool import SpoolSettings, SpoolWriter

Up = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Start `mayday up` with one listener on the given address."""
    begun: list[subprocess.Popen[str]] = []

    def start(forward: str) -> subprocess.Popen[str]:
        config = tmp_path / "mayday.toml"
        config.write_text(
            f'[receive]\nforward = "{forward}"\nhttp = "off"\notlp = "off"\n[slack]\nenabled = false\n'
            "[spool]\nmin_free_bytes = 1000000\n"
        )
        command = [
            sys.executable,
            "-m",
            "bot.cli",
            "up",
            "--config",
            str(config),
            "--state",
            str(tmp_path / "s"),
        ]
        begun.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return begun[-1]

    yield start
    for process in begun:
        process.terminate()
        process.communicate(timeout=60)


def line(process: subprocess.Popen[str], words: str) -> str:
    """Return the next line with `words` that the process says."""
    assert process.stderr is not None
    before: list[str] = []
    for said in process.stderr:
        if words in said:
            return said
        before.append(said)
    pytest.fail(f"it ended without saying {words!r}, but: {before}")


def test_an_address_in_use_is_said_at_once_and_ends_it_with_exit_code_2(up: Up, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = up(address)
        first = line(process, "receive ended")
        assert "exit code 2" in first
        assert "in use" in first
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "mayday: receive cannot start" in rest
    assert running(Layout(tmp_path / "s")).keys() <= {"up"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[receive]\nforward = "0.0.0.0:24224"\n', "neither receive.shared_key nor [receive.tls]"),
        ('[receive]\nshared_key = "env:MAYDAY_NOT_SET"\n', "receive.shared_key"),
        ('[receive.tls]\ncertificate = "no.pem"\nkey = "no.key"\n', "receive.tls"),
        (
            '[center.webhook]\nlisten = "127.0.0.1:0"\n[center.webhook.tokens]\nnobody = "'
            + "0" * 64
            + '"\n',
            "webhook token",
        ),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_starts_and_the_doctor_says_the_same(
    tmp_path: Path, text: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mayday.toml").write_text(text)
    where = ["--config", str(tmp_path / "mayday.toml"), "--state", str(tmp_path / "s")]
    assert run(["up", *where]) == 2
    said = capfd.readouterr().err
    assert said.startswith("mayday: ")
    assert words in said
    assert not (tmp_path / "s").exists()
    assert run(["doctor", *where]) == 1
    told = capfd.readouterr().out
    assert said.removeprefix("mayday: ").split(". ")[0].rstrip(".\n") in told
    assert re.search(r"^✗ start +\w+ cannot start: ", told, re.MULTILINE)


@pytest.mark.parametrize("sealed", ["the spool", "the database"])
def test_a_state_of_another_master_key_is_said_before_anything_starts_and_the_doctor_says_the_same(
    tmp_path: Path, sealed: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / "s").prepare()
    ring = KeyRing.load(layout, create=True, environ={})
    if sealed == "the spool":
        SpoolWriter.open(layout.spool, ring, SpoolSettings(), system_clock).close()
    else:
        Database.open(layout, ring, system_clock).close()
    monkeypatch.setenv("MAYDAY_MASTER_KEY", base64.b64encode(bytes(32)).decode())
    (tmp_path / "mayday.toml").write_text("")
    where = ["--config", str(tmp_path / "mayday.toml"), "--state", str(layout.root)]
    assert run(["up", *where]) == 1
    assert "sealed under another master key" in capfd.readouterr().err
    assert not (layout.logs / "command.out").exists()
    assert run(["doctor", *where]) == 1
    assert re.search(
        r"^✗ start +\w+ cannot start: .* another master key", capfd.readouterr().out, re.MULTILINE
    )


def test_it_says_where_lines_are_taken_and_ends_in_order_when_its_terminal_is_closed(
    up: Up, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = up("127.0.0.1:0")
    assert "command" in line(process, "Mayday is up")
    told = line(process, "Lines are taken")
    assert "forward on 127.0.0.1:" in told
    assert "Slack: " in told
    state = str(tmp_path / "s")
    pids = running(Layout(tmp_path / "s"))
    assert len(pids) == 4
    for name in ("up", "receive", "stream", "command"):
        config = ["--config", str(tmp_path / "mayday.toml")]
        assert run([name, *config, "--state", state]) == 1, name  # one exit code for what runs already
    assert run(["doctor", *config, "--state", state]) in (0, 1)
    shown = capsys.readouterr().out
    assert all(f"{name} is up" in shown for name in ("receive", "stream", "command"))
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert not (tmp_path / "s" / "run" / "command.sock").exists()
