"""Searches bytes for marks, in whatever form they may hide: letters of either case, UTF-8 and UTF-16, hex, base64,
JSON and percent escapes, and all of that inside what decompresses.

The search is deliberately wider than any leak that is known of: base64 and hex are compared without case as well, and
compressed data is looked for at every offset of a file, not only at its beginning.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, quote_plus

import numpy as np
import zstandard

LEAST = 6  # bytes of the shortest form that is looked for: shorter ones turn up in sealed data by chance
DEPTH = 4  # how often what was decompressed is decompressed again
LARGEST = 32 * 1024 * 1024  # bytes that one compressed piece may unfold to
RUN = 5  # letters of a mark that count as a leak in text that is meant for people

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_MACHINE = re.compile(
    r"[A-Za-z0-9+/=_.-]{20,}"
)  # ids and signatures, in which five letters come up by chance
_WORDS = re.compile(r"[^\W\d_]+")


class Found(NamedTuple):
    """A mark that stands where none may: the place, the text looked for, and the form it was in."""

    place: str
    text: str
    form: str


class MarkSearch:
    """Looks for `texts` (marks, and the parts of marks that would tell something alone)."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._forms: dict[bytes, tuple[str, str]] = {}
        self._runs: dict[str, str] = {}
        for text in texts:
            for form, encoded in forms(text):
                if len(encoded) >= LEAST:
                    self._forms.setdefault(encoded.lower(), (text, form))
            for word in _WORDS.findall(text.casefold()):
                self._runs |= {word[i : i + RUN]: text for i in range(len(word) - RUN + 1)}
        self._by_head: dict[bytes, list[bytes]] = {}
        self._first = np.zeros(65_536, dtype=bool)
        self._second = np.zeros(65_536, dtype=bool)
        for known in self._forms:
            self._by_head.setdefault(known[:4], []).append(known)
            self._first[int.from_bytes(known[:2], "little")] = True
            self._second[int.from_bytes(known[2:4], "little")] = True

    def data(self, data: bytes, place: str) -> list[Found]:
        """Return what stands in `data`, and in everything that can be decompressed out of it."""
        return [
            Found(f"{place}{inside}", *self._forms[known])
            for inside, piece in unfolded(data)
            for known in sorted(self._in(piece))
        ]

    def text(self, text: str, place: str) -> list[Found]:
        """As `data`, for text that is meant for people: there a run of five letters of a mark is a leak too."""
        found = self.data(text.encode("utf-8", "surrogatepass"), place)
        for word in _WORDS.findall(_MACHINE.sub(" ", text).casefold()):
            runs = (word[i : i + RUN] for i in range(len(word) - RUN + 1))
            found += [Found(place, self._runs[run], f"the run {run}") for run in runs if run in self._runs]
        return found

    def files(self, root: Path) -> tuple[list[Found], int]:
        """Search names and contents of all files below `root`; returns what was found and the bytes searched."""
        found, size = list[Found](), 0
        for path in sorted(root.rglob("*")):
            place = str(path.relative_to(root.parent))
            found += self.text(place, "the name of a file")
            if path.is_file() and not path.is_symlink():
                try:
                    data = path.read_bytes()
                except FileNotFoundError:  # one that was just replaced
                    continue
                size += len(data)
                found += self.data(data, place)
        return found, size

    def _in(self, data: bytes) -> set[bytes]:
        """Return the known forms that stand in `data`; candidates are found four bytes at a time."""
        if len(data) < LEAST:
            return set()
        low = data.lower()
        octets = np.frombuffer(low, dtype=np.uint8).astype(np.uint16)
        pairs = octets[:-1] | (octets[1:] << 8)
        places = np.flatnonzero(self._first[pairs[:-2]] & self._second[pairs[2:]])
        return {
            known
            for at in places.tolist()
            for known in self._by_head.get(low[at : at + 4], ())
            if low.startswith(known, at)
        }


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each form in which `text` is looked for, and its bytes."""
    for cased in dict.fromkeys((text, text.lower(), text.upper(), text.title())):
        plain = cased.encode()
        yield "UTF-8", plain
        yield "UTF-16-LE", cased.encode("utf-16-le")
        yield "UTF-16-BE", cased.encode("utf-16-be")
        yield "Latin-1", cased.encode("latin-1", "ignore")
        yield "hex", plain.hex().encode()
        yield "percent escapes", "".join(f"%{octet:02x}" for octet in plain).encode()
        yield "percent escapes of what needs them", quote(cased, safe="").encode()
        yield "percent escapes in a form", quote_plus(cased).encode()
        yield "JSON escapes", "".join(f"\\u{ord(char):04x}" for char in cased).encode()
        yield "JSON escapes of what needs them", json.dumps(cased)[1:-1].encode()
        for shift in range(3):
            # What stands before and after shares a character with the mark at either end; those are left out.
            coded = base64.b64encode(bytes(shift) + plain).rstrip(b"=")
            begin = (shift * 8 + 5) // 6
            end = (shift + len(plain)) * 8 // 6
            yield f"base64, shifted by {shift}", coded[begin:end]
            yield (
                f"base64 for URLs, shifted by {shift}",
                coded[begin:end].translate(bytes.maketrans(b"+/", b"-_")),
            )


def unfolded(data: bytes, depth: int = DEPTH) -> Iterator[tuple[str, bytes]]:
    """Yield `data` as it is and every piece that decompresses out of it, with a name for the way there."""
    yield "", data
    if not depth:
        return
    view = memoryview(data)
    for name, magic, unpack in _PACKED:
        for found in magic.finditer(data):
            for piece in unpack(view[found.start() :]):
                for inside, deeper in unfolded(piece, depth - 1):
                    yield f" > {name}{inside}", deeper
    for coded in _BASE64.finditer(data):
        for skip in range(4):  # whatever stands before may look like a part of it
            piece = _decoded(coded[0][skip:])
            if any(magic.match(piece) for _, magic, _ in _PACKED):
                for inside, deeper in unfolded(piece, depth - 1):
                    yield f" > base64{inside}", deeper


def _decoded(text: bytes) -> bytes:
    plain = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(plain[: len(plain) - (len(plain) % 4 == 1)] + b"===")
    except binascii.Error:
        return b""


def _zlib(wbits: int) -> Callable[[memoryview], Iterator[bytes]]:
    def unpack(data: memoryview) -> Iterator[bytes]:
        machine, out = zlib.decompressobj(wbits), b""
        try:
            out = machine.decompress(
                data[:256], 4096
            )  # two bytes look like a header by chance: a taste decides
            out += machine.decompress(machine.unconsumed_tail + bytes(data[256:LARGEST]), LARGEST)
        except zlib.error:
            pass  # what came out before the fault is looked at all the same
        if len(out) >= LEAST:
            yield out

    return unpack


def _zstd(data: memoryview) -> Iterator[bytes]:
    out = io.BytesIO()
    try:
        with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
            while (piece := reader.read(65_536)) and out.tell() < LARGEST:
                out.write(piece)
    except zstandard.ZstdError:
        pass
    if out.tell():
        yield out.getvalue()


def _xz(data: memoryview) -> Iterator[bytes]:
    try:
        yield lzma.LZMADecompressor().decompress(data, LARGEST)
    except (lzma.LZMAError, EOFError):
        return


def _bzip2(data: memoryview) -> Iterator[bytes]:
    try:
        yield bz2.BZ2Decompressor().decompress(data, LARGEST)
    except (OSError, EOFError, ValueError):
        return


def _zip(data: memoryview) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, OSError, EOFError):
        return


_PACKED: tuple[tuple[str, re.Pattern[bytes], Callable[[memoryview], Iterator[bytes]]], ...] = (
    ("gzip", re.compile(rb"\x1f\x8b\x08"), _zlib(31)),
    ("zlib", re.compile(rb"\x78[\x01\x5e\x9c\xda]"), _zlib(15)),
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd"), _zstd),
    ("xz", re.compile(rb"\xfd7zXZ\x00"), _xz),
    ("bzip2", re.compile(rb"BZh[1-9]1AY&SY"), _bzip2),
    ("zip", re.compile(rb"\APK\x03\x04"), _zip),
)
