"""From log records to columns: service, time, host, level and text of each line, by configurable rules.

Records of one message mostly have the same keys, so the places that can hold a value are worked out once per set of
keys and message, and constants (the tag, the resource, the agent) are resolved there as well; what is left per
record is a few look-ups. Text and names stay raw: the gate sees them later.

>>> from stream.decode import LogRecord
>>> from stream.spool.entry import Entry, Kind
>>> entry = Entry(Kind.FORWARD, 10**18, "agent-1", "", "app.billing", None, {}, b"")
>>> record = LogRecord(999_999_999, 5, {}, None, {"log": "ERROR out of slots\\n", "host": "a"})
>>> columns([record], entry, FieldRules(FieldSettings()))
[Lines(service='billing', ts=[999999999000000005], host=['a'], level=[17], text=['ERROR out of slots'])]
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from models.levels import parse_level
from stream.decode.record import LogRecord
from stream.field_settings import FieldSettings
from stream.level_words import level_of
from stream.spool.entry import Entry

_NAME = 200  # characters of a service or host name that are kept
_KUBE_TAG = re.compile(r"([^_.]*)_([^_]+)_(.+)-[0-9a-f]{64}\Z")
_ENDINGS = (".gz", ".log", ".txt", ".jsonl", ".json", ".ndjson")
_BUNYAN = {10: 1, 20: 5, 30: 9, 40: 13, 50: 17, 60: 21}  # the numbers of pino and bunyan
_OTLP_KEYS = frozenset({"severity_number", "severityNumber"})
_Path = tuple[str, ...]


@dataclass(slots=True)
class Lines:
    """Lines of one service in one block, column by column; `ts` is event time in ns, `text` has no final newline."""

    service: str
    ts: list[int] = field(default_factory=list)
    host: list[str] = field(default_factory=list)
    level: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ts)


class FieldRules:
    """The rules of one configuration, made ready. Holds no state between messages."""

    def __init__(self, settings: FieldSettings) -> None:
        self.settings = settings
        self.skew_ns = settings.future_skew_seconds * 10**9


class _Look(NamedTuple):
    """Where a value may stand for one set of keys: in the record, in the metadata, then a constant."""

    places: tuple[tuple[bool, _Path], ...]  # (in the metadata, keys)
    otherwise: Any


class _Plan(NamedTuple):
    text: str | None
    service: _Look
    host: _Look
    level: _Look


def columns(records: Sequence[LogRecord], entry: Entry, rules: FieldRules) -> list[Lines]:
    """Sort `records` of `entry` into one `Lines` per service, each in the order of arrival.

    A time ahead of the entry's receipt by more than the allowed skew is set back to receipt plus skew.
    """
    out: dict[str, Lines] = {}
    plans: dict[tuple[Any, ...], _Plan] = {}
    services: dict[Any, str] = {}
    latest = entry.received_ns + rules.skew_ns
    settings = rules.settings
    head = settings.head_chars
    for found in records:
        record = found.record
        shape = (*record, bool(found.metadata), id(found.group))
        plan = plans.get(shape)
        if plan is None:
            plan = plans[shape] = _plan(found, entry, settings)
        text = _text(record, plan.text)
        if (
            settings.unfold_json
            and text[:1] == "{"
            and (unfolded := _unfolded(found, plan.text, text)) is not None
        ):
            found = unfolded
            record = found.record
            plan = _plan(found, entry, settings)
            text = _text(record, plan.text) if plan.text is not None else text
        named = _look(plan.service, found)
        service = services.get(named) if type(named) is str else _name(named)
        if service is None:
            service = services[named] = _name(named)
        lines = out.get(service or settings.service_unknown)
        if lines is None:
            service = service or settings.service_unknown
            lines = out[service] = Lines(service)
        level = _level_at(plan.level.places, found) if plan.level.places else 0
        at = found.ts_sec * 1_000_000_000 + found.ts_nsec
        lines.ts.append(min(at, latest))
        lines.host.append(_name(_look(plan.host, found)))
        lines.level.append(level or level_of(text, head))
        lines.text.append(text)
    return list(out.values())


# -- plans ------------------------------------------------------------------------------------------------------


def _plan(found: LogRecord, entry: Entry, settings: FieldSettings) -> _Plan:
    return _Plan(
        next((key for key in settings.text if found.record.get(key) is not None), None)
        or next((key for key in settings.text if key in found.record), None),
        _prepare(settings.service, found, entry),
        _prepare(settings.host, found, entry),
        _prepare(settings.level, found, entry),
    )


def _prepare(places: Sequence[_Path], found: LogRecord, entry: Entry) -> _Look:
    kept: list[tuple[bool, _Path]] = []
    for place in places:
        root, keys = place[0], place[1:]
        if root == "record":
            if keys[0] in found.record:
                kept.append((False, keys))
        elif root in ("metadata", "attributes"):
            if found.metadata:
                kept.append((True, keys if root == "metadata" else ("otlp", "attributes", *keys)))
        else:
            constant = _constant(root, keys, found, entry)
            if _name(constant):
                return _Look(tuple(kept), constant)
    return _Look(tuple(kept), None)


def _constant(root: str, keys: _Path, found: LogRecord, entry: Entry) -> Any:
    if root == "tag":
        return tag_service(entry.tag)
    if root == "agent":
        return entry.agent
    return _walk(found.group, ("attributes", "resource", "attributes", *keys))


def tag_service(tag: str) -> str:
    """Return what a Fluent tag says about the service: its last part, or the container of a Kubernetes log file.

    >>> tag_service("app.billing"), tag_service("kube.var.log.containers.db-0_clinic_records-db-" + "ab" * 32 + ".log")
    ('billing', 'records-db')
    """
    cut = True
    while cut:
        cut = False
        for ending in _ENDINGS:
            if tag.endswith(ending) and len(tag) > len(ending):
                tag, cut = tag[: -len(ending)], True
    kube = _KUBE_TAG.search(tag)
    return kube[3] if kube else tag.rpartition(".")[2]


def _look(look: _Look, found: LogRecord) -> Any:
    for in_metadata, keys in look.places:
        source = found.metadata if in_metadata else found.record
        value = source.get(keys[0]) if len(keys) == 1 else _walk(source, keys)
        if value is not None and value != "":
            return value
    return look.otherwise


def _walk(value: Any, keys: _Path) -> Any:
    for key in keys:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value


# -- values -----------------------------------------------------------------------------------------------------


def _name(value: Any) -> str:
    if type(value) is str:
        return value.strip()[:_NAME]
    if type(value) is int:
        return str(value)
    if type(value) is bytes:
        return value[:_NAME].decode("utf-8", "surrogateescape").strip()
    return ""


def _level_at(places: tuple[tuple[bool, _Path], ...], found: LogRecord) -> int:
    for in_metadata, keys in places:
        value = _walk(found.metadata if in_metadata else found.record, keys)
        if value is None:
            continue
        level = _otlp_level(value) if keys[-1] in _OTLP_KEYS else _level(value)
        if level:
            return level
    return 0


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


def _text(record: dict[str, Any], key: str | None) -> str:
    if key is None:
        return _written_out(record)
    value = record.get(key)
    if type(value) is str:
        return value.rstrip("\r\n") if value[-1:] in "\r\n" else value
    if type(value) is bytes:
        return value.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if type(value) is dict:
        return _written_out(value)
    return _plain(value)


def _written_out(record: dict[str, Any]) -> str:
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


def _unfolded(found: LogRecord, key: str | None, text: str) -> LogRecord | None:
    """Return the record with the JSON object of its text lifted to the top, None when the text is none."""
    if key is None or text[-1:] != "}":
        return None
    try:
        inner = orjson.loads(text)
    except ValueError:
        return None
    if type(inner) is not dict or not inner:
        return None
    return found._replace(record={name: value for name, value in found.record.items() if name != key} | inner)
