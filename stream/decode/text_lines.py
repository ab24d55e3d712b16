"""Decoding of plain log lines, as `mayday replay` reads them from files: JSON objects, or text with a time at its head.

What became a field is no longer text, as with an agent's parser: a recognised time leaves the line, a syslog
header leaves as `host` and `ident`, its priority as `level` from warning upwards (most programs log everything else under one
priority, whatever their text says). A line without a recognisable time gets the time of the line before it (so order is
kept), at the start of an entry that of the first line that has one, else the receive time. The lines of a stack trace belong
to the record before them (`traces`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson

from stream.decode.bounds import check_marks, truncated
from stream.decode.limits import DecodeLimits
from stream.decode.record import RECEIVE_TIME, TRUNCATED, LogRecord
from stream.decode.times import LATEST, record_time
from stream.decode.traces import Trace

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_CLOCK = r"(?P<H>\d{1,2}):(?P<M>\d\d):(?P<S>\d\d)(?:[.,:](?P<frac>\d{1,9}))?"
_ZONE = r"(?:\s?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?"
_SYSLOG_REST = r"\s+(?P<host>[\w.:@-]+)\s+(?P<ident>[A-Za-z_][\w./()-]*)(?:\[(?P<pid>\d+)\])?:\s"
# Each is tried at the head of a line; the one that matched last is tried first on the next line.
_FORMATS = tuple(
    re.compile(pattern)
    for pattern in (
        # ISO 8601 and its relatives; RFC 5424 with its priority and version before and host and program after it
        r"(?:<\d{1,3}>1 (?=\d{4}-))?[\[(]?(?P<Y>\d{4})[-/.](?P<m>\d\d)[-/.](?P<d>\d\d)[T _-]"
        + _CLOCK
        + _ZONE
        + r"[\])]?",
        r"(?:<\d{1,3}>)?(?P<b>[A-Z][a-z]{2})\s+(?P<d>\d{1,2})\s+" + _CLOCK + _SYSLOG_REST,  # BSD syslog
        r"(?:<\d{1,3}>)?(?P<b>[A-Z][a-z]{2})\s+(?P<d>\d{1,2})\s+" + _CLOCK,
        r"\[?(?:[A-Z][a-z]{2}\s+)?(?P<b>[A-Z][a-z]{2})\s+(?P<d>\d{1,2})\s+"
        + _CLOCK
        + r"\s+(?P<Y>\d{4})\]?",  # Apache's error log
        r"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)[-T ]" + _CLOCK + r"\|?",
        r"(?P<y>\d\d)/(?P<m>\d\d)/(?P<d>\d\d) " + _CLOCK,  # Spark
        r"(?P<y>\d\d)(?P<m>\d\d)(?P<d>\d\d) (?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)(?=\s)",  # Hadoop
        r"(?P<m>\d\d)-(?P<d>\d\d) " + _CLOCK,  # Android
        r"(?P<level>[IWEFD])(?P<m>\d\d)(?P<d>\d\d) " + _CLOCK,  # glog
        r"(?:- )?(?P<epoch>\d{10})(?:[.,](?P<frac>\d{1,9}))?(?=\s)",
        r"(?P<millis>\d{13})(?=\s)",
    )
)
_COMMON_LOG = re.compile(  # web servers: the time stands after the client
    r"\[(?P<d>\d\d)/(?P<b>[A-Z][a-z]{2})/(?P<Y>\d{4}):(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:\s(?P<zone>[+-]\d{4}))?\]"
)
_SYSLOG_5424 = re.compile(
    r"\s(?P<host>\S{1,255}) (?P<ident>[\w./()-]{1,48}) (?P<pid>\S+) \S+ (?:-|\[[^\]]*\])\s?"
)
_PRIORITY = re.compile(r"<(\d{1,3})>")
_WARNING = 4  # in syslog's numbers, where 0 is the worst
_GLOG = {"I": "info", "W": "warning", "E": "error", "F": "fatal", "D": "debug"}
_HEAD = 160  # a time further right than this is part of the message


def decode_text(raw: bytes, limits: DecodeLimits, received: tuple[int, int]) -> tuple[list[LogRecord], bool]:
    """Decode lines of text; no line is left out, so the second value is always True.

    Raises `Undecodable`: `too_many_values`.
    """
    check_marks(raw, b"\n", limits)
    return read_lines(raw.split(b"\n"), limits, received)[0], True


def read_lines(
    lines: Iterable[bytes], limits: DecodeLimits, received: tuple[int, int]
) -> tuple[list[LogRecord], list[int]]:
    """Return the records of `lines` and how many lines each is made of; blank lines are in none of them."""
    reader, trace = _LineReader(received), Trace()
    out: list[_Draft] = []
    pending: list[_Draft] = []  # records at the start that wait for the first known time
    last: tuple[int, int] | None = None
    for line in lines:
        if not line or line.isspace():
            continue
        indented = line[:1] in (b" ", b"\t")
        if indented and out and out[-1].takes(line, limits.record_bytes):
            trace.goes_on(line)
            out[-1].add(line)
            continue
        found, record, is_text = reader.read(line)
        draft = _Draft(record, len(line), is_text=is_text, timed=is_text and found is not None)
        if found is None and is_text:
            draft.trace = trace.goes_on(line) and not indented
            if draft.trace and out and out[-1].takes(line, limits.record_bytes):
                out[-1].add(line)
                continue
        else:
            trace.ended()
        if found is None and last is None:
            pending.append(draft)
        elif found is not None:
            for each in pending:
                each.at = found
            pending.clear()
            last = found
        draft.at = last
        out.append(draft)
    return [draft.record(limits.record_bytes, received) for draft in out], [draft.lines for draft in out]


class _Draft:
    """A record while lines may still be added to it."""

    __slots__ = ("_fields", "_is_text", "_more", "_timed", "at", "lines", "size", "trace")

    def __init__(self, fields: dict[str, Any], size: int, *, is_text: bool, timed: bool) -> None:
        self._fields, self._more = fields, list[bytes]()
        self._is_text, self._timed = is_text, timed
        self.trace = False
        self.at: tuple[int, int] | None = None
        self.lines, self.size = 1, size

    def takes(self, line: bytes, limit: int) -> bool:
        """Whether a line of a trace may be added: without times, only what began as a trace goes on."""
        return self._is_text and (self._timed or self.trace) and self.size + len(line) <= limit

    def add(self, line: bytes) -> None:
        self._more.append(line)
        self.lines += 1
        self.size += len(line) + 1

    def record(self, limit: int, received: tuple[int, int]) -> LogRecord:
        fields, flags = self._fields, list[str]()
        if self._more:
            more = (line.decode("utf-8", "surrogateescape").rstrip("\r") for line in self._more)
            fields["message"] = "\n".join((fields["message"], *more))
        if self.size > limit:
            fields = truncated(fields, limit)
            flags.append(TRUNCATED)
        if self.at is None:
            flags.append(RECEIVE_TIME)
        return LogRecord(*(self.at or received), {}, None, fields, tuple(flags))


class _LineReader:
    """Reads the head of one line after another; remembers the format and the second that it saw last."""

    def __init__(self, received: tuple[int, int]) -> None:
        self._received = received
        self._format = _FORMATS[0]
        self._seconds: dict[tuple[str | None, ...], int | None] = {}

    def read(self, line: bytes) -> tuple[tuple[int, int] | None, dict[str, Any], bool]:
        """Return the line's time, or None, its record, and whether it is text (and no JSON object)."""
        if line[:1] == b"{":
            try:
                value = orjson.loads(line)
            except ValueError:
                value = None
            if type(value) is dict:
                return record_time(value), value, False
        text = line.decode("utf-8", "surrogateescape").rstrip("\r")
        found = self._format.match(text) or self._search(text)
        if found is None:
            return None, {"message": text}, True
        at = self._time(found.groupdict())
        if at is None or not 0 <= at[0] < LATEST:
            return None, {"message": text}, True
        return at, _record(text, found), True

    def _search(self, text: str) -> re.Match[str] | None:
        for known in _FORMATS:
            found = known.match(text)
            if found is not None:
                # The shorter syslog form is a fallback of one line, not the file's format.
                self._format = known
                return found
        return _COMMON_LOG.search(text, 0, _HEAD)

    def _time(self, part: dict[str, str | None]) -> tuple[int, int] | None:
        if part.get("millis"):
            seconds, millis = divmod(int(str(part["millis"])), 1000)
            return seconds, millis * 10**6
        nanos = int((part.get("frac") or "0").ljust(9, "0"))
        if part.get("epoch"):
            return int(str(part["epoch"])), nanos
        key = tuple(part.get(name) for name in ("Y", "y", "b", "m", "d", "H", "M", "S", "zone"))
        if key not in self._seconds:
            if len(self._seconds) > 10_000:
                self._seconds.clear()
            self._seconds[key] = self._calendar(part)
        seconds_or_none = self._seconds[key]
        return None if seconds_or_none is None else (seconds_or_none, nanos)

    def _calendar(self, part: dict[str, str | None]) -> int | None:
        now = datetime.fromtimestamp(self._received[0], UTC)
        month = _MONTHS.get(str(part.get("b")).lower(), 0) or int(part.get("m") or 0)
        year = int(part.get("Y") or 0) or (2000 + int(part["y"] or 0) if part.get("y") else now.year)
        try:
            at = datetime(
                year,
                month,
                int(part["d"] or 0),
                int(part["H"] or 0),
                int(part["M"] or 0),
                min(int(part["S"] or 0), 59),
                tzinfo=_zone(part.get("zone")),
            )
        except ValueError:
            return None
        if not (part.get("Y") or part.get("y")) and at > now + timedelta(days=1):
            at = _year_before(at)  # a line of December, read in January
        return int(at.timestamp())


def _year_before(at: datetime) -> datetime:
    try:
        return at.replace(year=at.year - 1)
    except ValueError:
        return at.replace(year=at.year - 1, day=28)


def _zone(text: str | None) -> timezone:
    if not text or text[0] not in "+-":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))


def _record(text: str, found: re.Match[str]) -> dict[str, Any]:
    part = found.groupdict()
    host, ident, pid = part.get("host"), part.get("ident"), part.get("pid")
    end = found.end()
    if text.startswith("<") and (more := _SYSLOG_5424.match(text, end)):
        host, ident, pid, end = more["host"], more["ident"], more["pid"], more.end()
    rest = (
        text[end:].lstrip(" \t|") if found.start() == 0 else f"{text[: found.start()]}{text[end:].lstrip()}"
    )
    record: dict[str, Any] = {"message": rest or text}
    if host:
        record["host"] = host
    if ident:
        record["ident"] = ident
    if pid and pid != "-":
        record["pid"] = pid
    if part.get("level"):
        record["level"] = _GLOG[str(part["level"])]
    elif text.startswith("<") and (priority := _PRIORITY.match(text)) and int(priority[1]) % 8 <= _WARNING:
        record["level"] = int(priority[1]) % 8
    return record
