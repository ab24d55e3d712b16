"""Bounds on decoded values: depth and number over a batch, and cutting one record that is too large."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stream.decode.limits import DecodeLimits
from stream.decode.record import Undecodable


def count_values(batch: list[Any], limits: DecodeLimits, *, above: int = 0) -> int:
    """Count the values of all objects of `batch`, level by level, in one pass for the whole batch.

    `above` is how many levels of the wire format (entries, messages) stand above the records. Raises `Undecodable`:
    `too_deep` or `too_many_values`.
    """
    total, depth = 0, 0
    level = [value for value in batch if type(value) is dict or type(value) is list]
    while level:
        depth += 1
        total += len(level) + sum(map(len, level))  # an empty map is a value too
        if depth > limits.depth + above:
            raise Undecodable("too_deep")
        if total > limits.values:
            raise Undecodable("too_many_values")
        level = [
            value
            for one in level
            for value in (one.values() if type(one) is dict else one)
            if type(value) is dict or type(value) is list
        ]
    return total


def check_marks(body: bytes, marks: bytes, limits: DecodeLimits) -> None:
    """Refuse a body that may unfold to more values than allowed, by the bytes of it that could each begin one.

    One pass over the bytes, before anything is made of them; `marks` are those bytes, more rather than fewer. A body
    that is too short to hold so many values is not looked at. Raises `Undecodable`: `too_many_values`.

    >>> check_marks(b"[{},{}]", b"[{,", DecodeLimits())
    """
    if len(body) > limits.values and len(body) - len(body.translate(None, marks)) > limits.values:
        raise Undecodable("too_many_values")


def truncated(record: dict[str, Any], limit: int) -> dict[str, Any]:
    """Return `record` cut to about `limit` bytes: the first values whole, then the rest of the room, then nothing.

    >>> truncated({"log": "x" * 50, "host": "a"}, 20)
    {'log': 'xxxxxxxxxxxxxxxxx', 'host': ''}
    """
    cut, _ = _cut(record, limit)
    assert isinstance(cut, dict)
    return cut


def _cut(value: Any, room: int) -> tuple[Any, int]:
    kind = type(value)
    if kind is str:
        # Four bytes per character is the most UTF-8 takes; text of logs is mostly one.
        if len(value) <= room // 4 or len(value.encode("utf-8", "surrogatepass")) <= room:
            return value, room - len(value.encode("utf-8", "surrogatepass"))
        return value.encode("utf-8", "surrogatepass")[: max(room, 0)].decode("utf-8", "ignore"), 0
    if kind is bytes:
        return value[: max(room, 0)], max(room - len(value), 0)
    if kind is dict:
        return _cut_items(value.items(), room)
    if kind is list:
        out = []
        for item in value:
            if room <= 0:
                break
            cut, room = _cut(item, room - 1)
            out.append(cut)
        return out, room
    return value, room - 8


def _cut_items(items: Iterable[tuple[Any, Any]], room: int) -> tuple[dict[str, Any], int]:
    out: dict[str, Any] = {}
    for key, item in items:
        name = str(key)
        if len(name) > 1024:
            continue
        cut, room = _cut(item, max(room - len(name), 0))
        out[name] = cut
        if room <= 0 and len(out) >= 64:
            break
    return out, room
