"""Decoding of one spooled entry, whatever it is. Never raises for what an entry holds: that becomes a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stream.decode.compression import decompress
from stream.decode.forward import decode_entries, decode_message
from stream.decode.json_body import decode_json
from stream.decode.limits import DecodeLimits
from stream.decode.otlp import decode_otlp
from stream.decode.record import Decoded, LogRecord, Undecodable
from stream.decode.text_lines import decode_text
from stream.spool.entry import Entry, Kind

PARTIAL = "partly_decoded"  # some entries of a message were usable, others not
JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
NO_LINES = ("image/", "audio/", "video/", "font/", "multipart/")
"""Beginnings of content types that hold no log lines."""
_OPENING = (b"[", b"{")
_LIMITS = DecodeLimits()
_MSGPACK = frozenset({"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"})


def decode(entry: Entry, limits: DecodeLimits = _LIMITS) -> Decoded:
    """Decode `entry`: its records, a reason for quarantine, or a message of another signal.

    Control entries hold no records. A record without a time gets the entry's receive time and says so in `flags`.
    """
    received = divmod(entry.received_ns, 10**9)
    try:
        if entry.kind == Kind.FORWARD:
            records, whole, signals = decode_message(entry.raw, limits, received)
            return Decoded(records, None if whole else PARTIAL, signals)
        if entry.kind == Kind.HTTP:
            records, whole = _http(entry, limits, received)
        elif entry.kind == Kind.OTLP:
            body, as_json = _body(entry, limits), media_type(entry.headers) == JSON
            records, whole = decode_otlp(body, limits, received, as_json=as_json), True
        elif entry.kind == Kind.TEXT:
            records, whole = decode_text(_body(entry, limits), limits, received)
        else:
            return Decoded([])
    except Undecodable as reason:
        return Decoded([], reason.detail)
    return Decoded(records, None if whole else PARTIAL)


def media_type(headers: Mapping[str, str]) -> str:
    """Return the type of a body without its parameters, "" if it has none.

    >>> media_type({"content-type": "Application/JSON; charset=utf-8"})
    'application/json'
    """
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _body(entry: Entry, limits: DecodeLimits) -> bytes:
    return decompress(
        entry.raw, entry.headers.get("content-encoding", "").strip().lower(), limits.decoded_bytes
    )


def _http(entry: Entry, limits: DecodeLimits, received: tuple[int, int]) -> tuple[list[LogRecord], bool]:
    body = _body(entry, limits)
    kind = media_type(entry.headers)
    if kind in _MSGPACK:
        return decode_entries(body, limits, received)
    if kind.startswith("text/"):
        return decode_text(body, limits, received)
    if "json" in kind or body.lstrip()[:1] in _OPENING:
        return decode_json(body, limits, received)
    # Whoever sends lines by hand seldom says what they are: curl calls every body a form.
    if kind.startswith(NO_LINES) or b"\0" in body:
        raise Undecodable("unknown_type")
    return decode_text(body, limits, received)
