"""The examples of docs/operations.md that send lines are run as they stand, and what they send is read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from stream.receivers.testing import RunningReceiver

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def test_what_the_page_sends_over_http_arrives(tmp_path: Path) -> None:
    section = PAGE.read_text("utf-8").split("\n## Sending lines over HTTP\n")[1]
    (script,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    with RunningReceiver(tmp_path, http="127.0.0.1:0") as receiver:
        host, port = receiver.address("http")
        done = subprocess.run(
            ["sh", "-e", "-c", script.replace("127.0.0.1:9880", f"{host}:{port}")],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    rows = receiver.records()
    assert [(row["tag"], row["ts"]["sec"]) for row in rows] == [
        ("app.billing", 1_772_420_400),
        ("app.billing", 1_772_420_401),
        ("app.worker", 1_772_420_402),
        ("app.worker", 1_772_420_403),
        ("", 1_772_420_404),
    ]
    assert rows[4]["record"] == {"body": "claim queue exhausted"}
    assert receiver.status().refused == {}
