"""`mayday replay --explain` says why an incident was raised and what was folded into it, and refuses what is not there."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from report_days import START, line, write_day

import command_center.incidents.correlate as correlate
from bot.cli.explain_view import naming
from bot.cli.main import run
from command_center.incidents.reasons import KIND, plain_why
from storage.facts import SignalKind


class Replayed(NamedTuple):
    """What a replay of a day with an outage printed, and the only incident that it wrote, with its explanation."""

    folder: Path
    out: str
    incident: dict[str, object]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    folder, printed = tmp_path_factory.mktemp("day"), io.StringIO()
    out = folder / "incidents.json"
    with contextlib.redirect_stdout(printed):
        assert run(["replay", *write_day(folder), "--explain", "inc-1", "--json", str(out)]) == 0
    found: list[dict[str, object]] = json.loads(out.read_text())
    assert len(found) == 1
    return Replayed(folder, printed.getvalue(), found[0])


def test_the_answer_names_what_opened_it_the_rule_the_words_and_the_change(replayed: Replayed) -> None:
    out = replayed.out
    head = out.splitlines()[0]
    assert re.fullmatch(r"INC-1  SEV[12] \w+  billing runs out of a resource.*", head)
    for words in (
        "Opened          2026-03-02 03:20:",
        "of the table: SEV",
        "billing lies below gateway in the calls",
        "with the words “pool exhausted”",
        "chg-7: deploy of billing v2.4.0, 45 s before the first signal",
        "Folded into it: ",
        "opened it: ",
        "reported from 0.",
    ):
        assert words in out
    told, counts = out.split("\n1 file, ")
    assert all(line == line.rstrip() for line in told.splitlines())
    assert "1 incident" in counts


def test_every_signal_stands_with_score_threshold_evidence_time_and_reason(replayed: Replayed) -> None:
    explained = replayed.incident
    told = explained["explanation"]
    assert isinstance(told, dict)
    assert told["id"] == explained["incident"]
    assert (
        sum(each["times"] for each in told["folded"]) == told["signal_count"] == sum(told["reasons"].values())
    )
    assert [each["verdict"] for each in told["folded"]].count("opened") == 1
    assert {each["service"] for each in told["folded"]} == {"billing", "gateway"}
    for each in told["folded"]:
        assert each["score"] >= each["threshold"] > 0
        assert each["evidence"]
        assert each["at"] <= each["last_at"]
        assert each["why"] != plain_why("no such reason")
    assert told["severities"][-1]["severity"] == int(str(explained["severity"]).removeprefix("SEV"))
    assert all(step["rule"] >= 1 for step in told["severities"])
    assert [(each["service"], each["verdict"]) for each in told["held"]] == [("messaging", "held")]
    assert told["suspect"]["id"] == explained["suspect_change"] == "chg-7"


def test_an_incident_that_is_not_there_is_refused_with_those_that_are(
    replayed: Replayed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["replay", *write_day(replayed.folder), "--explain", "inc-12"]) == 2
    said = capsys.readouterr()
    assert said.err.strip() == "mayday: there is no INC-12 in this replay. It has INC-1"
    assert "billing runs out of a resource" in said.out  # the list, to choose from


def test_where_no_incident_was_opened_there_is_none_to_explain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "a.jsonl"
    logs.write_text(line(START, "billing", "started") + "\n")
    assert run(["replay", str(logs), "--explain", "INC-1"]) == 2
    assert "the replay opened no incident" in capsys.readouterr().err
    assert run(["replay", str(logs), "--explain", "all"]) == 0


@pytest.mark.parametrize("name", ["2", "INC-0", "INC-x", "", "INC-1 INC-2"])
def test_what_is_no_name_of_an_incident_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(["replay", str(tmp_path), "--explain", name]) == 2
    said = capsys.readouterr()
    assert "--explain takes the name of an incident, or all" in said.err
    assert said.out == ""


def test_names_stand_in_the_place_of_their_tokens_whichever_is_the_longer() -> None:
    shown = naming({"svc-a": "till", "svc-ab": "shop", "web": "web"})
    assert shown("svc-ab calls svc-a and web") == "shop calls till and web"


def test_every_reason_that_correlation_gives_and_every_kind_has_a_sentence() -> None:
    tree = ast.parse(inspect.getsource(correlate))
    words = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z]+(_[a-z]+)+", node.value)
    }
    reasons = words | {"storm", "returned"}
    assert {"two_weak_signals", "same_service", "came_back"} <= reasons
    assert {reason for reason in reasons if plain_why(reason) == plain_why("no such reason")} == set()
    assert set(KIND) == set(SignalKind)
