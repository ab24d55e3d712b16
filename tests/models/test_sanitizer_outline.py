"""The outline of a template that nobody has seen vary yet: words that programs fail with, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sanitizer import Gate, SafeText, Vocabulary
from models.sanitizer.outline import LEFT_OUT, failure_words, outline

GATE = Gate(Vocabulary.base(), names=["records-db"])


def outlined(raw: str) -> SafeText | None:
    return outline(GATE.template(raw))


def test_no_word_of_an_outline_is_a_name_or_unapproved() -> None:
    base = Vocabulary.base()
    assert len(failure_words()) > 2000
    assert not [word for word in failure_words() if base.doubts(word) or not base.approves(word)]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("PoolTimeoutError: no connection to records-db became free within 250 ms",
         "PoolTimeoutError: no connection to records-db became free within <DURATION>"),
        ("upstream timed out (110: Connection timed out) while reading response from 10.0.0.7",
         "upstream timed out (<NUM>: Connection timed out) while reading response from <IP>"),
        ("cannot open the umbrella ledger for writing", "cannot open the … for writing"),
    ],
)  # fmt: skip
def test_what_fails_can_be_read_and_what_else_is_said_cannot(raw: str, shown: str) -> None:
    assert outlined(raw) == shown


@pytest.mark.parametrize("raw", ["umbrella ledger", "orchard failed", "", "<NAME> <ID>"])
def test_an_outline_that_would_say_nothing_is_not_shown(raw: str) -> None:
    assert outlined(raw) is None


@given(st.text(max_size=200))
def test_nothing_enters_that_the_template_and_the_lists_do_not_have(raw: str) -> None:
    template = GATE.template(raw)
    shown = outline(template)
    if shown is not None:
        assert set(shown.split()) <= {*template.split(), LEFT_OUT}
        assert GATE.text(shown) == shown
