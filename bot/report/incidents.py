"""The list of incidents, each with why it was raised and what was folded into it; the changes; and what opened nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.report.evidence import figures
from bot.report.facts import ChangeShown, Day
from bot.report.html import count, e, icon, when
from bot.report.timeline import begun, change_words
from bot.slack.cards import WORD
from command_center.incidents.explain import Explanation, SignTold
from command_center.incidents.reasons import category_word, kind_word, plain_why


def incidents(day: Day, form: str) -> str:
    """Return the section of incidents; `form` is that of a time to the second."""
    totals = day.totals
    if not day.incidents:
        said = (
            f"No incident was opened. {count(totals.signals, 'signal')} were too weak for one; they are listed below."
            if totals.signals > 1
            else "No incident was opened. One signal was too weak for one; it is listed below."
            if totals.signals
            else "No incident was opened, and nothing unusual was noticed."
        )
        return _section("incidents", "Incidents", f'<p class="empty">{said}</p>')
    beyond = totals.incidents - len(day.incidents)
    more = f'<p class="note">{beyond:,} less severe incidents are not listed.</p>' if beyond else ""
    alone = len(day.incidents) == 1
    return _section(
        "incidents",
        "Incidents",
        "".join(_incident(told, form, open=alone) for told in day.incidents) + more,
    )


def _section(name: str, title: str, content: str) -> str:
    return f'<section aria-labelledby="{name}-head"><h2 id="{name}-head">{title}</h2>{content}</section>'


def _incident(told: Explanation, form: str, *, open: bool) -> str:
    level = int(told.severity)
    facts = [
        f"{when(begun(told), form)} to {when(told.last_signal_at or told.detected_at, form)}",
        f"root {e(told.root_service or told.service)}",
        e(category_word(told.category)),
    ]
    if told.suspect is not None:
        facts.append(f"suspect {e(told.suspect.id)}")
    facts.append(count(told.signal_count, "signal"))
    return (
        f'<article class="incident sev{level}" id="{told.id}" tabindex="-1"><details{" open" if open else ""}>'
        f'<summary><span class="sev">{icon(f"s-{level}")}SEV{level} <small>{WORD[told.severity]}</small></span>'
        f'<span class="what"><b>{told.id}</b> {e(told.title)}</span>'
        f'<span class="facts">{"<i>·</i>".join(f"<span>{fact}</span>" for fact in facts)}</span></summary>'
        f'<div class="body">{_why(told, form)}{_folded(told, form)}{_held(told, form)}</div></details></article>'
    )


def _why(told: Explanation, form: str) -> str:
    opened = f"{when(told.detected_at, form)}, by {e(told.opened)}"
    others = [each for each in told.affected_services if each != told.root_service]
    rows = [
        ("Opened", opened),
        (
            "Severity",
            _list(f"SEV{int(s.severity)} at {when(s.at, form)}: {e(s.why)}" for s in told.severities),
        ),
        ("Root service", e(told.root)),
        ("Also affected", e(", ".join(others)) if others else "nothing else"),
        ("Category", _list(map(e, told.category_words))),
        (
            "Suspect change",
            (f"<b>{e(told.suspect.id)}</b>: " if told.suspect is not None else "") + e(told.suspect_words),
        ),
        (
            "Confidence",
            "not judged: no diagnosis was made" if told.confidence is None else f"{told.confidence:.0%}",
        ),
        (
            "Status",
            e(told.status.value) + (f", resolved {when(told.resolved_at, form)}" if told.resolved_at else ""),
        ),
    ]
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in rows)}</dl>"


def _list(items: Iterable[str]) -> str:
    found = list(items)
    return found[0] if len(found) == 1 else f"<ul>{''.join(f'<li>{each}</li>' for each in found)}</ul>"


def _folded(told: Explanation, form: str) -> str:
    signals = sum(told.reasons.values())
    why = ", ".join(f"{number:,} {_short(reason)}" for reason, number in told.reasons.items())
    head = f"<h3>Folded into it: {count(signals, 'signal')}</h3>"
    more = (
        f'<p class="note">{count(told.folded_more, "more kind", "more kinds")} of signal.</p>'
        if told.folded_more
        else ""
    )
    said = f'<p class="note">{why}</p>' if why else ""
    return head + said + _signals(told.folded, form) + more


def _short(reason: str) -> str:
    return f"× {e(plain_why(reason))}"


def _held(told: Explanation, form: str) -> str:
    if not told.held:
        return ""
    more = (
        f'<p class="note">and {count(told.held_more, "more kind", "more kinds")}.</p>'
        if told.held_more
        else ""
    )
    return f"<h3>Near it, but held back</h3>{_signals(told.held, form)}{more}"


def _signals(signals: Sequence[SignTold], form: str) -> str:
    return f'<ol class="signals">{"".join(_signal(each, form) for each in signals)}</ol>'


def _signal(told: SignTold, form: str) -> str:
    until = f" to {when(told.last_at, form)}" if told.last_at != told.at else ""
    times = f' <span class="times">{told.times:,} times</span>' if told.times > 1 else ""
    first = "at first: " if told.times > 1 else ""
    numbers = [
        f"{first}score {told.score:.2f}, reported from {told.threshold:.2f}",
        *map(e, figures(told.evidence)),
    ]
    if told.host is not None:
        numbers.append(f"host {e(told.host)}")
    state = "held" if told.verdict in ("held", "ignored") else "folded"
    return (
        f'<li class="{state}"><p class="at">{when(told.at, form)}{until}{times}</p>'
        f"<p>{icon(f'f-{told.family}')}<b>{e(kind_word(told.kind))}</b> in {e(told.service)}</p>"
        f'<p class="sentence">{e(told.sentence)}</p>'
        f'<p class="because">{"Opened it" if told.verdict == "opened" else "Held back" if state == "held" else "Folded"}: '
        f'{e(told.why)}</p><p class="numbers">{"; ".join(numbers)}</p></li>'
    )


def changes(day: Day, form: str) -> str:
    """Return the section of changes."""
    if not day.changes:
        said = "No changes were given. With <code>--changes changes.jsonl</code> the report shows what was changed before what."
        return _section("changes", "Changes", f'<p class="empty">{said}</p>')
    beyond = day.totals.changes - len(day.changes)
    more = f'<p class="note">{count(beyond, "more change")} suspected of nothing.</p>' if beyond else ""
    rows = "".join(_change(change, form) for change in day.changes)
    return _section("changes", "Changes", f'<ul class="changes">{rows}</ul>{more}')


def _change(change: ChangeShown, form: str) -> str:
    blamed = ", ".join(f'<a href="#{each}">{each}</a>' for each in change.suspected)
    return (
        f'<li>{icon("c-flag")}<span class="at">{when(change.at, form)}</span> <b>{e(change.id)}</b> '
        f"<span>{e(change_words(change))}</span>"
        f"{f' <span>suspected in {blamed}</span>' if blamed else ''}</li>"
    )


def held(day: Day) -> str:
    """Return the section of signals that opened nothing; empty where there are none."""
    if not day.held:
        return ""
    rows = "".join(
        f"<li><b>{count(each.times, 'time')}</b> {e(kind_word(each.kind))} in {e(', '.join(each.services))}: {e(each.why)}</li>"
        for each in day.held
    )
    return _section("held", "Signals that opened nothing", f'<ul class="plain">{rows}</ul>')
