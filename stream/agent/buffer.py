"""Chunks in files, as `storage.type: filesystem` keeps them: what was written outlives the agent's process.

A chunk is the bytes of its events; its id is a hash of them, so it is the same after a restart. Not synced to the disk:
a killed process loses nothing, a machine without power may lose the last moments.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import msgpack

from stream.forward_client import chunk_id

_OPEN = "open"
_ENDING = ".chunk"


class Chunk(NamedTuple):
    """Events packed one behind the other, and how many they are."""

    entries: bytes
    events: int

    @property
    def id(self) -> str:
        """Hash of the content."""
        return chunk_id(self.entries)


class ChunkBuffer:
    """The chunks of one input below `directory`. What an earlier process left there comes first."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._lock = directory, threading.Lock()
        numbers = [int(path.stem) for path in directory.glob(f"*{_ENDING}")]
        self._next = max(numbers, default=-1) + 1
        self._seal()
        self._file = (directory / _OPEN).open("ab", buffering=0)

    def append(self, packed: bytes) -> None:
        """Write whole events, packed, into the chunk that is open."""
        with self._lock:
            self._file.write(packed)

    def seal(self) -> bool:
        """Close the open chunk, so that it can be sent, and say whether there was anything in it."""
        with self._lock:
            if not self._file.tell():
                return False
            self._file.close()
            self._seal()
            self._file = (self._directory / _OPEN).open("ab", buffering=0)
            return True

    def waiting(self) -> list[Path]:
        """Return the files of sealed chunks that are not delivered, oldest first."""
        return sorted(self._directory.glob(f"*{_ENDING}"))

    def load(self, path: Path) -> Chunk:
        """Read one sealed chunk; a torn last event, which a killed process leaves, is left out."""
        raw, count = path.read_bytes(), 0
        unpacker = msgpack.Unpacker(max_buffer_size=len(raw) + 1)
        unpacker.feed(raw)
        while True:
            end = unpacker.tell()
            try:
                unpacker.skip()
            except msgpack.OutOfData:
                return Chunk(raw[:end], count)
            count += 1

    def forget(self, path: Path) -> None:
        """Delete a chunk that was delivered."""
        path.unlink()

    def close(self) -> None:
        """Close the open chunk's file; it stays where it is."""
        with self._lock:
            self._file.close()

    def _seal(self) -> None:
        left = self._directory / _OPEN
        if left.exists() and left.stat().st_size:
            left.rename(self._directory / f"{self._next:010d}{_ENDING}")
            self._next += 1
