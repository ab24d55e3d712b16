"""mayday spool info --verify reads every frame and says what is damaged."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.cli.main import run
from models.clock import FrozenClock
from storage.layout import Layout
from storage.seal import KeyRing
from stream.spool import SpoolSettings, SpoolWriter
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
