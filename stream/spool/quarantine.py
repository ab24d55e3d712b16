"""Messages that framed but did not decode, kept aside sealed: nothing acknowledged is ever thrown away.

The dataflow adds them, keyed by (series, block number, place in the block): a replay after a crash adds nothing
twice. Files are segments like the spool's own, in `quarantine/` below it, each with a data key of its own. A
message stays as long as the spool keeps blocks (`keep_hours`), or until `quarantine_max_bytes` is reached;
whole files go, the oldest first.

One process adds (`SpoolLocked` otherwise); any process reads. `add` raises `SpoolFull` or `SpoolError` when
the disk refuses; the messages still stand in the spool then, and the caller must not go on as if they were
kept.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from storage.seal import KeyRing
from stream.spool.dedupe import HOUR_NS
from stream.spool.disk import lock_directory, refused
from stream.spool.entry import Entry, pack_block, pack_entry, unpack_entries
from stream.spool.files import FileOperations
from stream.spool.retention import Kept, removable, remove
from stream.spool.segment import FRAMES_AT, Found, Segment, numbers, path_of
from stream.spool.settings import MIB, SpoolSettings

_FILE_BYTES: Final = 16 * MIB
Key = tuple[str, int, int]


class Quarantined(NamedTuple):
    """One message kept aside: entry `part` of block `seq`; `reason` is a code, never data."""

    seq: int
    part: int
    received_ns: int
    reason: str
    entry: Entry
    series: str = ""

    @property
    def key(self) -> Key:
        """What makes it the same one in a replay."""
        return self.series, self.seq, self.part


def path_in(spool: Path) -> Path:
    """The directory of the quarantine of the spool in `spool`."""
    return spool / "quarantine"


def read_quarantine(spool: Path, ring: KeyRing) -> Iterator[Quarantined]:
    """Yield what is kept aside, oldest first, each once, without damaged places. Raises `WrongKey`."""
    seen: set[Key] = set()
    for number in numbers(path_in(spool)):
        for item in _in_file(path_of(path_in(spool), number), ring):
            if item.key not in seen:
                seen.add(item.key)
                yield item


def count_quarantined(spool: Path, ring: KeyRing) -> dict[str, int]:
    """How many messages are kept aside for each reason."""
    return dict(sorted(Counter(item.reason for item in read_quarantine(spool, ring)).items()))


class Quarantine:
    """The side that adds. Not to be shared between threads."""

    def __init__(
        self, spool: Path, ring: KeyRing, settings: SpoolSettings, files: FileOperations, lock: int
    ) -> None:
        self._directory, self._ring, self._settings, self._files = path_in(spool), ring, settings, files
        self._lock = lock
        self._reasons: dict[int, dict[Key, str]] = {}  # by file
        self._newest: dict[int, int] = {}
        self._segment: Segment | None = None
        self._offset = 0

    @classmethod
    def open(
        cls, spool: Path, ring: KeyRing, settings: SpoolSettings, files: FileOperations | None = None
    ) -> Quarantine:
        """Open the quarantine of the spool in `spool`. Raises `SpoolLocked`, `WrongKey`, `SpoolError`."""
        files = files or FileOperations()
        try:
            path_in(spool).mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.ExitStack() as undo:
                lock = lock_directory(path_in(spool), files)
                undo.callback(os.close, lock)
                quarantine = cls(spool, ring, settings, files, lock)
                quarantine._load()
                undo.pop_all()
        except OSError as error:
            raise refused("The quarantine cannot be opened", error) from None
        return quarantine

    def __len__(self) -> int:
        return sum(map(len, self._reasons.values()))

    def __contains__(self, key: Key) -> bool:
        return any(key in reasons for reasons in self._reasons.values())

    @property
    def counts(self) -> dict[str, int]:
        """How many messages are kept aside for each reason."""
        reasons = (reason for file in self._reasons.values() for reason in file.values())
        return dict(sorted(Counter(reasons).items()))

    def add(self, items: Iterable[Quarantined]) -> int:
        """Keep `items` aside and return how many were new; they are on the disk when this returns."""
        new = {item.key: item for item in items if item.key not in self}
        if not new:
            return 0
        try:
            if self._segment is None or self._offset >= _FILE_BYTES:
                self._begin()
            assert self._segment is not None
            parts: list[bytes] = []
            for item in new.values():
                parts += self._segment.make(item.seq, item.received_ns, item.part, _packed(item))
            self._files.write(self._segment.descriptor, parts, self._offset)
            self._files.sync(self._segment.descriptor)
        except OSError as error:
            self._give_up()
            raise refused("The quarantine could not write", error) from None
        self._offset += sum(map(len, parts))
        number = self._segment.header.number
        self._reasons[number].update({item.key: item.reason for item in new.values()})
        self._newest[number] = max(item.received_ns for item in new.values())
        return len(new)

    def forget(self, now_ns: int) -> int:
        """Remove whole files by age at spool time `now_ns` and by size; return how many messages went."""
        kept = [
            Kept(number, path_of(self._directory, number).stat().st_size, self._newest[number])
            for number in sorted(self._reasons)
        ]
        chosen = removable(
            kept,
            below=kept[-1].number + 1 if kept else 0,
            older_than_ns=now_ns - int(self._settings.keep_hours * HOUR_NS),
            excess_bytes=sum(file.bytes for file in kept) - self._settings.quarantine_max_bytes,
            shortage_bytes=0,
        )
        gone = 0
        for file in chosen:
            if self._segment is not None and self._segment.header.number == file.number:
                self._give_up()
            try:
                remove(self._directory, file.number, self._files)
            except OSError as error:
                raise refused("The quarantine could not remove a file", error) from None
            gone += len(self._reasons.pop(file.number))
            del self._newest[file.number]
        return gone

    def close(self) -> None:
        """Give the directory back."""
        self._give_up()
        os.close(self._lock)

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self) -> None:
        seen: set[Key] = set()
        for number in numbers(self._directory):
            reasons: dict[Key, str] = {}
            newest = 0
            for item in _in_file(path_of(self._directory, number), self._ring):
                newest = max(newest, item.received_ns)
                if item.key not in seen:
                    seen.add(item.key)
                    reasons[item.key] = item.reason
            self._reasons[number], self._newest[number] = reasons, newest

    def _begin(self) -> None:
        self._give_up()
        number = max(self._reasons, default=0) + 1
        path = path_of(self._directory, number)
        self._segment = Segment.create(path, self._ring, self._files, number=number)
        self._offset = FRAMES_AT
        self._reasons[number], self._newest[number] = {}, 0

    def _give_up(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None


def _packed(item: Quarantined) -> bytes:
    reason = f"{item.reason}@{item.series}".encode() if item.series else item.reason.encode()
    block = pack_block([item.entry.received_ns], [pack_entry(item.entry)])
    return len(reason).to_bytes(2, "little") + reason + block


def _in_file(path: Path, ring: KeyRing) -> Iterator[Quarantined]:
    try:
        segment = Segment.open(path, ring)
    except FileNotFoundError:  # removed meanwhile
        return
    if segment is None:
        return
    try:
        for found in segment.walk(FRAMES_AT, segment.size()):
            if isinstance(found, Found):
                length = int.from_bytes(found.plain[:2], "little")
                (entry,) = unpack_entries(found.plain[2 + length :])
                header = found.header
                reason, _, series = found.plain[2 : 2 + length].decode().partition("@")
                yield Quarantined(header.seq, header.part, header.received_ns, reason, entry, series)
    finally:
        segment.close()
