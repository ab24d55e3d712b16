"""Decoding of OTLP's `ExportLogsServiceRequest`, as protobuf or as JSON.

A record's body becomes the record: a map as it is, anything else under `body`. Severity, attributes and trace ids stand in
`metadata["otlp"]` and resource and scope in the group, as Fluent Bit's own OpenTelemetry input arranges them.
In JSON the ids of traces and spans are hexadecimal, where protobuf's own JSON has base64. Raises `Undecodable`:
`bad_protobuf`, `bad_json`, `too_deep`, `too_many_values`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as OtlpRecord

from stream.decode.bounds import check_marks, count_values, truncated
from stream.decode.limits import DecodeLimits
from stream.decode.record import RECEIVE_TIME, TRUNCATED, LogRecord, Undecodable

# The tags of all fields that hold messages, also as two bytes: protobuf reads a number with needless zeros.
_TAGS = (0x0A, 0x12, 0x1A, 0x2A, 0x32, 0x3A)
_JSON_MARKS = b"[{,"
_MARKS = bytes((*_TAGS, *(0x80 | tag for tag in _TAGS)))


def decode_otlp(
    body: bytes, limits: DecodeLimits, received: tuple[int, int], *, as_json: bool = False
) -> list[LogRecord]:
    """Decode one request; record times are `time_unix_nano`, else the observed time, else `received`."""
    check_marks(body, _JSON_MARKS if as_json else _MARKS, limits)
    try:
        request = _from_json(body) if as_json else ExportLogsServiceRequest.FromString(body)
        out = []
        for number, resource in enumerate(request.resource_logs):
            attributes = _attributes(resource.resource.attributes)
            for place, scope in enumerate(resource.scope_logs):
                group = _group(attributes, scope.scope, number, place)
                out += [_record(record, group, received, limits) for record in scope.log_records]
    except (DecodeError, RecursionError):
        raise Undecodable("bad_protobuf") from None
    count_values([record.record for record in out] + [record.metadata for record in out], limits, above=2)
    return out


def _from_json(body: bytes) -> ExportLogsServiceRequest:
    try:
        request = json_format.Parse(
            body.decode("utf-8", "replace"), ExportLogsServiceRequest(), ignore_unknown_fields=True
        )
    except (json_format.ParseError, ValueError, TypeError, AttributeError):
        raise Undecodable("bad_json") from None
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                record.trace_id, record.span_id = _id(record.trace_id), _id(record.span_id)
    return request


def _id(read: bytes) -> bytes:
    """Return the bytes of an id that was hexadecimal and was read as base64; what was neither is no id."""
    try:
        return bytes.fromhex(base64.b64encode(read).decode())
    except ValueError:
        return b""


def _group(attributes: dict[str, Any], scope: Any, resource: int, place: int) -> dict[str, Any] | None:
    about: dict[str, Any] = {}
    if scope.name:
        about["name"] = scope.name
    if scope.version:
        about["version"] = scope.version
    if scope.attributes:
        about["attributes"] = _attributes(scope.attributes)
    if not attributes and not about:
        return None
    return {
        "metadata": {"schema": "otlp", "resource_id": resource, "scope_id": place},
        "attributes": {"resource": {"attributes": attributes}, "scope": about},
    }


def _record(
    found: OtlpRecord, group: dict[str, Any] | None, received: tuple[int, int], limits: DecodeLimits
) -> LogRecord:
    about: dict[str, Any] = {}
    if found.observed_time_unix_nano:
        about["observed_timestamp"] = found.observed_time_unix_nano
    if found.severity_number:
        about["severity_number"] = int(found.severity_number)
    if found.severity_text:
        about["severity_text"] = found.severity_text
    if found.attributes:
        about["attributes"] = _attributes(found.attributes)
    if found.trace_id:
        about["trace_id"] = found.trace_id.hex()
    if found.span_id:
        about["span_id"] = found.span_id.hex()
    if found.event_name:
        about["event_name"] = found.event_name
    body = _value(found.body)
    record = body if isinstance(body, dict) else {} if body is None else {"body": body}
    nanos = found.time_unix_nano or found.observed_time_unix_nano
    sec, nsec = divmod(nanos, 10**9) if nanos else received
    flags = () if nanos else (RECEIVE_TIME,)
    if found.ByteSize() > limits.record_bytes:
        record, about = truncated(record, limits.record_bytes), truncated(about, limits.record_bytes)
        flags = (*flags, TRUNCATED)
    return LogRecord(sec, nsec, {"otlp": about} if about else {}, group, record, flags)


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind)
