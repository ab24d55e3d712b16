"""Log files as `mayday replay` finds them on a disk: which are text, whose lines they are, and slices of them in order of time.

Read are plain, gzip, bzip2, xz and zstd files. What is no text is skipped with a reason, and a packed file that breaks off is
read as far as it goes. Times are nanoseconds since 1970. Lines without a time of their own count as written with the line
before them; a file in which none has one stands at the beginning of the others. A line is cut at the bytes that the receivers
allow a record. However many files overlap in time, they are read: those beyond the process's limit of open files are opened
anew for each read.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import accumulate, islice
from operator import le
from pathlib import Path
from typing import Final, NamedTuple

from bot.packed_files import BROKEN, PACKINGS, Handles, open_unpacked
from models.errors import BadInput
from stream.decode import DecodeLimits
from stream.decode.record import RECEIVE_TIME
from stream.decode.text_lines import read_lines
from stream.decode.times import LATEST

SLICE_NS: Final = 2 * 10**9
SLICE_LINES: Final = 2000
_SLIP_NS: Final = 300 * 10**9
_NEIGHBOURS: Final = 12
_HEAD: Final = 1 << 16
_READ: Final = 1 << 18
_LIMITS: Final = DecodeLimits()
_HINT = "Give log files, packed or not, or a directory"
_NO_FILE = "a pipe, a socket or a device, no file that can be read to its end"
_MARK = b"\xef\xbb\xbf"
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b") | {127})


class Skipped(NamedTuple):
    """A file that was not read, or not to its end, and why."""

    name: str
    reason: str


class Slice(NamedTuple):
    """Lines of one file that belong to about the same time; `at_ns` is the newest of their times, never before the last slice's."""

    at_ns: int
    source: str
    raw: bytes
    lines: int


@dataclass
class LogFile:
    """One file; `name` is for people, `service` what its name says about whose lines they are.

    While it is read, `lines` counts all of them, `blank` the empty ones and `cut` those that were too long; `timed` says
    whether one had a time, and `trouble` why it was not read to its end.
    """

    path: Path
    name: str
    service: str
    first_ns: int | None = None
    lines: int = 0
    blank: int = 0
    cut: int = 0
    timed: bool = False
    trouble: str = ""

    @property
    def packed(self) -> bool:
        return self.path.suffix.lower() in PACKINGS

    @property
    def written_ns(self) -> int:
        """When it was written last, as its file system says; within the times that lines may have."""
        return min(max(self.path.stat().st_mtime_ns, 0), (LATEST - 1) * 10**9)

    @contextmanager
    def open(self, handles: Handles | None = None) -> Iterator[BufferedIOBase]:
        """Open it, unpacked; ends with what `BROKEN` names where that fails, and with `TooFewFiles`."""
        with open_unpacked(self.path, handles or Handles.allowed()) as unpacked:
            yield unpacked


def find_files(paths: Sequence[Path]) -> tuple[list[LogFile], list[Skipped]]:
    """Return the log files that `paths` name, directories searched through, and what there is beside them.

    Raises `BadInput` for a path that is not there or is no regular file (a pipe, a socket, a device), and where no file
    has any text.
    """
    handles = Handles(0)  # each is opened for a moment
    files, skipped = list[LogFile](), list[Skipped]()
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if not each.is_dir())
        elif path.is_file():
            inside = [path]
        elif path.exists():
            raise BadInput(f"{path.name} is {_NO_FILE}", hint=_HINT)
        else:
            raise BadInput(f"there is no file or directory {path.name}", hint=_HINT)
        top = path if path.is_dir() else None
        for each in inside:
            name = str(each.relative_to(path)) if top else each.name
            file = LogFile(each, name, service_of(each, top))
            reason = "hidden" if top and _hidden(each.relative_to(path)) else _look(file, handles)
            if reason is None:
                files.append(file)
            else:
                skipped.append(Skipped(name, reason))
    if not files:
        seen = "; ".join(f"{name}: {reason}" for name, reason in skipped[:5])
        raise BadInput(f"there are no files to read{f' ({seen})' if seen else ''}", hint=_HINT)
    known = [file.first_ns for file in files if file.first_ns is not None]
    for file in files:
        if file.first_ns is None:
            file.first_ns = min(known) if known else file.written_ns
    return files, skipped


def _hidden(inside: Path) -> bool:
    return any(part.startswith(".") for part in inside.parts)


def _look(file: LogFile, handles: Handles) -> str | None:
    """Note the first time in the head of `file`; returns why it cannot be read, None when it can."""
    if file.path.exists() and not file.path.is_file():
        return _NO_FILE
    head, broken = b"", False
    try:
        with file.open(handles) as opened:
            # As it comes: of a file that breaks off soon, what stands before the break is read.
            while len(head) < _HEAD and (data := opened.read1(_HEAD)):
                head += data
    except PermissionError:
        return "no permission to read it"
    except BROKEN:
        broken = True
    if not head:
        return ("its packing is broken" if file.packed else "it cannot be read") if broken else "empty"
    if (reason := no_text(head)) is not None:
        return reason
    whole = head.removeprefix(_MARK).split(b"\n")
    if (broken or len(head) == _HEAD) and len(whole) > 1:
        whole.pop()
    records, _ = read_lines(whole, _LIMITS, divmod(file.written_ns, 10**9))
    times = [record.ts_sec * 10**9 + record.ts_nsec for record in records if RECEIVE_TIME not in record.flags]
    file.first_ns = min(times, default=None)
    return None


def no_text(head: bytes) -> str | None:
    """Say why bytes are no text to be read line by line; None when they are.

    >>> no_text(b"caf\\xe9 up\\n"), no_text(b"\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x03\\x00"), no_text(b"\\xff\\xfea\\x00")
    (None, 'no text', 'UTF-16; convert it to UTF-8 first')
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16; convert it to UTF-8 first"
    head = head.lstrip(b"\0")  # what a log has at its beginning when it was truncated while being written
    if not head:
        return "no text"
    strange = len(head) - len(head.translate(None, _CONTROL))
    return "no text" if strange * 20 > len(head) else None


# -- whose lines they are ------------------------------------------------------------------------------------------

_ENDINGS = re.compile(
    r"(?:\.(?:gz|bz2|xz|zst|log|txt|out|err|jsonl?|ndjson|old|bak|orig|prev|syslog)"
    r"|[._-]\d{4}-?\d\d-?\d\d(?:[T_-]?\d\d[:-]?\d\d(?:[:-]?\d\d)?)?|[._-]\d{8,14}|\.\d{1,4})\Z",
    re.IGNORECASE,
)
# fmt: off
_SAYS_NOTHING = frozenset({
    "access", "app", "application", "applog", "catalina", "console", "current", "daemon", "data",
    "debug", "default", "err", "error", "errors", "home", "info", "journal", "json", "log",
    "logfile", "logs", "main", "mnt", "opt", "out", "output", "private", "production", "prod",
    "server", "service", "srv", "stderr", "stdout", "syslog", "system", "tmp", "usr", "var", "warn",
    "warning",
})
# fmt: on
_CHARACTERS = re.compile(r"[^A-Za-z0-9_-]+")


def service_of(path: Path, top: Path | None) -> str:
    """Return the service that a file's name stands for: without endings and rotation, or its folder's for `app.log` and the like.

    Folders count up to and with `top`, the directory that was asked for; without one, those that were typed.

    >>> [service_of(Path(name), None) for name in ("billing.log.2.gz", "auth-2026-03-02.jsonl", "nginx/access.log", "app.log")]
    ['billing', 'auth', 'nginx', 'app']
    >>> service_of(Path("/srv/billing/logs/error.log"), Path("/srv/billing"))
    'billing'
    """
    own = _bare(path.name)
    folders = list(path.parts[:-1])
    if top is not None:
        inside = path.relative_to(top).parts[:-1]
        folders = [top.name or top.absolute().name, *inside]
    for name in (own, *map(_bare, reversed(folders))):
        if name and not name.isdigit() and name.lower() not in _SAYS_NOTHING:
            return name
    return own or "unknown"


def _bare(name: str) -> str:
    cut = ""
    while cut != name:
        cut, name = name, _ENDINGS.sub("", name)
    return _CHARACTERS.sub("-", name).strip("-_")[:100]


# -- slices ---------------------------------------------------------------------------------------------------------


def merged(files: Sequence[LogFile], seen: Callable[[int], None] = lambda _bytes: None) -> Iterator[Slice]:
    """Yield the slices of all files in order of time; a file is opened when its time has come."""
    handles = Handles.allowed()
    waiting = sorted(files, key=lambda file: file.first_ns or 0, reverse=True)
    heap: list[tuple[int, int, Slice, Iterator[Slice]]] = []
    number = 0
    while waiting or heap:
        while waiting and (not heap or (waiting[-1].first_ns or 0) <= heap[0][0]):
            parts = slices(waiting.pop(), seen, handles)
            if (part := next(parts, None)) is not None:
                number += 1
                heapq.heappush(heap, (part.at_ns, number, part, parts))
        if not heap:
            continue
        _, order, part, parts = heap[0]
        yield part
        following = next(parts, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following.at_ns, order, following, parts))


def slices(
    file: LogFile, seen: Callable[[int], None] = lambda _bytes: None, handles: Handles | None = None
) -> Iterator[Slice]:
    """Yield the slices of one file in its order; `seen` is told the unpacked bytes read.

    Times never go back within a file, as arrival does not. Where no line has a time, `first_ns` or the file's own stands in.
    """
    newest = file.first_ns or file.written_ns
    held: list[bytes] = []
    for chunk, last in _chunks(file, seen, handles or Handles.allowed()):
        lines = [line for line in (*held, *chunk) if line and not line.isspace()]
        held = []
        parts, left = _cut(file, lines, newest, last=last)
        if left < len(lines):
            held = lines[left:]
        for part in parts:
            newest = max(newest, part.at_ns)
            yield part._replace(at_ns=newest)


def _chunks(
    file: LogFile, seen: Callable[[int], None], handles: Handles
) -> Iterator[tuple[list[bytes], bool]]:
    """Yield lines and whether they are the last; counts them."""
    pending: list[bytes] | None = None
    for lines in _batches(file, seen, handles):
        file.lines += len(lines)
        file.blank += sum(1 for line in lines if not line or line.isspace())
        for first in range(0, len(lines), SLICE_LINES):
            if pending is not None:
                yield pending, False
            pending = lines[first : first + SLICE_LINES]
    if pending is not None:
        yield pending, True


def _batches(file: LogFile, seen: Callable[[int], None], handles: Handles) -> Iterator[list[bytes]]:
    """Yield whole lines as they come off the disk; of a file that breaks off, all that can be unpacked.

    Of a line longer than a record may be, only that much is ever held.
    """
    most = _LIMITS.record_bytes
    rest, cut, begun, trouble = bytearray(), False, False, False
    try:
        with file.open(handles) as opened:
            while data := opened.read1(_READ):
                seen(len(data))
                if not begun:
                    data = data.removeprefix(_MARK).lstrip(b"\0")
                    begun = bool(data)
                first, *lines = data.split(b"\n")
                cut = cut or len(rest) + len(first) > most
                rest += first[: most - len(rest)]
                if lines:
                    file.cut += cut
                    last = lines.pop()
                    yield [bytes(rest) + b"\n", *(line + b"\n" for line in lines)]
                    rest, cut = bytearray(last), False
    except BROKEN:
        trouble = True
    if rest:
        file.cut += cut
        yield [bytes(rest)]
    if trouble:
        file.trouble = f"broken after line {file.lines:,}; read up to there"


def _usual_of_neighbours(times: list[int]) -> list[int]:
    """Return for each time the median of those around it; times in order stay as they are.

    >>> _usual_of_neighbours([1, 2, 3, 4]), _usual_of_neighbours([10, 11, 900, 12, 13, 14])
    ([1, 2, 3, 4], [13, 13, 13, 13, 13, 13])
    """
    if all(map(le, times, islice(times, 1, None))):
        return times
    around = [times[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS + 1] for at in range(len(times))]
    return [sorted(each)[len(each) // 2] for each in around]


def _cut(file: LogFile, lines: list[bytes], newest: int, *, last: bool) -> tuple[list[Slice], int]:
    """Cut lines where their time has moved on by more than a slice, never within a record.

    Returns the slices and how many lines they hold: unless these are the `last`, the last record may go on.
    """
    records, counts = read_lines((line.rstrip(b"\n") for line in lines), _LIMITS, divmod(newest, 10**9))
    if not records:
        return [], len(lines)
    own = [RECEIVE_TIME not in record.flags for record in records]
    file.timed = file.timed or any(own)
    times = [record.ts_sec * 10**9 + record.ts_nsec for record in records]
    # A time far ahead of one that follows is a slip of its line, not the time of the file; nor is the time of a host whose clock
    # is wrong that of the lines of others around it.
    times = _usual_of_neighbours(times)
    later = list(accumulate(reversed(times), min))[::-1]
    times = [min(at, bound + _SLIP_NS) for at, bound in zip(times, later, strict=True)]
    ends = list(accumulate(counts))
    if not last and counts[-1] < SLICE_LINES:
        del times[-1], ends[-1]
        if not times:
            return [], 0
    found: list[Slice] = []
    begin, begun, high = 0, times[0], 0
    for moment, start in zip(times, (0, *ends[:-1]), strict=True):
        if moment - begun > SLICE_NS and start > begin:
            found.append(Slice(high, file.service, b"".join(lines[begin:start]), start - begin))
            begin, begun, high = start, moment, 0
        high = max(high, moment)
    found.append(Slice(high, file.service, b"".join(lines[begin : ends[-1]]), ends[-1] - begin))
    return found, ends[-1]
