"""Cards keep to Block Kit's limits and cannot ping, hide or forge anything, whatever the records say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.grammar import INCIDENT
from bot.slack import answers, blocks
from bot.slack.blocks import Block
from bot.slack.buttons import Button, seal, seal_place, unseal, unseal_place
from bot.slack.cards import CardFacts, incident_card, severity_words, status_words, summary
from bot.slack.errors import ButtonRefused
from bot.slack.modals import declare_form
from bot.workspace import blockkit
from command_center.incidents.lifecycle import NEXT
from command_center.timers import Rule
from models.sanitizer import SafeText
from models.sanitizer.safe_text import stored
from storage.records import Incident, IncidentEvent, IncidentStatus, Severity

AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
KEY = b"k" * 32
PIECES = [
    "<!channel>",
    "<@U1>",
    "&",
    "&amp;",
    "<",
    ">",
    "*",
    "`",
    "|",
    "\u200b",
    "\u202e",
    "\n",
    "\ud800",
    "\x07",
]
DATE = re.compile(r"<!date\^[0-9]+\^\{date_short_pretty\} \{time\}\|[-0-9: ]+ UTC>")
STRAY = re.compile(r"&(?!amp;|lt;|gt;)")
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=60).map("".join)
HUGE = st.sampled_from(["x", "&", "<!here>", "`", "長", "😀"]).flatmap(
    lambda piece: st.integers(0, 6000).map(lambda times: piece * times)
)
TEXTS = (HOSTILE | HUGE).map(stored)
STATUSES, SEVERITIES = st.sampled_from(list(IncidentStatus)), st.sampled_from(list(Severity))


def incident(**changes: Any) -> Incident:
    given: dict[str, Any] = {
        "id": "INC-12",
        "title": stored("checkout answers slowly"),
        "severity": Severity.SEV2,
        "service": stored("billing"),
        "detected_at": AT,
        "updated_at": AT,
        "version": 3,
    }
    return Incident(**(given | changes))


def event(text: SafeText, seq: int = 1) -> IncidentEvent:
    return IncidentEvent(incident_id="INC-12", seq=seq, at=AT, kind="note", actor="oncall", text=text)


def sign(verb: str, drawn: Incident) -> str:
    return seal(KEY, Button(verb, drawn.id, drawn.version, 2_000_000_000))


def said(made: Any) -> Iterator[tuple[str, str]]:
    """Every text of blocks with its type: what Slack interprets (`mrkdwn`) or shows as it is (`plain_text`)."""
    if isinstance(made, dict):
        if made.get("type") in ("mrkdwn", "plain_text"):
            yield made["type"], made["text"]
        for part in made.values():
            yield from said(part)
    elif isinstance(made, list):
        for part in made:
            yield from said(part)


def whole(made: Any) -> str:
    return "\n".join(text for _, text in said(made))


def elements(made: list[Block]) -> dict[str, Block]:
    return {
        each["action_id"]: each for block in made if block["type"] == "actions" for each in block["elements"]
    }


def accepted(made: list[Block]) -> None:
    """Slack's rules hold (as the local workspace checks them), and nothing but our own tokens is markup."""
    assert blockkit.message_faults(made) == []
    json.dumps(made).encode("utf-8")
    for kind, text in said(made):
        if kind == "mrkdwn":
            rest = DATE.sub("", text)
            assert not {"<", ">"} & set(rest)
            assert STRAY.search(rest) is None
        assert not {"\u200b", "\u202e", "\x07", "\ud800"} & set(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=8, max_size=8), STATUSES, SEVERITIES, st.integers(0, 60), st.floats(0, 1))
def test_any_card_is_accepted_and_nothing_in_it_is_markup(
    texts: list[SafeText], status: IncidentStatus, severity: Severity, many: int, confidence: float
) -> None:
    drawn = incident(
        title=texts[0], service=texts[1], root_service=texts[2], affected_services=(texts[3],) * many,
        summary=texts[4], status=status, severity=severity, confidence=confidence, commander="lead",
        acknowledged_at=AT, acknowledged_by="oncall", resolved_at=AT + timedelta(minutes=5),
    )  # fmt: skip
    facts = CardFacts(
        drawn, evidence=(texts[5],) * many, timeline=tuple(event(texts[6], n + 1) for n in range(many)),
        earlier=many, suspect=texts[7], due=(Rule.RESOLVE_OVERDUE, AT), warnings=(texts[6],) * many,
        names={"oncall": str(texts[0])},
    )  # fmt: skip
    accepted(incident_card(facts, sign))
    accepted(answers.show_card(facts, "/incident"))
    accepted(answers.list_card([drawn] * many, "open", "/incident"))
    assert blockkit.view_faults(answers.home_view([drawn] * many, "md-")) == []
    assert "<" not in summary(drawn)


@given(HOSTILE | HUGE, st.integers(10, 3000))
def test_escaped_text_never_exceeds_its_limit_and_never_ends_inside_an_escape(text: str, limit: int) -> None:
    cut = blocks.escape(text, limit)
    assert len(cut) <= limit
    assert not {"<", ">"} & set(cut)
    assert all(cut[i:].startswith(("&amp;", "&lt;", "&gt;")) for i, c in enumerate(cut) if c == "&")


@given(st.lists(TEXTS, max_size=120))
def test_a_message_of_any_length_is_cut_to_fifty_blocks_and_keeps_its_buttons(texts: list[SafeText]) -> None:
    made = [blocks.section(blocks.escape(text)) for text in texts]
    kept = blocks.message([*made, blocks.actions("a", [blocks.button("Go", "go", "v")])])
    assert len(kept) <= 50
    assert kept[-1]["type"] == "actions"
    if len(made) > 49:
        assert "more parts are not shown" in whole(kept)


@pytest.mark.parametrize("status", list(IncidentStatus))
def test_a_card_has_exactly_the_buttons_that_are_legal_now(status: IncidentStatus) -> None:
    shown = elements(incident_card(CardFacts(incident(status=status)), sign))
    possible = NEXT[status]
    assert ("mayday_ack" in shown) == (IncidentStatus.ACKNOWLEDGED in possible)
    assert ("mayday_resolve" in shown) == (IncidentStatus.RESOLVED in possible)
    assert ("mayday_close" in shown) == (IncidentStatus.CLOSED in possible)
    steps = {
        unseal(KEY, option["value"], 0).verb.removeprefix("status.")
        for option in shown.get("mayday_status", {"options": []})["options"]
    }
    assert steps <= {each.value for each in possible}


@pytest.mark.parametrize("severity", list(Severity))
def test_severity_and_status_are_words_and_each_symbol_stands_for_one(severity: Severity) -> None:
    assert severity.name in whole(incident_card(CardFacts(incident(severity=severity)), sign))
    assert len({severity_words(each)[0] for each in Severity}) == len(Severity)
    assert all(each.value.capitalize() in status_words(each) for each in IncidentStatus)


def test_a_card_says_what_fails_since_when_who_has_it_and_what_is_due() -> None:
    drawn = incident(
        fault_at=AT - timedelta(minutes=2), root_service=stored("records-db"), confidence=0.8,
        affected_services=(stored("billing"), stored("auth")), acknowledged_at=AT, acknowledged_by="oncall",
        status=IncidentStatus.ACKNOWLEDGED,
    )  # fmt: skip
    facts = CardFacts(
        drawn, evidence=(stored("billing: 41 error lines, usually 0.4"),), earlier=2,
        timeline=(event(stored("restarting")),), suspect=stored("deploy of billing 4.2.1"),
        due=(Rule.RESPOND_OVERDUE, AT + timedelta(minutes=15)), warnings=(stored("No update for 30 min"),),
        names={"oncall": "On-call engineer"},
    )  # fmt: skip
    text = whole(incident_card(facts, sign))
    for part in (
        "INC-12", "🔺 SEV2 major", "Acknowledged", "(root: records-db)", "Also: auth", "80%",
        "<!date^1772420280^{date_short_pretty} {time}|2026-03-02 02:58 UTC>", "billing: 41 error lines",
        "deploy of billing 4.2.1", "On-call engineer: restarting", "Timeline (latest 1)",
        "Next due: a first response", "⚠ No update for 30 min",
    ):  # fmt: skip
        assert part in text


def test_confidence_is_shown_only_where_it_is_known() -> None:
    assert "Confidence" not in whole(incident_card(CardFacts(incident()), sign))


def test_a_resolved_card_says_so_and_how_long_it_took() -> None:
    drawn = incident(status=IncidentStatus.RESOLVED, resolved_at=AT + timedelta(minutes=42))
    text = whole(incident_card(CardFacts(drawn), sign))
    assert "✔ Resolved" in text
    assert "after 42 min" in text
    assert "Reopen: investigating" in text


def test_timeline_entries_that_do_not_fit_are_counted() -> None:
    facts = CardFacts(incident(), timeline=tuple(event(stored("x" * 400), n) for n in range(1, 30)))
    assert "more" in whole(incident_card(facts, sign))


@given(st.text(max_size=400))
def test_a_button_that_was_not_signed_here_is_refused(value: str) -> None:
    with pytest.raises(ButtonRefused):
        unseal(KEY, value, 0)


@given(st.integers(0, 60), st.characters())
def test_a_button_with_any_character_changed_is_refused(at: int, to: str) -> None:
    value = seal(KEY, Button("status.resolving", "INC-12", 3, 2_000))
    altered = value[:at] + to + value[at + 1 :]
    if altered != value:
        with pytest.raises(ButtonRefused):
            unseal(KEY, altered, 0)


def test_a_button_expires_and_belongs_to_one_key() -> None:
    value = seal(KEY, Button("ack", "INC-12", 3, 2_000))
    assert unseal(KEY, value, 1_999).incident == "INC-12"
    with pytest.raises(ButtonRefused, match="expired"):
        unseal(KEY, value, 2_000)
    with pytest.raises(ButtonRefused):
        unseal(b"x" * 32, value, 0)


def test_the_place_of_a_form_is_signed_and_is_no_button() -> None:
    place = seal_place(KEY, "C0INCIDENTS")
    assert unseal_place(KEY, place) == "C0INCIDENTS"
    assert unseal_place(KEY, place.replace("C0INCIDENTS", "C0OTHER")) is None
    assert unseal_place(KEY, seal_place(KEY, "")) is None


@given(SEVERITIES)
def test_the_form_is_accepted_with_the_severity_chosen(severity: Severity) -> None:
    form = declare_form(severity, seal_place(KEY, "C0INCIDENTS"))
    assert blockkit.view_faults(form) == []
    assert form["blocks"][1]["element"]["initial_option"]["value"] == str(severity.value)


@pytest.mark.parametrize("verb", [None, *(verb.name for verb in INCIDENT.verbs)])
def test_help_is_accepted_and_names_what_can_be_typed(verb: str | None) -> None:
    made = answers.help_card("md-", INCIDENT, verb, "That is not one of the verbs")
    accepted(made)
    assert "/md-incident" in whole(made)


def test_an_empty_list_and_a_long_one_say_so() -> None:
    assert "None." in whole(answers.list_card([], "open", "/incident"))
    assert "10 more are not shown" in whole(answers.list_card([incident()] * 50, "all", "/incident"))


def test_the_card_of_one_that_came_back_does_not_say_that_somebody_has_it() -> None:
    card = whole(incident_card(CardFacts(incident(
        status=IncidentStatus.DETECTED, acknowledged_at=AT, acknowledged_by="oncall"
    )), sign))  # fmt: skip
    assert "Nobody since it came back (before: oncall, " in card
