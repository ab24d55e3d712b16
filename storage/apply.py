"""Facts of the stream become rows, once per (series, shard, block).

`applied` holds the newest block of each series and shard, and its newest part where a long report comes in several
(`storage.parts`); a report that is not newer is ignored, in the same
transaction that adds the rows of the others, so a crash anywhere and a replay of anything change no count.
Heads of a series are never forgotten: however old the copy of a spool is, its blocks are known.

A stream numbers what it sends, and a number that does not follow is refused together with all that came with it
(`DatabaseBehind`): between the two lie reports that this database, made anew or restored from an older copy, does
not have, and to go on would leave them out in silence. Rows go in as
Arrow tables, one statement per table whatever the number of blocks; counts of one minute are summed before
they are added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from storage.columns import arrow_table, to_arrow
from storage.errors import DatabaseBehind
from storage.facts import HANDOVER, BlockFacts, MinuteCount, ServiceTraffic
from storage.records import ErrorEvent, ErrorPattern
from storage.transaction import Transaction


def apply_facts(tx: Transaction, facts: Sequence[BlockFacts]) -> list[BlockFacts]:
    """Add the rows of all reports that are newer than their shard; returns those, in order of (block, shard).

    Raises `DatabaseBehind`, and then adds nothing.
    """
    fresh = _newer(tx, facts)
    if not fresh:
        return []
    _count(tx, fresh)
    _traffic(tx, [traffic for report in fresh for traffic in report.traffic])
    _ingest(tx, fresh)
    tx.insert_arrow(
        ErrorEvent.table, to_arrow(ErrorEvent, [error for report in fresh for error in report.errors])
    )
    _patterns(tx, (pattern for report in fresh for pattern in report.patterns))
    return fresh


def _newer(tx: Transaction, facts: Sequence[BlockFacts]) -> list[BlockFacts]:
    named = sorted({report.series for report in facts})
    rows = tx.execute(
        "SELECT series, shard, block, part FROM applied WHERE series IN (SELECT unnest(?::VARCHAR[]))",
        [named],
    )
    heads = {(str(series), int(shard)): (int(block), int(part)) for series, shard, block, part in rows}
    fresh: list[BlockFacts] = []
    moved: dict[tuple[str, int], tuple[int, int]] = {}
    for report in sorted(facts, key=lambda report: (report.block, report.shard, report.part)):
        place, at = (report.series, report.shard), (report.block, report.part)
        if report.shard == HANDOVER and report.block > heads.get(place, (0, 0))[0] + 1:
            raise DatabaseBehind(
                "the database does not hold what this stream has handed over", hint=DatabaseBehind.remedy
            )
        if at > heads.get(place, (-1, 0)):
            heads[place] = moved[place] = at
            fresh.append(report)
    if moved:
        tx.from_arrow(
            """INSERT INTO applied BY NAME SELECT *, now() AS applied_at FROM arrow_rows
               ON CONFLICT (series, shard) DO UPDATE
               SET block = excluded.block, part = excluded.part, applied_at = excluded.applied_at""",
            arrow_table(
                {
                    "series": ("VARCHAR", [series for series, _ in moved]),
                    "shard": ("BIGINT", [shard for _, shard in moved]),
                    "block": ("BIGINT", [block for block, _ in moved.values()]),
                    "part": ("BIGINT", [part for _, part in moved.values()]),
                }
            ),
        )
        tx.changed.add("applied")
    return fresh


def _count(tx: Transaction, fresh: Sequence[BlockFacts]) -> None:
    sums: dict[tuple[str, str, datetime, int], int] = {}
    for report in fresh:
        for fact in report.counts:
            key = (str(fact.service), fact.template_id, fact.minute, int(fact.level))
            sums[key] = sums.get(key, 0) + fact.count
    tx.insert_arrow(
        "pattern_minute",
        arrow_table(
            {
                "service": ("VARCHAR", [key[0] for key in sums]),
                "template_id": ("VARCHAR", [key[1] for key in sums]),
                "minute": ("TIMESTAMP WITH TIME ZONE", [key[2] for key in sums]),
                "level": ("UTINYINT", [key[3] for key in sums]),
                "count": ("BIGINT", list(sums.values())),
            }
        ),
    )


def _traffic(tx: Transaction, facts: Sequence[ServiceTraffic]) -> None:
    sums: dict[tuple[str, datetime], tuple[int, int, datetime]] = {}
    for fact in facts:
        key = (str(fact.service), fact.last_ts.replace(second=0, microsecond=0))
        lines, errors, last = sums.get(key, (0, 0, fact.last_ts))
        sums[key] = (lines + fact.lines, errors + fact.errors, max(last, fact.last_ts))
    tx.insert_arrow(
        "service_traffic",
        arrow_table(
            {
                "service": ("VARCHAR", [key[0] for key in sums]),
                "minute": ("TIMESTAMP WITH TIME ZONE", [key[1] for key in sums]),
                "lines": ("BIGINT", [value[0] for value in sums.values()]),
                "errors": ("BIGINT", [value[1] for value in sums.values()]),
                "last_ts": ("TIMESTAMP WITH TIME ZONE", [value[2] for value in sums.values()]),
            }
        ),
    )


def _ingest(tx: Transaction, fresh: Sequence[BlockFacts]) -> None:
    sums: dict[datetime, list[float]] = {}
    for report in fresh:
        if report.shard == HANDOVER:
            continue
        row = sums.setdefault(report.received_at.replace(second=0, microsecond=0), [0, 0, 0, 0.0, 0.0])
        lag = max(0.0, (tx.now - report.received_at).total_seconds())
        row[0] += report.part == 0
        row[1] += report.late
        row[2] += report.quarantined
        row[3] += lag
        row[4] = max(row[4], lag)
    tx.insert_arrow(
        "ingest_minute",
        arrow_table(
            {
                "minute": ("TIMESTAMP WITH TIME ZONE", list(sums)),
                "reports": ("BIGINT", [int(row[0]) for row in sums.values()]),
                "late": ("BIGINT", [int(row[1]) for row in sums.values()]),
                "quarantined": ("BIGINT", [int(row[2]) for row in sums.values()]),
                "lag_sum": ("DOUBLE", [row[3] for row in sums.values()]),
                "lag_max": ("DOUBLE", [row[4] for row in sums.values()]),
            }
        ),
    )


def _patterns(tx: Transaction, patterns: Iterable[ErrorPattern]) -> None:
    newest: dict[str, ErrorPattern] = {}
    for pattern in patterns:
        before = newest.get(pattern.template_id)
        newest[pattern.template_id] = pattern if before is None else _merged(before, pattern)
    if not newest:
        return
    tx.from_arrow(
        """INSERT INTO error_pattern BY NAME FROM arrow_rows
           ON CONFLICT (template_id) DO UPDATE SET
             template = excluded.template, samples = excluded.samples,
             level = greatest(error_pattern.level, excluded.level),
             first_seen = least(error_pattern.first_seen, excluded.first_seen),
             last_seen = greatest(error_pattern.last_seen, excluded.last_seen),
             distinct_parameters =
               greatest(error_pattern.distinct_parameters, excluded.distinct_parameters)""",
        to_arrow(ErrorPattern, list(newest.values())),
    )
    tx.changed.add(ErrorPattern.table)


def _merged(before: ErrorPattern, after: ErrorPattern) -> ErrorPattern:
    """Two reports of one template in one call: the later template, over the whole time."""
    return after.model_copy(
        update={
            "level": max(before.level, after.level),
            "first_seen": min(before.first_seen, after.first_seen),
            "last_seen": max(before.last_seen, after.last_seen),
            "distinct_parameters": max(before.distinct_parameters, after.distinct_parameters),
        }
    )


def counted(facts: Iterable[MinuteCount]) -> int:
    """Return the lines that counts stand for."""
    return sum(fact.count for fact in facts)
