"""mayday status names the agents that were heard, past the gate, and says who has gone quiet."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.main import run
from storage.layout import Layout
from storage.seal import KeyRing
from stream.receiver_status import make_status, write_status
from stream.receivers.metrics import AgentCounters, Metrics

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A state with a key."""
    made = Layout(tmp_path / "state").prepare()
    KeyRing.load(made, create=True)
    return made


def heard(layout: Layout) -> None:
    """The receiver has heard two agents for an hour; one stopped ten minutes ago."""
    metrics = Metrics()
    for name, last in (("billing", 3590), ("zubroqua-host", 3000)):
        seen = int((START + timedelta(seconds=last)).timestamp() * 1e9)
        metrics.agents[name] = AgentCounters(messages=1800, bytes=250_000, last_seen_ns=seen)
    status = make_status(
        metrics, KeyRing.load(layout, create=False), state="receiving", started_at=START,
        at=START + timedelta(hours=1), listeners={}, no_room=None, in_flight=0, most_in_flight=0,
    )  # fmt: skip
    write_status(layout, status)


def test_status_names_the_agents_and_says_who_has_gone_quiet(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    heard(layout)
    run(["status", "--state", str(layout.root)])
    shown = capsys.readouterr().out
    rows = {line.split()[0]: line for line in shown.splitlines() if "1,800" in line}
    assert "GONE QUIET" not in rows["billing"]
    assert "03:59:50 UTC" in rows["billing"]
    (missed,) = (line for name, line in rows.items() if name != "billing")
    assert "GONE QUIET" in missed
    assert "zubroqua" not in shown, "a name that nobody approved stands as a token"


def test_status_as_json_has_the_agents_too(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    heard(layout)
    run(["status", "--json", "--state", str(layout.root)])
    first, second = json.loads(capsys.readouterr().out)["agents"]
    assert (first["gone_quiet"], first["quiet_s"], first["messages"]) == (True, 600, 1800)
    assert (second["agent"], second["gone_quiet"], second["quiet_s"]) == ("billing", False, 10)


def test_status_without_a_receiver_or_its_key_names_nobody(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["status", "--json", "--state", str(layout.root)])
    assert json.loads(capsys.readouterr().out)["agents"] == []
    heard(layout)
    layout.master_key.unlink()
    run(["status", "--json", "--state", str(layout.root)])
    assert json.loads(capsys.readouterr().out)["agents"] == []
    assert not layout.master_key.exists(), "asking for the status makes no key"
