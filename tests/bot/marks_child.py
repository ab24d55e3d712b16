"""A process of Mayday's that dies of an error whose text carries a mark, as a fault of our own would make it.

Arguments: how it dies, the state directory. The mark is read from standard input, and so is nowhere else.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bot.config import parse
from bot.processes import make_gate, prepare
from models.clock import system_clock
from storage.facts import BlockFacts
from storage.layout import Layout
from stream.run import run_stream


class Careless(Exception):
    """Holds what it was working on, as the errors of libraries do."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.held = {text: text.encode()}
        self.add_note(f"while working on {text}")


def fail(mark: str) -> NoReturn:
    try:
        raise ValueError(f"cannot use {mark!r}")
    except ValueError as error:
        raise Careless(mark) from error


def in_the_stream(mark: str, layout: Layout) -> None:
    """Die in the dataflow: what sends the facts raises."""
    config = parse({})
    ring = prepare(layout, "stream")

    def send(facts: Sequence[BlockFacts]) -> NoReturn:
        fail(mark)

    stop = threading.Event()
    run_stream(
        config.stream, config.fields, layout, ring, make_gate(config, layout), system_clock, stop, send=send
    )


def in_the_main_thread(mark: str, layout: Layout) -> None:
    """Die outside of everything that catches; before that, log and warn as carelessly as libraries do."""
    prepare(layout, "command")
    logging.getLogger("some.library").error("cannot handle %s", mark)
    logging.getLogger("bot.own").error("our own argument is %s", mark)
    warnings.warn(f"{mark} is deprecated", stacklevel=1)
    fail(mark)


def in_another_thread(mark: str, layout: Layout) -> None:
    """Let a thread die, and then an object whose end raises."""
    prepare(layout, "receive")
    thread = threading.Thread(target=fail, args=(mark,), name=mark)
    thread.start()
    thread.join()

    class Ends:
        def __del__(self) -> None:
            fail(mark)

    Ends()
    sys.exit(1)


def by_abort(mark: str, layout: Layout) -> None:
    """Abort with the mark in memory."""
    import os

    prepare(layout, "stream")
    held = [mark] * 100
    os.abort()
    print(held)


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.stdin.read(), Layout(Path(sys.argv[2])))
