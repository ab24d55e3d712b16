"""mayday replay cuts files into blocks as they would have arrived, and finds in them what Mayday would have found."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import parse
from bot.replay import TICK_NS, blocks, find_files, read_changes, replay, slices
from models.errors import BadInput
from stream.spool import Kind

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def line(second: float, text: str, *, service: str = "billing", level: str = "INFO") -> str:
    at = (START + timedelta(seconds=second)).isoformat()
    return json.dumps({"timestamp": at, "host": "h1", "service": service, "level": level, "message": text})


def day(outage: bool) -> list[str]:
    """Twenty minutes of a quiet service; with `outage`, from minute fifteen on every second request fails."""
    found = []
    for second in range(1200):
        found.append(line(second, f"request finished in {second % 40} ms"))
        if outage and second >= 900:
            found += [
                line(second + 0.1 * n, f"connection refused by upstream after {n} attempts", level="ERROR")
                for n in range(4)
            ]
    return found


def test_slices_lose_no_line_and_keep_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "billing.log"
    path.write_text("\n".join(day(outage=True)) + "\n")
    parts = list(slices(path))
    assert b"".join(part.raw for part in parts) == path.read_bytes()
    assert sum(part.lines for part in parts) == len(day(outage=True))
    assert [part.at_ns for part in parts] == sorted(part.at_ns for part in parts)


def test_ticks_stand_between_lines_that_are_far_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(line(0, "first") + "\n" + line(21, "second") + "\n")
    kinds = [(block.entries[0].kind, block.received_ns) for block in blocks(slices(path))]
    assert [kind for kind, _ in kinds] == [
        Kind.TEXT,
        Kind.CONTROL,
        Kind.CONTROL,
        Kind.CONTROL,
        Kind.CONTROL,
        Kind.TEXT,
    ]
    assert kinds[2][1] - kinds[1][1] == TICK_NS


def test_an_outage_becomes_an_incident_soon_after_it_began_and_a_quiet_day_none(tmp_path: Path) -> None:
    quiet, bad = tmp_path / "quiet.log", tmp_path / "bad.log.gz"
    quiet.write_text("\n".join(day(outage=False)) + "\n")
    bad.write_bytes(gzip.compress("\n".join(day(outage=True)).encode()))
    assert replay(parse({}), [quiet], []).incidents == []
    changes = tmp_path / "changes.jsonl"
    changes.write_text(
        json.dumps(
            {
                "id": "chg-1",
                "service": "billing",
                "time": (START + timedelta(seconds=890)).isoformat(),
                "kind": "deploy",
            }
        )
    )
    summary = replay(parse({}), [bad], read_changes(changes))
    assert summary.lines == len(day(outage=True))
    first = summary.incidents[0]
    opened = datetime.fromisoformat(first["opened_at"])
    assert START + timedelta(seconds=900) <= opened <= START + timedelta(seconds=930)
    assert (first["service"], first["suspect_change"]) == ("billing", "chg-1")
    assert len(summary.incidents) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "line 1"), ('{"id": "c1", "service": "a", "time": "soon"}', "time"), ('{"service": "a"}', "id")],
)
def test_a_bad_file_of_changes_is_refused_by_line_and_key(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "changes.jsonl"
    path.write_text(content)
    with pytest.raises(BadInput, match=words):
        read_changes(path)


def test_what_is_not_there_or_broken_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file or directory"):
        find_files([tmp_path / "absent"])
    with pytest.raises(BadInput, match="no files to read"):
        find_files([tmp_path])
    broken = tmp_path / "a.log.gz"
    broken.write_bytes(gzip.compress(b"line\n" * 10_000)[:-12])
    with pytest.raises(BadInput, match="not a whole gzip file"):
        list(slices(broken))
