"""The records of a spool as JSON-ready rows. They are raw: whoever writes them anywhere records that they did."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgpack

from storage.seal import KeyRing
from stream.decode import DecodeLimits, LogRecord, decode
from stream.spool import Damage, Entry, Kind, SpoolReader, noted

_BLOCKS = 64


def export_records(
    spool: Path,
    ring: KeyRing,
    limits: DecodeLimits | None = None,
    *,
    until: int | None = None,
    on_damage: Callable[[Damage], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield every stored log record, oldest first; with `until`, those of the blocks before this number.

    Rows: `{agent, tag, chunk, received_at, ts: {sec, nsec}, metadata, group, record, flags}`. `bytes` become
    `{"$bytes": hex}`; bytes that were not UTF-8 are lone surrogates in text, which `json.dumps` escapes. Control
    entries, other signals and what does not decode are no records. At the end, `on_damage` is called with each place of
    the spool that is damaged, met here or known already: its records are not among the rows.
    """
    with SpoolReader(spool, ring) as reader:
        for entry in _entries(reader, until):
            decoded = decode(entry, limits) if limits is not None else decode(entry)
            for record in decoded.records:
                yield row(entry, record)
        if on_damage is not None:
            for place in noted(spool, reader.damage, reader.lost):
                on_damage(place)


def _entries(reader: SpoolReader, until: int | None) -> Iterator[Entry]:
    while blocks := reader.read(_BLOCKS):
        for block in blocks:
            if until is not None and block.seq >= until:
                return
            yield from (entry for entry in block.entries if entry.kind is not Kind.CONTROL)


def row(entry: Entry, found: LogRecord) -> dict[str, Any]:
    """Return one record of `entry` as a row.

    >>> from stream.spool.entry import Entry, Kind
    >>> entry = Entry(Kind.FORWARD, 10**18 + 5000, "a", "", "app", None, {}, b"")
    >>> row(entry, LogRecord(1, 2, {}, None, {"log": b"\\xff"}))["record"]
    {'log': {'$bytes': 'ff'}}
    """
    return {
        "agent": entry.agent,
        "tag": entry.tag,
        "chunk": entry.chunk,
        "received_at": _iso(entry.received_ns),
        "ts": {"sec": found.ts_sec, "nsec": found.ts_nsec},
        "metadata": _json(found.metadata),
        "group": _json(found.group),
        "record": _json(found.record),
        "flags": list(found.flags),
    }


def _iso(nanos: int) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanos // 1000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _json(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {key if type(key) is str else str(key): _json(item) for key, item in value.items()}
    if kind is list:
        return [_json(item) for item in value]
    if kind is bytes:
        return {"$bytes": value.hex()}
    if kind is tuple:  # an EventTime inside a record
        return {"$time": {"sec": value[0], "nsec": value[1]}}
    if isinstance(value, msgpack.ExtType):
        return {"$ext": {"type": value.code, "data": value.data.hex()}}
    if isinstance(value, msgpack.Timestamp):
        return {"$time": {"sec": value.seconds, "nsec": value.nanoseconds}}
    if kind is float and not math.isfinite(value):  # JSON has no such numbers
        return {"$float": str(value)}
    return value
