"""Why a decision was made, in sentences that people read. Pure; everything returned is `SafeText`.

Correlation leaves one word with each signal (`reason`), the severity table the number of a row. Here they become sentences, with
what can be checked: which calls lie between two services, how far apart two signals are, which limits a row has. The calls are
those known when the question is asked: where they are learnt from the lines, more may be known by then than at the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import LiteralString

from command_center.incidents import wording
from command_center.incidents.category import Judged, Rule
from command_center.incidents.evidence import SignalRecord
from command_center.incidents.graph import ServiceGraph
from command_center.incidents.severity import SeverityRule
from command_center.incidents.weight import FAMILIES
from command_center.settings import CorrelationSettings
from models.levels import Level
from models.sanitizer import SafeText, phrase
from storage.facts import SignalKind

Name = Callable[[str], SafeText]
WORDS_SHOWN = 3  # phrases that a category's sentences quote

_PLAIN: Mapping[str, LiteralString] = MappingProxyType(
    {
        "strong_signal": "strong enough to open an incident by itself",
        "goes_on": "weak by itself, but it went on for too long to be passing",
        "two_weak_signals": "weak by itself, but not alone",
        "storm": "so much opened at about the same time that it was taken for one trouble",
        "seen_before": "the same signal was there before",
        "same_service": "of a service that is affected already",
        "echo_of_resolved": "an echo of what was over already; it reopened nothing",
        "returned": "it came back soon after it had been resolved",
        "on_the_call_path": "of a service that calls the supposed cause, or is called by it",
        "burst_together": "a burst at the same time",
        "called_less": "it hears less, because a service that calls it is in trouble",
        "came_back": "the same signal came back after a long pause",
        "too_few_lines": "too weak to open an incident alone: it waited for more lines, or for a second signal",
        "harmless_level": "below WARN, so it wakes nobody",
        "maintenance": "its service was under maintenance",
        "new": "not judged yet",
    }
)
"""What each reason means where nothing more is known; a test holds the keys against `correlate`."""

KIND: Mapping[SignalKind, SafeText] = MappingProxyType(
    {
        SignalKind.NEW_ERROR_TEMPLATE: phrase("new error"),
        SignalKind.ERROR_BURST: phrase("burst of errors"),
        SignalKind.NEW_WARNING_TEMPLATE: phrase("new warning"),
        SignalKind.WARNING_BURST: phrase("burst of warnings"),
        SignalKind.SILENCE: phrase("silence"),
        SignalKind.TRAFFIC_DROP: phrase("fewer lines"),
        SignalKind.TEMPLATE_SILENCE: phrase("missing sentence"),
        SignalKind.HOST_SILENCE: phrase("silent host"),
        SignalKind.SEQUENCE_BREAK: phrase("broken sessions"),
        SignalKind.FIGURE_SHIFT: phrase("raised figure"),
        SignalKind.PERSONAL_DATA: phrase("personal data"),
        SignalKind.CLOCK_SKEW: phrase("wrong clock"),
        SignalKind.FORECAST: phrase("forecast"),
    }
)
_CATEGORY: Mapping[str, SafeText] = MappingProxyType(
    {
        "application_error": phrase("application error"),
        "authentication": phrase("authentication"),
        "certificate": phrase("certificate"),
        "clock": phrase("clock"),
        "configuration": phrase("configuration"),
        "crash_loop": phrase("crash loop"),
        "dependency_timeout": phrase("dependency timeout"),
        "flapping": phrase("flapping"),
        "network": phrase("network"),
        "privacy": phrase("privacy"),
        "resource_exhaustion": phrase("resource exhaustion"),
        "retry_storm": phrase("retry storm"),
        "security": phrase("security"),
        "silence": phrase("silence"),
        "unknown": phrase("unknown"),
    }
)


@dataclass(frozen=True, slots=True)
class Around:
    """What an incident's signals are explained with: all of them in order of time, its services, root and the calls."""

    signals: Sequence[SignalRecord]
    affected: Sequence[SafeText]
    root: SafeText | None
    graph: ServiceGraph
    settings: CorrelationSettings
    name: Name


def kind_word(kind: SignalKind) -> SafeText:
    """Return the word for a kind of signal.

    >>> kind_word(SignalKind.TRAFFIC_DROP)
    'fewer lines'
    """
    return KIND[kind]


def category_word(category: str) -> SafeText:
    """Return the words for a category.

    >>> category_word("crash_loop")
    'crash loop'
    """
    return _CATEGORY.get(category, _CATEGORY["unknown"])


def plain_why(reason: str) -> SafeText:
    """Return what a reason means by itself.

    >>> plain_why("seen_before")
    'the same signal was there before'
    """
    return phrase(_PLAIN.get(reason, "for a reason that has no sentence here"))


def why(record: SignalRecord, around: Around) -> SafeText:
    """Return why a signal opened an incident, joined one, or was held back."""
    if record.maintenance_id is not None and record.incident_id is not None:
        text = "it began in the maintenance {} and went on after it: {}"
        return phrase(text, wording.ref(record.maintenance_id), _why(record, around))
    return _why(record, around)


def _why(record: SignalRecord, around: Around) -> SafeText:
    match record.reason:
        case "strong_signal":
            return _strong(record, around.settings)
        case "goes_on":
            changed = wording.span(timedelta(seconds=around.settings.settle_after_change))
            lasting = wording.span(timedelta(seconds=around.settings.lasting))
            text = "weak by itself, but it went on for {} or more ({} just after a change of its service)"
            return phrase(text, lasting, changed)
        case "two_weak_signals":
            return _beside_another(record, around)
        case "same_service":
            before = _before(record, around)
            if before is None:
                return phrase("{} is affected already", record.service)
            return phrase(
                "{} is affected already, and a signal came {} before", record.service, _apart(record, before)
            )
        case "on_the_call_path":
            return _on_the_path(record, around)
        case "called_less":
            return _called_less(record, around)
        case "burst_together":
            return _burst_together(record, around)
        case "storm":
            settings = around.settings
            text = (
                "{} incidents opened within {}: so much at once has one cause, so it joined the first of them"
            )
            return phrase(
                text, settings.storm_incidents, wording.span(timedelta(seconds=settings.storm_window))
            )
        case "too_few_lines":
            text = "too weak to open an incident alone: it waited {} for more lines, or for a second signal"
            return phrase(text, wording.span(timedelta(seconds=around.settings.window)))
        case reason:
            return plain_why(reason)


def _strong(record: SignalRecord, settings: CorrelationSettings) -> SafeText:
    family = FAMILIES[record.kind]
    if record.level >= Level.FATAL and family == "errors":
        return phrase("a fatal line opens an incident by itself")
    if family == "errors":
        text = "{} error lines: {} of one sentence open an incident by themselves, unless chance explains so many"
        return phrase(text, record.lines, settings.min_lines)
    return phrase(
        "{} opens an incident by itself: neither chance nor a release explains it", KIND[record.kind]
    )


def _beside_another(record: SignalRecord, around: Around) -> SafeText:
    others = [
        each
        for each in around.signals
        if each.id != record.id and each.reason == record.reason and _mark(each) != _mark(record)
    ]
    if not others:
        return phrase(_PLAIN["two_weak_signals"])
    other = min(others, key=lambda each: (abs(each.at - record.at), each.id))
    apart = abs(other.at - record.at)
    when = (
        phrase("at the same time")
        if apart < timedelta(seconds=1)
        else phrase("within {}", wording.span(apart))
    )
    text = (
        "weak by itself, but {} of {} came {}: two signals that rest on different lines are evidence together"
    )
    return phrase(text, KIND[other.kind], other.service, when)


def _on_the_path(record: SignalRecord, around: Around) -> SafeText:
    service, depth, graph = str(record.service), around.settings.depth, around.graph
    others = [around.root, *around.affected] if around.root is not None else [*around.affected]
    for other in others:
        way = graph.path(str(other), service, depth) or graph.path(service, str(other), depth)
        if way:
            return phrase("near in the calls: {}", _arrows(way, around.name))
    return phrase(_PLAIN["on_the_call_path"])


def _called_less(record: SignalRecord, around: Around) -> SafeText:
    for other in around.affected:
        way = around.graph.path(str(other), str(record.service), around.settings.depth)
        if way:
            text = "it hears less, because who calls it is in trouble: {}"
            return phrase(text, _arrows(way, around.name))
    return phrase(_PLAIN["called_less"])


def _burst_together(record: SignalRecord, around: Around) -> SafeText:
    within = timedelta(seconds=around.settings.sibling_window)
    for each in around.signals:
        if each.service != record.service and abs(each.at - record.at) <= within:
            shared = around.graph.shared_callee({str(each.service), str(record.service)})
            if shared is not None:
                text = "a burst {} from that of {}, and both call {}"
                return phrase(text, _apart(record, each), each.service, around.name(shared))
            text = "a burst {} from that of {}, and no calls are known that would speak against one cause"
            return phrase(text, _apart(record, each), each.service)
    return phrase(_PLAIN["burst_together"])


def _before(record: SignalRecord, around: Around) -> SignalRecord | None:
    earlier = [each for each in around.signals if each.id != record.id and each.at <= record.at]
    return max(earlier, key=lambda each: (each.at, each.id), default=None)


def _mark(record: SignalRecord) -> tuple[str, SignalKind, str | None]:
    return str(record.service), record.kind, record.template_id


def _apart(one: SignalRecord, other: SignalRecord) -> SafeText:
    return wording.span(abs(one.at - other.at))


def _arrows(way: Sequence[str], name: Name) -> SafeText:
    text = name(way[0])
    for step in way[1:]:
        text = phrase("{} → {}", text, name(step))
    return text


def root_words(around: Around) -> SafeText:
    """Return why the root is supposed to be the cause: how the calls go, or who was first."""
    root, affected = around.root, around.affected
    if root is None:
        return phrase("no service is known to be the cause")
    if root not in affected:
        callers = [each for each in affected if str(root) in around.graph.callees(str(each))]
        return phrase(
            "{} has said nothing itself, but {} all call it", root, wording.row(callers or affected)
        )
    if len(affected) == 1:
        return phrase("{} is the only service with a signal", root)
    callers = [each for each in affected if around.graph.calls(str(each), str(root), len(affected) + 8)]
    if callers:
        text = "{} lies below {} in the calls: what is called fails, who calls complains"
        return phrase(text, root, wording.row(callers))
    return phrase("{} showed the first signal, and the calls do not say otherwise", root)


def rule_words(rule: SeverityRule) -> SafeText:
    """Return a row of the severity table as a sentence.

    >>> rule_words(SeverityRule(severity=2, services=2, error_share=0.1, errors=20))
    'SEV2 where 2 or more services are affected, 10 % or more of the lines of one are errors, 20 or more are error lines'
    """
    of = phrase("a critical one") if rule.critical else phrase("one")
    limits: list[SafeText] = []
    if rule.categories:
        limits.append(
            phrase("the category is {}", _either([category_word(each) for each in rule.categories]))
        )
    if rule.critical:
        limits.append(phrase("a critical service is affected"))
    if rule.services > 1:
        limits.append(phrase("{} or more services are affected", rule.services))
    if rule.kinds:
        limits.append(phrase("there is {}", _either([KIND[kind] for kind in rule.kinds])))
    if rule.error_share:
        share = round(100 * rule.error_share, 1)
        limits.append(
            phrase(
                "{} % or more of the lines of {} are errors", int(share) if share.is_integer() else share, of
            )
        )
    if rule.errors:
        limits.append(phrase("{} or more are error lines", rule.errors))
    if rule.signals > 1:
        limits.append(phrase("there are {} or more different signals", rule.signals))
    if not limits:
        return phrase("SEV{} where no row before holds", int(rule.severity))
    text = limits[0]
    for limit in limits[1:]:
        text = phrase("{}, {}", text, limit)
    return phrase("SEV{} where {}", int(rule.severity), text)


def _either(values: Sequence[SafeText]) -> SafeText:
    text = values[0]
    for place, value in enumerate(values[1:], 2):
        text = phrase("{} or {}", text, value) if place == len(values) else phrase("{}, {}", text, value)
    return text


def category_words(judged: Judged, admit: Name) -> tuple[SafeText, ...]:
    """Return what decided the category, a sentence each; `admit` is the gate's, for the phrases."""
    category = category_word(judged.category)
    match judged.rule:
        case Rule.PERSONAL_DATA:
            return (phrase("{}: personal data in log lines need no words", category),)
        case Rule.CLOCK:
            return (phrase("{}: a host's clock differs from the time of receipt", category),)
        case Rule.FIGURES:
            return (phrase("{}: no words say it, but a figure far above the usual does", category),)
        case Rule.DYING:
            return (
                phrase(
                    "{}: it has errors and says less than usual, so it does not get to its work", category
                ),
            )
        case Rule.QUIET:
            return (phrase("{}: no words say more than that lines are missing", category),)
        case Rule.NOTHING:
            return (phrase("{}: no line has a phrase of the tables", category),)
        case _:
            pass
    head = (
        (phrase("{}: a setting of the service was changed just before", category),)
        if judged.rule is Rule.SET_ANEW
        else ()
    )
    found = [
        word for word in judged.words if judged.rule is Rule.SET_ANEW or word.category == judged.category
    ]
    seen = dict.fromkeys((word.category, word.phrase) for word in found)
    lines = {key: sum(w.lines for w in found if (w.category, w.phrase) == key) for key in seen}
    said = tuple(
        phrase(
            "{}: {} {} with the words “{}”",
            category_word(key[0]),
            lines[key],
            phrase("line" if lines[key] == 1 else "lines"),
            admit(key[1]),
        )
        for key in list(seen)[:WORDS_SHOWN]
    )
    return (*head, *said)
