"""The sentences that people read: titles, summaries and timeline entries. Pure; everything returned is
`SafeText`.

A template is quoted in full only when it was seen with at least `SHOWN_FROM` different parameters: before
that, what looks like a word of the program may be a name that happened to be in the first lines. Until then
its outline stands in its place: placeholders and words that programs fail with (`models.sanitizer.outline`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import LiteralString

from models.sanitizer import SafeText, phrase
from models.sanitizer.outline import outline
from storage.facts import SignalKind
from storage.records import ChangeMarkerKind, IncidentStatus

SHOWN_FROM = 5  # distinct parameter vectors of a template
TITLE_LIMIT = 150  # characters; a Slack header holds no more
NAMES_IN_A_ROW = 6
NOBODY = phrase("unknown")

_SAID: Mapping[SignalKind, LiteralString] = MappingProxyType(
    {
        SignalKind.TRAFFIC_DROP: "{} logs far less than usual",
        SignalKind.TEMPLATE_SILENCE: "{} has stopped saying what it says regularly",
        SignalKind.HOST_SILENCE: "{}: one of its hosts has stopped logging",
        SignalKind.SEQUENCE_BREAK: "{}: more of its sessions than usual lack or repeat a step",
        SignalKind.FIGURE_SHIFT: "{}: a figure is far above the usual",
        SignalKind.PERSONAL_DATA: "{}: personal data in its log lines",
        SignalKind.CLOCK_SKEW: "{}: a host's clock is wrong",
    }
)
_TITLES: Mapping[str, LiteralString] = MappingProxyType(
    {
        "application_error": "{} fails with errors",
        "authentication": "{}: authentication fails",
        "certificate": "{}: trouble with a certificate",
        "clock": "{}: a clock is wrong",
        "configuration": "{}: a setting is wrong or missing",
        "crash_loop": "{} keeps crashing",
        "dependency_timeout": "{} waits in vain for a dependency",
        "flapping": "{} comes and goes",
        "forecast": "{} is about to reach a limit",
        "network": "{}: the network fails",
        "privacy": "{}: personal data where it does not belong",
        "resource_exhaustion": "{} runs out of a resource",
        "retry_storm": "{} is caught in retries",
        "security": "{}: signs of an attack",
        "silence": "{} has gone silent",
        "unknown": "Trouble in {}",
    }
)
STATUS: Mapping[IncidentStatus, SafeText] = MappingProxyType(
    {
        IncidentStatus.DETECTED: phrase("detected"),
        IncidentStatus.ACKNOWLEDGED: phrase("acknowledged"),
        IncidentStatus.INVESTIGATING: phrase("investigating"),
        IncidentStatus.IDENTIFIED: phrase("identified"),
        IncidentStatus.RESOLVING: phrase("resolving"),
        IncidentStatus.RESOLVED: phrase("resolved"),
        IncidentStatus.CLOSED: phrase("closed"),
    }
)
MARKER: Mapping[ChangeMarkerKind, SafeText] = MappingProxyType(
    {
        ChangeMarkerKind.DEPLOY: phrase("deploy"),
        ChangeMarkerKind.CONFIG: phrase("configuration change"),
        ChangeMarkerKind.MIGRATION: phrase("migration"),
        ChangeMarkerKind.FLAG: phrase("feature flag"),
    }
)

NO_VERSION = phrase("unknown")
"""The version of a change for which none was given."""


def change(kind: ChangeMarkerKind, service: SafeText, version: SafeText) -> SafeText:
    """Say what was changed.

    >>> str(change(ChangeMarkerKind.DEPLOY, phrase("billing"), NO_VERSION))
    'deploy of billing'
    """
    if version == NO_VERSION:
        return phrase("{} of {}", MARKER[kind], service)
    return phrase("{} of {} {}", MARKER[kind], service, version)


_REFS: Mapping[str, LiteralString] = MappingProxyType({"INC": "INC-{}", "MNT": "MNT-{}"})


def ref(id: str) -> SafeText:
    """Return the id of an incident or a maintenance window as text that may be shown.

    >>> ref("INC-12")
    'INC-12'
    """
    kind, _, number = id.partition("-")
    return phrase(_REFS[kind], int(number))


def statuses(found: Iterable[IncidentStatus]) -> SafeText:
    """Return states in a row.

    >>> statuses([IncidentStatus.RESOLVED, IncidentStatus.CLOSED])
    'resolved, closed'
    """
    return row([STATUS[each] for each in found])


def row(values: Sequence[SafeText]) -> SafeText:
    """Return values in a row with commas; what is beyond six is counted.

    >>> row([phrase("a"), phrase("b")])
    'a, b'
    """
    text = phrase("")
    for place, value in enumerate(values[:NAMES_IN_A_ROW]):
        text = phrase("{}, {}", text, value) if place else value
    more = len(values) - NAMES_IN_A_ROW
    return phrase("{} and {} more", text, more) if more > 0 else text


def span(time: timedelta) -> SafeText:
    """Return a length of time in the unit that fits.

    >>> span(timedelta(seconds=90)), span(timedelta(hours=4)), span(timedelta(seconds=45))
    ('2 min', '4 h', '45 s')
    """
    seconds = max(0, round(time.total_seconds()))
    if seconds < 90:
        return phrase("{} s", seconds)
    if seconds < 90 * 60:
        return phrase("{} min", round(seconds / 60))
    if seconds < 48 * 3600:
        return phrase("{} h", round(seconds / 3600))
    return phrase("{} days", round(seconds / 86_400))


def title(category: str, root: SafeText, others: int) -> SafeText:
    """Return the title of an incident: what kind of trouble, where, and how many other services it touches.

    >>> title("resource_exhaustion", phrase("billing"), 1)
    'billing runs out of a resource (1 more service affected)'
    """
    head = phrase(_TITLES.get(category, _TITLES["unknown"]), root)
    if others == 1:
        return phrase("{} (1 more service affected)", head)
    return phrase("{} ({} more services affected)", head, others) if others else head


def signal_text(
    kind: SignalKind,
    service: SafeText,
    lines: int,
    template: SafeText | None,
    distinct: int,
    usual: float | None = None,
) -> SafeText:
    """Return one sentence about one signal.

    >>> signal_text(SignalKind.ERROR_BURST, phrase("billing"), 41, phrase("pool exhausted"), 9, 0.4)
    'billing: 41 error lines, usually 0.4: pool exhausted'
    >>> signal_text(SignalKind.ERROR_BURST, phrase("billing"), 41, phrase("no invoice within <DURATION>"), 1, 0.0)
    'billing: 41 error lines, usually none: no … within <DURATION>'
    >>> signal_text(SignalKind.NEW_ERROR_TEMPLATE, phrase("billing"), 1, phrase("umbrella closed"), 1)
    'billing: 1 line of an error not seen before'
    """
    if kind is SignalKind.SILENCE:
        return phrase("{} has stopped logging", service)
    if kind in _SAID:
        text = phrase(_SAID[kind], service)
    elif kind in (SignalKind.NEW_ERROR_TEMPLATE, SignalKind.NEW_WARNING_TEMPLATE):
        plural = phrase("line" if lines == 1 else "lines")
        grade = phrase("an error" if kind is SignalKind.NEW_ERROR_TEMPLATE else "a warning")
        text = phrase("{}: {} {} of {} not seen before", service, lines, plural, grade)
    else:
        grade = phrase("error" if kind is SignalKind.ERROR_BURST else "warning")
        plural = phrase("line" if lines == 1 else "lines")
        text = phrase("{}: {} {} {}", service, lines, grade, plural)
        if usual is not None:
            rounded = round(usual, 1)
            text = phrase("{}, usually {}", text, rounded) if rounded else phrase("{}, usually none", text)
    shown = template if template is None or distinct >= SHOWN_FROM else outline(template)
    return phrase("{}: {}", text, shown) if shown is not None else text


def forecast_text(service: SafeText, figures: Mapping[str, int | float | SafeText]) -> SafeText:
    """Return the sentence about a limit that is going to be reached.

    >>> figures = {"figure": phrase("disk"), "in_min": 25, "earliest_min": 21, "latest_min": 31, "ends": 1,
    ...     "full_percent": 83.2, "percent_per_minute": 0.67, "value": 83.2, "limit": 100}
    >>> forecast_text(phrase("billing"), figures)
    'disk of billing will be full in about 25 min (83 % now, +0.67 %/min, 21 to 31 min)'
    >>> forecast_text(phrase("billing"), {**figures, "figure": phrase("error lines per minute"), "ends": 0})
    'error lines per minute of billing will reach 100 in about 25 min (83 now, 21 to 31 min)'
    """

    def number(name: str) -> float:
        value = figures.get(name, 0)
        return 0.0 if isinstance(value, SafeText) else value

    name = figures.get("figure")
    what = phrase("{} of {}", name if isinstance(name, SafeText) else phrase("a figure"), service)
    span = phrase("{} to {} min", round(number("earliest_min")), round(number("latest_min")))
    minutes = round(number("in_min"))
    if not number("ends"):
        limit, value = _short(number("limit")), _short(number("value"))
        return phrase("{} will reach {} in about {} min ({} now, {})", what, limit, minutes, value, span)
    now, pace = round(number("full_percent")), _short(number("percent_per_minute"))
    return phrase("{} will be full in about {} min ({} % now, +{} %/min, {})", what, minutes, now, pace, span)


def _short(value: float) -> int | float:
    """Return a number with about two digits that count."""
    return round(value, 2) if abs(value) < 1 else round(value, 1) if abs(value) < 10 else round(value)
