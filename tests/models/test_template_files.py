"""What is promised of whole files: a template for every line, whatever became of it in between."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks.templates import predict
from models.sample_lines import sample_lines
from models.settings import TemplateSettings
from models.template_files import mine_lines
from stream.decode.traces import Trace

LINES = sample_lines(1500, seed=4, wild=0.05)


def test_lines_that_merged_late_have_one_id_and_the_final_template() -> None:
    names = ("Ann", "Bea", "Cid", "Dan", "Eva", "Fay", "Gus", "Hal", "Ina", "Jan")
    found = mine_lines([f"told the ward to wait for {name}" for name in names], content=True)
    assert set(found.ids) == set(found.templates)
    assert list(found.templates.values()) == ["told the ward to wait for <*>"]


def test_a_template_that_was_forgotten_on_the_way_still_has_its_text() -> None:
    found = mine_lines(LINES, content=True, settings=TemplateSettings(max_templates=10))
    assert len(found.ids) == len(LINES)
    assert all(found.templates[each] for each in found.ids)


def test_a_header_changes_nothing_but_the_count_of_headers() -> None:
    bare = mine_lines(LINES, content=True)
    headed = mine_lines(
        [f"2026-03-02 03:{n % 60:02}:00 INFO {text}" for n, text in enumerate(LINES)], content=False
    )
    assert headed.ids == bare.ids
    assert headed.templates == bare.templates
    assert (bare.headers, headed.headers) == (0, len(LINES))


@pytest.mark.parametrize(
    "trace",
    [
        [
            "java.lang.IllegalStateException: no bed",
            "\tat app.ward.Beds.take(Beds.java:12)",
            "Caused by: a.B: c",
            "\t... 3 more",
        ],
        [
            "Traceback (most recent call last):",
            '  File "beds.py", line 3, in take',
            "    take(7)",
            "KeyError: 7",
        ],
        [
            "goroutine 7 [running]:",
            "main.take(0xc000010000)",
            "\t/srv/beds.go:12 +0x1d",
            "created by main.main",
        ],
    ],
)
def test_a_trace_belongs_to_the_record_before_it(trace: list[str]) -> None:
    lines = []
    for n in range(60):
        lines.append(f"2026-03-02 03:{n % 60:02}:00 ERROR bed {n} could not be taken")
        lines += trace if n % 7 == 3 else []
    found = mine_lines(lines, content=False, trace=Trace())
    assert set(found.ids) == set(found.templates)
    assert list(found.templates.values()) == ["bed <NUM> could not be taken"]


def test_the_benchmark_writes_one_csv_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        (tmp_path / "sets" / name / "content.log").write_text("\n".join(LINES[:50]) + "\n")
        (tmp_path / "sets" / name / "raw.log").write_text(
            "\n".join(f"Mar  2 03:00:{n:02} lab bedd[7]: {text}" for n, text in enumerate(LINES[:50]))
        )
    predict(tmp_path / "sets", tmp_path / "content", raw=False)
    predict(tmp_path / "sets", tmp_path / "raw", raw=True)
    for name in ("one", "two"):
        with (tmp_path / "content" / f"{name}.csv").open(newline="") as file:
            content = list(csv.reader(file))
        assert content[0] == ["LineId", "TemplateId", "Template"]
        assert len(content) == 51
        assert (tmp_path / "raw" / f"{name}.csv").read_text() == (
            tmp_path / "content" / f"{name}.csv"
        ).read_text()
    assert "two: 50 lines" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="there is no <set>"):
        predict(tmp_path, tmp_path / "none", raw=True)
