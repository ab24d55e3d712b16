"""The keys of what is stored, so that a message sent again is acknowledged again and stored once.

A key is 16 bytes of BLAKE2b under a key of our own over (agent, tag, chunk), or over agent, tag, kind, headers and
the SHA-256 of a body: nothing on disk tells a tag or an agent. Keys live in files of their own, one per six hours of spool time, so
they outlive the segments and are forgotten a whole file at a time, between `dedupe_hours` and six hours
later.

```
keys/keys-<bucket>      magic 8, then 28 bytes each: key 16 | block number u64 | crc32 u32
keys/checkpoint         JSON: up to which place all keys are synced, and how long each file was then
```
Keys are written and synced once per checkpoint, not once per block: what is missing after a crash is read
again from the blocks past the checkpoint, which is why retention never removes a segment at or above it.
Bytes of a key file beyond its checkpointed length are cut off first. Keys of lost blocks (`damage`) stay in the files and are
forgotten in memory, at each opening anew.

Memory: 24 bytes per key in closed buckets (sorted arrays, found by bisection), about 150 in the open one.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from storage.seal import KeyRing
from stream.spool.damage import Lost
from stream.spool.entry import Entry, Position, identity
from stream.spool.files import FileOperations

HOUR_NS: Final = 3600 * 10**9
BUCKET_NS: Final = 6 * HOUR_NS
KEY_BYTES: Final = 16
_MAGIC: Final = b"MDYKEYS1"
_RECORD: Final = struct.Struct("<16sQI")
_CHECKED: Final = _RECORD.size - 4
_NAME: Final = re.compile(r"keys-(\d{10})")


class KeyMaker:
    """Makes the keys of entries; needs the ring, holds nothing else."""

    def __init__(self, ring: KeyRing) -> None:
        self._secret = ring.secret("spool-keys")

    def __call__(self, entry: Entry) -> bytes | None:
        """Return the 16 bytes of `entry`'s key, None if it can never be taken for a duplicate."""
        parts = identity(entry)
        if parts is None:
            return None
        digest = hashlib.blake2b(key=self._secret, digest_size=KEY_BYTES)
        for part in parts:
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest.digest()


class _Checkpoint(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    position: tuple[int, int, int]
    lengths: dict[int, int] = Field(default_factory=dict)


class _Sorted:
    """A bucket that takes no more keys."""

    def __init__(self, keys: dict[bytes, int]) -> None:
        ordered = sorted(keys.items())
        halves = [struct.unpack(">QQ", key) for key, _ in ordered]
        self._high = array("Q", (high for high, _ in halves))
        self._low = array("Q", (low for _, low in halves))
        self._seqs = array("Q", (seq for _, seq in ordered))

    def __len__(self) -> int:
        return len(self._seqs)

    def forget(self, lost: Sequence[Lost]) -> None:
        """Take out the keys of blocks in `lost`."""
        left = [at for at, seq in enumerate(self._seqs) if not _is_in(lost, seq)]
        if len(left) < len(self):
            self._high = array("Q", (self._high[at] for at in left))
            self._low = array("Q", (self._low[at] for at in left))
            self._seqs = array("Q", (self._seqs[at] for at in left))

    def get(self, key: bytes) -> int | None:
        high, low = struct.unpack(">QQ", key)
        at = bisect_left(self._high, high)
        while at < len(self._high) and self._high[at] == high:
            if self._low[at] == low:
                return self._seqs[at]
            at += 1
        return None


def checkpointed_in(directory: Path) -> Position | None:
    """Up to where all keys of the spool in `directory` are synced, None if nothing says so."""
    checkpoint = _read_checkpoint(directory)
    return Position(*checkpoint.position) if checkpoint is not None else None


def _read_checkpoint(directory: Path) -> _Checkpoint | None:
    try:
        return _Checkpoint.model_validate_json((directory / "keys" / "checkpoint").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _is_in(lost: Sequence[Lost], seq: int) -> bool:
    return any(first <= seq < end for first, end in lost)


class DedupeIndex:
    """Keys of the last `dedupe_hours`, in memory and, up to `checkpointed`, on the disk.

    Not locked by itself: the writer calls `find`, `add` and `expire` under its lock, and `checkpoint` from
    the one thread that also adds.
    """

    def __init__(self, directory: Path, files: FileOperations, dedupe_hours: float) -> None:
        self._directory, self._files = directory / "keys", files
        self._kept_ns = int(dedupe_hours * HOUR_NS)
        self._sorted: dict[int, _Sorted] = {}
        self._open: dict[bytes, int] = {}
        self._bucket = 0
        self._lengths: dict[int, int] = {}  # synced bytes of each file
        self._unsaved: dict[int, bytearray] = {}
        self.checkpointed: Position | None = None
        self.damaged = 0  # records on disk whose checksum failed at opening

    @classmethod
    def open(cls, directory: Path, files: FileOperations, dedupe_hours: float) -> DedupeIndex:
        """Load what was checkpointed; the caller then adds the keys of all blocks from `checkpointed` on."""
        index = cls(directory, files, dedupe_hours)
        index._directory.mkdir(mode=0o700, exist_ok=True)
        checkpoint = _read_checkpoint(directory)
        if checkpoint is not None:
            index.checkpointed = Position(*checkpoint.position)
        for bucket in index._buckets_on_disk():
            keys = index._load(bucket, checkpoint)
            index._close_bucket()
            index._bucket, index._open = bucket, keys  # the newest stays open: its hours may not be over
        return index

    def __len__(self) -> int:
        return len(self._open) + sum(map(len, self._sorted.values()))

    @property
    def unsaved(self) -> int:
        """Bytes of keys that a checkpoint would write."""
        return sum(map(len, self._unsaved.values()))

    def find(self, key: bytes) -> int | None:
        """Return the number of the block that holds `key`, None if it is not known."""
        if (seq := self._open.get(key)) is not None:
            return seq
        for bucket in self._sorted.values():
            if (seq := bucket.get(key)) is not None:
                return seq
        return None

    def add(self, keys: Iterable[bytes], seq: int, received_ns: int) -> None:
        """Remember `keys` of block `seq`, received at `received_ns` (which never goes back)."""
        bucket = max(received_ns // BUCKET_NS, self._bucket)
        if bucket > self._bucket:
            self._close_bucket()
            self._bucket = bucket
        records = []
        for key in keys:
            if self.find(key) is None:
                self._open[key] = seq
                checked = key + seq.to_bytes(8, "little")
                records.append(checked + zlib.crc32(checked).to_bytes(4, "little"))
        if records:
            self._unsaved.setdefault(bucket, bytearray()).extend(b"".join(records))

    def forget(self, lost: Sequence[Lost]) -> int:
        """Forget the keys of the blocks in `lost`, so that what comes again is stored; return how many there were.

        The files keep them: whoever opens them says again what is lost.
        """
        before = len(self)
        if lost:
            self._open = {key: seq for key, seq in self._open.items() if not _is_in(lost, seq)}
            for bucket in self._sorted.values():
                bucket.forget(lost)
        return before - len(self)

    def expire(self, now_ns: int) -> None:
        """Forget every bucket that ended more than `dedupe_hours` before `now_ns`."""
        oldest = (now_ns - self._kept_ns) // BUCKET_NS
        for bucket in [b for b in self._lengths if b < oldest]:
            self._path(bucket).unlink(missing_ok=True)
            del self._lengths[bucket]
        for bucket in [b for b in self._sorted if b < oldest]:
            del self._sorted[bucket]
        for bucket in [b for b in self._unsaved if b < oldest]:
            del self._unsaved[bucket]
        if self._bucket < oldest:
            self._open = {}

    def checkpoint(self, position: Position) -> None:
        """Sync every key of the blocks below `position`. Raises `OSError`, and then loses nothing."""
        lengths = dict(self._lengths)
        for bucket, records in self._unsaved.items():
            content = bytes(records)
            start = lengths.get(bucket, 0)
            if start == 0:
                content, start = _MAGIC + content, 0
            descriptor = self._files.update(self._path(bucket))
            try:
                self._files.write(descriptor, (content,), start)
                self._files.sync(descriptor)
            finally:
                os.close(descriptor)
            lengths[bucket] = start + len(content)
        if self._unsaved:
            self._files.sync_directory(self._directory)
        content = _Checkpoint(position=tuple(position), lengths=lengths).model_dump_json().encode()
        self._files.replace(self._directory / "checkpoint", content + b"\n")
        self._lengths, self._unsaved, self.checkpointed = lengths, {}, position

    def _close_bucket(self) -> None:
        if self._open:
            self._sorted[self._bucket] = _Sorted(self._open)
            self._open = {}

    def _path(self, bucket: int) -> Path:
        return self._directory / f"keys-{bucket:010d}"

    def _buckets_on_disk(self) -> list[int]:
        names = (entry.name for entry in self._directory.iterdir())
        return sorted(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))

    def _load(self, bucket: int, checkpoint: _Checkpoint | None) -> dict[bytes, int]:
        """Take the records of one file. Without a checkpoint, all that check; else those that it covers."""
        path = self._path(bucket)
        content = path.read_bytes()
        if checkpoint is not None:
            content = content[: checkpoint.lengths.get(bucket, 0)]
        whole = max(0, len(content) - len(_MAGIC)) // _RECORD.size
        keys: dict[bytes, int] = {}
        records = memoryview(content)[len(_MAGIC) : len(_MAGIC) + whole * _RECORD.size]
        for at, (key, seq, check) in enumerate(_RECORD.iter_unpack(records)):
            start = at * _RECORD.size
            if zlib.crc32(records[start : start + _CHECKED]) == check:
                keys[key] = seq
        self.damaged += whole - len(keys)
        if keys:
            self._lengths[bucket] = len(_MAGIC) + whole * _RECORD.size
            os.truncate(path, self._lengths[bucket])
        else:
            path.unlink()
        return keys
