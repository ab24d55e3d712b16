"""Made-up days are days: equal by seed, in order, and all kinds of trouble come up; and a day can be replayed into incidents."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.days.catalog import CATEGORIES
from benchmarks.days.records import write_day
from benchmarks.days.simulate import play
from benchmarks.incident_day import main, run
from command_center.incidents.category import CATEGORIES as KNOWN


def test_a_seed_gives_the_same_day_to_the_byte_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_day(play(seed, 0.6), tmp_path / name)
    files = ("logs.jsonl.gz", "changes.jsonl", "services.json", "truth.json")
    a, b, c = ([(tmp_path / name / file).read_bytes() for file in files] for name in "abc")
    assert a == b
    assert a[0] != c[0]


def test_lines_stand_in_order_of_arrival_and_name_services_of_the_day(tmp_path: Path) -> None:
    day = play(5, 0.6)
    write_day(day, tmp_path)
    assert [line.arrival for line in day.lines] == sorted(line.arrival for line in day.lines)
    with gzip.open(tmp_path / "logs.jsonl.gz", "rt") as lines:
        assert {json.loads(line)["service"] for line in lines} <= set(day.services)


def test_every_kind_of_trouble_and_of_harmless_event_comes_up_and_the_product_knows_it() -> None:
    assert set(CATEGORIES) <= KNOWN
    seen = {event.category for seed in range(5) for event in play(seed, 1.2).events}
    assert len(seen) >= 7
    for seed in range(2):
        day = play(seed, 1.2)
        for event in day.events:
            assert event.root_service in event.affected_services
            assert event.start <= event.detectable_from <= event.end
            assert event.change is None or event.change.time < event.start


def test_a_day_is_replayed_with_and_without_its_graph(tmp_path: Path) -> None:
    write_day(play(7, 0.1), tmp_path)
    for graph in (True, False):
        summary = run(tmp_path, graph=graph)
        assert summary.lines > 500


def test_a_folder_without_a_day_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--out", str(tmp_path / "out.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
