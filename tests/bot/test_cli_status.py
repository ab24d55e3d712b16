"""mayday status says in words what runs, what is wrong and which incidents are open; internals are in --json alone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from slack_rig import GATE
from test_cli_answers import burst

from bot.cli.main import run
from bot.cli.status_view import show_status
from command_center.access.operators import Directory, Operator, Role
from command_center.center import CommandCenter
from command_center.service import StoreService
from command_center.settings import CenterSettings
from models.clock import FrozenClock, system_clock
from storage.database import Database
from storage.layout import Layout
from storage.seal import KeyRing
from stream.flow_status import Progress, status_path
from stream.receiver_status import make_status, write_status
from stream.receivers.metrics import AgentCounters, Metrics

OPERATOR = '[[operators]]\nid = "oncall"\nname = "On-call engineer"\nroles = ["engineer"]\nuid = {}\n'
QUIET = {"slack": "connected", "slack_trouble": "", "cards_behind": 0}


@contextmanager
def running(
    root: Path, said: Mapping[str, object], *, incident: bool = False, uid: int | None = None
) -> Iterator[Database]:
    """All three processes, as far as the status can tell: this one stands for each of them."""
    layout = Layout(root).prepare()
    ring = KeyRing.load(layout, create=True, environ={})
    now = system_clock()
    metrics = Metrics()
    metrics.agents["billing"] = AgentCounters(
        messages=1800, bytes=250_000, last_seen_ns=int(now.timestamp() * 1e9)
    )
    write_status(layout, make_status(
        metrics, ring, state="receiving", started_at=now - timedelta(hours=3), at=now,
        listeners={"forward": "127.0.0.1:24224"}, no_room=None, in_flight=0, most_in_flight=0,
    ))  # fmt: skip
    clock = FrozenClock(now - timedelta(seconds=100))
    progress = Progress(status_path(layout), clock)
    clock.move(100)
    progress.lines = 5000
    progress.write()
    database = Database.open(layout, ring, system_clock)
    me = Operator(
        id="oncall", name="On-call engineer", uid=os.getuid() if uid is None else uid, roles=(Role.ENGINEER,)
    )
    directory = Directory((me,))
    center = CommandCenter(database, GATE, directory, CenterSettings(), system_clock)
    service = StoreService(center, database, directory, GATE, layout)
    for name, value in said.items():
        service.report(name, lambda value=value: value)  # type: ignore[misc]
    service.start()
    try:
        if incident:
            center.apply([burst()])
        yield database
    finally:
        service.stop()
        database.close()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "mayday.toml").write_text(OPERATOR.format(os.getuid()))
    return tmp_path / "state"


def entries(database: Database) -> int:
    """How many entries the audit chain has."""
    return len(database.read(lambda reader: reader.execute("SELECT seq FROM audit_log")))


def status(root: Path, *more: str) -> int:
    return run(["status", "--state", str(root), *more])


def test_each_process_is_one_line_of_words(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(root, QUIET):
        assert status(root) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"receive +up for 3 h 0 min; last message \d s ago; forward on 127.0.0.1:24224", lines[0]
    )
    assert re.fullmatch(r"stream +up for 1\d\d s; 5,000 lines read \(50 a second\); nothing waits", lines[1])
    assert re.fullmatch(r"command +up for \d s; Slack connected", lines[2])
    assert lines[3:5] == ["", "No incident is open."]


def test_no_internals_are_shown_and_json_has_them_all(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(root, QUIET):
        status(root)
        shown = capsys.readouterr().out
        status(root, "--json")
        found = json.loads(capsys.readouterr().out)
    sealed = found["processes"]["receive"]["details"]["agents_sealed"]
    assert sealed[:20] not in shown
    assert found["incidents"] == []
    assert not re.search(r"None|_at|_seq|T\d\d:\d\d|[A-Za-z0-9+/]{40}", shown), shown


def test_open_incidents_are_listed_with_their_age(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(root, QUIET, incident=True):
        assert status(root) == 0
        shown = capsys.readouterr().out
        status(root, "--json")
        found = json.loads(capsys.readouterr().out)
    assert re.search(r"^INC-1 +SEV\d +\d s +billing runs out of a resource *$", shown, re.MULTILINE), shown
    assert [each["id"] for each in found["incidents"]] == ["INC-1"]


def test_who_is_no_operator_reads_how_many_and_leaves_no_attempt_behind(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root.parent / "mayday.toml").write_text(OPERATOR.format(os.getuid() + 1))
    with running(root, QUIET, incident=True, uid=os.getuid() + 1) as database:
        before = entries(database)
        assert status(root) == 0
        shown = capsys.readouterr().out
        assert entries(database) == before
        run(["incident", "list", "--state", str(root)])
        assert entries(database) > before, "asking for the list itself is entered"
    assert "Open incidents: 1." in shown
    assert "billing runs out" not in shown


def test_what_the_stream_forgot_for_want_of_room_is_said() -> None:
    forgot = {"lines": 5000, "services_forgotten": 1, "templates_forgotten": 2300}
    up = {"up": True, "failures": 0, "trouble": None, "details": {}}
    found = {
        "processes": {"receive": up, "stream": up | {"details": forgot}, "command": up},
        "spool_damage": 0,
        "open_incidents": 0,
        "incidents": [],
    }
    out = Console(record=True, width=200)
    show_status(out, found, [], datetime(2026, 3, 2, tzinfo=UTC))
    assert "forgot 1 service and 2,300 templates for want of room" in out.export_text()


def test_trouble_has_a_line_of_its_own_and_exit_code_1(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble = "Slack cannot be reached (URLError)"
    with running(root, {"slack": "connecting", "slack_trouble": trouble, "cards_behind": 1}):
        assert status(root) == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"slack: {trouble}" in lines
    assert "Slack connecting; 1 card waits to be posted" in lines[2]


def test_where_nothing_runs_the_state_directory_is_named_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "state"
    assert run(["status", "--state", str(root)]) == 1
    said = capsys.readouterr().out
    assert f"Nothing runs on the state directory {root}. `mayday up` starts it" in said
    assert "`-c FILE`" in said
    assert run(["status", "--state", str(root), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["state"] == str(root)
    with running(root, QUIET):
        run(["status", "--state", str(root)])
        assert "Nothing runs" not in capsys.readouterr().out


def test_a_list_of_the_open_incidents_that_is_empty_says_so_and_how_all_are_listed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(root, QUIET):
        assert run(["incident", "list", "--state", str(root)]) == 0
        assert capsys.readouterr().out.startswith("No incident is open. `mayday incident list all` shows")
        assert run(["incident", "list", "all", "--state", str(root)]) == 0
        assert capsys.readouterr().out == "No incidents.\n"
