"""One table of commands: what is typed becomes an action, help, a form, or a clear sentence; never anything else."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.commands import Command
from bot.grammar import (
    COMMANDS,
    FILTERS,
    INCIDENT,
    MAINTENANCE,
    SETTABLE,
    Context,
    DeclareForm,
    GrammarError,
    Help,
    MaintenanceForm,
    Parsed,
    help_text,
    nearest,
    parse,
)
from bot.spans import read_span
from command_center.actions import (
    ACTION,
    Acknowledge,
    AddMaintenance,
    Close,
    Declare,
    EndMaintenance,
    ListIncidents,
    ListMaintenance,
    Note,
    Resolve,
    SetSeverity,
    SetStatus,
    ShowIncident,
)
from models.sanitizer import SafeText
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.records import IncidentStatus, Severity

GATE = Gate(Vocabulary.base(), names=["billing"])
TERMINAL = Context(gate=GATE)
SLACK = Context(gate=GATE, forms=True, called="/incident")
MARK = "Zorblax"  # an invented name: it stands for a patient's


def safe(words: str) -> SafeText:
    return GATE.text(words)


def in_channel(*open_here: str) -> Context:
    return Context(gate=GATE, here=lambda: open_here, forms=True, called="/incident")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ack INC-12", Acknowledge(incident="INC-12")),
        ("  ACKNOWLEDGE   inc12 ", Acknowledge(incident="INC-12")),
        ("declare checkout answers slowly", Declare(title=safe("checkout answers slowly"))),
        ("declare sev1 database down", Declare(title=safe("database down"), severity=Severity.SEV1)),
        ("new SEV-4 disk is slow", Declare(title=safe("disk is slow"), severity=Severity.SEV4)),
        ("declare 2 services are down", Declare(title=safe("2 services are down"))),
        ("status INC-3 identified", SetStatus(incident="INC-3", status=IncidentStatus.IDENTIFIED)),
        (
            "status INC-3 Resolving restarting the second node",
            SetStatus(
                incident="INC-3", status=IncidentStatus.RESOLVING, note=safe("restarting the second node")
            ),
        ),
        ("note INC-3: restarting", Note(incident="INC-3", text=safe("restarting"))),
        (
            "sev INC-3 1 database down",
            SetSeverity(incident="INC-3", severity=Severity.SEV1, reason=safe("database down")),
        ),
        (
            "severity inc-3 sev2 database down",
            SetSeverity(incident="INC-3", severity=Severity.SEV2, reason=safe("database down")),
        ),
        ("resolve INC-3", Resolve(incident="INC-3")),
        ("resolved INC-3 restarted", Resolve(incident="INC-3", note=safe("restarted"))),
        ("close INC-3", Close(incident="INC-3")),
        ("list", ListIncidents()),
        ("ls SEV1", ListIncidents(which="sev1")),
        ("show INC-3", ShowIncident(incident="INC-3")),
        ("help", Help("incident")),
        ("help acknowledge", Help("incident", "ack")),
        ("--help", Help("incident")),
        ("help nothing of the kind", None),
    ],
)
def test_what_is_typed_becomes_what_is_meant(typed: str, meant: Parsed | None) -> None:
    if meant is None:
        with pytest.raises(GrammarError):
            parse(typed, TERMINAL)
    else:
        assert parse(typed, TERMINAL) == meant
        assert parse(typed.split(), TERMINAL) == meant


def test_lines_of_a_note_stay_lines() -> None:
    found = parse("note INC-1 database down\nrestarting", TERMINAL)
    assert isinstance(found, Note)
    assert found.text == "database down\nrestarting"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("ack", "Say which incident is meant. For example `mayday incident ack INC-1`"),
        ("ack INC-0", "That is not the id of an incident. Ids look like INC-12"),
        ("ack INC-1 now", "`ack` takes nothing more than `ack [INC-n]`"),
        ("declare", "`declare` needs a title. For example `mayday incident declare"),
        ("declare sev5 down", "That is not a severity. There are four"),
        ("sev INC-1 high because", "That is not a severity"),
        ("sev INC-1 1", "`sev` needs some words"),
        ("note INC-1", "`note` needs some words"),
        ("status INC-1", "`status` needs the status"),
        (
            "status INC-1 fixed",
            "It can be set to acknowledged, investigating, identified, resolving, resolved",
        ),
        ("status INC-1 closed", "Closing is a verb of its own: `close`"),
        ("list mien", "Use one of open, mine, all, sev1"),
        ("resovle INC-1", "Did you mean `mayday incident resolve`?"),
        ("xyzzy", "`mayday incident help` lists them"),
    ],
)
def test_bad_input_gets_one_sentence_that_says_what_to_do(typed: str, sentence: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(typed, TERMINAL)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "typed", [MARK, f"ack {MARK}", f"status INC-1 {MARK}", f"list {MARK}", f"sev INC-1 {MARK}"]
)
def test_a_sentence_never_quotes_what_was_typed(typed: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(typed, TERMINAL)
    assert MARK not in str(caught.value)
    assert MARK.lower() not in str(caught.value).lower()


@pytest.mark.parametrize(
    "verb", ["declare", "note INC-1", "resolve INC-1", "sev INC-1 2", "status INC-1 resolved"]
)
def test_free_text_passes_the_gate_and_only_free_text_does(verb: str) -> None:
    found = parse(f"{verb} {MARK} is affected", TERMINAL)
    assert isinstance(found, BaseModel)
    assert MARK not in found.model_dump_json()
    assert "affected" in found.model_dump_json()


def test_without_an_id_the_one_open_incident_of_the_channel_is_meant() -> None:
    assert parse("ack", in_channel("INC-7")) == Acknowledge(incident="INC-7")
    assert parse("note database down", in_channel("INC-7")) == Note(
        incident="INC-7", text=safe("database down")
    )


def test_without_an_id_several_open_incidents_are_asked_about() -> None:
    with pytest.raises(GrammarError, match="INC-8, INC-7") as caught:
        parse("ack", in_channel("INC-8", "INC-7"))
    assert "`/incident ack INC-8`" in str(caught.value)


@pytest.mark.parametrize("typed", ["status identified the pool", "note database down", "resolve rolled back"])
def test_the_example_of_an_id_shows_that_what_was_typed_goes_on_behind_it(typed: str) -> None:
    """Typed as it stands, an example without it would be refused, or would leave the words behind."""
    with pytest.raises(GrammarError) as caught:
        parse(typed, in_channel("INC-8", "INC-7"))
    assert f"`/incident {typed.split()[0]} INC-8 …`" in str(caught.value)


def test_an_id_that_was_typed_wins_over_the_channel() -> None:
    assert parse("ack INC-2", in_channel("INC-7")) == Acknowledge(incident="INC-2")


def test_nothing_typed_shows_the_channels_incident_or_the_form_or_help() -> None:
    assert parse("", in_channel("INC-7")) == ShowIncident(incident="INC-7")
    assert parse("", in_channel()) == DeclareForm()
    assert parse("", in_channel("INC-7", "INC-8")) == DeclareForm()
    assert parse([], TERMINAL) == Help("incident")


def test_declare_without_a_title_opens_the_form_where_there_are_forms() -> None:
    assert parse("declare", SLACK) == DeclareForm()
    assert parse("declare sev1", SLACK) == DeclareForm(Severity.SEV1)


@given(st.text(max_size=200))
@example("\x00")
@example("note INC-1 \ud800")
@example("ack INC-١")
@example("İ")
@example("status INC-1 \u2028")
def test_any_text_gives_an_action_help_a_form_or_a_grammar_error(typed: str) -> None:
    for context in (TERMINAL, SLACK, in_channel("INC-1"), in_channel("INC-1", "INC-2")):
        try:
            found = parse(typed, context)
        except GrammarError:
            continue
        assert isinstance(found, BaseModel | Help | DeclareForm)


WORDS = st.sampled_from(
    [verb.name for verb in INCIDENT.verbs]
    + [alias for verb in INCIDENT.verbs for alias in verb.aliases]
    + [
        "INC-1",
        "inc2",
        "sev1",
        "sev9",
        "3",
        *FILTERS,
        *(s.value for s in IncidentStatus),
        "database",
        MARK,
        "\n",
    ]
)


@given(st.lists(WORDS, max_size=6))
def test_any_words_of_the_grammar_do_too_and_what_comes_out_can_be_sent(words: list[str]) -> None:
    for context in (TERMINAL, in_channel("INC-1")):
        try:
            found = parse(words, context)
        except GrammarError as error:
            found = Help(str(error))
        assert MARK not in repr(found)
        if isinstance(found, BaseModel):
            sent = ACTION.dump_json(found)
            assert MARK.encode() not in sent
            assert ACTION.validate_json(sent, context={"admit": GATE.text}) == found


@pytest.mark.parametrize(
    ("command", "typed"),
    [(command, example) for command in COMMANDS for verb in command.verbs for example in verb.examples],
)
def test_every_example_of_the_help_can_be_typed(command: Command, typed: str) -> None:
    assert not isinstance(parse(typed, SLACK, command=command), DeclareForm | MaintenanceForm)


def test_spellings_are_unique() -> None:
    for command in COMMANDS:
        spellings = [word for verb in command.verbs for word in (verb.name, *verb.aliases)]
        assert len(spellings) == len(set(spellings))


def test_help_names_every_verb_alias_and_argument() -> None:
    for command in COMMANDS:
        whole = help_text("/incident", command)
        for verb in command.verbs:
            assert verb.usage in whole
            one = help_text("/incident", command, verb.name)
            assert all(
                word in one for word in (*verb.aliases, *verb.examples, *(a.help for a in verb.arguments))
            )


def test_a_permission_of_the_table_is_that_of_the_action() -> None:
    for command in COMMANDS:
        for verb in command.verbs:
            found = parse(verb.examples[0], TERMINAL, command=command)
            assert verb.permission == getattr(found, "permission", None)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ListMaintenance()),
        ("list all", ListMaintenance(which="all")),
        ("add", MaintenanceForm()),
        ("add billing 2h database upgrade", AddMaintenance(
            services=(GATE.name("billing"),), seconds=7200, reason=safe("database upgrade"))),
        ("add billing,auth,billing 1h30m restart", AddMaintenance(
            services=(GATE.name("billing"), GATE.name("auth")), seconds=5400, reason=safe("restart"))),
        ("end mnt3", EndMaintenance(window="MNT-3")),
        ("cancel MNT-3", EndMaintenance(window="MNT-3")),
    ],
)  # fmt: skip
def test_maintenance_is_planned_ended_and_listed_in_words(typed: str, meant: Parsed) -> None:
    assert parse(typed, SLACK, command=MAINTENANCE) == meant


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("add billing", "needs how long it takes"),
        ("add billing 2h", "needs some words"),
        ("add billing soon restart", "not a length of time"),
        ("add billing 0m restart", "not a length of time"),
        ("add billing 9999d restart", "not a length of time"),
        ("add , 2h restart", "not names of services"),
        ("end", "needs the name of the window"),
        ("end INC-3", "not the name of a maintenance window"),
        ("list yesterday", "cannot be listed"),
        ("begun", "not one of the verbs"),
    ],
)
def test_maintenance_that_is_not_understood_is_explained(typed: str, said: str) -> None:
    with pytest.raises(GrammarError, match=said):
        parse(typed, SLACK, command=MAINTENANCE)


@given(
    st.text(max_size=60)
    | st.sampled_from(["add ", "end ", "list "]).flatmap(lambda verb: st.text(max_size=30).map(verb.__add__))
)
def test_any_text_is_maintenance_or_a_clear_sentence(typed: str) -> None:
    with contextlib.suppress(GrammarError):
        found = parse(typed, SLACK, command=MAINTENANCE)
        assert isinstance(found, AddMaintenance | EndMaintenance | ListMaintenance | Help | MaintenanceForm)


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=365)))
def test_a_length_that_is_written_out_is_read_back(span: timedelta) -> None:
    seconds = int(span.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    assert read_span(f"{days}d {hours}H{minutes}min{seconds % 60}s") == timedelta(seconds=seconds)


def test_closing_is_never_reached_by_status() -> None:
    assert IncidentStatus.CLOSED not in SETTABLE
    assert IncidentStatus.DETECTED not in SETTABLE


@pytest.mark.parametrize(
    ("typed", "near"), [("acknowlege", "ack"), ("decalre", "declare"), ("stats", "status"), ("qqq", None)]
)
def test_a_slip_of_the_finger_finds_the_verb(typed: str, near: str | None) -> None:
    assert nearest(typed, INCIDENT) == near
