"""mayday doctor finds what is wrong and says how to mend it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.config import parse
from bot.doctor import Circumstances, Finding, State, examine
from models.clock import FrozenClock
from storage.layout import Layout
from storage.seal import KeyRing

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
LISTEN: dict[str, Any] = {"receive": {"forward": "127.0.0.1:0", "http": "off", "otlp": "off"}}
ME: dict[str, Any] = {
    "operators": [{"id": "oncall", "name": "On-call engineer", "uid": 1, "roles": ["engineer"]}]
}


def look(
    tmp_path: Path, values: dict[str, Any], environment: Mapping[str, str] | None = None
) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in examine(
        Circumstances(parse(LISTEN | values), Layout(tmp_path), FrozenClock(NOW), environment or {})
    ):
        found.setdefault(finding.subject, []).append(finding)
    return found


def test_every_finding_that_is_not_good_says_what_to_do(tmp_path: Path) -> None:
    for findings in look(tmp_path, {}).values():
        assert all(each.remedy for each in findings if each.state is not State.GOOD)


def test_without_operators_nobody_may_do_anything_and_that_is_wrong(tmp_path: Path) -> None:
    assert look(tmp_path, {})["people"][0].state is State.WRONG
    assert look(tmp_path, ME)["people"][0].state is State.GOOD


def test_a_key_that_others_can_read_is_wrong(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    KeyRing.load(layout, create=True)
    assert look(tmp_path, ME)["keys"][0].state is State.GOOD
    layout.master_key.chmod(0o644)
    assert look(tmp_path, ME)["keys"][0].state is State.WRONG


def test_an_address_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = look(tmp_path, {"receive": {"forward": f"127.0.0.1:{port}", "http": "off", "otlp": "off"}})[
            "ports"
        ]
    assert found[0].state is State.WRONG
    assert "Address already in use" in found[0].sentence


@pytest.mark.parametrize(
    ("bot", "app", "state"),
    [
        ("xoxb-1", "xapp-1", State.GOOD),
        ("xoxp-1", "xapp-1", State.WRONG),
        ("xoxb-1", "", State.WRONG),
        ("", "", State.LOOK),
    ],
)
def test_tokens_of_the_wrong_kind_are_found_and_never_shown(
    tmp_path: Path, bot: str, app: str, state: State
) -> None:
    found = look(tmp_path, {}, {"MAYDAY_SLACK_BOT_TOKEN": bot, "MAYDAY_SLACK_APP_TOKEN": app})["slack"][0]
    assert found.state is state
    assert "xoxp-1" not in found.sentence + found.remedy


def test_a_clock_behind_what_was_written_is_wrong(tmp_path: Path) -> None:
    layout = Layout(tmp_path).prepare()
    (layout.spool / "segment").touch()  # written now, which is later than the frozen clock
    assert look(tmp_path, {})["clock"][0].state is State.WRONG


def test_a_variable_that_opens_a_port_is_wrong(tmp_path: Path) -> None:
    found = look(tmp_path, {}, {"BYTEWAX_DATAFLOW_API_ENABLED": "0"})["packages"]
    assert any(each.state is State.WRONG and "BYTEWAX" in each.sentence for each in found)
