"""The examples of the pages that send lines are run as they stand, and what they send is read; both sides of one fit."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

from bot.config import parse
from stream.receive import protection
from stream.receivers.address import parse_address
from stream.receivers.testing import RunningReceiver, make_certificates

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


def test_the_agent_and_the_receiver_of_the_readme_fit_each_other(tmp_path: Path) -> None:
    text = (PAGE.parents[1] / "README.md").read_text("utf-8")
    (agent,) = re.findall(r"```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (receiver,) = re.findall(r"```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (output,) = yaml.safe_load(agent)["pipeline"]["outputs"]
    values = tomllib.loads(receiver)
    settings = parse(values).receive
    assert settings.forward is not None
    assert parse_address(settings.forward).port == output["port"]
    assert not parse_address(settings.forward).loopback
    assert output["shared_key"] == "${MAYDAY_SHARED_KEY}"
    assert output["tls"]
    made = make_certificates(tmp_path)
    values["receive"]["tls"] = {"certificate": str(made.server), "key": str(made.server_key)}
    found = protection(parse(values).receive, {"MAYDAY_SHARED_KEY": "a key"})
    assert found.tls is not None
    assert found.credentials is not None
    assert found.credentials.shared_key == b"a key"
