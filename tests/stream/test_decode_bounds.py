"""What a small body unfolds to stays bounded, in every format: it is put aside before anything is made of it."""

from __future__ import annotations

import gzip
import json

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from stream.decode import DecodeLimits, decode
from stream.spool.entry import Entry, Kind

LIMITS = DecodeLimits(values=1000)
MANY = 5000


def sent(body: bytes, content_type: str, kind: Kind = Kind.HTTP) -> Entry:
    headers = {"content-type": content_type, "content-encoding": "gzip"}
    return Entry(kind, 10**18, "agent-1", "", "app", None, headers, gzip.compress(body))


def otlp(records: int = 0, attributes: int = 0) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for _ in range(records):
        scope.log_records.add()
    if attributes:
        record = scope.log_records.add()
        for _ in range(attributes):
            record.body.kvlist_value.values.add()
    return request.SerializeToString()


def long_tags(body: bytes) -> bytes:
    """The same empty records with each tag written as two bytes, which protobuf reads as well."""
    assert body.endswith(b"\x12\x00")
    empty = b"\x92\x00\x00" * MANY
    scope = b"\x12" + _length(len(empty)) + empty
    return b"\x0a" + _length(len(scope)) + scope


def _length(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


@pytest.mark.parametrize(
    "entry",
    [
        sent(b"[" + b",".join([b"{}"] * MANY) + b"]", "application/json"),
        sent(b"{}" * MANY, "application/json"),
        sent(b"{}\n" * MANY, "application/x-ndjson"),
        sent(b"1 " * MANY, "application/json"),
        sent(json.dumps([{str(n): 1 for n in range(MANY)}]).encode(), "application/json"),
        sent(b"\x80" * MANY, "application/msgpack"),
        sent(b"x\n" * MANY, "text/plain"),
        sent(otlp(records=MANY), "application/x-protobuf", Kind.OTLP),
        sent(otlp(attributes=MANY), "application/x-protobuf", Kind.OTLP),
        sent(long_tags(otlp(records=1)), "application/x-protobuf", Kind.OTLP),
        Entry(Kind.FORWARD, 1, "a", "", "t", "c", {}, msgpack.packb(["t", [[1, {}]] * MANY, {"chunk": "c"}])),
    ],
    ids=(
        "array", "behind each other", "lines", "numbers", "one object", "msgpack", "text",
        "records", "attributes", "long tags", "forward",
    ),
)  # fmt: skip
def test_more_values_than_allowed_are_put_aside(entry: Entry) -> None:
    assert decode(entry, LIMITS) == ([], "too_many_values", 0)


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=3), st.integers(-(2**63), 2**64 - 1) | st.text(max_size=9), max_size=3
        ),
        max_size=40,
    )
)
def test_what_is_within_the_limit_is_never_put_aside(records: list[dict[str, object]]) -> None:
    decoded = decode(sent(json.dumps(records).encode(), "application/json"), LIMITS)
    assert decoded.quarantine is None
    assert [record.record for record in decoded.records] == records
