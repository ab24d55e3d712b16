"""What people may see: the published tables and views, defined once for the owner's sandbox and for the live
copy.

In the owner's instance every published name is a view in `memory.published` over `ops`, so that ad-hoc SQL
sees what was committed a moment ago. In the live copy the same names are tables and views of the file itself.
Left out altogether: samples, deliveries, what was seen, settings and counters.

Bulk tables are shown as the hot tail and the recorded Parquet segments together. Views join the files that
lie there with the recorded names: a file counts once it is recorded, whatever else lies beside it. Names
stand without a catalog, because the live copy is attached under any name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.engine import literal, name


@dataclass(frozen=True)
class Bulk:
    """A table whose older rows stand in segments.

    `time` is the column whose UTC day is the partition. Rows that agree in all of `keys` are increments of
    one row: `sums` add up and of `maxima` the greatest counts. Without keys every row stands for itself.
    """

    table: str
    time: str
    columns: tuple[str, ...]
    order: tuple[str, ...]
    keys: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    maxima: tuple[str, ...] = ()

    @property
    def hot(self) -> str:
        """Name of the hot tail in the live copy."""
        return f"{self.table}_hot"

    @property
    def day(self) -> str:
        return f"CAST({name(self.time)} AT TIME ZONE 'UTC' AS DATE)"

    def merged(self, source: str, *extra: str) -> str:
        """Return a SELECT of the table's columns and `extra` keys from `source`, increments added up."""
        if not self.keys:
            return f"SELECT {_names((*self.columns, *extra))} FROM {source}"
        parts = [
            f"sum({name(column)})::{'DOUBLE' if column == 'lag_sum' else 'BIGINT'} AS {name(column)}"
            for column in self.sums
        ]
        parts += [f"max({name(column)}) AS {name(column)}" for column in self.maxima]
        keys = _names((*self.keys, *extra))
        return f"SELECT {keys}, {', '.join(parts)} FROM {source} GROUP BY {keys}"


BULK: tuple[Bulk, ...] = (
    Bulk(
        "error_event",
        "ts",
        ("ts", "last_ts", "service", "host", "level", "template_id", "count", "shard", "block"),
        ("service", "template_id", "ts"),
    ),
    Bulk(
        "pattern_minute",
        "minute",
        ("service", "template_id", "minute", "level", "count"),
        ("service", "template_id", "minute", "level"),
        keys=("service", "template_id", "minute", "level"),
        sums=("count",),
    ),
    Bulk(
        "service_traffic",
        "minute",
        ("service", "minute", "lines", "errors", "last_ts"),
        ("service", "minute"),
        keys=("service", "minute"),
        sums=("lines", "errors"),
        maxima=("last_ts",),
    ),
    Bulk(
        "ingest_minute",
        "minute",
        ("minute", "reports", "late", "quarantined", "lag_sum", "lag_max"),
        ("minute",),
        keys=("minute",),
        sums=("reports", "late", "quarantined", "lag_sum"),
        maxima=("lag_max",),
    ),
    Bulk(
        "service_health",
        "ts",
        ("service", "status", "response_ms", "error_rate", "ts"),
        ("service", "ts"),
    ),
)

TABLES: tuple[str, ...] = (
    "applied",
    "audit_anchor",
    "change_approval",
    "change_event",
    "change_implementation",
    "change_marker",
    "change_request",
    "change_validation",
    "error_diagnosis",
    "error_knowledge_base",
    "error_pattern",
    "incident",
    "incident_event",
    "maintenance_window",
    "schema_migration",
    "segment",
    "signal",
    "slack_message",
    "system_restoration",
    "system_snapshot",
)
PRIVATE: frozenset[tuple[str, str]] = frozenset({("error_pattern", "samples")})


@dataclass(frozen=True)
class View:
    """A view over published names: its meaning, its columns with their comments, and its SELECT."""

    name: str
    meaning: str
    columns: tuple[tuple[str, str], ...]
    sql: str  # every published name in it is written {at}name


VIEWS: tuple[View, ...] = (
    View(
        "incident_times",
        "How long each incident took, in seconds from its detection.",
        (
            ("id", "Name of the incident [INC-n]"),
            ("title", "What it is about [safe text]"),
            ("severity", "1 critical, 2 high, 3 medium, 4 low [1..4]"),
            ("status", "Step of its lifecycle [word]"),
            ("service", "Service it was found in [service name]"),
            ("category", "Error category [word]"),
            ("detected_at", "When it was opened [UTC]"),
            ("ttd_s", "First line that led to it to detection, NULL when declared by hand [s]"),
            ("tta_s", "Detection to the first acknowledgement, NULL before [s]"),
            ("ttr_s", "Detection to the first response, NULL before [s]"),
            ("mttr_s", "Detection to resolution, NULL before; its average is the MTTR [s]"),
            ("acknowledged_by", "Who first took it, NULL before [operator id]"),
        ),
        """SELECT id, title, severity, status, service, category, detected_at,
  epoch(detected_at) - epoch(fault_at) AS ttd_s,
  epoch(acknowledged_at) - epoch(detected_at) AS tta_s,
  epoch(responded_at) - epoch(detected_at) AS ttr_s,
  epoch(resolved_at) - epoch(detected_at) AS mttr_s,
  acknowledged_by
FROM {at}incident""",
    ),
    View(
        "pattern_hour",
        "Lines per template, level, service and hour of event time.",
        (
            ("service", "Service that logged [service name]"),
            ("template_id", "Template [id]"),
            ("hour", "Start of the hour of event time [UTC]"),
            ("day", "Day of event time; filter on it too, it selects files [date, UTC]"),
            ("level", "Severity number [OpenTelemetry]"),
            ("count", "Lines [lines]"),
        ),
        """SELECT service, template_id, time_bucket(INTERVAL 1 HOUR, minute) AS hour, day, level,
  sum(count)::BIGINT AS count
FROM {at}pattern_minute GROUP BY service, template_id, hour, day, level""",
    ),
    View(
        "service_health_current",
        "Newest known health of each service.",
        (
            ("service", "The service [service name]"),
            ("status", "State [HEALTHY, DEGRADED, DOWN, MAINTENANCE]"),
            ("response_ms", "Response time of the check, NULL without an answer [ms]"),
            ("error_rate", "Share of requests that failed, NULL for unknown [0..1]"),
            ("ts", "When it was checked [UTC]"),
        ),
        """SELECT service, arg_max(status, ts) AS status, arg_max(response_ms, ts) AS response_ms,
  arg_max(error_rate, ts) AS error_rate, max(ts) AS ts
FROM {at}service_health GROUP BY service""",
    ),
)

AUDIT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("seq", "Place in the chain, from 0 [number]"),
    ("ts", "When [UTC]"),
    ("actor", "Who or what did it [operator id, stream, or where an unknown person came from]"),
    ("action", "What was done or refused [word]"),
    ("data", "Ids, numbers and safe texts that belong to it [JSON object]"),
    ("payload", "The entry as it was hashed [JSON object]"),
    ("prev_hash", "Hash of the entry before, 64 zeros for the first [hex]"),
    ("hash", "SHA-256 of prev_hash followed by payload [hex]"),
)
DAY_COMMENT = "Day of event time; filter on it too, it selects files [date, UTC]"
NAMES: frozenset[str] = frozenset(
    {*TABLES, *(bulk.table for bulk in BULK), *(view.name for view in VIEWS), "audit_log", "dictionary"}
)


def bulk_sql(bulk: Bulk, hot: str, segment: str, segments: Path, epochs: Iterable[int]) -> str:
    """Return the SELECT that shows a bulk table: the hot tail and the recorded segments of every key epoch."""
    columns = _names(bulk.columns)
    parts = [f"SELECT {columns}, {bulk.day} AS day FROM {hot}"]
    for epoch in epochs:
        files = segments / f"e{epoch}" / bulk.table / "*" / "*.parquet"
        parts.append(
            f"SELECT {columns}, day FROM read_parquet({literal(str(files))}, filename = true, "
            "hive_partitioning = true, hive_types = {'day': DATE}, "
            f"encryption_config = {{footer_key: {literal(key_name(epoch))}}}) AS file "
            f"SEMI JOIN {segment} AS recorded ON parse_filename(file.filename) = recorded.name"
        )
    return bulk.merged(f"({' UNION ALL '.join(parts)}) AS rows_of", "day")


def audit_sql(chain: str) -> str:
    """Return the SELECT that shows the audit chain with the parts of its entries as columns."""
    return (
        "SELECT seq, CAST(json_extract_string(payload, '$.ts') AS TIMESTAMPTZ) AS ts, "
        "json_extract_string(payload, '$.actor') AS actor, json_extract_string(payload, '$.action') AS action, "
        f"CAST(json_extract(payload, '$.data') AS VARCHAR) AS data, payload, prev_hash, hash FROM {chain}"
    )


def public_columns(table: str, columns: Sequence[str]) -> str:
    """Return the columns of a table that may be seen, quoted."""
    return _names([column for column in columns if (table, column) not in PRIVATE])


def key_name(epoch: int) -> str:
    """Return the name under which DuckDB knows the key of an epoch of segments."""
    return f"mayday_e{epoch}"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(name(column) for column in columns)
