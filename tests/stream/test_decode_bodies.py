"""Promises of decoding HTTP bodies, OTLP requests and lines of text."""

from __future__ import annotations

import gzip
import json
import struct
from typing import Any

import cramjam
import msgpack
import pytest
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from stream.decode import DecodeLimits, decode
from stream.decode.times import event_time
from stream.spool.entry import Entry, Kind

RECEIVED = (1_772_439_300, 123_000_000)  # 2026-03-02 08:15:00 UTC


def entry(raw: bytes, kind: Kind = Kind.HTTP, **headers: str) -> Entry:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Entry(kind, RECEIVED[0] * 10**9 + RECEIVED[1], "agent-1", "", "app.billing", None, named, raw)


def records(raw: bytes, content_type: str = "application/json", **headers: str) -> list[dict[str, Any]]:
    found = decode(entry(raw, content_type=content_type, **headers))
    assert found.quarantine is None
    return [record.record for record in found.records]


THREE = [{"log": 'a } { b\\" [', "n": 1}, {"log": '{"x": 1}\n'}, {"log": "café", "nest": {"k": [1, None]}}]
LINES = [json.dumps(one) for one in THREE]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(THREE),
        json.dumps(THREE, indent=2),
        "\n".join(LINES),
        "\r\n".join(LINES) + "\r\n\r\n",
        "".join(LINES),
        " ".join(LINES) + "\n",
        "\n".join(json.dumps(one, indent=1) for one in THREE),
    ],
    ids=["array", "pretty array", "lines", "crlf lines", "stream", "spaced", "pretty objects"],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson; charset=utf-8", ""])
def test_every_way_to_write_objects_behind_each_other_reads_the_same(body: str, content_type: str) -> None:
    assert records(body.encode(), content_type) == THREE


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("zstd", zstandard.compress),
        ("snappy", lambda body: bytes(cramjam.snappy.compress_raw(body))),
    ],
)
def test_encodings_are_undone(encoding: str, pack: Any) -> None:
    assert records(pack(LINES[0].encode()), content_encoding=encoding) == THREE[:1]


def test_an_unknown_encoding_or_damaged_body_is_named() -> None:
    for body, encoding, reason in (
        (b"{}", "br", "unknown_encoding"),
        (b"\xff" * 20, "snappy", "bad_snappy"),
        (bytes(cramjam.snappy.compress_raw(bytes(80 << 20))), "snappy", "too_large"),
        (b"\xff\xff\xff\xff\x0f", "snappy", "too_large"),  # says 4 GB and holds nothing
        (b"x", "zstd", "bad_zstd"),
    ):
        assert decode(entry(body, content_encoding=encoding)).quarantine == reason


def test_gelf_is_read_line_by_line() -> None:
    body = (
        b'{"version":"1.1","short_message":"a","timestamp":1795415609.716,"level":3}\n{"short_message":"b"}'
    )
    found = decode(entry(body, content_type="application/json")).records
    assert (found[0].ts_sec, found[0].ts_nsec, found[0].flags) == (1_795_415_609, 716_000_000, ())
    assert (found[1].ts_sec, found[1].ts_nsec, found[1].flags) == (*RECEIVED, ("receive_time",))


def test_entries_over_http_keep_nanoseconds_and_metadata() -> None:
    time = msgpack.ExtType(0, struct.pack(">II", 5, 6))
    body = msgpack.packb([[time, {"k": 1}], {"log": "a"}]) + msgpack.packb([time, {"log": "b"}])
    found = decode(
        entry(gzip.compress(body), content_type="application/msgpack", content_encoding="gzip")
    ).records
    assert [(one.ts_sec, one.ts_nsec, one.metadata, one.record["log"]) for one in found] == [
        (5, 6, {"k": 1}, "a"), (5, 6, {}, "b"),
    ]  # fmt: skip


def test_one_bad_line_leaves_the_others_and_puts_the_body_aside() -> None:
    found = decode(entry(b'{"log":"a"}\nnonsense\n{"log":"b"}\n17\n', content_type="application/x-ndjson"))
    assert [record.record["log"] for record in found.records] == ["a", "b"]
    assert found.quarantine == "partly_decoded"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"nonsense", "bad_json"),
        (b"[1,2", "bad_json"),
        (b'{"a":' * 50 + b"1" + b"}" * 50, "too_deep"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "too_deep"),
        (b"[" * 100_000, "too_deep"),
    ],
)
def test_what_is_no_json_is_named(body: bytes, reason: str) -> None:
    assert decode(entry(body, content_type="application/json")) == ([], reason, 0)


@pytest.mark.parametrize("said", ["application/x-www-form-urlencoded", "application/octet-stream", "", "x/y"])
def test_a_body_that_does_not_say_what_it_is_is_looked_at(said: str) -> None:
    lines = decode(entry(b"ERROR claim queue exhausted\nINFO retrying\n", content_type=said))
    assert [record.record["message"] for record in lines.records] == [
        "ERROR claim queue exhausted",
        "INFO retrying",
    ]
    assert [record.record for record in decode(entry(b' {"log":"a"}', content_type=said)).records] == [
        {"log": "a"}
    ]
    assert decode(entry(b"\x00\x01", content_type=said)) == ([], "unknown_type", 0)


def test_bytes_that_are_not_utf_8_and_not_a_number_are_read_all_the_same() -> None:
    assert records(b'{"log":"caf\xe9"}') == [{"log": "caf\udce9"}]
    (one,) = records(b'{"log":"x","n":NaN}')
    assert one["n"] != one["n"]


def test_a_json_record_beyond_the_limit_is_cut_and_flagged() -> None:
    body = json.dumps([{"log": "a"}, {"log": "x" * (2 << 20)}, {"list": ["y" * 1000] * 2000}]).encode()
    found = decode(entry(body)).records
    assert [record.flags[-1:] for record in found] == [("receive_time",), ("truncated",), ("truncated",)]
    assert all(len(json.dumps(record.record)) < (1 << 20) + 100_000 for record in found)


def test_the_receive_time_counts_where_there_is_none() -> None:
    (record,) = decode(entry(b'{"log":"2026-01-01 00:00:00 old"}')).records
    assert (record.ts_sec, record.ts_nsec, record.flags) == (*RECEIVED, ("receive_time",))


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (1772439245.421, (1772439245, 421_000_000)),
        (1772439245, (1772439245, 0)),
        (1772439245421, (1772439245, 421_000_000)),
        (1772439245421000, (1772439245, 421_000_000)),
        (1772439245421000007, (1772439245, 421_000_007)),
        ("1772439245", (1772439245, 0)),
        ("1772439245.5", (1772439245, 500_000_000)),
        ("2026-03-02T08:14:05.123456789Z", (1772439245, 123_456_789)),
        ("2026-03-02 09:14:05,5 +0100", (1772439245, 500_000_000)),
        ("2026-03-02T08:14:05", (1772439245, 0)),
        ("2026-13-02T08:14:05", None),
        ("", None),
        (None, None),
        (True, None),
        (-1, None),
        (10**40, None),
    ],
)
def test_times_in_every_unit(value: Any, at: tuple[int, int] | None) -> None:
    assert event_time(value) == at


# -- OTLP -----------------------------------------------------------------------------------------------------------


def test_otlp_gives_body_severity_attributes_resource_and_scope() -> None:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "billing"
    scope = resource.scope_logs.add()
    scope.scope.name = "lib"
    plain = scope.log_records.add(time_unix_nano=5_000_000_006, severity_number=13, severity_text="WARN")
    plain.body.string_value = "payer slow"
    plain.attributes.add(key="thread").value.int_value = 3
    plain.trace_id = bytes(range(16))
    mapped = scope.log_records.add(observed_time_unix_nano=7_000_000_008)
    mapped.body.kvlist_value.values.add(key="message").value.string_value = "m"
    mapped.body.kvlist_value.values.add(key="list").value.array_value.values.add().bool_value = True
    bare = request.resource_logs.add().scope_logs.add().log_records.add()
    bare.body.bytes_value = b"\xff"
    found = decode(entry(request.SerializeToString(), Kind.OTLP)).records
    assert found[0][:3] == (
        5, 6, {"otlp": {"severity_number": 13, "severity_text": "WARN", "attributes": {"thread": 3},
                        "trace_id": "000102030405060708090a0b0c0d0e0f"}},
    )  # fmt: skip
    assert found[0].record == {"body": "payer slow"}
    assert found[0].group["attributes"] == {
        "resource": {"attributes": {"service.name": "billing"}}, "scope": {"name": "lib"},
    }  # fmt: skip
    assert (found[1].ts_sec, found[1].ts_nsec, found[1].record) == (7, 8, {"message": "m", "list": [True]})
    assert (found[2].ts_sec, found[2].group, found[2].record) == (RECEIVED[0], None, {"body": b"\xff"})


def test_otlp_that_is_none_is_named() -> None:
    assert decode(entry(b"\xff\xff\xff", Kind.OTLP)).quarantine == "bad_protobuf"
    assert decode(entry(b"", Kind.OTLP)) == ([], None, 0)


def test_otlp_nested_too_deeply_is_named() -> None:
    request = ExportLogsServiceRequest()
    value = request.resource_logs.add().scope_logs.add().log_records.add().body
    for _ in range(40):
        value = value.array_value.values.add()
    value.string_value = "deep"
    assert decode(entry(request.SerializeToString(), Kind.OTLP)).quarantine in ("too_deep", "bad_protobuf")


# -- text -----------------------------------------------------------------------------------------------------------


def text(*lines: str) -> list[tuple[int, dict[str, Any]]]:
    found = decode(entry("\n".join(lines).encode(), Kind.TEXT))
    assert found.quarantine is None
    return [(record.ts_sec, record.record) for record in found.records]


@pytest.mark.parametrize(
    ("line", "at", "message"),
    [
        ("2026-03-02T08:14:05.706Z ERROR api up", 1772439245, "ERROR api up"),
        ("2026-03-02 09:14:05,706 +0100 INFO up", 1772439245, "INFO up"),
        ("[2026-03-02 08:14:05.706] [info] up", 1772439245, "[info] up"),
        ("2026/03/02 08:14:05 [error] 12#0: up", 1772439245, "[error] 12#0: up"),
        ("Mar  2 08:14:05 web-1 sshd[123]: up", 1772439245, "up"),
        ("<34>Mar  2 08:14:05 web-1 sshd: up", 1772439245, "up"),
        ("<34>1 2026-03-02T08:14:05Z web-1 sshd 123 ID47 - up", 1772439245, "up"),
        ("Mar  2 08:14:05 no header here", 1772439245, "no header here"),
        ("[Mon Mar 02 08:14:05 2026] [notice] up", 1772439245, "[notice] up"),
        ("260302 081405 143 INFO dfs.DataNode: up", 1772439245, "143 INFO dfs.DataNode: up"),
        ("20260302-08:14:05:706|Step|300|up", 1772439245, "Step|300|up"),
        ("03-02 08:14:05.706  1702  2395 D Power: up", 1772439245, "1702  2395 D Power: up"),
        ("E0302 08:14:05.706 7 x.go:1] up", 1772439245, "7 x.go:1] up"),
        ("26/03/02 08:14:05 INFO up", 1772439245, "INFO up"),
        ("1772439245 up", 1772439245, "up"),
        ("1772439245706 up", 1772439245, "up"),
        ('192.0.2.1 - - [02/Mar/2026:09:14:05 +0100] "GET /"', 1772439245, '192.0.2.1 - - "GET /"'),
        ("Dec 31 23:59:59 web-1 cron: up", 1767225599, "up"),
    ],
)
def test_common_heads_are_read_and_their_time_leaves_the_line(line: str, at: int, message: str) -> None:
    ((found, record),) = text(line)
    assert (found, record["message"]) == (at, message)


def test_a_syslog_head_gives_host_program_and_process() -> None:
    ((_, record),) = text("Mar  2 08:14:05 web-1 sshd(pam_unix)[123]: up")
    assert record == {"message": "up", "host": "web-1", "ident": "sshd(pam_unix)", "pid": "123"}
    ((_, record),) = text('<34>1 2026-03-02T08:14:05Z web-1 sshd - ID47 [x y="z"] up')
    assert record == {"message": "up", "host": "web-1", "ident": "sshd", "level": 2}


def test_a_syslog_priority_is_the_level_from_warning_upwards() -> None:
    found = text(*(f"<{8 * 3 + severity}>Mar  2 08:14:05 web-1 app: up" for severity in range(8)))
    assert [record.get("level") for _, record in found] == [0, 1, 2, 3, 4, None, None, None]


def test_a_line_without_a_time_has_that_of_the_line_before_it() -> None:
    found = text(
        "no time yet",
        "2026-03-02 08:14:05 INFO a",
        "no time here",
        "",
        "2026-03-02 08:14:06 INFO b",
        "end",
    )
    assert [at for at, _ in found] == [1772439245, 1772439245, 1772439245, 1772439246, 1772439246]
    assert [record["message"] for _, record in found][2] == "no time here"


def test_lines_without_any_time_have_the_receive_time() -> None:
    found = decode(entry(b"a\nb\n", Kind.TEXT)).records
    assert [(one.ts_sec, one.ts_nsec, one.flags) for one in found] == [(*RECEIVED, ("receive_time",))] * 2


def test_json_lines_among_text_are_objects() -> None:
    found = text(
        '{"timestamp":"2026-03-02T08:14:05Z","service":"a","message":"m"}',
        "{not json",
        "2026-03-02 08:14:06 x",
    )
    assert found[0] == (1772439245, {"timestamp": "2026-03-02T08:14:05Z", "service": "a", "message": "m"})
    assert found[1] == (1772439245, {"message": "{not json"})
    assert found[2][0] == 1772439246


def test_text_may_be_gzip_and_invalid_utf_8() -> None:
    found = decode(entry(gzip.compress(b"2026-03-02 08:14:05 caf\xe9"), Kind.TEXT, content_encoding="gzip"))
    assert found.records[0].record == {"message": "caf\udce9"}


def test_a_line_beyond_the_limit_is_cut_and_flagged() -> None:
    found = decode(entry(b"x" * 5000 + b"\nshort", Kind.TEXT), DecodeLimits(record_bytes=2000)).records
    assert found[0].flags[0] == "truncated"
    assert len(found[0].record["message"]) <= 2000
    assert "truncated" not in found[1].flags


def test_control_entries_hold_no_records() -> None:
    assert decode(entry(b'{"control":"tick"}', Kind.CONTROL)) == ([], None, 0)
