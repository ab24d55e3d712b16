"""Decoding of the Forward protocol's messages: all four modes, every entry and time form, group markers.

The payload is cut into slices of at most 1 MB at entry boundaries, found without decoding, and each slice is decoded in
one call; so a message that unfolds enormously is stopped after one slice, and a record that is too large is cut
alone. Raises `Undecodable`: `bad_msgpack`, `not_forward`, `unknown_signal`, `too_deep`, `too_many_values`, or a reason of `compression`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgpack

from stream.decode.bounds import count_values, truncated
from stream.decode.compression import decompress
from stream.decode.limits import DecodeLimits
from stream.decode.record import RECEIVE_TIME, TRUNCATED, LogRecord, Undecodable
from stream.decode.times import event_time, record_time
from stream.forward_options import signal_of, wanted_options
from stream.msgpack_header import ARRAY, BIN, MAP, STR, header

GROUP_START, GROUP_END = 0xFFFFFFFF, 0xFFFFFFFE  # seconds -1 and -2 of a group marker, as unsigned
_SLICE = 1 << 20
_NIL = b"\xc0"
_OPTIONS = frozenset({b"fluent_signal", b"compressed", b"metadata"})
_PAIR: Callable[[bytes], tuple[int, int]] = struct.Struct(">II").unpack
_FAULTS = (ValueError, TypeError, msgpack.UnpackException, RecursionError, OverflowError)


def _extension(code: int, data: bytes) -> Any:
    """EventTime (type 0, 8 bytes) becomes a tuple; MessagePack arrays are lists, so the two cannot be confused."""
    return _PAIR(data) if code == 0 and len(data) == 8 else msgpack.ExtType(code, data)


def _unpacker(size: int, **more: Any) -> msgpack.Unpacker:
    return msgpack.Unpacker(
        raw=False,
        unicode_errors="surrogateescape",
        strict_map_key=False,
        ext_hook=_extension,
        max_buffer_size=max(size, 1),
        **more,
    )


def decode_message(
    raw: bytes, limits: DecodeLimits, received: tuple[int, int]
) -> tuple[list[LogRecord], bool, int]:
    """Decode one Forward message.

    Returns the records, whether all of its entries could be used, and 1 when it carries metrics or traces (0: logs).
    `received` is the receive time for records without one.
    """
    try:
        parts = _parts(raw)
        kind = header(parts[0], 0)
        assert kind is not None
        single = kind.kind not in (ARRAY, STR, BIN)
        options = _options(parts, at=2 if single else 1)
        signal = signal_of(options)
        if signal is None:
            raise Undecodable("unknown_signal")
        if signal:
            return [], True, 1
        if kind.kind == ARRAY:
            return *decode_entries(parts[0][kind.end :], limits, received), 0
        if not single:
            encoding = _bounded(options.get(b"compressed", _NIL), limits)
            payload = decompress(parts[0][kind.end :], str(encoding or "").lower(), limits.decoded_bytes)
            return *decode_entries(payload, limits, received), 0
        time = msgpack.unpackb(parts[0], ext_hook=_extension)
        metadata = _bounded(options.get(b"metadata", _NIL), limits)
        record = _bounded(parts[1], limits) if len(parts) > 1 else None
        entry = [[time, metadata if isinstance(metadata, dict) else {}], record]
        count_values([entry], limits, above=2)
    except Undecodable:
        raise
    except _FAULTS:
        raise Undecodable("bad_msgpack") from None
    records, whole = _records([entry], received)
    if len(raw) > limits.record_bytes:
        records = [_cut(record, limits) for record in records]
    return records, whole, 0


def _parts(raw: bytes) -> list[bytes]:
    """Return what a message holds behind its tag, which the receiver has read, as it is."""
    scanner = _unpacker(len(raw))
    scanner.feed(raw)
    elements = scanner.read_array_header()
    if not 2 <= elements <= 4:
        raise Undecodable("not_forward")
    scanner.skip()
    parts = []
    for _ in range(elements - 1):
        at = scanner.tell()
        scanner.skip()
        parts.append(raw[at : scanner.tell()])
    return parts


def _options(parts: list[bytes], at: int) -> dict[bytes, bytes]:
    """Return the options that matter here, packed; anything but a map holds none."""
    if len(parts) <= at:
        return {}
    outer = header(parts[at], 0)
    return wanted_options(parts[at], _OPTIONS) if outer is not None and outer.kind == MAP else {}


def _bounded(packed: bytes, limits: DecodeLimits) -> Any:
    """Unpack one value; a large one is counted while it unfolds."""
    if len(packed) > min(_SLICE, limits.record_bytes):
        return _decode_large(packed, limits)
    unpacker = _unpacker(len(packed))
    unpacker.feed(packed)
    return unpacker.unpack()


def decode_entries(
    payload: bytes, limits: DecodeLimits, received: tuple[int, int]
) -> tuple[list[LogRecord], bool]:
    """Decode concatenated entries; returns the records and whether every entry could be used.

    Raises `Undecodable` when the bytes are no MessagePack to the end, or unfold beyond the limits.
    """
    entries: list[Any] = []
    flagged: set[int] = set()
    values = 0
    try:
        for piece, oversize in _slices(payload, limits.record_bytes):
            if oversize:
                flagged.add(len(entries))
                entries.append(_decode_large(piece, limits))
                continue
            unpacker = _unpacker(len(piece))
            unpacker.feed(piece)
            batch = list(unpacker)
            if unpacker.tell() != len(piece):
                raise Undecodable("bad_msgpack")
            values += count_values(batch, limits, above=2)
            if values > limits.values:
                raise Undecodable("too_many_values")
            entries += batch
    except Undecodable:
        raise
    except _FAULTS:
        raise Undecodable("bad_msgpack") from None
    if not flagged:
        return _records(entries, received)
    marked = [[entry, at in flagged] for at, entry in enumerate(entries)]
    return _records([entry for entry, _ in marked], received, cut_at=flagged, limits=limits)


def _slices(payload: bytes, record_bytes: int) -> Iterator[tuple[bytes, bool]]:
    """Cut at entry boundaries into pieces of about 1 MB; an entry above `record_bytes` comes alone, with True."""
    if len(payload) <= min(_SLICE, record_bytes):
        yield payload, False
        return
    scanner = msgpack.Unpacker(max_buffer_size=len(payload))
    scanner.feed(payload)
    begin = previous = 0
    while previous < len(payload):
        scanner.skip()
        at = scanner.tell()
        if at - previous > record_bytes:
            if previous > begin:
                yield payload[begin:previous], False
            yield payload[previous:at], True
            begin = at
        elif at - begin > _SLICE:
            if previous > begin:
                yield payload[begin:previous], False
            begin = previous
        previous = at
    if begin < len(payload):
        yield payload[begin:], False


def _decode_large(piece: bytes, limits: DecodeLimits) -> Any:
    """Decode one entry above the record limit, counting its values while it unfolds."""
    left = limits.values

    def counted(value: Any) -> Any:
        nonlocal left
        left -= 1 + len(value)
        if left < 0:
            raise Undecodable("too_many_values")
        return value

    most = min(limits.values, 100_000)
    unpacker = _unpacker(
        len(piece), list_hook=counted, object_hook=counted, max_array_len=most, max_map_len=most
    )
    unpacker.feed(piece)
    entry = unpacker.unpack()
    count_values([entry], limits, above=2)
    return entry


def _cut(found: LogRecord, limits: DecodeLimits) -> LogRecord:
    return found._replace(
        record=truncated(found.record, limits.record_bytes),
        metadata=truncated(found.metadata, limits.record_bytes),
        flags=(*found.flags, TRUNCATED),
    )


def _records(
    entries: list[Any],
    received: tuple[int, int],
    *,
    cut_at: set[int] | None = None,
    limits: DecodeLimits | None = None,
) -> tuple[list[LogRecord], bool]:
    """Turn entries into records; group markers are merged into what stands between them and are no records."""
    out: list[LogRecord] = []
    group: dict[str, Any] | None = None
    whole = True
    for at, entry in enumerate(entries):
        if type(entry) is list and len(entry) == 2:
            head, record = entry
            if type(head) is list:
                if len(head) != 2:
                    whole = False
                    continue
                time, metadata = head
                if type(metadata) is not dict:
                    metadata = {}
            else:
                time, metadata = head, {}
        elif type(entry) is dict:  # a stream of bare records, as some HTTP senders write it
            time, metadata, record = None, {}, entry
        else:
            whole = False
            continue
        if type(record) is not dict:
            whole = False
            continue
        flags: tuple[str, ...] = ()
        if type(time) is tuple:
            sec, nsec = time
        else:
            sec, nsec, flags = _plain_time(time, record, received)
        if sec >= GROUP_END:
            group = {"metadata": metadata, "attributes": record} if sec == GROUP_START else None
            continue
        if nsec > 999_999_999:
            sec, nsec = sec + nsec // 10**9, nsec % 10**9
        found = LogRecord(sec, nsec, metadata, group, record, flags)
        out.append(_cut(found, limits) if cut_at and limits and at in cut_at else found)
    return out, whole


def _plain_time(
    time: Any, record: dict[str, Any], received: tuple[int, int]
) -> tuple[int, int, tuple[str, ...]]:
    if type(time) is int:
        if time in (-1, -2):
            return time & 0xFFFFFFFF, 0, ()
        if 0 < time <= 0xFFFFFFFF:
            return time, 0, ()
    if isinstance(time, msgpack.Timestamp) and 0 < time.seconds < GROUP_END:
        return time.seconds, time.nanoseconds, ()
    found = event_time(time) or record_time(record)
    return (*found, ()) if found else (*received, (RECEIVE_TIME,))
