"""What is promised of tokens: the structure of a line, one token per value, and the line's own spelling."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.masking import Masker
from models.tokens import EMPTY, bare, is_value, pieces, spelt, tokens, value, whole


def shown(text: str) -> str:
    return spelt(Masker().mask_many([text])[0].split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lock=17, flags=0x1, tag=on", "lock=<NUM>, flags=<HEX>, tag=on"),
        ("kept blk_17 blk_18 blk_19", "kept <ID>"),
        ("kept n1,n2,n3 free", "kept <ID> free"),
        ("read 1 2 3", "read <NUM> <NUM> <NUM>"),
        ("fans 1 2 3 4 5 6 7 8 9 10 11 12", "fans <NUM>"),
        ("via 10.0.0.1,10.0.0.2 in", "via <IP> in"),
        ("seen at Mon Mar  2 03:04:05 2026", "seen at <DATE>"),
        ("seen at Mar 2, 2026", "seen at <DATE>"),
        ('client "GET /beds/7?full=1 HTTP/1.1" 200', 'client "GET <PATH>" <NUM>'),
        ("read /var/lib/ward/7.db now", "read <PATH> now"),
        ("read C:\\ward\\7.db, then", "read <PATH>, then"),
        ("either/or 1/2", "either/or <NUM>/<NUM>"),
        ("up is true, left null", "up is <BOOL>, left <BOOL>"),
        ("su by root", "su by <NAME>"),
        ("the root cause", "the root cause"),
        ("from lab-7.ward.example.org now", "from <HOST> now"),
        ("from ward.clinic.co.uk now", "from <HOST> now"),
        ("from ward.example.com:8080 now", "from <HOST>:<NUM> now"),
        ("class app.ward.Beds failed", "class app.ward.Beds failed"),
        ("status........17", "status........<NUM>"),
        ("object Bed@1f0 and Bed{2a}", "object Bed@<HEX> and Bed{<HEX>}"),
        ("didn't find 'ward seven'.", "didn't find 'ward seven'."),
        ("job 0f8fad5b-d9cb-469f-a165-70867728950e", "job <UUID>"),
        ("sum 0f8fad5bd9cb469fa16570867728950e", "sum <HEX>"),
    ],
)
def test_a_value_is_one_token_and_the_rest_stays_as_it_was(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_a_quoted_text_is_one_token() -> None:
    assert len(tokens(["said", '"bed', "is", 'free"'])) == len(tokens(["said", '"free"']))


def test_a_list_is_one_token_however_long() -> None:
    one, three = tokens(["to", "blk_<NUM>"]), tokens(["to", "blk_<NUM>", "blk_<NUM>", "blk_<NUM>"])
    assert len(one) == len(three) == 2
    assert spelt(one) == spelt(three)


def test_an_empty_pair_of_brackets_holds_an_empty_value() -> None:
    assert len(tokens(["from", "()"])) == len(tokens(["from", "(ward)"]))
    assert bare(tokens(["from", "()"])[2]) == EMPTY
    assert spelt(tokens(["from", "()"])) == "from ()"
    assert spelt(tokens(["init()", "done"])) == "init() done"


WORDS = st.lists(st.text("ab.-_:=,;()[]{}\"'|!?/", min_size=1, max_size=10), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(WORDS)
def test_text_without_values_is_spelt_as_it_came(words: list[str]) -> None:
    assert spelt(tokens(words)) == " ".join(words)
    assert all("".join(pieces(word)) == word for word in words)


@settings(max_examples=300, deadline=None)
@given(st.text("ab0 <>*NUMIP.-_:=,;()[]{}\"'|/", max_size=60))
def test_spelling_is_stable(text: str) -> None:
    once = spelt(tokens(text.split()))
    assert spelt(tokens(once.split())) == spelt(tokens(spelt(tokens(once.split())).split()))
    assert whole("") == ""


@given(
    st.text("ab0-._/#@", max_size=8), st.sampled_from(["<NUM>", "<IP>", "<*>"]), st.text("ab-._", max_size=8)
)
def test_what_is_glued_to_a_mask_never_leaves_half_a_value(before: str, mask: str, after: str) -> None:
    token = before + mask + after
    assert is_value(token)
    spelling = value(token)
    assert is_value(spelling)
    assert value(token, alone=True).count("<") == 1


@pytest.mark.parametrize(
    "part",
    [
        "<0>",
        "x0-",
        "a@b.",
        "a-",
        "<",
        "/a",
        '"a b ',
        "0:0:",
        "n0,n0 ",
        "a.",
        "Mar 0 ",
        "f0:",
        "(",
        "=",
        "'a ",
    ],
)
def test_no_line_makes_a_pattern_run_wild(part: str) -> None:
    """Twice the length may take a few times as long, not hundreds of times."""
    masker = Masker()
    short, long = (part * (size // len(part)) for size in (1000, 2000))
    assert cpu(masker, long) < 20 * max(cpu(masker, short), 0.002)
    assert cpu(masker, long) < 0.25


def cpu(masker: Masker, text: str) -> float:
    begin = time.process_time()
    masker.mask_many([text])
    return time.process_time() - begin
