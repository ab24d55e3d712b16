"""What tests of the spool's writer share: the key, the first moment, and everything read back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from storage.seal import KeyRing
from stream.spool import (
    Block,
    SpoolReader,
)

RING = KeyRing(bytes(32))
BEGIN = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
BEGIN_NS = int(BEGIN.timestamp()) * 10**9
LONG = 20.0  # seconds: far above what anything here takes


def read_all(directory: Path) -> list[Block]:
    with SpoolReader(directory, RING) as reader:
        blocks: list[Block] = []
        while more := reader.read(5):
            blocks += more
        assert reader.damage == []
        return blocks


def contents(directory: Path) -> list[bytes]:
    return [entry.raw for block in read_all(directory) for entry in block.entries]
