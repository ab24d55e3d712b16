"""`mayday spool reread` sets the stored state aside and says what will be read again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.cli.main import run
from models.clock import FrozenClock
from storage.layout import Layout
from storage.seal import KeyRing
from stream.spool import Quarantine, SpoolSettings, SpoolWriter
from stream.spool.testing import numbered_entry


def test_it_says_what_is_read_again_and_takes_the_state_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(tmp_path / "state").prepare()
    ring = KeyRing.load(layout, create=True)
    clock = FrozenClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
    with SpoolWriter.open(layout.spool, ring, SpoolSettings(), clock) as writer:
        writer.append(numbered_entry(1, received_ns=int(clock().timestamp()) * 10**9)).result(20)
    (layout.recovery / "flow").mkdir()
    assert run(["spool", "reread", "--state", str(layout.root)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "reads 1 blocks again, from block 0 on, which was received at 2026-03-02 03:00:00 UTC" in said
    assert not (layout.recovery / "flow").exists()
    assert run(["spool", "reread", "--state", str(layout.root)]) == 0
    assert "There was no stored state." in capsys.readouterr().out


def test_it_refuses_while_the_stream_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = Layout(tmp_path / "state").prepare()
    (layout.recovery / "flow").mkdir()
    with Quarantine.open(layout.spool, KeyRing.load(layout, create=True), SpoolSettings()):
        assert run(["spool", "reread", "--state", str(layout.root)]) == 1
    assert "Stop `mayday stream` first" in capsys.readouterr().err
    assert (layout.recovery / "flow").exists()
