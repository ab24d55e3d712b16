"""Promises of decoding the Forward protocol: every mode, entry form and time, and what is kept aside."""

from __future__ import annotations

import gzip
import random
import struct
import tracemalloc
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.decode import DecodeLimits, LogRecord, decode
from stream.spool.entry import Entry, Kind

RECEIVED = (1_700_000_000, 123_000_000)
AT = msgpack.ExtType(0, struct.pack(">II", 1_600_000_000, 7))
LOG = {"log": "claim queue exhausted", "service": "billing"}


def entry(raw: bytes, kind: Kind = Kind.FORWARD, **headers: str) -> Entry:
    received_ns = RECEIVED[0] * 10**9 + RECEIVED[1]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Entry(kind, received_ns, "agent-1", "192.0.2.1:1", "app.billing", "c1", named, raw)


def pack(*values: Any) -> bytes:
    return b"".join(msgpack.packb(value) for value in values)


def times(raw: bytes) -> list[tuple[int, int]]:
    return [(record.ts_sec, record.ts_nsec) for record in decode(entry(raw)).records]


ENTRIES = [[[AT, {}], LOG], [AT, LOG | {"n": 1}], [[AT, {"severity": "WARN"}], LOG]]
READ = [
    LogRecord(1_600_000_000, 7, {}, None, LOG),
    LogRecord(1_600_000_000, 7, {}, None, LOG | {"n": 1}),
    LogRecord(1_600_000_000, 7, {"severity": "WARN"}, None, LOG),
]


@pytest.mark.parametrize(
    "message",
    [
        ["t", ENTRIES],
        ["t", ENTRIES, {"chunk": "c1", "size": 3, "fluent_signal": 0, "unknown": [1]}],
        ["t", ENTRIES, None],
        ["t", pack(*ENTRIES)],
        ["t", pack(*ENTRIES), {"compressed": "text"}],
        ["t", gzip.compress(pack(*ENTRIES)), {"compressed": "gzip"}],
        ["t", gzip.compress(pack(*ENTRIES[:1])) + gzip.compress(pack(*ENTRIES[1:])), {"compressed": "gzip"}],
        ["t", zstandard.compress(pack(*ENTRIES)), {"compressed": "zstd"}],
        [
            "t",
            zstandard.compress(pack(*ENTRIES[:2])) + zstandard.compress(pack(*ENTRIES[2:])),
            {"compressed": "zstd"},
        ],
    ],
    ids=[
        "forward",
        "options",
        "nil options",
        "packed",
        "text",
        "gzip",
        "gzip members",
        "zstd",
        "zstd frames",
    ],
)
def test_every_mode_of_many_entries_reads_the_same(message: list[Any]) -> None:
    assert decode(entry(pack(message))) == (READ, None, 0)


def test_a_packed_payload_may_be_a_string_too() -> None:
    payload = pack(*ENTRIES)
    raw = b"\x92\xa1t\xda" + struct.pack(">H", len(payload)) + payload
    assert decode(entry(raw)).records == READ


@pytest.mark.parametrize(
    ("message", "metadata"),
    [
        (["t", AT, LOG], {}),
        (["t", AT, LOG, {"chunk": "c"}], {}),
        (["t", AT, LOG, None], {}),
        (["t", AT, LOG, {"metadata": {"severity": "ERROR"}}], {"severity": "ERROR"}),
    ],
)
def test_a_message_of_one_record_takes_its_metadata_from_the_options(
    message: list[Any], metadata: dict[str, Any]
) -> None:
    assert decode(entry(pack(message))).records == [LogRecord(1_600_000_000, 7, metadata, None, LOG)]


@pytest.mark.parametrize("signal", [0, None, False])
def test_logs_are_logs_however_it_is_said(signal: object) -> None:
    for message in (["t", ENTRIES], ["t", pack(*ENTRIES)]):
        assert decode(entry(pack([*message, {"fluent_signal": signal}]))) == (READ, None, 0)


@pytest.mark.parametrize("signal", ["0", [], {}, 3, -1, 2**63, 1.5, True, b"\1"])
def test_a_signal_that_there_is_not_is_kept_aside(signal: object) -> None:
    """Who sends it may mean logs: it is acknowledged, so it must stand somewhere."""
    for message in (["t", ENTRIES], ["t", pack(*ENTRIES)], ["t", AT, LOG]):
        assert decode(entry(pack([*message, {"fluent_signal": signal}]))) == ([], "unknown_signal", 0)


@pytest.mark.parametrize("value", [b"\x90", b"\x81\xa1k\x90"])
@pytest.mark.parametrize("where", ["record", "metadata"])
def test_a_single_record_that_unfolds_enormously_is_stopped(value: bytes, where: str) -> None:
    count = 12_000_000 // len(value)
    large = b"\x81\xa1x\xdd" + struct.pack(">I", count) + value * count
    rest = large if where == "record" else pack(LOG) + b"\x81\xa8metadata" + large
    raw = (b"\x93" if where == "record" else b"\x94") + b"\xa1t" + pack(AT) + rest
    tracemalloc.start()
    try:
        found = decode(entry(raw), DecodeLimits(values=100_000))
        _, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.records == []
    assert found.quarantine in ("too_many_values", "bad_msgpack")
    assert highest < 8 * len(raw)


def test_both_encodings_of_an_event_time_integers_and_floats_are_times() -> None:
    fixed = b"\xd7\x00" + struct.pack(">II", 5, 6)
    variable = b"\xc7\x08\x00" + struct.pack(">II", 7, 8)
    record = msgpack.packb(LOG)
    raw = b"\x92\xa1t\x94" + b"".join(
        b"\x92" + time + record for time in (fixed, variable, msgpack.packb(9), msgpack.packb(10.25))
    )
    assert times(raw) == [(5, 6), (7, 8), (9, 0), (10, 250_000_000)]


def test_a_time_that_is_none_becomes_the_receive_time_and_says_so() -> None:
    for time in (None, 0, -7, "yesterday", float("nan"), float("inf"), [1, 2], msgpack.ExtType(3, b"x")):
        (record,) = decode(entry(pack(["t", [[time, LOG]]]))).records or (None,)
        if time == [1, 2]:  # a pair is a time with metadata
            assert (record.ts_sec, record.flags) == (1, ())
        else:
            assert (record.ts_sec, record.ts_nsec, record.flags) == (*RECEIVED, ("receive_time",))


@pytest.mark.parametrize("marker", [lambda n: msgpack.ExtType(0, struct.pack(">II", n & 0xFFFFFFFF, 0)), int])
def test_group_markers_are_merged_into_what_stands_between_them_and_are_no_records(marker: Any) -> None:
    about, attributes = (
        {"schema": "otlp"},
        {"resource": {"attributes": {"service.name": "billing"}}, "scope": {}},
    )
    entries = [[[marker(-1), about], attributes], [[AT, {}], LOG], [[marker(-2), {}], {}], [[AT, {}], LOG]]
    found = decode(entry(pack(["t", entries, {"size": 4}])))
    assert [record.group for record in found.records] == [{"metadata": about, "attributes": attributes}, None]
    assert found.quarantine is None


@pytest.mark.parametrize("signal", [1, 2])
@pytest.mark.parametrize("payload", [b"\x00\xff", [[1, {}]]])
def test_metrics_and_traces_are_counted_and_never_read(signal: int, payload: Any) -> None:
    assert decode(entry(pack(["t", payload, {"fluent_signal": signal, "chunk": "c"}]))) == ([], None, 1)


def test_text_that_is_not_utf_8_keeps_its_bytes_as_lone_surrogates() -> None:
    raw = b"\x92\xa1t\x91\x92\x01\x81\xa3log\xa5caf\xe9\xff"
    (record,) = decode(entry(raw)).records
    assert record.record["log"].encode("utf-8", "surrogateescape") == b"caf\xe9\xff"


def test_entries_that_cannot_be_used_leave_the_others_and_put_the_message_aside() -> None:
    entries = [[1, LOG], "text", [1], [1, 2, 3], [1, "no map"], [[1], LOG], [2, LOG]]
    found = decode(entry(pack(["t", entries])))
    assert [record.ts_sec for record in found.records] == [1, 2]
    assert found.quarantine == "partly_decoded"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "bad_msgpack"),
        (pack("text"), "bad_msgpack"),
        (pack(["t"]), "not_forward"),
        (pack(["t", b"\xc1\xc1"]), "bad_msgpack"),
        (pack(["t", pack([1, LOG])[:-2]]), "bad_msgpack"),
        (pack(["t", b"no gzip", {"compressed": "gzip"}]), "bad_gzip"),
        (pack(["t", gzip.compress(pack([1, LOG]), mtime=0)[:-4], {"compressed": "gzip"}]), "bad_gzip"),
        (pack(["t", gzip.compress(b"", mtime=0) * 5000, {"compressed": "gzip"}]), "bad_gzip"),
        (pack(["t", zstandard.compress(pack([1, LOG]))[:-4], {"compressed": "zstd"}]), "bad_zstd"),
        (pack(["t", b"x", {"compressed": "lzma"}]), "unknown_encoding"),
        (pack(["t", gzip.compress(bytes(80 << 20), mtime=0), {"compressed": "gzip"}]), "too_large"),
        (pack(["t", zstandard.compress(bytes(80 << 20)), {"compressed": "zstd"}]), "too_large"),
        (b"\x92\xa1t\x91\x92\x01\x81\xa1a" + b"\x91" * 100 + b"\xc0", "too_deep"),
        (b"\x92\xa1t\xc5" + struct.pack(">H", 2000) + b"\x91" * 2000, "bad_msgpack"),
        (b"\x92\xa1t\x91\x92\x01\x81\x90\x01", "bad_msgpack"),
    ],
)
def test_what_does_not_decode_is_named_and_never_raises(raw: bytes, reason: str) -> None:
    assert decode(entry(raw)) == ([], reason, 0)


def test_a_record_beyond_the_limit_is_cut_and_flagged_and_its_neighbours_are_not() -> None:
    big = LOG | {"log": "x" * (3 << 20), "tail": "y" * 100}
    entries = [[1, LOG], [2, big], [3, LOG]]
    for message in (["t", entries], ["t", gzip.compress(pack(*entries)), {"compressed": "gzip"}]):
        found = decode(entry(pack(message)))
        assert [record.ts_sec for record in found.records] == [1, 2, 3]
        assert [record.flags for record in found.records] == [(), ("truncated",), ()]
        assert found.records[1].record["log"] == "x" * len(found.records[1].record["log"])
        assert (1 << 20) - 100 < len(found.records[1].record["log"]) <= 1 << 20
        assert found.quarantine is None
    (one,) = decode(entry(pack(["t", 1, big]))).records
    assert one.flags == ("truncated",)


def test_a_message_of_megabytes_reads_like_a_small_one() -> None:
    entries = [[[AT, {}], LOG | {"n": number}] for number in range(30_000)]
    found = decode(entry(pack(["t", entries])))
    assert len(found.records) == 30_000
    assert [record.record["n"] for record in found.records[::999]] == list(range(0, 30_000, 999))


@pytest.mark.parametrize(
    "payload",
    [
        b"\x92\x01\x81\xa1a" + b"\xdd" + struct.pack(">I", 4 << 20) + b"\x80" * (4 << 20),
        (b"\x92\x01\x81\xa1a\x93\x80\x80\x80") * (1 << 18),
        b"\x92\x01\x80" * (1 << 19),
    ],
    ids=["one list of maps", "many small records of maps", "many empty records"],
)
def test_a_message_that_unfolds_to_millions_of_objects_is_stopped_early(payload: bytes) -> None:
    raw = pack(["t", gzip.compress(payload, mtime=0), {"compressed": "gzip"}])
    limits = DecodeLimits(values=100_000)
    tracemalloc.start()
    try:
        found = decode(entry(raw), limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.records, found.quarantine) in (([], "too_many_values"), ([], "bad_msgpack"))
    assert peak < len(payload) * 3 + (130 << 20)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=5), max_size=6), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_records_come_back_as_they_were_packed(
    records: list[dict[str, Any]], packed: bool, zipped: bool
) -> None:
    entries = [[[AT, {}], record] for record in records]
    body: Any = pack(*entries) if packed else entries
    options = {}
    if packed and zipped:
        body, options = gzip.compress(body, mtime=0), {"compressed": "gzip"}
    found = decode(entry(pack(["t", body, options])))
    assert [record.record for record in found.records] == records
    assert found.quarantine is None


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    for kind in Kind:
        decode(entry(raw, kind, content_type="application/msgpack"))
        decode(entry(b"\x92\xa1t" + raw, kind, content_type="application/json", content_encoding="gzip"))


def test_damaged_messages_never_raise() -> None:
    chance = random.Random(2)
    whole = bytearray(pack(["t", ENTRIES * 5, {"chunk": "c"}]))
    for _ in range(2000):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        decode(entry(bytes(damaged[: chance.randrange(len(damaged))] if chance.random() < 0.3 else damaged)))
