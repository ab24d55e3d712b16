"""What `mayday spool export` prints: one JSON line a record, whatever its bytes are, and nothing without the key."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import msgpack
import pytest

from bot.cli.main import run
from models.clock import system_clock
from storage.layout import Layout
from storage.seal import KeyRing
from stream.spool import Entry, Kind, SpoolSettings, SpoolWriter

RECEIVED_NS = 1_700_000_000_250_000_000
AT = b"\xd7\x00" + struct.pack(">II", 1_600_000_000, 7)


@pytest.fixture
def layout(tmp_path: Path, empty_state: Path) -> Layout:
    """A state with one message: a record of text and bytes between group markers, and one that is not UTF-8."""
    layout = Layout(shutil.copytree(empty_state, tmp_path / "state"))
    (tmp_path / "state" / "mayday.toml").write_text('[state]\ndirectory = "."\n')
    marker = msgpack.packb(
        [[msgpack.ExtType(0, struct.pack(">ii", -1, 0)), {"schema": "otlp"}], {"scope": {}}]
    )
    record = msgpack.packb({"log": "up", "code": b"\x00\xff"})
    first = b"\x92\x92" + AT + msgpack.packb({"severity": "WARN"}) + record
    second = b"\x92" + AT + b"\x81\xa3log\xa5caf\xe9\xff"
    raw = b"\x92\xa3app\x93" + marker + first + second
    ring = KeyRing.load(layout, create=False, environ={})
    with SpoolWriter.open(layout.spool, ring, SpoolSettings(), system_clock) as writer:
        entry = Entry(Kind.FORWARD, RECEIVED_NS, "agent-1", "192.0.2.1:1", "app", "chunk-1", {}, raw)
        writer.append(entry).result(10)
    return layout


def export(layout: Layout) -> int:
    return run(["spool", "export", "--config", str(layout.root / "mayday.toml")])


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_row_has_all_that_is_known_of_a_record(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(layout) == 0
    first, _ = rows(capsys)
    assert list(first) == [
        "agent", "tag", "chunk", "received_at", "ts", "metadata", "group", "record", "flags",
    ]  # fmt: skip
    received = first.pop("received_at")
    assert received.startswith("20")
    assert received.endswith("Z")
    assert first == {
        "agent": "agent-1",
        "tag": "app",
        "chunk": "chunk-1",
        "ts": {"sec": 1_600_000_000, "nsec": 7},
        "metadata": {"severity": "WARN"},
        "group": {"metadata": {"schema": "otlp"}, "attributes": {"scope": {}}},
        "record": {"log": "up", "code": {"$bytes": "00ff"}},
        "flags": [],
    }


def test_bytes_that_are_not_utf_8_are_escaped_lone_surrogates(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(layout) == 0
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert r'"log": "caf\udce9\udcff"' in printed
    text: str = json.loads(printed.splitlines()[1])["record"]["log"]
    assert text.encode("utf-8", "surrogateescape") == b"caf\xe9\xff"


def test_without_its_key_nothing_is_printed(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    (layout.root / "keys" / "master.key").unlink()
    assert export(layout) != 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "key" in said.err


def test_records_are_cut_where_the_configuration_says(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the dataflow cuts them: both read the one limit."""
    entry = Entry(Kind.HTTP, RECEIVED_NS, "a", "", "app", None, {"content-type": "application/json"},
                  json.dumps({"log": "x" * 5000}).encode())  # fmt: skip
    ring = KeyRing.load(layout, create=False, environ={})
    with SpoolWriter.open(layout.spool, ring, SpoolSettings(), system_clock) as writer:
        writer.append(entry).result(10)
    assert export(layout) == 0
    assert [len(row["record"]["log"]) for row in rows(capsys)] == [2, 5, 5000]
    with (layout.root / "mayday.toml").open("a") as file:
        file.write("[fields.limits]\nrecord_bytes = 2048\n")
    assert export(layout) == 0
    *_, cut = rows(capsys)
    assert len(cut["record"]["log"]) <= 2048
    assert cut["flags"] != []
