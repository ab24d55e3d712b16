"""From the values of records to names, levels and texts: for whole columns, so that a batch costs a few calls.

Distinct values are looked at once per column; text is taken as it is, without its final newline.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import orjson

from models.levels import parse_level
from stream.decode.record import LogRecord

_NAME = 200  # characters of a service or host name that are kept
_BUNYAN = {10: 1, 20: 5, 30: 9, 40: 13, 50: 17, 60: 21}  # the numbers of pino and bunyan
_NEWLINES = ("\n", "\r")


def names(values: Sequence[Any]) -> list[str]:
    """Return the name in each value.

    >>> names(["web ", 7, b"db", None])
    ['web', '7', 'db', '']
    """
    if set(map(type, values)) == {str}:
        distinct = {value: name(value) for value in set(values)}
        return list(map(distinct.__getitem__, values))
    return list(map(name, values))


def name(value: Any) -> str:
    """Return a value as the name of a service or host, "" when it is none."""
    if type(value) is str:
        return value.strip()[:_NAME]
    if type(value) is int:
        return str(value)
    if type(value) is bytes:
        return value[:_NAME].decode("utf-8", "surrogateescape").strip()
    return ""


def levels(values: Sequence[Any], *, otlp: bool = False) -> list[int]:
    """Return the level number in each value, 0 for none; `otlp` reads OpenTelemetry's 1..24."""
    read = _otlp_level if otlp else _level
    if set(map(type, values)) == {str}:
        distinct = {value: read(value) for value in set(values)}
        return list(map(distinct.__getitem__, values))
    return list(map(read, values))


def _otlp_level(value: Any) -> int:
    return (value - 1) // 4 * 4 + 1 if type(value) is int and 1 <= value <= 24 else 0


def _level(value: Any) -> int:
    """Return the number of a level as loggers write it: a word, syslog's 0..7, pino's and bunyan's 10..60.

    >>> _level("Warning"), _level(3), _level(50), _level({})
    (13, 17, 17, 0)
    """
    if type(value) is str:
        return int(parse_level(value[:40]))
    if type(value) is not int:
        return 0
    if 0 <= value <= 7:
        return int(parse_level(str(value)))
    return _BUNYAN.get(value, 0)


def texts(values: Iterable[Any]) -> list[str]:
    """Return each value as the text of a line.

    >>> texts(["out of slots\\n", b"raw", {"a": 1}, 7])
    ['out of slots', 'raw', 'a=1', '7']
    """
    values = list(values)
    if set(map(type, values)) == {str}:
        if any(map(str.endswith, values, repeat(_NEWLINES))):
            return [value.rstrip("\r\n") for value in values]
        return values
    return list(map(_text, values))


def _text(value: Any) -> str:
    if type(value) is str:
        return value.rstrip("\r\n")
    if type(value) is bytes:
        return value.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if type(value) is dict:
        return written_out(value)
    return _plain(value)


def written_out(record: dict[str, Any]) -> str:
    """Write fields out in their order: a structured record without a text still has a shape to learn."""
    return " ".join(f"{key}={_plain(value)}" for key, value in record.items())


def _plain(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is bytes:
        return value.decode("utf-8", "surrogateescape")
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return json.dumps(value, default=str, skipkeys=True, ensure_ascii=False)


def unfolded(found: LogRecord, key: str, text: str) -> LogRecord | None:
    """Return the record with the JSON object of its text lifted to the top, None when the text is none."""
    if text[-1:] != "}":
        return None
    try:
        inner = orjson.loads(text)
    except ValueError:
        return None
    if type(inner) is not dict or not inner:
        return None
    return found._replace(
        record={field: value for field, value in found.record.items() if field != key} | inner
    )
