"""What answers and settings look like: nothing is cut, whether they go to a terminal or to a file."""

from __future__ import annotations

import os
import re
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from test_cli_answers import ME, serving

from bot.cli import incident, maintenance
from bot.cli.config import _show
from bot.cli.main import run
from bot.cli.rows import show_rows
from bot.config import keys

LONG = "words that say at some length what a column of the database means " * 2


def shown(names: list[str], rows: list[list[str]], *, width: int, terminal: bool = True) -> str:
    out = StringIO()
    console = Console(
        file=out, width=width, force_terminal=terminal, color_system=None, markup=False, highlight=False
    )
    show_rows(console, names, rows)
    return out.getvalue()


@given(
    st.lists(
        st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=60), min_size=1, max_size=8
    ),
    st.integers(20, 120),
    st.booleans(),
)
def test_every_character_of_every_cell_is_shown(cells: list[str], width: int, terminal: bool) -> None:
    text = shown([f"name{at}" for at in range(len(cells))], [cells], width=width, terminal=terminal)
    assert "…" not in text
    for cell in cells:
        assert all(text.count(character) >= cell.count(character) for character in cell)


def test_a_file_gets_one_whole_line_for_each_row_however_narrow_the_terminal_was() -> None:
    lines = shown(["id", "text"], [["1", LONG], ["2", LONG]], width=20, terminal=False).splitlines()
    assert [line.strip() for line in lines[1:]] == [f"{n}   {LONG.strip()}" for n in (1, 2)]


def test_on_a_terminal_one_long_column_wraps_and_the_others_stand_whole() -> None:
    names = ["table_name", "column_name", "meaning"]
    lines = shown(names, [["incident", "acknowledged_at", LONG]], width=80).splitlines()
    assert len(lines) > 2
    assert lines[1].startswith("incident    acknowledged_at  words that")
    assert max(map(len, lines)) <= 80


def test_on_a_terminal_columns_that_do_not_fit_become_a_block_for_each_row() -> None:
    text = shown([f"column_{at}" for at in range(9)], [[f"a value of {at}" for at in range(9)]], width=60)
    assert text.splitlines()[0] == "row 1"
    assert "column_8  a value of 8" in text


def test_data_is_never_taken_for_markup_or_a_picture() -> None:
    assert "[bold]x[/bold] :smile:" in shown(["a"], [["[bold]x[/bold] :smile:"]], width=80)


def test_an_answer_in_a_pipe_is_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "30")
    with serving(tmp_path / "state", ME):
        assert run(["sql", "FROM dictionary", "--state", str(tmp_path / "state")]) == 0
        said = capsys.readouterr()
        assert run(["sql", "FROM dictionary", "--csv", "--state", str(tmp_path / "state")]) == 0
        rows = capsys.readouterr().out.splitlines()
    assert "…" not in said.out
    assert len(said.out.splitlines()) == len(rows)
    assert said.err.strip() == f"{len(rows) - 1} rows"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_keys_of_the_configuration_can_be_copied_at_every_width(width: int) -> None:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    _show(console, [[path, '"value"', "default", field.description or ""] for path, field in keys()])
    first = {line.split(" ")[0] for line in out.getvalue().splitlines()}
    assert {path for path, _ in keys()} <= first
    assert "…" not in out.getvalue()
    if width >= 80:
        assert max(map(len, out.getvalue().splitlines())) <= width


def test_the_configuration_in_a_pipe_has_one_line_for_each_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "40")
    assert os.environ["COLUMNS"] == "40"
    assert run(["config", "show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("receive.max_connections ") and "default" in line for line in lines)
    known = {path for path, _ in keys()}
    assert {line.split(" ")[0] for line in lines[1:]} <= known


def test_into_a_pipe_one_long_cell_does_not_make_every_line_long() -> None:
    out = StringIO()
    show_rows(
        Console(file=out, width=80), ("key", "value", "what"), [["a", "x" * 2000, "one"], ["b", "1", "two"]]
    )
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert "x" * 2000 in lines[1]
    assert len(lines[2]) < 60


@pytest.mark.parametrize("terminal", [True, False])
def test_lists_of_incidents_and_maintenance_break_no_name_state_or_time(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = "2026-03-02T03:00:05+00:00"
    incidents = {"ok": True, "incidents": [
        {"id": f"INC-{n}", "severity": 2, "status": "acknowledged", "detected_at": at, "service": "patient-records",
         "title": "Connections to records-db run out, and requests of three services wait"} for n in (8, 12)
    ]}  # fmt: skip
    windows = {"ok": True, "windows": [
        {"id": "MNT-12", "state": "in_force", "starts_at": at, "ends_at": at, "ended_at": None, "silenced": 4711,
         "services": ["patient-records", "billing"], "with_callers": True, "reason": "new disks", "added_by": "oncall"}
    ]}  # fmt: skip
    for show, whole in (
        (
            lambda: incident._show(incidents, listed="open"),
            ["INC-12", "acknowledged", "SEV2", "patient-records"],
        ),
        (lambda: maintenance._show_windows(windows["windows"]), ["MNT-12", "in force", "4711"]),
    ):
        out = StringIO()
        console = Console(file=out, width=80, force_terminal=terminal, color_system=None, markup=False)
        for module in (incident, maintenance):
            monkeypatch.setattr(module, "console", lambda console=console: console)
        show()
        said = out.getvalue().splitlines()
        assert all(any(each in line for line in said) for each in [*whole, "2026-03-0"])
        assert any(re.search(r"\b\d\d:\d\d:\d\d[+-]\d{4}\b", line) for line in said)
        if terminal:
            assert max(map(len, said)) <= 80
        else:  # a line for each
            assert len(said) == (3 if "INC-12" in out.getvalue() else 2)


def test_numbers_are_shown_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mayday.toml"
    file.write_text("[stream.detectors]\nfalse_alarms = 1e-06\n")
    assert run(["config", "show", "-c", str(file)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^stream\.detectors\.false_alarms +0\.000001 +file ", said, re.MULTILINE)
    assert not re.search(r"\de[+-]?\d", said)
