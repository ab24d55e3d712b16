"""From log records to columns: service, time, host, level and text of each line, by configurable rules.

Records of one message mostly have the same keys, so they are read column by column: the places that can hold a
value are worked out once per set of keys (`stream.field_places`), and each place is read for all of those records at
once (`stream.field_values`). Text and names stay raw: the gate sees them later.

>>> from stream.decode import LogRecord
>>> from stream.spool.entry import Entry, Kind
>>> entry = Entry(Kind.FORWARD, 10**18, "agent-1", "", "app.billing", None, {}, b"")
>>> record = LogRecord(999_999_999, 5, {}, None, {"log": "ERROR out of slots\\n", "host": "a"})
>>> columns([record], entry, FieldRules(FieldSettings()))
[Lines(service='billing', ts=[999999999000000005], host=['a'], level=[17], text=['ERROR out of slots'])]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import add, itemgetter, mul
from typing import Any

from stream.decode.record import LogRecord
from stream.field_places import Look, Plan, plan_of, tag_service, walk
from stream.field_settings import FieldSettings
from stream.field_values import levels, names, texts, unfolded, written_out
from stream.level_words import level_of
from stream.spool.entry import Entry

__all__ = ["FieldRules", "Lines", "columns", "tag_service"]
_OTLP_KEYS = frozenset({"severity_number", "severityNumber"})
_BETWEEN = "\x1f"
_Columns = tuple[list[str], list[str], list[int], list[str], list[str]]
_Line = tuple[str, str, int, str, str]  # service, host, level, text, source


@dataclass(slots=True)
class Lines:
    """Lines of one service in one block, column by column; `ts` is event time in ns, `text` has no final newline.

    Lines of one `source` and one host were written one after the other: by agent, tag, and what the rules name.
    """

    service: str
    ts: list[int] = field(default_factory=list)
    host: list[str] = field(default_factory=list)
    level: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    source: list[str] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return len(self.ts)

    def add(self, other: Lines) -> None:
        """Put other lines of the same service behind these."""
        self.ts += other.ts
        self.host += other.host
        self.level += other.level
        self.text += other.text
        self.source += other.source

    def picked(self, places: Sequence[int]) -> Lines:
        """Return the lines at `places` (at least one)."""
        return Lines(
            self.service,
            _picked(self.ts, places),
            _picked(self.host, places),
            _picked(self.level, places),
            _picked(self.text, places),
            _picked(self.source, places) if self.source else [],
        )


class FieldRules:
    """The rules of one configuration, made ready. Holds no state between messages."""

    def __init__(self, settings: FieldSettings) -> None:
        self.settings = settings
        self.skew_ns = settings.future_skew_seconds * 10**9


def columns(records: Sequence[LogRecord], entry: Entry, rules: FieldRules) -> list[Lines]:
    """Sort `records` of `entry` into one `Lines` per service, each in the order of arrival.

    A time ahead of the entry's receipt by more than the allowed skew is set back to receipt plus skew.
    """
    if not records:
        return []
    secs, nsecs, *_ = zip(*records, strict=True)
    ts = list(map(add, map(mul, secs, repeat(1_000_000_000)), nsecs))
    latest = entry.received_ns + rules.skew_ns
    if max(ts) > latest:
        ts = [min(at, latest) for at in ts]
    services, hosts, level, text, sources = _read(records, entry, rules.settings)
    return _by_service(Lines(services[0], ts, hosts, level, text, sources), services)


def _by_service(whole: Lines, services: list[str]) -> list[Lines]:
    members: dict[str, list[int]] = {service: [] for service in dict.fromkeys(services)}
    if len(members) == 1:
        return [whole]
    for at, service in enumerate(services):
        members[service].append(at)
    found = [whole.picked(places) for places in members.values()]
    for service, lines in zip(members, found, strict=True):
        lines.service = service
    return found


def _picked(column: list[Any], places: Sequence[int]) -> list[Any]:
    return [column[places[0]]] if len(places) == 1 else list(itemgetter(*places)(column))


def _read(
    records: Sequence[LogRecord], entry: Entry, settings: FieldSettings, *, unfold: bool = True
) -> _Columns:
    """Return service, host, level, text and source of each record."""
    _, _, metadata, groups, fields, *_ = zip(*records, strict=True)
    keys = list(zip(map(tuple, fields), map(bool, metadata), map(id, groups), strict=True))
    if len(kinds := dict.fromkeys(keys)) == 1:
        return _read_alike(records, entry, settings, unfold=unfold)
    places: dict[Any, list[int]] = {kind: [] for kind in kinds}
    for at, key in enumerate(keys):
        places[key].append(at)
    lines: list[_Line | None] = [None] * len(records)
    for members in places.values():
        read = _read_alike([records[at] for at in members], entry, settings, unfold=unfold)
        for at, line in zip(members, zip(*read, strict=True), strict=True):
            lines[at] = line
    services, hosts, level, text, sources = map(list, zip(*lines, strict=True))
    return services, hosts, level, text, sources


def _read_alike(
    records: Sequence[LogRecord], entry: Entry, settings: FieldSettings, *, unfold: bool
) -> _Columns:
    """The same for records that have the same keys and the same group."""
    plan = plan_of(records[0], entry, settings)
    text, keys = _texts(records, plan)
    services = [service or settings.service_unknown for service in names(_values(records, plan.service))]
    hosts = names(_values(records, plan.host))
    level = _levels(records, plan.level)
    inner: dict[int, LogRecord] = {}
    if unfold and settings.unfold_json and any(map(str.startswith, text, repeat("{"))):
        for at, (record, key, value) in enumerate(zip(records, keys, text, strict=True)):
            if value[:1] == "{" and key is not None and (found := unfolded(record, key, value)) is not None:
                inner[at] = found
    if 0 in level:
        head = settings.head_chars
        level = [
            known or (0 if at in inner else level_of(line, head))
            for at, (known, line) in enumerate(zip(level, text, strict=True))
        ]
    if inner:
        lines = zip(*_read(list(inner.values()), entry, settings, unfold=False), strict=True)
        for (at, found), (service, host, number, line, _) in zip(inner.items(), lines, strict=True):
            services[at], hosts[at], level[at] = service, host, number
            if not found.record.keys().isdisjoint(settings.text):  # else the object as it came is the text
                text[at] = line
    return services, hosts, level, text, _sources(records, entry, plan.source)


def _sources(records: Sequence[LogRecord], entry: Entry, look: Look) -> list[str]:
    base = f"{entry.agent}{_BETWEEN}{entry.tag}"
    if not look.places:
        return [f"{base}{_BETWEEN}{look.otherwise}" if look.otherwise else base] * len(records)
    found = names(_values(records, look))
    distinct = {name: f"{base}{_BETWEEN}{name}" if name else base for name in set(found)}
    return list(map(distinct.__getitem__, found))


def _texts(records: Sequence[LogRecord], plan: Plan) -> tuple[list[str], list[str | None]]:
    """Return the text of each record and the key under which it stands; None where all fields are written out."""
    fields = list(map(itemgetter(4), records))
    if not plan.text:
        return list(map(written_out, fields)), [None] * len(fields)
    best = plan.text[0]
    values = list(map(itemgetter(best), fields))
    keys: list[str | None] = [best] * len(values)
    if None in values:
        for at, record in enumerate(fields):
            keys[at] = next((key for key in plan.text if record[key] is not None), best)
            values[at] = record[keys[at]]
    return texts(values), keys


def _column(records: Sequence[LogRecord], *, metadata: bool, keys: tuple[str, ...]) -> list[Any]:
    sources = map(itemgetter(2 if metadata else 4), records)
    if len(keys) == 1:
        return list(map(dict.get, sources, repeat(keys[0])))
    return list(map(walk, sources, repeat(keys)))


def _values(records: Sequence[LogRecord], look: Look) -> list[Any]:
    """Return for each record what stands in the first place that holds something."""
    values: list[Any] = [None] * len(records)
    empty = True
    for metadata, keys in look.places:
        column = _column(records, metadata=metadata, keys=keys)
        values = (
            column
            if empty
            else [old if _holds(old) else new for old, new in zip(values, column, strict=True)]
        )
        empty = False
        if None not in values and "" not in values:
            return values
    return [value if _holds(value) else look.otherwise for value in values]


def _holds(value: Any) -> bool:
    return value is not None and value != ""


def _levels(records: Sequence[LogRecord], look: Look) -> list[int]:
    """Return for each record the level in the first place that names one, 0 where none does."""
    found = [0] * len(records)
    for metadata, keys in look.places:
        column = levels(_column(records, metadata=metadata, keys=keys), otlp=keys[-1] in _OTLP_KEYS)
        found = [old or new for old, new in zip(found, column, strict=True)]
        if 0 not in found:
            break
    return found
