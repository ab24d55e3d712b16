"""The page as a whole: one file that needs no network, and a policy in it that allows none.

Style and script stand in the page and are named in the policy by their hash; nothing else may run, and nothing may be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.report import incidents, timeline
from bot.report.facts import Axis, Day, Totals
from bot.report.html import count, when
from bot.report.shapes import definitions
from bot.slack.cards import WORD
from command_center.incidents.reasons import kind_word

MARK = "<!doctype html>\n<!-- mayday replay report -->\n"
"""How every report begins: what begins so may be written over by the next one."""
_PARTS = Path(__file__).parent / "assets"


def page(day: Day) -> str:
    """Return the report as one HTML document."""
    style = (_PARTS / "report.css").read_text("utf-8")
    script = (_PARTS / "report.js").read_text("utf-8")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    axis = day.axis
    form = "ds" if axis is None else timeline.form_of(axis, "s")
    body = (
        '<section><h2>Timeline</h2><p class="empty">There was no line to read, so there is nothing to show. Give log files or '
        "directories that hold some: text or JSON lines, packed or not.</p></section>"
        if axis is None
        else timeline.timeline(day, axis)
        + incidents.incidents(day, form)
        + incidents.changes(day, form)
        + incidents.held(day)
    )
    data = (
        "" if axis is None else f'<script type="application/json" id="day">{_json(_data(day, axis))}</script>'
    )
    return (
        f'{MARK}<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>Mayday: {_title(axis)}</title><style>{style}</style></head><body>{definitions()}"
        f'<a class="skip" href="#incidents-head">To the incidents</a><header>{_head(day, axis)}</header><main>{body}</main>'
        f"<footer>{_foot(day)}</footer>{data}<script>{script}</script></body></html>\n"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    """Return JSON that no HTML parser takes for the end of the script it stands in."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(day: Day, axis: Axis) -> dict[str, Any]:
    """Return what the script says about a moment."""

    def second(at: datetime) -> int:
        return round(at.timestamp())

    return {
        "since": second(axis.since),
        "width": axis.width,
        "buckets": axis.buckets,
        "form": timeline.form_of(axis, "m"),
        "lanes": [{"name": lane.service, "lines": lane.lines, "errors": lane.errors} for lane in day.lanes],
        "marks": [
            [mark.bucket, kind_word(mark.kind), lane.service, mark.times, mark.incident or ""]
            for lane in day.lanes
            for mark in lane.marks
        ],
        "incidents": [
            [
                each.id,
                int(each.severity),
                second(timeline.begun(each)),
                second(each.last_signal_at or each.detected_at),
            ]
            for each in day.incidents
        ],
        "changes": [[axis.bucket(each.at), timeline.change_words(each)] for each in day.changes],
    }


def _title(axis: Axis | None) -> str:
    return "replay" if axis is None else f"replay of {axis.since.day} {axis.since:%B %Y}"


def _head(day: Day, axis: Axis | None) -> str:
    totals = day.totals
    span = (
        ""
        if axis is None
        else f'<p class="period">{when(axis.since, "dm")} to {when(axis.until, timeline.form_of(axis, "m"))}, '
        '<span id="zone">times are UTC</span></p>'
    )
    worst = min((each.severity for each in day.incidents), default=None)
    tiles = [
        (
            "Incidents",
            f"{totals.incidents:,}",
            "none" if worst is None else f"worst SEV{int(worst)} {WORD[worst]}",
        ),
        ("Signals", f"{totals.signals:,}", _folded(totals)),
        ("Lines", f"{totals.lines:,}", count(totals.errors, "error")),
        ("Services", f"{totals.services:,}", count(totals.templates, "template")),
        ("Changes", f"{totals.changes:,}", _suspected(day)),
    ]
    cells = "".join(
        f"<div><dt>{name}</dt><dd><b>{value}</b> {note}</dd></div>" for name, value, note in tiles
    )
    chooser = (
        '<fieldset id="zones" hidden><legend>Show times in</legend><label><input type="radio" name="zone" value="own" checked> '
        '<span id="own-zone">your zone</span></label><label><input type="radio" name="zone" value="utc"> UTC</label></fieldset>'
    )
    return f'<p class="brand">Mayday</p><h1>{_title(axis).replace("r", "R", 1)}</h1>{span}{chooser}<dl class="tiles">{cells}</dl>'


def _folded(totals: Totals) -> str:
    held = totals.signals - totals.folded
    if not totals.signals:
        return "nothing noticed"
    return f"{totals.folded:,} folded, {held:,} held back" if held else "all folded into incidents"


def _suspected(day: Day) -> str:
    number = sum(bool(change.suspected) for change in day.changes)
    if not day.totals.changes:
        return "none given"
    return f"{number:,} suspected" if number else "none suspected"


def _foot(day: Day) -> str:
    totals = day.totals
    notes = [
        f"Made by <code>mayday replay --report</code> from {count(totals.files, 'file')}. The page needs no network and sends nothing.",
        "What stands in <code>&lt;…&gt;</code> was replaced before it was kept; <code>…</code> stands for words that are "
        "withheld until they were seen with five different parameters.",
    ]
    if totals.marked_names:
        notes.append(
            f"{count(totals.marked_names, 'name')} of services not approved to be shown stand as <code>svc-…</code>. List them under "
            "<code>services</code> in <code>mayday.toml</code> to see them."
        )
    if totals.undecoded:
        notes.append(f"{count(totals.undecoded, 'piece')} could not be decoded whole.")
    if totals.outside:
        notes.append(f"{count(totals.outside, 'line')} with a time off this axis are not drawn.")
    return "".join(f"<p>{note}</p>" for note in notes)
