"""One table names and recognises every kind of placeholder, for strings, bytes and pattern databases alike."""

from __future__ import annotations

import hyperscan
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.placeholders import MASKED, NAMES, PLACEHOLDERS, compiled, masked


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("at 2026-03-02T03:00:11.123Z", "at <DATE>"),
        ("at 03/04/61 12:30", "at <DATE>"),
        ("10/Oct/2000:13:55:36", "<DATE>"),
        ("Jun 14 15:16:01 host", "<DATE> host"),
        ("at 03:00:11", "at <TIME>"),
        ("from 10.0.3.9:5432", "from <IP>"),
        ("from 10.0.0.0/8", "from <IP>"),
        ("from 2001:db8::8a2e:370:7334", "from <IP>"),
        ("mac 00:1b:44:11:3a:b7", "mac <MAC>"),
        ("job 0f8fad5b-d9cb-469f-a165-70867728950e", "job <UUID>"),
        ("took 250 ms, then 5m30s, then 1.5 seconds", "took <DURATION>, then <DURATION>, then <DURATION>"),
        ("sent 12KB of 3.5 GiB", "sent <SIZE> of <SIZE>"),
        ("42 of 1,024 at 0.95", "<NUM> of <NUM> at <NUM>"),
        ("at 0x7fff and deadbeef01", "at <HEX> and <HEX>"),
        ("to jane.roe@example.org", "to <EMAIL>"),
        ("see https://example.org/a?b=c for more", "see <URL> for more"),
        ("worker pg1 of v2 kept", "worker pg1 of v2 kept"),
        ("<*> and <IP> stay", "<*> and <IP> stay"),
    ],
)
def test_plain_forms_are_masked(raw: str, safe: str) -> None:
    assert masked(raw) == safe


def test_every_type_has_one_name_and_a_meaning() -> None:
    assert len(NAMES) == len(PLACEHOLDERS)
    assert all(entry.meaning for entry in PLACEHOLDERS)


def test_a_pattern_database_takes_the_masks_as_they_are() -> None:
    database = hyperscan.Database()
    database.compile(
        expressions=[entry.mask.encode() for entry in MASKED if entry.mask],
        ids=list(range(len(MASKED))),
        elements=len(MASKED),
    )
    found: list[int] = []
    database.scan(b"from 10.0.3.9", match_event_handler=lambda index, *_: found.append(index))
    assert MASKED[4].name == "IP"
    assert 4 in found


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_strings_and_bytes_agree(text: str) -> None:
    for entry in MASKED:
        as_text = compiled(entry.name).sub(entry.text, text)
        assert compiled(entry.name, bytes).sub(entry.text.encode(), text.encode()) == as_text.encode()
        assert as_text == text or entry.needs in text


@given(st.text(max_size=60))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert masked(masked(text)) == masked(text)
