"""The demo's fault goes on by itself or by hand, and off by hand."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from bot.cli.demo import typed
from bot.demo_switch import switches


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, TextIO]]:
    """What the demo reads, and what a person types into."""
    reading, typing = os.pipe()
    with os.fdopen(reading) as demo, os.fdopen(typing, "w", buffering=1) as person:
        yield demo, person


def test_the_fault_goes_on_by_itself_once() -> None:
    stop = threading.Event()
    seen = 0
    for _ in switches(stop, 0.01, None):
        seen += 1
        threading.Timer(0.1, stop.set).start()
    assert seen == 1


def test_each_enter_switches_and_the_first_makes_waiting_needless(terminal: tuple[TextIO, TextIO]) -> None:
    demo, person = terminal
    clock = [0.0]
    stop = threading.Event()
    switched = switches(stop, 30.0, demo, lambda: clock[0])
    person.write("\n")
    next(switched)
    clock[0] = 60.0
    person.write("\n")
    next(switched)
    stop.set()
    assert list(switched) == []


def test_a_terminal_that_is_closed_is_asked_no_more(terminal: tuple[TextIO, TextIO]) -> None:
    demo, person = terminal
    person.close()
    stop = threading.Event()
    assert next(switches(stop, 0.3, demo), "ended") is None


def test_with_nobody_to_press_and_no_time_set_nothing_happens() -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    assert list(switches(stop, 0.0, None)) == []


@pytest.mark.parametrize(
    ("program", "found", "shown"),
    [
        (".venv/bin/mayday", None, ".venv/bin/mayday"),  # `make run`: no shell finds it by its name
        (".venv/bin/mayday", "/usr/bin/mayday", ".venv/bin/mayday"),  # by its name another one is found
        ("my clone/mayday", None, "'my clone/mayday'"),
        ("/opt/bin/mayday", "/opt/bin/mayday", "mayday"),
    ],
)
def test_what_to_type_in_a_second_shell_starts_the_same_program(
    program: str, found: str | None, shown: str
) -> None:
    assert typed(program, lambda _name: found) == shown
