"""Who calls whom, learnt from who names whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_rig import Rig, at, signal, text
from hypothesis import given
from hypothesis import strategies as st

from command_center.incidents.learnt_calls import LearntCalls
from command_center.settings import CenterSettings
from models.levels import Level
from storage.records import ErrorPattern


def learnt(*sentences: tuple[str, str]) -> LearntCalls:
    calls = LearntCalls()
    for number, (service, sentence) in enumerate(sentences):
        calls.note(service, f"t{number}", sentence)
    return calls


def test_one_who_names_another_calls_it_unless_it_says_from_whom() -> None:
    graph = learnt(
        ("portal", "auth answered <NUM>"), ("auth", "request from portal denied"), ("billing", "charged")
    ).graph()
    assert graph.callees("portal") == {"auth"}
    assert graph.callees("auth") == frozenset()


def test_where_both_name_each_other_the_one_with_more_sentences_calls() -> None:
    graph = learnt(
        ("portal", "auth is slow"), ("portal", "auth refused"), ("auth", "portal told to wait")
    ).graph()
    assert graph.callees("portal") == {"auth"}
    assert graph.callees("auth") == frozenset()


def test_a_name_inside_a_word_is_no_name() -> None:
    graph = learnt(("portal", "authority unknown"), ("auth", "ready")).graph()
    assert graph.callees("portal") == frozenset()


@given(
    st.lists(
        st.tuples(st.sampled_from(["a1", "b1", "c1"]), st.text(alphabet="abc1 -:", max_size=30)), max_size=20
    )
)
def test_nobody_calls_itself_and_no_two_call_each_other(sentences: list[tuple[str, str]]) -> None:
    graph = learnt(*sentences).graph()
    for name in ("a1", "b1", "c1"):
        assert name not in graph.callees(name)
        assert all(name not in graph.callees(other) for other in graph.callees(name))


def pattern(service: str, sentence: str) -> ErrorPattern:
    return ErrorPattern(
        template_id=f"{service}.{len(sentence)}",
        service=text(service),
        template=text(sentence),
        level=Level.INFO,
        first_seen=at(0),
        last_seen=at(0),
        distinct_parameters=1,
        samples=(),
    )


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path / "state", CenterSettings())
    yield made
    made.close()


def test_without_configured_calls_a_symptom_joins_its_cause_by_what_the_lines_say(plain: Rig) -> None:
    said = [pattern("api-gateway", "billing answered <NUM>"), pattern("billing", "charged")]
    plain.see(seconds=0, patterns=said, traffic={"billing": (9, 0), "api-gateway": (9, 0)})
    plain.restart()  # what was learnt is read again
    plain.see(signal("billing", 10), signal("api-gateway", 20), seconds=20)
    (incident,) = plain.center.incidents("all", None)
    assert incident.root_service == "billing"
    assert set(map(str, incident.affected_services)) == {"billing", "api-gateway"}
