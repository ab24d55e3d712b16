"""What is promised of headers: they are found by the lines' own regularity, whatever the format."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.headers import find_header
from models.sample_lines import sample_lines

MESSAGES = [
    f"{extra}{text}"
    for extra, text in zip(
        ("", "", "note: ", "GET /beds ", "[ward 7] ", "12 ", "") * 60,
        sample_lines(400, seed=5, wild=0.1),
        strict=False,
    )
    if text
]
HOSTS = ("ward-1", "ward-2", "lab")
PROGRAMS = ("sshd[771]", "cron[12]", "kernel", "bedd(main)[9]", "lab-sync")
CLASSES = ("app.ward.Beds", "app.lab.Order$Queue", "app.Main")

FORMATS: dict[str, Callable[[random.Random, int], str]] = {
    "syslog": lambda r, n: f"Mar  2 03:{n % 60:02}:11 {r.choice(HOSTS)} {r.choice(PROGRAMS)}: ",
    "ISO and level": lambda r, n: f"2026-03-02T03:{n % 60:02}:11.52Z {r.choice(('INFO', 'WARN'))} ",
    "logger and thread": lambda r, n: (
        f"2026-03-02 03:{n % 60:02}:11,520 INFO [thread-{r.randrange(9)}] {r.choice(CLASSES)}: "
    ),
    "logger, then dash": lambda r, n: (
        f"2026-03-02 03:{n % 60:02}:11,520 - WARN  [q[id={r.randrange(9)}]/0:1] - "
    ),
    "short date, class": lambda r, n: f"26/03/02 03:{n % 60:02}:11 INFO {r.choice(CLASSES)}: ",
    "compact date, pid": lambda r, n: f"260302 03{n % 60:02}11 {r.randrange(999)} INFO {r.choice(CLASSES)}: ",
    "bracketed time and level": lambda r, n: (
        f"[Mon Mar 02 03:{n % 60:02}:11 2026] [{r.choice(('error', 'notice'))}] "
    ),
    "program and dash": lambda r, n: f"[03.02 03:{n % 60:02}:11] {r.choice(('a.exe', 'b.exe *64'))} - ",
    "bars": lambda r, n: f"20260302-03:{n % 60:02}:11:606|{r.choice(CLASSES)}|3000{r.randrange(9)}|",
    "epoch, node twice": lambda r, n: (
        f"- 17724204{n % 60:02} 2026.03.02 R{r.randrange(99)} 2026-03-02-03.04.{n % 60:02}.5 R1 RAS {r.choice(('INFO', 'FATAL'))} "
    ),
    "level and component": lambda r, n: (
        f"2026-03-02 03:{n % 60:02}:11, Info                  {r.choice(('CBS', 'CSI'))}    "
    ),
    "phone": lambda r, n: (
        f"03-02 03:{n % 60:02}:11.811  1702  23{n % 60:02} {r.choice('DIW')} {r.choice(('Power', 'Win'))}: "
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_header_of_any_usual_format_is_cut_off_and_nothing_more(name: str) -> None:
    rng = random.Random(3)
    heads = [FORMATS[name](rng, n) for n in range(len(MESSAGES))]
    lines = [head + text for head, text in zip(heads, MESSAGES, strict=True)]
    header = find_header(lines)
    wrong = [line for line, text in zip(lines, MESSAGES, strict=True) if header.split(line)[1] != text]
    assert len(wrong) <= 0.01 * len(lines), wrong[:3]


def test_messages_without_a_header_stay_whole() -> None:
    header = find_header(MESSAGES)
    assert all(header.split(text) == ("", text) for text in MESSAGES)
    assert find_header([]).split("bed 7") == ("", "bed 7")


def test_a_line_that_begins_otherwise_stays_whole() -> None:
    lines = [f"2026-03-02 03:00:{n % 60:02} INFO {text}" for n, text in enumerate(MESSAGES)]
    header = find_header(lines)
    assert header.split("\tat app.ward.Beds.take(Beds.java:12)")[0] == ""
    assert header.split("")[1] == ""


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=40) | st.text("0123456789:-/ []|.INFO", max_size=40), max_size=30))
def test_any_lines_have_some_header_or_none_and_no_character_is_lost(lines: list[str]) -> None:
    header = find_header(lines)
    assert all("".join(header.split(line)) == line for line in lines)
