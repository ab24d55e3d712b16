"""What a maintenance window keeps quiet, and when that is told after all.

A signal of a service that is worked on opens no incident and joins none: it is kept with the verdict `silenced` and the name of
the window. What was silenced and outlives the window by the grace is judged as if it had begun then: a new sentence whose lines go
on, a service or a sentence that is still missing. Bursts need no second look: they are reported anew each minute. Personal data in
the log is never kept quiet; no work excuses it.

Times are event times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from command_center.incidents.correlate import Verdict
from command_center.incidents.evidence import SignalRecord
from command_center.incidents.graph import ServiceGraph
from command_center.incidents.weight import FAMILIES, NEW
from command_center.maintenance.windows import around
from command_center.settings import MaintenanceSettings
from models.levels import Level
from storage.facts import SignalKind
from storage.records import MaintenanceWindow
from storage.transaction import Reader, Transaction

REASON = "maintenance"
_MISSING = frozenset((SignalKind.SILENCE, SignalKind.TEMPLATE_SILENCE))


class Outlived(NamedTuple):
    """A silenced signal that went on after its window: the row as of then, and its lines since."""

    record: SignalRecord
    lines: int


def noticed_at(record: SignalRecord) -> datetime:
    """Return when a signal was noticed: that of silence bears the time of the last line that was heard."""
    if record.kind is not SignalKind.SILENCE:
        return record.at
    return record.at + timedelta(seconds=float(record.evidence.get("quiet_s", 0)))


class Quiet:
    """The windows that matter for one round of judging, and what they keep quiet."""

    def __init__(
        self,
        windows: Sequence[MaintenanceWindow],
        graph: ServiceGraph,
        depth: int,
        settings: MaintenanceSettings,
    ) -> None:
        self._windows, self._graph, self._depth = windows, graph, depth
        self._grace = timedelta(seconds=settings.grace)
        self._watch = timedelta(seconds=settings.watch)

    def of(self, record: SignalRecord) -> MaintenanceWindow | None:
        """Return the window that keeps a signal quiet, or None."""
        if FAMILIES[record.kind] == "privacy":
            return None
        return self._at(str(record.service), noticed_at(record))

    def _at(self, service: str, moment: datetime) -> MaintenanceWindow | None:
        for window in self._windows:
            if window.starts_at <= moment < window.until + self._grace and self._covers(window, service):
                return window
        return None

    def outlived(self, tx: Transaction, newest: Mapping[str, datetime]) -> list[Outlived]:
        """Return what was silenced and goes on after its window. `newest` are the times of the newest lines by service.

        What another window keeps quiet by then is handed on to that one.
        """
        if not newest:
            return []
        now = max(newest.values())
        found: list[Outlived] = []
        for window in self._windows:
            over = window.until + self._grace
            if not over <= now <= over + self._watch:
                continue
            kept = tx.rows(
                SignalRecord, "verdict = 'silenced' AND maintenance_id = ? ORDER BY ts, id", [window.id]
            )
            awake = []
            for record in kept:
                if (other := self._at(str(record.service), over)) is None:
                    awake.append(record)
                else:
                    silence(tx, record, other, known=True)
            found += self._going_on(tx, awake, over, now)
            found += self._missing(tx, awake, over, now)
        return found

    def _covers(self, window: MaintenanceWindow, service: str) -> bool:
        if service in window.services:
            return True
        return window.with_callers and any(
            self._graph.calls(service, str(worked_on), self._depth) for worked_on in window.services
        )

    def _going_on(
        self, reader: Reader, kept: Iterable[SignalRecord], over: datetime, now: datetime
    ) -> Iterable[Outlived]:
        """Yield new sentences that are still said. The minute in which the grace ends does not count: it has lines of both."""
        said = {each.template_id: each for each in kept if each.kind in NEW and each.template_id}
        lines: dict[str, int] = dict(
            reader.execute(
                """SELECT template_id, sum("count")::BIGINT FROM pattern_minute
                   WHERE "minute" BETWEEN ? AND ? AND template_id IN (SELECT unnest(?::VARCHAR[])) AND (level = 0 OR level >= ?)
                   GROUP BY template_id""",
                [over, now, sorted(said), int(Level.WARN)],
            )
            if said
            else ()
        )
        for template, count in sorted(lines.items()):
            yield Outlived(said[template].having(at=over, lines=count), count)

    def _missing(
        self, reader: Reader, kept: Iterable[SignalRecord], over: datetime, now: datetime
    ) -> Iterable[Outlived]:
        """Yield what is still missing, once it has had as long to come back as it was given before it was missed."""
        for each in kept:
            wait = timedelta(seconds=float(each.evidence.get("limit_s", 0)))
            if each.kind not in _MISSING or now < over + wait:
                continue
            if each.kind is SignalKind.SILENCE:
                back = reader.execute(
                    "SELECT 1 FROM service_traffic WHERE service = ? AND last_ts >= ? LIMIT 1",
                    [each.service, over],
                )
            else:
                back = reader.execute(
                    'SELECT 1 FROM pattern_minute WHERE template_id = ? AND "minute" >= ? LIMIT 1',
                    [each.template_id, over],
                )
            if not back:
                yield Outlived(each.having(at=over), 0)


def quiet_around(
    reader: Reader,
    moments: Collection[datetime],
    graph: ServiceGraph,
    depth: int,
    settings: MaintenanceSettings,
) -> Quiet:
    """Return what the windows keep quiet that matter for signals at these `moments`."""
    if not moments:
        return Quiet((), graph, depth, settings)
    after = timedelta(seconds=settings.grace + settings.watch)
    return Quiet(around(reader, min(moments) - after, max(moments)), graph, depth, settings)


def silence(tx: Transaction, record: SignalRecord, window: MaintenanceWindow, *, known: bool) -> None:
    """Keep a signal without telling anybody; `known` says whether its row stands there already."""
    if known:
        tx.execute(
            "UPDATE signal SET verdict = ?, reason = ?, maintenance_id = ? WHERE id = ?",
            [Verdict.SILENCED.value, REASON, window.id, record.id],
        )
        tx.changed.add(SignalRecord.table)
        return
    tx.insert(record.having(verdict=Verdict.SILENCED.value, reason=REASON, maintenance_id=window.id))
