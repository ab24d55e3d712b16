"""What the terminal shows of a running command center: one incident in full, refusals with their exit codes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from slack_rig import GATE

from bot.cli.incident_view import local
from bot.cli.main import run
from command_center.access.operators import Directory, Operator, Role
from command_center.actions import Acknowledge, Note
from command_center.center import CommandCenter
from command_center.service import StoreService
from command_center.settings import CenterSettings
from models.clock import system_clock
from models.levels import Level
from storage.database import Database
from storage.facts import BlockFacts, Signal, SignalKind
from storage.layout import Layout
from storage.questions import QUESTIONS
from storage.seal import KeyRing

ME = Operator(id="oncall", name="On-call engineer", uid=os.getuid(), roles=(Role.ENGINEER,))
OTHER = Operator(id="other", name="Somebody else", uid=os.getuid() + 1, roles=(Role.ENGINEER,))
OFFSET = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}"
CHANGE = ["change", "record", "--service", "billing", "--kind", "deploy", "--version", "4.2.0"]


@contextmanager
def serving(root: Path, *operators: Operator) -> Iterator[CommandCenter]:
    """A command center on a real store below `root`, behind its socket."""
    layout = Layout(root).prepare()
    ring = KeyRing.load(layout, create=True, environ={})
    database = Database.open(layout, ring, system_clock)
    directory = Directory(operators)
    center = CommandCenter(database, GATE, directory, CenterSettings(), system_clock)
    service = StoreService(center, database, directory, GATE, layout)
    service.start()
    try:
        yield center
    finally:
        service.stop()
        database.close()


def mayday(root: Path, *words: str) -> int:
    return run([*words, "--state", str(root)])


def burst() -> BlockFacts:
    now = system_clock()
    signal = Signal(
        id="s1", kind=SignalKind.ERROR_BURST, service=GATE.name("billing"), template_id="t",
        template=GATE.template("no connection available in pool"), level=Level.ERROR, at=now, seen_at=now,
        score=0.99, threshold=0.8, evidence={"count": 14, "usual": 0.0, "window_s": 60},
    )  # fmt: skip
    return BlockFacts(shard=0, block=1, received_at=now, signals=(signal,))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path / "state"


def test_one_incident_is_shown_with_all_that_is_known_of_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(root, ME) as center:
        at = (system_clock() - timedelta(minutes=5)).isoformat()
        assert mayday(root, *CHANGE, "--at", at) == 0
        recorded = capsys.readouterr().out
        assert re.fullmatch(rf"Recorded: deploy of billing 4.2.0. \({OFFSET}\)\n", recorded), recorded
        center.apply([burst()])
        assert mayday(root, "incident", "show", "INC-1") == 0
        before = capsys.readouterr().out
        center.perform(Acknowledge(incident="INC-1"), ME, cause="test")
        center.perform(Note(incident="INC-1", text=GATE.text("restarting the second node")), ME, cause="test")
        assert mayday(root, "incident", "show", "INC-1") == 0
        after = capsys.readouterr().out
        incident = center.incident("INC-1")
    assert incident is not None
    assert before.startswith("INC-1  billing runs out of a resource\n")
    for name, value in [
        ("Severity", r"SEV\d (critical|major|moderate|minor)"),
        ("Status", "detected"),
        ("Service", "billing"),
        ("Since", OFFSET),
        ("Acknowledged", "by nobody yet"),
        ("Suspect change", f"deploy of billing 4.2.0, {OFFSET}"),
        ("Next due", f"acknowledgement by {OFFSET}"),
    ]:
        assert re.search(rf"^  {name} +{value} *$", before, re.MULTILINE), (name, before)
    assert "  - billing: 14 error lines, usually none: no connection available in pool" in before
    assert incident.acknowledged_at is not None
    assert re.search(
        rf"^  Acknowledged +{re.escape(local(incident.acknowledged_at.isoformat()))} by On-call engineer",
        after,
        re.MULTILINE,
    )
    assert re.search(rf"^  {OFFSET}  On-call engineer: .*restarting the second node", after, re.MULTILINE)


@pytest.mark.parametrize("at", ["2099-01-01T00:00:00Z", "1999-12-31T00:00:00Z"])
def test_a_change_at_a_time_that_cannot_be_meant_is_bad_input(
    root: Path, at: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(root, ME):
        assert mayday(root, *CHANGE, "--at", at) == 2
    assert capsys.readouterr().err.startswith("mayday: The time of that change lies ")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT tite FROM incident", "did you mean title"),
        ("SHOW TABLES", "FROM dictionary"),
        ("DROP TABLE x", "not one plain SELECT"),
    ],
)
def test_a_query_that_may_not_or_cannot_run_is_bad_input(
    root: Path, query: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(root, ME):
        assert mayday(root, "sql", query) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("open-incidents", "`mayday sql --question open-incidents` asks it"),
        ("incident", '`mayday sql "FROM incident"` shows all of it'),
        ("  ", 'For example `mayday sql "FROM incident"`'),
    ],
)
def test_a_name_in_place_of_a_query_is_answered_with_how_it_is_asked(
    root: Path, query: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`mayday sql --list` shows the names, so a name is what is typed next."""
    assert mayday(root, "sql", query) == 2
    assert remedy in capsys.readouterr().err


def test_the_list_of_questions_says_how_one_is_asked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mayday(root, "sql", "--list") == 0
    assert "`mayday sql --question NAME` asks one" in capsys.readouterr().out


def test_who_may_not_read_gets_no_key_to_the_live_copy(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(root, OTHER):
        assert mayday(root, "sql", "--attach") == 1
    said = capsys.readouterr()
    assert "may not do that" in said.err
    assert "ATTACH" not in said.out


def test_while_nobody_answers_the_configuration_says_who_may_read(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(root, ME):
        pass
    operator = '[[operators]]\nid = "oncall"\nname = "On-call engineer"\nroles = ["engineer"]\nuid = {}\n'
    config = root.parent / "mayday.toml"
    config.write_text(operator.format(os.getuid() + 1))
    assert mayday(root, "sql", "--attach") == 1
    assert "may not read the database" in capsys.readouterr().err
    config.write_text(operator.format(os.getuid()))
    assert mayday(root, "sql", "--attach") == 0
    assert "ATTACH" in capsys.readouterr().out
    config.unlink()
    assert mayday(root, "sql", "--attach") == 0


def in_python(line: str, root: Path) -> str:
    """What stock Python prints that is given one line to paste, with `mayday` on its path as the README has it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=root.parent, env=os.environ | {"PATH": path}, text=True,
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def publish_an_incident(root: Path) -> None:
    """Leave a live copy with one incident below `root`, and nothing that runs."""
    with serving(root, ME) as center:
        center.apply([burst()])
    layout = Layout(root)
    database = Database.open(layout, KeyRing.load(layout, create=False, environ={}), system_clock)
    assert database.publish()
    database.close()


def test_the_python_line_that_comes_with_the_lines_opens_the_live_copy(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_an_incident(root)
    assert mayday(root, "sql", "--attach") == 0
    said = capsys.readouterr()
    (line,) = [each for each in said.err.splitlines() if each.startswith("import duckdb")]
    assert "ENCRYPTION_KEY" in said.out
    assert "ENCRYPTION_KEY" not in said.err
    assert (
        "they hold keys. Whoever has them and can read the state's files reads all that is published"
        in said.err
    )
    ask = "; print(db.sql('SELECT title FROM incident').fetchall())"
    assert in_python(shlex.join(["python", "-c", line + ask]), root) == (
        "[('billing runs out of a resource',)]\n"
    )


def test_the_line_of_the_readme_that_asks_from_python_can_be_pasted(root: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (line,) = [each.strip() for each in readme.splitlines() if each.strip().startswith("python -c")]
    publish_an_incident(root)
    (root.parent / "mayday.toml").write_text(f'[state]\ndirectory = "{root}"\n')
    assert "billing runs out of a resource" in in_python(line, root)


@pytest.mark.parametrize(
    ("kind", "called"),
    [
        ("deploy", "deploy"),
        ("config", "configuration change"),
        ("migration", "migration"),
        ("flag", "feature flag"),
    ],
)
def test_every_kind_of_change_is_recorded_with_its_time(
    root: Path, kind: str, called: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at = system_clock() - timedelta(minutes=5)
    with serving(root, ME):
        words = ["--service", "billing", "--kind", kind, "--version", "4.2.0", "--at", at.isoformat()]
        assert mayday(root, "change", "record", *words) == 0
        assert capsys.readouterr().out.startswith(f"Recorded: {called} of billing 4.2.0.")
        asked = "SELECT kind, service, version, ts FROM change_marker"
        assert mayday(root, "sql", asked, "--json") == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["kind"], row["service"], row["version"]) == (kind, "billing", "4.2.0")
    assert datetime.fromisoformat(row["ts"]) == at


def test_the_named_questions_are_listed_without_anything_running_and_each_can_be_asked(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mayday(root, "sql", "--list") == 0
    shown = capsys.readouterr().out
    assert mayday(root, "sql", "--list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == [each.name for each in QUESTIONS]
    assert all(each["name"] in shown and each["asks"][:30] in shown for each in listed)
    with serving(root, ME):
        assert mayday(root, "sql", "--question", listed[0]["name"]) == 0
        assert mayday(root, "sql", "--question", "no-such-question") == 2
    assert "mayday sql --list" in capsys.readouterr().err


PLAN = ["maintenance", "add", "--service", "billing,api-gateway", "--reason", "restart"]


def test_maintenance_is_planned_listed_and_ended_at_the_terminal(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(root, ME) as center:
        assert mayday(root, *PLAN, "--for", "2h", "--callers") == 0
        assert (
            "MNT-1: maintenance of billing, api-gateway and whoever calls them runs for"
            in capsys.readouterr().out
        )
        center.apply([burst()])
        assert mayday(root, "maintenance", "list") == 0
        shown = capsys.readouterr().out
        (first,) = shown.splitlines()[1:]
        said = "billing, api-gateway and their callers +restart \\(oncall\\)"
        assert re.fullmatch(rf"MNT-1 +running +{OFFSET} +{OFFSET} +{said} +1 *", first)
        assert mayday(root, "maintenance", "end", "mnt-1") == 0
        assert "MNT-1 is over; it kept 1 signal quiet." in capsys.readouterr().out
        assert mayday(root, "maintenance", "list") == 0
        assert capsys.readouterr().out == "No maintenance.\n"
        assert mayday(root, "maintenance", "list", "--all", "--json") == 0
        (window,) = json.loads(capsys.readouterr().out)["windows"]
        assert (window["id"], window["state"], window["silenced"]) == ("MNT-1", "over", 1)
        assert center.incidents("all", None) == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "needs --for or --until, and not both"),
        (["--for", "2h", "--until", "2030-01-01T00:00:00Z"], "needs --for or --until, and not both"),
        (["--for", "soon"], "--for takes a length of time"),
        (["--for", "0m"], "--for takes a length of time"),
        (["--until", "tomorrow"], "--until takes a time in ISO 8601"),
        (["--for", "1h", "--from", "tomorrow"], "--from takes a time in ISO 8601"),
        (["--for", "30h"], "24 h is the most"),
        (["--until", "2020-01-01T00:00:00Z"], "would end before it begins"),
        (["--for", "1h", "--from", "9999-12-31T23:30:00Z"], "would"),
        (["--for", "1h", "--service", ","], "takes the name of a service"),
    ],
)
def test_maintenance_that_cannot_be_planned_is_refused_with_what_to_do(
    root: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [each for each in PLAN if "--service" not in options or each not in ("--service", PLAN[3])]
    with serving(root, ME) as center:
        assert mayday(root, *words, *options) == 2
        assert said in capsys.readouterr().err
        assert center.maintenance(over=True) == ()


def test_who_may_not_plan_maintenance_is_refused_at_the_terminal(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    viewer = Operator(id="viewer", name="Viewer", uid=os.getuid(), roles=(Role.VIEWER,))
    with serving(root, viewer):
        assert mayday(root, *PLAN, "--for", "2h") == 1
        assert "You may not plan or end maintenance" in capsys.readouterr().out
        assert mayday(root, "maintenance", "end", "MNT-1") == 1


def test_a_window_that_is_not_there_cannot_be_ended(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(root, ME):
        assert mayday(root, "maintenance", "end", "MNT-9") == 1
        assert "There is no such maintenance window" in capsys.readouterr().out
        assert mayday(root, "maintenance", "end", "INC-9") == 2
        assert "window" in capsys.readouterr().err


ELSEWHERE = "Asia/Kolkata"  # +05:30, all year
TIMED = [
    ["sql", "SELECT detected_at FROM incident", "--json"],
    ["sql", "SELECT detected_at FROM incident", "--csv"],
    ["incident", "show", "INC-1", "--json"],
    ["incident", "list", "all", "--json"],
    [*CHANGE, "--at", "{at}", "--json"],
]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process in another time zone."""
    with monkeypatch.context() as away:
        away.setenv("TZ", ELSEWHERE)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("words", TIMED, ids=lambda words: " ".join(words[:2] + words[-1:]))
def test_what_a_program_reads_is_in_utc_wherever_this_is(
    root: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    at = system_clock().isoformat()
    with serving(root, ME) as center:
        center.apply([burst()])
        mayday(root, *(word.format(at=at) for word in words))
    times = re.findall(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[:\d.]*([+-]\d\d:?\d\d|Z)?", capsys.readouterr().out)
    assert times
    assert set(times) <= {"Z", "+00:00"}


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    "words",
    [["incident", "show", "INC-1"], ["incident", "list", "all"], ["sql", "SELECT detected_at FROM incident"]],
)
def test_what_a_person_reads_is_in_the_time_of_this_place_with_its_offset(
    root: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(root, ME) as center:
        center.apply([burst()])
        assert mayday(root, *words) == 0
    times = re.findall(r"\d\d:\d\d:\d\d([+-]\d{4})", capsys.readouterr().out)
    assert set(times) == {"+0530"}
