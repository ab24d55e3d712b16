"""The timeline: incidents, changes and services as rows on one time axis.

Rows are SVGs without a view box, so that places along the axis are percentages and texts keep their size on any screen; only the
areas of lines and errors are stretched. Lines have a scale per service, errors one for all, by square root so that few stay visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.report.axis import ticks
from bot.report.facts import Axis, ChangeShown, Day, Lane, Mark
from bot.report.html import clock, count, e, icon
from bot.report.shapes import CHANGE, FAMILY
from bot.slack.cards import WORD
from command_center.incidents.explain import Explanation
from command_center.incidents.reasons import kind_word

_LANE, _SIGNALS, _BASE, _ERRORS = (
    62,
    9,
    44,
    16,
)  # heights in points: a lane, its signals, its baseline, the errors below it
_BAR = {1: 16, 2: 12, 3: 8, 4: 6}  # thickness of an incident's bar by severity
_ROW = 26
_APART = 2.5  # percent of the axis between two marks of one kind that are told apart


def timeline(day: Day, axis: Axis) -> str:
    """Return the section of the timeline."""
    return "".join(
        (
            '<section aria-labelledby="timeline-head"><h2 id="timeline-head">Timeline</h2>',
            _legend(day),
            '<div class="chart" id="chart">',
            _head(axis),
            _incidents(day, axis),
            _changes(day, axis),
            _services(day, axis),
            "</div></section>",
        )
    )


def form_of(axis: Axis, unit: str) -> str:
    """Return the form of a time on this axis: with its day where there are several."""
    return unit if axis.since.date() == (axis.until - timedelta(seconds=1)).date() else "d" + unit


def width_words(axis: Axis) -> str:
    """Return the width of a column in words.

    >>> width_words(Axis(since=datetime.fromisoformat("2026-03-02T00:00:00+00:00"), width=600, buckets=144))
    '10 minutes'
    """
    for seconds, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if axis.width % seconds == 0:
            number = axis.width // seconds
            return word if number == 1 else f"{number} {word}s"
    return f"{axis.width} seconds"


def _legend(day: Day) -> str:
    families = [
        family for family in FAMILY if any(mark.family == family for lane in day.lanes for mark in lane.marks)
    ]
    parts = [
        '<li><span class="swatch lines"></span>lines, a scale for each service</li>',
        '<li><span class="swatch errors"></span>errors, one scale for all (square root)</li>',
    ]
    parts += [f'<li class="folded">{icon("f-" + family)}{FAMILY[family]}</li>' for family in families]
    if any(mark.incident is None for lane in day.lanes for mark in lane.marks):
        parts.append(f'<li class="held">{icon("f-errors")}hollow: held back, opened nothing</li>')
    if day.changes:
        parts.append(f'<li class="change">{icon("c-flag")}change</li>')
    return f'<ul class="legend" aria-label="Legend">{"".join(parts)}</ul>'


def _head(axis: Axis) -> str:
    """Return the row that stays in sight: the moment looked at, what was then, and the axis."""
    form = form_of(axis, "m")
    texts = []
    for number, at in enumerate(ticks(axis)):
        place = axis.percent(at)
        anchor = "start" if place < 4 else "end" if place > 96 else "middle"
        stamp = at.isoformat().replace("+00:00", "Z")
        rank = "minor" if number % 2 else "major"
        texts.append(
            f'<text class="{rank}" x="{place}%" y="14" text-anchor="{anchor}" data-at="{stamp}" data-form="{form}">'
            f"{clock(at, form)}</text>"
        )
    last = axis.buckets - 1
    return (
        '<div class="row head"><div class="label moment"><div id="readout">'
        f'<p class="script-off">A column is {"a " if axis.width in (60, 3600, 86_400) else ""}{width_words(axis)} '
        "wide. Times are UTC.</p></div></div>"
        f'<div class="plot"><svg class="ticks" height="20" aria-hidden="true">{"".join(texts)}</svg>'
        f'<input type="range" id="moment" min="0" max="{last}" value="0" aria-label="Moment on the time axis" disabled></div></div>'
    )


def _plot(height: int, parts: str, axis: Axis) -> str:
    grid = "".join(
        f'<line class="grid" x1="{axis.percent(at)}%" x2="{axis.percent(at)}%" y1="0" y2="{height}"/>'
        for at in ticks(axis)
    )
    cursor = f'<line class="cursor" y1="0" y2="{height}" visibility="hidden"/>'
    return f'<div class="plot"><svg height="{height}" aria-hidden="true">{grid}{parts}{cursor}</svg></div>'


def _row(kind: str, label: str, plot: str) -> str:
    return f'<div class="row {kind}"><div class="label">{label}</div>{plot}</div>'


def _band(title: str, note: str = "") -> str:
    said = f' <span class="note">{note}</span>' if note else ""
    return f'<h3 class="band">{title}{said}</h3>'


# -- incidents ------------------------------------------------------------------------------------------------------


def _incidents(day: Day, axis: Axis) -> str:
    if not day.incidents:
        return _band("Incidents", "none was opened")
    beyond = day.totals.incidents - len(day.incidents)
    more = f"; {beyond:,} less severe ones are not drawn" if beyond else ""
    still = any(each.resolved_at is None for each in day.incidents)
    note = "from the first signal to the last; the notch is when it was opened"
    note += ", dashes: still open, as nobody resolves in a replay" if still else ""
    return _band("Incidents", note + more) + "".join(_incident(each, axis) for each in day.incidents)


def begun(told: Explanation) -> datetime:
    """Return when an incident began: its first signal, or its opening where a person declared it."""
    return told.fault_at or told.detected_at


def _incident(told: Explanation, axis: Axis) -> str:
    level = int(told.severity)
    start, end = begun(told), max(begun(told), told.last_signal_at or told.detected_at)
    left, right, opened = axis.percent(start), axis.percent(end), axis.percent(told.detected_at)
    over = axis.percent(told.resolved_at) if told.resolved_at else 100.0
    high, mid = _BAR[level], _ROW // 2
    tail = (
        f'<line class="tail{" open" if told.resolved_at is None else ""}" x1="{right}%" x2="{over}%" y1="{mid}" y2="{mid}"/>'
        if over > right
        else ""
    )
    form = form_of(axis, "s")
    tip = f"{told.id} SEV{level} {WORD[told.severity]}, {clock(start, form)} to {clock(end, form)} UTC: {told.title}"
    bar = (
        f'<a href="#{told.id}" tabindex="-1" class="sev{level}"><title>{e(tip)}</title>{tail}'
        f'<rect class="bar" x="{left}%" width="{max(right - left, 0.35):.2f}%" y="{mid - high / 2:g}" height="{high}" rx="2"/>'
        f'<line class="opened" x1="{opened}%" x2="{opened}%" y1="{mid - 11}" y2="{mid + 11}"/>'
        f'<use class="badge" href="#s-{level}" x="{left}%" y="{mid}"/></a>'
    )
    label = (
        f'<a href="#{told.id}" class="sev{level}">{icon(f"s-{level}")}<b>SEV{level} {told.id}</b></a> '
        f'<span class="title">{e(told.title)}</span>'
    )
    return _row("incident-row", label, _plot(_ROW, bar, axis))


# -- changes --------------------------------------------------------------------------------------------------------


def _changes(day: Day, axis: Axis) -> str:
    if not day.changes:
        note = "none was given; <code>--changes changes.jsonl</code> puts releases and settings on this axis"
        return _band("Changes", note)
    flags = "".join(_flag(change, axis, 13, 26) for change in day.changes)
    suspected = sum(bool(change.suspected) for change in day.changes)
    label = f"<b>{count(day.totals.changes, 'change')}</b>" + (
        f' <span class="title">{suspected} suspected of an incident</span>' if suspected else ""
    )
    return _band("Changes") + _row("changes-row", label, _plot(26, flags, axis))


def change_words(change: ChangeShown) -> str:
    """Return what was changed."""
    version = "" if change.version == "unknown" else f" {change.version}"
    return f"{CHANGE[change.kind]} of {change.service}{version}"


def _flag(change: ChangeShown, axis: Axis, y: int, height: int) -> str:
    place = axis.percent(change.at)
    blamed = f", suspected in {', '.join(change.suspected)}" if change.suspected else ""
    tip = f"{change.id}: {change_words(change)}, {clock(change.at, form_of(axis, 's'))} UTC{blamed}"
    return (
        f'<g class="flag{" suspected" if change.suspected else ""}"><title>{e(tip)}</title>'
        f'<line x1="{place}%" x2="{place}%" y1="0" y2="{height}"/><use href="#c-flag" x="{place}%" y="{y}"/></g>'
    )


# -- services -------------------------------------------------------------------------------------------------------


def _services(day: Day, axis: Axis) -> str:
    if not day.lanes:
        return _band("Services", "no line could be read as a record")
    most = max((max(lane.errors) for lane in day.lanes), default=0)
    note = f"lines and errors per {width_words(axis)}"
    if axis.buckets == 1:
        note += ". All lines fall into one of them, so there is no course to see"
    lanes = "".join(_lane(lane, number, day, axis, most) for number, lane in enumerate(day.lanes))
    return _band("Services", note) + lanes


def _lane(lane: Lane, number: int, day: Day, axis: Axis, most_errors: int) -> str:
    name = str(lane.service)
    spans = "".join(
        f'<rect class="span sev{int(told.severity)}" x="{axis.percent(begun(told))}%" '
        f'width="{max(axis.percent(told.last_signal_at or told.detected_at) - axis.percent(begun(told)), 0.35):.2f}%" '
        f'y="0" height="{_LANE}"/>'
        for told in day.incidents
        if name in map(str, told.affected_services) or name == told.root_service
    )
    flags = "".join(
        _flag(change, axis, _SIGNALS, _LANE) for change in day.changes if str(change.service) == name
    )
    marks = "".join(_mark(run, axis) for run in _runs(lane.marks, axis))
    top = _BASE - 2 * _SIGNALS
    areas = _area(lane.lines, "lines", 2 * _SIGNALS, top, max(lane.lines), 1.0, up=True)
    areas += _area(lane.errors, "errors", _BASE + 1, _ERRORS, most_errors, 0.5, up=False)
    total, errors = sum(lane.lines), sum(lane.errors)
    label = (
        f'<b class="name">{e(lane.service)}</b> <span class="total">{count(total, "line")}, {count(errors, "error")}</span> '
        f'<span class="at" data-lane="{number}"></span>'
    )
    base = f'<line class="base" x1="0" x2="100%" y1="{_BASE}.5" y2="{_BASE}.5"/>'
    return _row("service-row", label, _plot(_LANE, spans + areas + base + flags + marks, axis))


def _area(values: Sequence[int], kind: str, y: int, height: int, most: int, power: float, *, up: bool) -> str:
    """Return a stretched area of one step per column; empty where there is nothing. Any value above zero is seen."""
    if not any(values):
        return ""
    steps = [round(100 * (value / most) ** power) if value else 0 for value in values]
    heights = [max(4, step) if value else 0 for step, value in zip(steps, values, strict=True)]
    path = ["M0 100" if up else "M0 0"]
    before: int | None = None
    for each in heights:
        if each == before:
            path.append("h1")
        else:
            path.append(f"V{100 - each if up else each}h1")
        before = each
    path.append("V100Z" if up else "V0Z")
    return (
        f'<svg class="{kind}" x="0" y="{y}" width="100%" height="{height}" viewBox="0 0 {len(values)} 100" '
        f'preserveAspectRatio="none"><path d="{"".join(path)}"/></svg>'
    )


class _Run(NamedTuple):
    """Marks of one kind and end that would cover each other or nearly: drawn as the first, with a line to the last."""

    mark: Mark
    last: datetime


def _runs(marks: Sequence[Mark], axis: Axis) -> list[_Run]:
    found: list[_Run] = []
    newest: dict[tuple[str, str | None], int] = {}
    for mark in marks:
        key = (mark.kind.value, mark.incident)
        place = newest.get(key)
        if place is not None and axis.percent(mark.at) - axis.percent(found[place].last) < _APART:
            first = found[place].mark
            found[place] = _Run(first.model_copy(update={"times": first.times + mark.times}), mark.at)
            continue
        newest[key] = len(found)
        found.append(_Run(mark, mark.at))
    return found


def _mark(run: _Run, axis: Axis) -> str:
    mark, form = run.mark, form_of(axis, "s")
    times = f", {mark.times} times" if mark.times > 1 else ""
    until = f" to {clock(run.last, form)}" if run.last != mark.at else ""
    end = f"in {mark.incident}" if mark.incident else "held back"
    tip = f"{kind_word(mark.kind)}{times}, {clock(mark.at, form)}{until} UTC, {end}"
    left, right = axis.percent(mark.at), axis.percent(run.last)
    line = f'<line class="run" x1="{left}%" x2="{right}%" y1="{_SIGNALS}" y2="{_SIGNALS}"/>' if until else ""
    state = "folded" if mark.incident else "held"
    return (
        f'<g class="{state}"><title>{e(tip)}</title>{line}'
        f'<use href="#f-{mark.family}" x="{left}%" y="{_SIGNALS}"/></g>'
    )
