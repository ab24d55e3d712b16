"""Decoding of JSON bodies: one array, one object per line, objects without separator, GELF.

What a whole body is, is found by trying the fast way first. Invalid UTF-8 becomes lone surrogates. A line that is no JSON
object leaves the others standing. Raises `Undecodable`: `bad_json`, `too_deep`, `too_many_values`.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from stream.decode.bounds import check_marks, count_values, truncated
from stream.decode.limits import DecodeLimits
from stream.decode.record import RECEIVE_TIME, TRUNCATED, LogRecord, Undecodable
from stream.decode.times import record_time

_BLANK = " \t\r\n"
_MARKS = b"[{,\n"  # every value but the first stands behind one of these, or behind another value (`_concatenated`)


def decode_json(body: bytes, limits: DecodeLimits, received: tuple[int, int]) -> tuple[list[LogRecord], bool]:
    """Decode a JSON body; returns the records and whether every part of it could be used."""
    check_marks(body, _MARKS, limits)
    values, whole = _values(body.strip(), limits.values)
    count_values(values, limits)
    out = []
    for value in values:
        if type(value) is dict:
            out.append(json_record(value, received))
        elif type(value) is str:
            out.append(LogRecord(*received, {}, None, {"message": value}, (RECEIVE_TIME,)))
        else:
            whole = False
    if len(body) > limits.record_bytes:
        out = [_bounded(record, limits.record_bytes) for record in out]
    return out, whole


def json_record(value: dict[str, Any], received: tuple[int, int]) -> LogRecord:
    """Make a record of one JSON object: its time is one of its fields, else the receive time."""
    found = record_time(value)
    if found is None:
        return LogRecord(*received, {}, None, value, (RECEIVE_TIME,))
    return LogRecord(*found, {}, None, value)


def _values(body: bytes, most: int) -> tuple[list[Any], bool]:
    if not body:
        return [], True
    if body.startswith(b"["):
        whole = _loads(body)
        if type(whole) is list:
            return whole, True
    lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    try:
        # A line holds no raw newline inside JSON text, so joined lines are one array of as many objects.
        joined = orjson.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        joined = None
    if joined is not None and len(joined) == len(lines):
        return joined, True
    return _concatenated(body, most) or _line_by_line(lines)


def _loads(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        return json.loads(text.decode("utf-8", "surrogateescape"))
    except ValueError:
        return None
    except RecursionError:  # how much nesting it takes depends on the caller's stack; the reason must not
        raise Undecodable("too_deep") from None


def _concatenated(body: bytes, most: int) -> tuple[list[Any], bool] | None:
    """Decode values that follow each other with or without white space; None when one of them is no JSON."""
    text, at, out = body.decode("utf-8", "surrogateescape"), 0, []
    scan = json.JSONDecoder().raw_decode
    try:
        while at < len(text):
            value, at = scan(text, at)
            out.append(value)
            if len(out) > most:
                raise Undecodable("too_many_values")
            while at < len(text) and text[at] in _BLANK:
                at += 1
    except ValueError:
        return None
    except RecursionError:
        raise Undecodable("too_deep") from None
    return out, True


def _line_by_line(lines: list[bytes]) -> tuple[list[Any], bool]:
    values = [value for value in map(_loads, lines) if value is not None]
    if not values:
        raise Undecodable("bad_json")
    return values, len(values) == len(lines)


def _bounded(found: LogRecord, limit: int) -> LogRecord:
    try:
        size = len(orjson.dumps(found.record))
    except TypeError:  # lone surrogates, or integers beyond 64 bits
        size = len(json.dumps(found.record))
    if size <= limit:
        return found
    return found._replace(record=truncated(found.record, limit), flags=(*found.flags, TRUNCATED))
