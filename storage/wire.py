"""The bytes of a report: how facts travel from the stream to the owner of the database.

`MDF1 | length of JSON | JSON | length of counts | Arrow | length of errors | Arrow`, lengths as 4 bytes
big-endian. Counts and errors, which are many, are Arrow IPC streams whose `report` column says which entry of
the JSON list they belong to; the rest is JSON. Unpacking checks every length, schema and value, and every
text passes the gate again: names as names, templates as templates, everything else as text. Raises
`BadPayload`, which quotes nothing.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from models.sanitizer import SafeText
from storage.errors import BadPayload
from storage.facts import BlockFacts, MinuteCount
from storage.records import ErrorEvent

MAGIC: Final = b"MDF1"
MAX_BYTES: Final = 32 * 1024 * 1024
MAX_REPORTS: Final = 65_536
_LENGTH = struct.Struct(">I")
_MINUTE_COUNTS = TypeAdapter(list[MinuteCount])
_EVIDENCE_KEY = re.compile(r"[a-z][a-z0-9_]{0,40}")
_EVIDENCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")

_TIME = pa.timestamp("us", tz="UTC")
_NAMES = pa.dictionary(pa.int32(), pa.string())
COUNTS: Final = pa.schema(
    [
        ("report", pa.int32()),
        ("service", _NAMES),
        ("template_id", _NAMES),
        ("minute", _TIME),
        ("level", pa.uint8()),
        ("count", pa.int64()),
    ]
)
ERRORS: Final = pa.schema(
    [
        ("report", pa.int32()),
        ("ts", _TIME),
        ("last_ts", _TIME),
        ("service", _NAMES),
        ("host", _NAMES),
        ("level", pa.uint8()),
        ("template_id", _NAMES),
        ("count", pa.int64()),
    ]
)


class Admission(Protocol):
    """The gate, as far as the socket needs it."""

    def text(self, raw: str) -> SafeText: ...
    def template(self, raw: str) -> SafeText: ...
    def name(self, raw: str, kind: Literal["svc", "host", "tag"] = "svc") -> SafeText: ...


def pack(facts: Sequence[BlockFacts]) -> bytes:
    """Return reports as bytes."""
    head = [report.model_dump(mode="json", exclude={"counts", "errors"}) for report in facts]
    counts = [(i, fact) for i, report in enumerate(facts) for fact in report.counts]
    errors = [(i, fact) for i, report in enumerate(facts) for fact in report.errors]
    parts = (
        json.dumps(head, separators=(",", ":")).encode(),
        _stream(
            COUNTS,
            {
                "report": [i for i, _ in counts],
                "service": [str(fact.service) for _, fact in counts],
                "template_id": [fact.template_id for _, fact in counts],
                "minute": [fact.minute for _, fact in counts],
                "level": [int(fact.level) for _, fact in counts],
                "count": [fact.count for _, fact in counts],
            },
        ),
        _stream(
            ERRORS,
            {
                "report": [i for i, _ in errors],
                "ts": [fact.ts for _, fact in errors],
                "last_ts": [fact.last_ts for _, fact in errors],
                "service": [str(fact.service) for _, fact in errors],
                "host": [str(fact.host) for _, fact in errors],
                "level": [int(fact.level) for _, fact in errors],
                "template_id": [fact.template_id for _, fact in errors],
                "count": [fact.count for _, fact in errors],
            },
        ),
    )
    return MAGIC + b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def unpack(data: bytes, gate: Admission) -> list[BlockFacts]:
    """Return the reports in `data`, every text past `gate`; raises `BadPayload`."""
    head, counts, errors = _parts(data)
    try:
        raw = json.loads(head)
    except (ValueError, RecursionError):
        raise _bad("its head is not JSON") from None
    if not isinstance(raw, list) or len(raw) > MAX_REPORTS or not all(isinstance(each, dict) for each in raw):
        raise _bad("its head is not a list of reports")
    count_rows, error_rows = _rows(counts, COUNTS, len(raw)), _rows(errors, ERRORS, len(raw))
    admitted = _Names(gate)
    facts: list[BlockFacts] = []
    try:
        for i, each in enumerate(raw):
            fields = _admitted(each, gate, admitted)
            some_rows = count_rows.get(i, [])
            for row in some_rows:
                row["service"] = admitted("svc", row["service"])
            fields["counts"] = tuple(_MINUTE_COUNTS.validate_python(some_rows))
            place = {"shard": each.get("shard"), "block": each.get("block")}
            fields["errors"] = tuple(
                ErrorEvent.model_validate(
                    row
                    | place
                    | {"service": admitted("svc", row["service"]), "host": admitted("host", row["host"])}
                )
                for row in error_rows.get(i, ())
            )
            facts.append(BlockFacts.model_validate(fields, context={"admit": gate.text}))
    except ValidationError as error:
        raise _bad(f"a report has {error.error_count()} values that do not fit") from None
    return facts


class _Names:
    """Names past the gate, each distinct one looked at once per message."""

    def __init__(self, gate: Admission) -> None:
        self._gate, self._known = gate, dict[tuple[str, str], SafeText]()

    def __call__(self, kind: Literal["svc", "host"], raw: object) -> SafeText | None:
        if raw is None:
            return None
        if not isinstance(raw, str):
            raise _bad("a name is not text")
        known = self._known.get((kind, raw))
        if known is None:
            known = self._known[kind, raw] = self._gate.name(raw, kind)
        return known


def _admitted(report: dict[str, Any], gate: Admission, names: _Names) -> dict[str, Any]:
    """Pass names and templates through their own door; what is left passes as text when it is validated."""
    fields = dict(report)
    if "counts" in fields or "errors" in fields:
        raise _bad("counts and errors travel as Arrow")
    for group in ("traffic", "patterns", "signals"):
        entries = fields.get(group, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise _bad(f"its {group} are not a list of objects")
        fields[group] = tuple(_entry(entry, gate, names) for entry in entries)
    return fields


def _entry(entry: dict[str, Any], gate: Admission, names: _Names) -> dict[str, Any]:
    fields = dict(entry)
    if "service" in fields:
        fields["service"] = names("svc", fields["service"])
    if "host" in fields:
        fields["host"] = names("host", fields["host"])
    if isinstance(fields.get("template"), str):
        fields["template"] = gate.template(fields["template"])
    if isinstance(fields.get("evidence"), dict):
        if not all(_EVIDENCE_KEY.fullmatch(key) for key in fields["evidence"]):
            raise _bad("a piece of evidence has no proper name")
        fields["evidence"] = {key: _evidence(value, gate) for key, value in fields["evidence"].items()}
    return fields


def _evidence(value: object, gate: Admission) -> object:
    """Numbers and ids stay as they are; any other text passes the gate."""
    if isinstance(value, str) and not _EVIDENCE_ID.fullmatch(value):
        return str(gate.text(value))
    return value


def _stream(schema: pa.Schema, columns: dict[str, list[Any]]) -> bytes:
    arrays = [
        pa.array(columns[field.name], type=pa.string()).dictionary_encode()
        if field.type == _NAMES
        else pa.array(columns[field.name], type=field.type)
        for field in schema
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))
    return sink.getvalue().to_pybytes()


def _rows(data: bytes, schema: pa.Schema, reports: int) -> dict[int, list[dict[str, Any]]]:
    """Return the rows of one Arrow stream by the report they belong to."""
    try:
        with pa.ipc.open_stream(data) as reader:
            if reader.schema != schema:
                raise _bad("an Arrow part has other columns")
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        raise _bad("an Arrow part cannot be read") from None
    names = schema.names[1:]
    rows: dict[int, list[dict[str, Any]]] = {}
    columns = [_values(table.column(name)) for name in names]
    for report, *values in zip(table.column("report").to_pylist(), *columns, strict=True):
        if report is None or not 0 <= report < reports:
            raise _bad("a row belongs to no report")
        rows.setdefault(report, []).append(dict(zip(names, values, strict=True)))
    return rows


def _values(column: pa.ChunkedArray[Any]) -> list[Any]:
    """Return a column as a list. Many rows share a time, and making one is dear: each distinct one is made once."""
    if column.type != _TIME:
        values: list[Any] = column.to_pylist()
        return values
    made = column.unique()
    times = dict(zip(made.cast(pa.int64()).to_pylist(), made.to_pylist(), strict=True))
    return list(map(times.__getitem__, column.cast(pa.int64()).to_pylist()))


def _parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    if len(data) > MAX_BYTES or not data.startswith(MAGIC):
        raise _bad("it does not begin as a report does, or is too long")
    parts, at = [], len(MAGIC)
    for _ in range(3):
        if at + _LENGTH.size > len(data):
            raise _bad("it is cut short")
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if at + length > len(data):
            raise _bad("it is cut short")
        parts.append(data[at : at + length])
        at += length
    if at != len(data):
        raise _bad("something follows its end")
    return parts[0], parts[1], parts[2]


def _bad(why: str) -> BadPayload:
    return BadPayload(f"the report cannot be used: {why}", hint=BadPayload.remedy)


__all__ = ["MAX_BYTES", "Admission", "pack", "unpack"]
