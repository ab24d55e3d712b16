"""mayday spool info --verify reads every frame and says what is damaged; from then on export, status and doctor say it too."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.cli.main import run
from bot.cli.status import gather
from bot.config import Config
from bot.doctor import Circumstances, State, check_spool
from models.clock import FrozenClock
from storage.layout import Layout
from storage.seal import KeyRing
from stream.spool import Quarantine, Quarantined, SpoolSettings, SpoolWriter
from stream.spool.segment import numbers, path_of
from stream.spool.testing import numbered_entry

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A state with a spool of twenty blocks."""
    made = Layout(tmp_path / "state").prepare()
    ring = KeyRing.load(made, create=True)
    with SpoolWriter.open(made.spool, ring, SpoolSettings(min_free_bytes=0), FrozenClock(START)) as writer:
        for number in range(20):
            writer.append(numbered_entry(number)).result(10)
    return made


def info(layout: Layout, *more: str) -> int:
    return run(["spool", "info", "--state", str(layout.root), *more])


def damage(layout: Layout) -> None:
    """Change one byte in the middle of the first segment."""
    path = path_of(layout.spool, numbers(layout.spool)[0])
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)


def test_a_whole_spool_is_said_to_be_whole(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert info(layout, "--verify") == 0
    assert "Every frame was read: 20 blocks, nothing is damaged." in capsys.readouterr().out


def test_a_damaged_frame_is_named_with_its_place_and_exit_code_1(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(layout)
    assert info(layout, "--verify") == 1
    shown = capsys.readouterr().out
    assert "Segment 0, byte " in shown or "Segment 1, byte " in shown
    assert "nothing is damaged" not in shown


def test_as_json_the_damage_is_a_list_and_the_exit_code_the_same(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert info(layout, "--verify", "--json") == 0
    assert json.loads(capsys.readouterr().out)["damage"] == []
    damage(layout)
    assert info(layout, "--verify", "--json") == 1
    assert len(json.loads(capsys.readouterr().out)["damage"]) == 1


def test_without_verify_nobody_has_looked(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    damage(layout)
    assert info(layout, "--json") == 0
    assert json.loads(capsys.readouterr().out)["damage"] is None


def test_an_export_of_a_damaged_spool_prints_the_rest_names_each_place_and_fails(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["spool", "export", "--state", str(layout.root)]) == 0
    assert capsys.readouterr().err == ""
    damage(layout)
    assert run(["spool", "export", "--state", str(layout.root)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("Segment 1, byte ")
    assert said[1] == "What stood there is not in this export."


def test_a_segment_that_was_lost_before_the_receiver_started_again_is_missed_by_every_later_export(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    path_of(layout.spool, numbers(layout.spool)[-1]).unlink()
    ring = KeyRing.load(layout, create=False)
    with SpoolWriter.open(layout.spool, ring, SpoolSettings(min_free_bytes=0), FrozenClock(START)):
        pass
    assert run(["spool", "export", "--state", str(layout.root)]) == 1
    assert "segments are missing" in capsys.readouterr().err


def test_status_and_doctor_are_red_once_damage_is_known(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    at = Circumstances(Config(), layout, FrozenClock(START), {})
    assert [finding.state for finding in check_spool(at)] == [State.GOOD]
    assert gather(layout)["spool_damage"] == 0
    damage(layout)
    assert info(layout, "--verify") == 1
    assert info(layout) == 1
    (finding,) = check_spool(at)
    assert finding.state is State.WRONG
    assert "segment 1, byte " in finding.sentence
    capsys.readouterr()
    assert run(["status", "--state", str(layout.root)]) == 1
    assert "spool: DAMAGED at 1 place" in capsys.readouterr().out


def test_the_doctor_sees_a_missing_segment_by_itself(layout: Layout) -> None:
    path_of(layout.spool, numbers(layout.spool)[0]).unlink()
    at = Circumstances(Config(), layout, FrozenClock(START), {})
    assert State.WRONG in [finding.state for finding in check_spool(at)]


def test_a_person_reads_times_sizes_and_reasons_and_no_internals(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = KeyRing.load(layout, create=False)
    with Quarantine.open(layout.spool, ring, SpoolSettings()) as quarantine:
        quarantine.add([Quarantined(1, 0, 0, "bad_gzip", numbered_entry(1))])
    assert info(layout) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for word in ("None", "null", "_ns", "[", "{"):
        assert word not in shown
    assert "Blocks 20, number 0 to 19" in shown
    assert re.search(r"Files \d+, [\d.]+ [kM]B", shown), shown
    assert re.search(r"Newest received \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}", shown), shown
    assert "Read by the stream nothing yet Waiting for it 20 blocks" in shown
    assert "Kept aside 1 that did not decode: bad_gzip 1" in shown


def test_an_empty_spool_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = Layout(tmp_path / "state").prepare()
    KeyRing.load(layout, create=True)
    assert info(layout) == 0
    shown = capsys.readouterr().out
    assert "none" in shown
    assert "None" not in shown
