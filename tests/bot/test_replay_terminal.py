"""`mayday replay` before a person: a bar that moves while it runs, nothing of it elsewhere, a summary at the end."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
SUMMARY = re.compile(r"1 file, 60,000 lines, 1 service, \d+ templates?, 0 incidents, [\d,]+ lines/s")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    path = tmp_path / "billing.log"
    with path.open("w") as file:
        for number in range(60_000):
            at = (START + timedelta(seconds=number / 50)).isoformat()
            row = {
                "timestamp": at,
                "host": "h",
                "service": "billing",
                "level": "INFO",
                "message": f"request {number} done",
            }
            file.write(json.dumps(row) + "\n")
    return path


def command(logs: Path) -> list[str]:
    return [sys.executable, "-m", "bot.cli", "replay", str(logs)]


def test_on_a_terminal_a_bar_says_how_far_it_is(logs: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color"}
    with subprocess.Popen(
        command(logs), cwd=logs.parent, env=environment, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed: Linux says so with EIO
                break
            if not piece:
                break
            said += piece
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    assert process.returncode == 0, text
    shares = [int(share) for share in re.findall(r"replaying .*?(\d+)%", text)]
    assert len(set(shares)) > 3
    assert shares == sorted(shares)
    assert SUMMARY.search(" ".join(text.split()))


def test_into_a_file_goes_the_summary_alone(logs: Path) -> None:
    done = subprocess.run(
        command(logs),
        cwd=logs.parent,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert "replaying" not in done.stdout + done.stderr
    assert SUMMARY.search(" ".join(done.stdout.split()))
