"""When the demo's fault is switched: once by itself after a while, and whenever somebody presses Enter."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

LOOK_EVERY = 0.2


def switches(
    stop: threading.Event,
    first_after: float,
    terminal: TextIO | None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Yield each time the fault is to be switched, until `stop` is set.

    `first_after` [s] is when that happens by itself, unless somebody was quicker; 0 never. `terminal` is where people
    press Enter, None without one; when it has been closed, nothing more is expected of it.
    """
    due = monotonic() + first_after if first_after else None
    while not stop.is_set():
        wait = LOOK_EVERY if due is None else max(0.0, min(LOOK_EVERY, due - monotonic()))
        pressed = False
        if terminal is None:
            stop.wait(wait)
        elif select.select([terminal], [], [], wait)[0]:
            pressed = terminal.readline() != ""
            terminal = terminal if pressed else None
        if not stop.is_set() and (pressed or (due is not None and monotonic() >= due)):
            due = None
            yield
