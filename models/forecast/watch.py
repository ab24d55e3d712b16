"""Follows the figures of one service to their limits, and warns before one is reached.

Where figures come from: numbers that stand in lines beside their limit (`models.forecast.figures`); numbers whose limit
the settings give; and counts of the lines themselves: error lines per minute against the number at which a burst would be reported,
lines per minute and share of errors where the settings give a limit. A figure without a limit is not followed.
Figures of other origin (of hosts, say) join through `add`.

Of a template the first lines are read for figures; if they carry none, no line of it is read again. So lines without
figures cost one look-up per distinct template of a block. A template whose first lines carry no figure and later
ones do is missed.

A minute (of event time) is judged once the watermark has passed its end, by the mean of its values; what comes later is
left out. What warns, and when, depends on the lines and the watermark alone. Bounded: `max_figures` are followed, and the one
that was seen least recently is forgotten first, those that are new before those that are known. State holds raw words
and is for the seal.

>>> watch = ForecastWatch("db", ForecastSettings())
>>> for minute in range(90):
...     filled = 40 + max(0, minute - 40)
...     watch.take([f"disk /var is {filled}% full"], ["t1"], [minute * 60 * 10**9], ["db-1"], [9])
...     for warning in watch.advance(minute * 60 * 10**9):
...         print(minute, warning.name, warning.host, warning.value, round(warning.minutes), warning.limit)
68 disk db-1 67.0 40 100.0
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from operator import floordiv
from typing import Final, NamedTuple

from models.forecast.approach import Approach
from models.forecast.figures import Figure, carries, figures_in, named_number, number
from models.forecast.settings import ForecastSettings
from models.levels import Level

MINUTE_NS: Final = 60 * 10**9
LINES, ERRORS, SHARE = "lines per minute", "error lines per minute", "error share"
_LOOKS: Final = 3
"""Lines of a template that are read before it is taken to carry no figure."""
_TEMPLATES: Final = 16_384
"""Templates that are remembered to carry none, or to carry some."""
_READ: Final = 240
"""Lines of one template that are read for figures in a minute; in a flood of them the first ones speak for all."""
_OPEN: Final = 240
"""Minutes of one figure that are kept open, whatever the watermark says."""
_QUIET: Final = 30
"""Minutes without a line that count as minutes with no error."""
_NEW: Final = 15
"""Minutes of a figure before it is known."""
_ERROR: Final = int(Level.ERROR)


class LimitAhead(NamedTuple):
    """A warning: the figure will be at its limit in `minutes`, between `earliest` and `latest` minutes from `at_ns`.

    `value`, `limit`, `slope` (per minute) and `error` (one deviation of the value foreseen for then) are in the unit of the lines, sizes
    in bytes. `full` says that the limit is the end of something, not a rate. `name` is of our words or the settings';
    `number` and `figure` tell apart what has the same name; the latter is raw.
    """

    name: str
    number: int
    figure: str
    host: str | None
    template_id: str | None
    at_ns: int
    value: float
    limit: float
    slope: float
    error: float
    minutes: float
    earliest: float
    latest: float
    percent: bool
    full: bool
    score: float
    threshold: float
    seen: int

    @property
    def evidence(self) -> dict[str, int | float]:
        """The numbers behind it, as a signal carries them."""
        return {
            "number": self.number,
            "value": round(self.value, 3),
            "limit": round(self.limit, 3),
            "full_percent": round(100 * self.value / self.limit, 1),
            "percent_per_minute": round(100 * self.slope / self.limit, 3),
            "error_percent": round(100 * self.error / self.limit, 1),
            "in_min": round(self.minutes),
            "earliest_min": round(self.earliest),
            "latest_min": round(self.latest),
            "seen_min": self.seen,
            "ends": int(self.full),
        }


@dataclass(slots=True)
class _Minute:
    total: float = 0.0
    count: int = 0
    limit: float = 0.0


@dataclass(slots=True)
class _Series:
    name: str
    number: int
    host: str | None
    template_id: str | None
    percent: bool
    full: bool
    approach: Approach
    open: dict[int, _Minute] = field(default_factory=dict)
    newest: int = 0  # minute of the last value


class ForecastWatch:
    """Watches one service; see the module's first lines. Times are event time, ns."""

    def __init__(self, service: str, settings: ForecastSettings) -> None:
        self._settings = settings
        own = [limit for limit in settings.limits if limit.service == service]
        self._given = {limit.name: limit.limit for limit in own if limit.name in (LINES, ERRORS, SHARE)}
        self._patterns: list[tuple[str, float, re.Pattern[str]]] = [
            (limit.name, limit.limit, named_number(limit.name))
            for limit in own
            if limit.name not in self._given
        ]
        self._looks: dict[str, int] = {}  # template id -> lines that were read in vain
        self._plain: set[str] = set()  # ids of templates that carry nothing
        self._carriers: set[str] = set()
        self._read: dict[tuple[str, int], int] = {}  # template id and open minute -> lines that were read
        self._series: dict[str, _Series] = {}
        self._made = 0  # figures that were ever followed
        self._closed = -1  # the newest minute that was judged
        self._errors: Counter[int] = Counter()  # open minute -> error lines
        self._lines: Counter[int] = Counter()
        self._erring: int | None = (
            None  # last minute for which error lines were counted, None before the first
        )

    def __len__(self) -> int:
        return len(self._series)

    @property
    def withdrawn(self) -> int:
        """Warnings of the figures followed now that were taken back."""
        return sum(series.approach.withdrawn for series in self._series.values())

    def take(
        self,
        texts: Sequence[str],
        ids: Sequence[str],
        times: Sequence[int],
        hosts: Sequence[str],
        levels: Sequence[int],
        now_ns: int | None = None,
    ) -> None:
        """Take the lines of one block, column by column; a time after `now_ns` (their receipt) counts as then."""
        if not self._settings.enabled:
            return
        now = max(times) if now_ns is None else now_ns
        if max(levels) >= _ERROR:
            self._errors.update(
                min(at, now) // MINUTE_NS for at in compress(times, map(_ERROR.__le__, levels))
            )
        if self._given:
            self._lines.update(map(floordiv, map(min, times, repeat(now)), repeat(MINUTE_NS)))
        wanted = set(ids) - self._plain
        if not wanted:
            return
        for place in compress(range(len(ids)), map(wanted.__contains__, ids)):
            text, template_id = texts[place], ids[place]
            if template_id in self._plain:  # since this block began
                continue
            minute = min(times[place], now) // MINUTE_NS
            if (template_id in self._carriers or self._look(template_id, text)) and self._room(
                template_id, minute
            ):
                for figure in self._figures(text):
                    self.add(figure, min(times[place], now), host=hosts[place], template_id=template_id)

    def add(self, figure: Figure, at_ns: int, *, host: str | None, template_id: str | None = None) -> None:
        """Take one value of a figure that is full at its limit."""
        minute = at_ns // MINUTE_NS
        if minute <= self._closed or figure.limit <= 0:
            return
        series = self._of(f"{host or ''}\0{figure.key}", figure, host)
        series.template_id = template_id
        series.newest = max(series.newest, minute)
        kept = series.open.get(minute)
        if kept is None:
            if len(series.open) >= _OPEN:
                return
            kept = series.open[minute] = _Minute()
        kept.total += figure.value
        kept.count += 1
        kept.limit = max(kept.limit, figure.limit)

    def advance(self, watermark_ns: int, burst_errors: Callable[[], float] | None = None) -> list[LimitAhead]:
        """Judge the minutes that end before the watermark; so many errors in a minute would be a burst of them."""
        until = watermark_ns // MINUTE_NS  # the first minute that stays open
        if until <= self._closed + 1:
            return []
        since, self._closed = self._closed + 1, until - 1
        self._read = {key: lines for key, lines in self._read.items() if key[1] >= until}
        self._count_lines(since, until, burst_errors)
        warnings = []
        for key, series in self._series.items():
            for minute in sorted(each for each in series.open if each < until):
                warning = self._judge(key, series, minute, series.open.pop(minute))
                if warning is not None:
                    warnings.append(warning)
        return sorted(warnings, key=lambda warning: (warning.at_ns, warning.figure))

    def _judge(self, key: str, series: _Series, minute: int, kept: _Minute) -> LimitAhead | None:
        limit = kept.limit
        found = series.approach.learn(minute, kept.total / kept.count / limit)
        if found is None:
            return None
        outlook = found.outlook
        return LimitAhead(
            name=series.name,
            number=series.number,
            figure=key,
            host=series.host,
            template_id=series.template_id,
            at_ns=(minute + 1) * MINUTE_NS,
            value=found.value * limit,
            limit=limit,
            slope=outlook.slope * limit,
            error=outlook.error * limit,
            minutes=outlook.minutes,
            earliest=float(outlook.earliest or 1),
            latest=float(outlook.latest or outlook.minutes),
            percent=series.percent,
            full=series.full,
            score=found.score,
            threshold=series.approach.threshold,
            seen=series.approach.seen,
        )

    # -- figures of lines -----------------------------------------------------------------------------------------

    def _look(self, template_id: str, text: str) -> bool:
        """Read one of a template's first lines; say whether the template carries figures."""
        if carries(text) or any(pattern.search(text) for _, _, pattern in self._patterns):
            if len(self._carriers) >= _TEMPLATES:
                self._carriers.clear()
            self._carriers.add(template_id)
            self._looks.pop(template_id, None)
            return True
        looks = self._looks.get(template_id, 0) + 1
        if looks < _LOOKS:
            if len(self._looks) >= _TEMPLATES:
                self._looks.clear()
            self._looks[template_id] = looks
            return False
        if len(self._plain) >= _TEMPLATES:
            self._plain.clear()
        self._plain.add(template_id)
        self._looks.pop(template_id, None)
        return False

    def _room(self, template_id: str, minute: int) -> bool:
        """Count a line that is to be read; say whether it may be."""
        lines = self._read.get((template_id, minute), 0)
        if lines >= _READ or minute <= self._closed or len(self._read) >= _TEMPLATES:
            return False
        self._read[template_id, minute] = lines + 1
        return True

    def _figures(self, text: str) -> Iterable[Figure]:
        yield from figures_in(text)
        for name, limit, pattern in self._patterns:
            if (match := pattern.search(text)) is not None:
                yield Figure(f"= {name}", name, number(match[1], match[2]), limit, False)

    def _of(self, key: str, figure: Figure, host: str | None, full: bool = True) -> _Series:
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= self._settings.max_figures:
                known = {each for each, one in self._series.items() if one.approach.seen >= _NEW}
                del self._series[
                    min(self._series, key=lambda each: (each in known, self._series[each].newest))
                ]
            self._made += 1
            series = self._series[key] = _Series(
                figure.name, self._made, host, None, figure.percent, full, Approach(self._settings)
            )
        return series

    # -- counts of lines ------------------------------------------------------------------------------------------

    def _count_lines(self, since: int, until: int, burst_errors: Callable[[], float] | None) -> None:
        """Judge counts of the minutes from `since` to before `until`; what is counted for earlier ones is late."""
        errors = {minute: self._errors.pop(minute) for minute in [m for m in self._errors if m < until]}
        lines = {minute: self._lines.pop(minute) for minute in [m for m in self._lines if m < until]}
        limit = self._given.get(ERRORS)
        if self._erring is None and errors:
            self._erring = max(since, min(errors)) - 1
        if limit is None and burst_errors is not None and self._erring is not None:
            limit = burst_errors()
        if limit is not None and self._erring is not None:
            for minute in range(max(self._erring + 1, until - _QUIET), until):
                self._add_count(ERRORS, minute, errors.get(minute, 0), limit)
            self._erring = until - 1
        for minute, count in sorted(lines.items()):
            if minute >= since and LINES in self._given:
                self._add_count(LINES, minute, count, self._given[LINES])
            if minute >= since and SHARE in self._given:
                self._add_count(SHARE, minute, 100 * errors.get(minute, 0) / count, self._given[SHARE])

    def _add_count(self, name: str, minute: int, value: float, limit: float) -> None:
        figure = Figure(name, name, value, limit, name == SHARE)
        series = self._of(f"\0{name}", figure, None, full=False)
        series.newest = minute
        series.open[minute] = _Minute(value, 1, limit)
