"""Segment files: a header kept twice, then frames.

The header holds the segment's number, where the segment before it validly ended, the number of its first
block, the spool time at its beginning, its data key wrapped by the key ring, and the series its blocks are
numbered in: a random id that each opening of a writer draws anew, zeros in files from before there were series. It fills bytes 0-4095 and
again 4096-8191, so that one bad byte or sector costs nothing; frames begin at `FRAMES_AT`. A segment gets its
name only when its header is synced: a named file without a valid header is damage, never a start that was cut
short.

Reading gives `Found` or `Damage` and never raises for bad bytes; only another master key does (`WrongKey`).
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from storage.seal import WRAPPED_BYTES, KeyRing, Seal, SealBroken, WrongKey, new_data_key
from stream.spool import frame
from stream.spool.entry import Damage
from stream.spool.files import FileOperations
from stream.spool.reasons import BETWEEN_ALTERED, BLOCK_ALTERED, CUT_SHORT, NOTHING_FURTHER

MAGIC: Final = b"MAYDAY\x00\x01"
_COPY_BYTES: Final = 4096
_COPIES: Final = (0, _COPY_BYTES)
FRAMES_AT: Final = 2 * _COPY_BYTES
_FIELDS: Final = struct.Struct(f"<8sQQQQq16s{WRAPPED_BYTES}s16s")
NO_SERIES: Final = bytes(16)
_CHECK: Final = struct.Struct("<I")
_NAME: Final = re.compile(r"segment-(\d{10})")
_STRIDE: Final = 1 << 20


class SegmentHeader(NamedTuple):
    """What a segment says about itself; `previous` is the one before it (0: none), `previous_end` its end."""

    number: int
    previous: int
    previous_end: int
    first_seq: int
    started_ns: int
    identity: bytes
    wrapped: bytes
    series_id: bytes

    @property
    def series(self) -> str:
        """Name of the series in hexadecimal, empty for the one without a name."""
        return "" if self.series_id == NO_SERIES else self.series_id.hex()


class Found(NamedTuple):
    """A frame that opened; `end` is the byte after it."""

    header: frame.FrameHeader
    plain: bytes
    end: int


def path_of(directory: Path, number: int) -> Path:
    """Where segment `number` stands.

    >>> path_of(Path("/s"), 7).name
    'segment-0000000007'
    """
    return directory / f"segment-{number:010d}"


def numbers(directory: Path) -> list[int]:
    """Numbers of the segments in `directory`, ascending."""
    try:
        names = os.listdir(directory)  # noqa: PTH208 - names alone are needed, often
    except FileNotFoundError:
        return []
    return sorted(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))


def headers_in(path: Path) -> list[SegmentHeader]:
    """The copies of the header that are whole, at most two. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _headers(descriptor)
    finally:
        os.close(descriptor)


def header_of(directory: Path, number: int) -> SegmentHeader | None:
    """The header of segment `number`, None if the file is gone, is another segment, or no copy is whole."""
    with contextlib.suppress(FileNotFoundError):
        headers = headers_in(path_of(directory, number))
        return next((header for header in headers if header.number == number), None)
    return None


class Segment:
    """One segment open for reading or, from `create`, for writing too."""

    def __init__(self, descriptor: int, header: SegmentHeader, key: bytes, copies: int = 2) -> None:
        self.descriptor, self.header = descriptor, header
        self.copies = copies  # how many of the header's two copies are whole
        self._seal = Seal(key)
        self._context = struct.pack("<Q", header.number) + header.identity

    @classmethod
    def open(cls, path: Path, ring: KeyRing) -> Segment | None:
        """Open for reading; None if no copy of the header is whole. Raises `WrongKey`, `OSError`."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            wrong: WrongKey | None = None
            copies = _headers(descriptor)
            for header in copies:
                try:
                    return cls(descriptor, header, ring.unwrap(header.wrapped), len(copies))
                except WrongKey as error:
                    wrong = error
                except SealBroken:
                    continue
            if wrong is not None:
                raise wrong
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    @classmethod
    def create(
        cls,
        path: Path,
        ring: KeyRing,
        files: FileOperations,
        *,
        number: int,
        previous: int = 0,
        previous_end: int = 0,
        first_seq: int = 0,
        started_ns: int = 0,
        series_id: bytes = NO_SERIES,
    ) -> Segment:
        """Make a segment whose header and name are on the disk when this returns. Raises `OSError`."""
        key = new_data_key()
        header = SegmentHeader(
            number, previous, previous_end, first_seq, started_ns, os.urandom(16), ring.wrap(key), series_id
        )
        fields = _FIELDS.pack(MAGIC, *header).ljust(_COPY_BYTES - _CHECK.size, b"\x00")
        copy = fields + _CHECK.pack(zlib.crc32(fields))
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        descriptor = files.create(draft)
        try:
            files.write(descriptor, (copy, copy), 0)
            files.sync(descriptor)
            draft.rename(path)
            files.sync_directory(path.parent)
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        return cls(descriptor, header, key)

    def make(self, seq: int, received_ns: int, part: int, plain: bytes) -> tuple[bytes, bytes]:
        """Return the two parts of a frame that opens in this segment only."""
        return frame.make(self._seal, self._context, seq, received_ns, part, plain)

    def read(self, offset: int, end: int) -> Found | Damage | None:
        """What stands at `offset`: a frame, damage up to the next frame or to `end`, or None at the end.

        `end` is how far bytes are known to be written; a frame that would reach beyond it is damage.
        """
        if offset >= end:
            return None
        header = self._header_at(offset, end)
        if header is None:
            return self._lost(offset, end)
        box = os.pread(self.descriptor, header.length, offset + frame.HEADER_BYTES)
        plain = frame.open_box(self._seal, self._context, header, box)
        if plain is None:
            return Damage(self.header.number, offset, header.frame_bytes, BLOCK_ALTERED)
        return Found(header, plain, offset + header.frame_bytes)

    def walk(self, offset: int, end: int) -> Iterator[Found | Damage]:
        """Everything from `offset` to `end`, in order."""
        while (item := self.read(offset, end)) is not None:
            yield item
            offset = item.end if isinstance(item, Found) else item.offset + item.length

    def size(self) -> int:
        """Bytes of the file as it stands."""
        return os.fstat(self.descriptor).st_size

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)

    def _header_at(self, offset: int, end: int) -> frame.FrameHeader | None:
        header = frame.parse(os.pread(self.descriptor, frame.HEADER_BYTES, offset))
        return header if header is not None and offset + header.frame_bytes <= min(end, self.size()) else None

    def _lost(self, offset: int, end: int) -> Damage:
        """Describe the bytes from `offset` to the next header that checks."""
        number, size = self.header.number, self.size()
        at = offset + 1
        while at < min(end, size):
            window = os.pread(self.descriptor, _STRIDE + len(frame.MARKER) - 1, at)
            found = window.find(frame.MARKER)
            while found >= 0:
                if self._header_at(at + found, end) is not None:
                    return Damage(number, offset, at + found - offset, BETWEEN_ALTERED)
                found = window.find(frame.MARKER, found + 1)
            at += _STRIDE
        reason = CUT_SHORT
        if size >= end:
            reason = NOTHING_FURTHER
        return Damage(number, offset, end - offset, reason)


def check_key(directory: Path, ring: KeyRing) -> None:
    """Raise `WrongKey` if the newest segment was sealed under another master key than this one."""
    for number in numbers(directory)[-1:]:
        with contextlib.suppress(FileNotFoundError):
            if (newest := Segment.open(path_of(directory, number), ring)) is not None:
                newest.close()


def last_frame_in_the_open(path: Path) -> tuple[frame.FrameHeader | None, int]:
    """The last whole frame header of a segment whose data key is lost, and the byte after its frame.

    Headers stand in the open, so block numbers survive even where the blocks do not. Raises `OSError`.
    """
    last, end, at = None, FRAMES_AT, FRAMES_AT
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while at < size:
            window = os.pread(file.fileno(), _STRIDE + frame.HEADER_BYTES - 1, at)
            found = window.find(frame.MARKER)
            header = frame.parse(window[found : found + frame.HEADER_BYTES]) if found >= 0 else None
            if found < 0 or found >= _STRIDE:
                at += _STRIDE
            elif header is None or at + found + header.frame_bytes > size:
                at += found + 1
            else:
                last, end = header, at + found + header.frame_bytes
                at = end
    return last, end


def _headers(descriptor: int) -> list[SegmentHeader]:
    copies = []
    for at in _COPIES:
        copy = os.pread(descriptor, _COPY_BYTES, at)
        if len(copy) == _COPY_BYTES and copy.startswith(MAGIC):
            (check,) = _CHECK.unpack_from(copy, _COPY_BYTES - _CHECK.size)
            if zlib.crc32(copy[: -_CHECK.size]) == check:
                copies.append(SegmentHeader(*_FIELDS.unpack_from(copy)[1:]))
    return copies
