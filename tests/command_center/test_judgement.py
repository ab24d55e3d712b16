"""Category, severity and suspect follow rules that a reader can check."""

from __future__ import annotations

from datetime import timedelta

import pytest
from center_rig import at, text
from pydantic import ValidationError

from command_center.changes.suspect import suspect
from command_center.incidents import wording
from command_center.incidents.category import CATEGORIES, Told, of_evidence, of_template
from command_center.incidents.severity import DEFAULT_RULES, Impact, SeverityRule, Traffic, severity_of
from command_center.settings import CenterSettings
from storage.facts import SignalKind
from storage.records import ChangeMarker, ChangeMarkerKind, Severity

BURST = frozenset({SignalKind.ERROR_BURST})
NOVELTY = frozenset({SignalKind.NEW_ERROR_TEMPLATE})
WARNED = frozenset({SignalKind.WARNING_BURST})
SILENCE = frozenset({SignalKind.SILENCE})
CUT_OFF = BURST | {SignalKind.TEMPLATE_SILENCE}


@pytest.mark.parametrize(
    ("template", "category"),
    [
        ("connection pool exhausted: <NUM> of <NUM> in use", "resource_exhaustion"),
        ("java.lang.OutOfMemoryError", "resource_exhaustion"),
        ("no space left on device", "resource_exhaustion"),
        ("x509: certificate has expired", "certificate"),
        ("could not resolve host records-db", "network"),
        ("connection refused", "network"),
        ("upstream timed out after <NUM> ms", "dependency_timeout"),
        ("Deadline exceeded", "dependency_timeout"),
        ("login failed for <NAME>", "authentication"),
        ("process exited with code <NUM>", "crash_loop"),
        ("[<NUM>] ERROR: not the leader any more", "flapping"),
        ("partner endpoint silent for <NUM> s", "dependency_timeout"),
        ("setting journal.path: no such file", "configuration"),
        ("clock skew of <NUM> s", "clock"),
        ("suspicious request from <IP>", "security"),
        ("retrying, attempt <NUM>", "retry_storm"),
        ("date of birth in query string", "privacy"),
        ("unhandled exception in handler", "application_error"),
        ("bill <NUM> failed", "application_error"),
        ("the quick brown fox", "unknown"),
    ],
)
def test_a_template_is_sorted_by_the_words_in_it(template: str, category: str) -> None:
    assert of_template(template)[0] == category
    assert category in CATEGORIES


def test_a_phrase_is_found_as_whole_words_only() -> None:
    assert of_template("spool flushed")[0] == "unknown"
    assert of_template("pool flushed")[0] == "resource_exhaustion"


def told(template: str, lines: int, kind: SignalKind = SignalKind.ERROR_BURST, figure: str = "") -> Told:
    return Told(kind, template, lines, figure=figure)


def test_a_specific_kind_wins_over_more_lines_of_plain_failure_once_it_is_a_tenth() -> None:
    assert of_evidence([told("bill failed", 90), told("certificate expired", 12)]) == "certificate"
    assert of_evidence([told("bill failed", 900), told("certificate expired", 3)]) == "application_error"


def test_silence_is_the_category_only_where_nothing_better_is_known() -> None:
    quiet = Told(SignalKind.SILENCE, "", 0)
    assert of_evidence([quiet]) == "silence"
    assert of_evidence([quiet, told("connection refused", 3)]) == "network"


def test_a_sentence_that_is_missing_is_silence_as_well() -> None:
    assert of_evidence([Told(SignalKind.TEMPLATE_SILENCE, "all loops ticking", 0)]) == "silence"


def test_a_service_that_fails_and_no_longer_gets_to_its_work_keeps_crashing() -> None:
    less = Told(SignalKind.TRAFFIC_DROP, "", 0)
    plain = told("schema step <NUM> failed", 14)
    assert of_evidence([plain]) == "application_error"
    assert of_evidence([plain, less]) == "crash_loop"
    assert of_evidence([plain, less._replace(own=False)]) == "application_error"
    assert of_evidence([told("certificate expired", 14), less]) == "certificate"


def test_what_needs_no_words_decides_first() -> None:
    words = told("connection refused", 300)
    assert of_evidence([words, Told(SignalKind.PERSONAL_DATA, "GET <PATH>", 3)]) == "privacy"
    assert of_evidence([words, Told(SignalKind.CLOCK_SKEW, "", 0)]) == "clock"


def test_a_figure_says_whether_something_fills_up_or_takes_long() -> None:
    shift = SignalKind.FIGURE_SHIFT
    assert of_evidence([told("sent after <NUM> ms", 0, shift, "queue depth")]) == "resource_exhaustion"
    assert of_evidence([told("answered in <NUM> ms", 0, shift, "answered in ms")]) == "dependency_timeout"


def test_plain_failure_just_after_a_setting_was_changed_is_a_matter_of_configuration() -> None:
    assert of_evidence([told("cannot store event", 9)], configured=True) == "configuration"
    assert of_evidence([told("connection refused", 9)], configured=True) == "network"


def test_phrases_from_the_configuration_are_asked_first() -> None:
    assert of_template("connection refused", {"security": ("refused",)})[0] == "security"
    with pytest.raises(ValidationError, match="a category is not one of"):
        CenterSettings(categories={"weather": ("rain",)})


CRITICAL = ("api-gateway",)


@pytest.mark.parametrize(
    ("impact", "severity"),
    [
        (Impact({"billing": Traffic(1000, 1)}, 1, NOVELTY), Severity.SEV4),
        (Impact({"api-gateway": Traffic(3, 1)}, 1, NOVELTY), Severity.SEV4),
        (Impact({"api-gateway": Traffic(1, 1)}, 1, NOVELTY), Severity.SEV4),
        (Impact({"billing": Traffic(1000, 30)}, 1, BURST), Severity.SEV3),
        (Impact({"billing": Traffic(0, 0)}, 1, SILENCE), Severity.SEV3),
        (Impact({"billing": Traffic(200, 120)}, 1, BURST), Severity.SEV2),
        (Impact({"api-gateway": Traffic(0, 0)}, 1, SILENCE), Severity.SEV2),
        (Impact({"api-gateway": Traffic(1000, 80)}, 1, BURST), Severity.SEV2),
        (Impact({"billing": Traffic(200, 30), "auth": Traffic(90, 5)}, 2, BURST), Severity.SEV3),
        (Impact({"billing": Traffic(200, 60), "auth": Traffic(90, 5)}, 2, BURST), Severity.SEV2),
        (
            Impact({"billing": Traffic(200, 30), "auth": Traffic(90, 5)}, 2, BURST, "retry_storm"),
            Severity.SEV2,
        ),
        (Impact({"portal": Traffic(900, 24), "audit": Traffic(9, 0)}, 2, CUT_OFF, "network"), Severity.SEV2),
        (Impact({"portal": Traffic(900, 24), "audit": Traffic(90, 0)}, 2, BURST, "network"), Severity.SEV3),
        (Impact({"portal": Traffic(900, 24)}, 1, CUT_OFF, "network"), Severity.SEV3),
        (Impact({"billing": Traffic(200, 0)}, 1, WARNED, "security"), Severity.SEV2),
        (Impact({"billing": Traffic(200, 0)}, 1, WARNED, "retry_storm"), Severity.SEV3),
        (Impact({"billing": Traffic(200, 0)}, 1, WARNED, "certificate"), Severity.SEV4),
        (Impact({"api-gateway": Traffic(200, 120), "billing": Traffic(90, 5)}, 2, BURST), Severity.SEV1),
        (Impact({"billing": Traffic(200, 120), "api-gateway": Traffic(900, 5)}, 2, BURST), Severity.SEV2),
        (Impact({name: Traffic(100, 30) for name in "abcd"}, 4, BURST), Severity.SEV1),
        (Impact({"audit": Traffic(90, 88), "portal": Traffic(900, 88)}, 2, BURST), Severity.SEV1),
        (Impact({"portal": Traffic(900, 0)}, 1, NOVELTY, "privacy"), Severity.SEV1),
        (Impact({"ward": Traffic(90, 0)}, 1, frozenset({SignalKind.FIGURE_SHIFT})), Severity.SEV3),
    ],
)
def test_severity_follows_from_who_is_affected_and_how_much(impact: Impact, severity: Severity) -> None:
    assert severity_of(impact, CRITICAL, DEFAULT_RULES) is severity


def test_one_weak_new_error_is_never_sev1_even_on_a_critical_service() -> None:
    for errors in range(1, 5):
        impact = Impact({"api-gateway": Traffic(errors, errors)}, 1, NOVELTY)
        assert severity_of(impact, CRITICAL, DEFAULT_RULES) > Severity.SEV1


def test_the_first_rule_that_holds_decides_and_none_means_sev4() -> None:
    impact = Impact({"billing": Traffic(100, 100)}, 1, BURST)
    rules = (SeverityRule(severity=Severity.SEV3, errors=50), SeverityRule(severity=Severity.SEV1, errors=10))
    assert severity_of(impact, (), rules) is Severity.SEV3
    assert severity_of(impact, (), (SeverityRule(severity=Severity.SEV1, errors=101),)) is Severity.SEV4


def marker(name: str, service: str, seconds: float) -> ChangeMarker:
    return ChangeMarker(
        id=name,
        service=text(service),
        kind=ChangeMarkerKind.DEPLOY,
        version=text("3.8.0"),
        at=at(seconds),
        recorded_by="pipeline",
    )


HOUR = timedelta(hours=1)


def test_the_latest_change_on_the_root_before_the_fault_is_suspected() -> None:
    changes = [marker("a", "billing", -900), marker("b", "billing", -60), marker("c", "api-gateway", -10)]
    found = suspect(changes, "billing", ["billing", "api-gateway"], at(0), HOUR, timedelta(minutes=3))
    assert found is not None
    assert found.id == "b"


def test_a_change_after_the_fault_is_never_suspected() -> None:
    assert (
        suspect([marker("a", "billing", 0.001)], "billing", ["billing"], at(0), HOUR, timedelta(minutes=3))
        is None
    )
    assert (
        suspect([marker("a", "billing", 0)], "billing", ["billing"], at(0), HOUR, timedelta(minutes=3))
        is not None
    )


def test_without_a_change_on_the_root_one_on_what_is_affected_is_suspected() -> None:
    changes = [marker("a", "api-gateway", -60), marker("b", "reports", -10)]
    found = suspect(changes, "billing", ["billing", "api-gateway"], at(0), HOUR, timedelta(minutes=3))
    assert found is not None
    assert found.id == "a"


def test_a_change_of_what_is_merely_affected_must_have_come_just_before() -> None:
    changes = [marker("a", "api-gateway", -181)]
    assert suspect(changes, "billing", ["billing", "api-gateway"], at(0), HOUR, timedelta(minutes=3)) is None


def test_a_change_long_before_is_not_suspected() -> None:
    assert (
        suspect([marker("a", "billing", -3601)], "billing", ["billing"], at(0), HOUR, timedelta(minutes=3))
        is None
    )


def test_a_template_is_quoted_in_full_only_once_five_different_parameters_were_seen() -> None:
    quoted = text("connection pool exhausted in the umbrella")
    for distinct in range(8):
        said = wording.signal_text(SignalKind.ERROR_BURST, text("billing"), 9, quoted, distinct)
        assert "connection pool exhausted in the" in said
        assert ("umbrella" in said) == (distinct >= 5)
        assert ("…" in said) == (distinct < 5)


@pytest.mark.parametrize(
    ("usual", "words"),
    [(0.0, "usually none"), (0.04, "usually none"), (0.06, "usually 0.1"), (12.34, "usually 12.3")],
)
def test_how_many_are_usual_is_said_in_words_where_it_is_none(usual: float, words: str) -> None:
    said = wording.signal_text(SignalKind.ERROR_BURST, text("billing"), 9, None, 0, usual)
    assert said == f"billing: 9 error lines, {words}"


def test_every_category_has_a_title_that_fits_a_header() -> None:
    for category in CATEGORIES:
        said = wording.title(category, text("api-gateway"), 12)
        assert "api-gateway" in said
        assert len(said) <= wording.TITLE_LIMIT
