"""How a process learns that it shall end: SIGTERM, SIGINT and SIGHUP set an event, however often and whenever they come.

SIGHUP is what a terminal sends that is closed. Whoever has it ignored, as `nohup` does, keeps it ignored.

Python runs a handler between two steps of the main thread: perhaps in the middle of `Event.wait`, perhaps in the
middle of the same handler, because a terminal sends a key twice and the kernel tells of a parent's death once per
thread of it. `Event.set` would then wait for a lock that its own thread holds, and the process would hang instead of
ending. So the handler only puts the number into a queue that may be entered twice, and a thread sets the event.
"""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


def stop_event() -> threading.Event:
    """Return an event that SIGTERM, SIGINT and SIGHUP set, so that a process ends by finishing what it holds.

    Call it once, in the main thread.
    """
    stop = threading.Event()
    received: queue.SimpleQueue[int] = queue.SimpleQueue()

    def wait_for_one() -> None:
        received.get()
        stop.set()

    threading.Thread(target=wait_for_one, name="signals", daemon=True).start()
    wanted = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wanted.append(signal.SIGHUP)
    for number in wanted:
        signal.signal(number, lambda number, _frame: received.put(number))
    return stop


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP leave the block as an exception does, so that what it made is removed; the exit code is 128 + signal.

    For a command of one thread that would otherwise end on the spot. Only in the main thread.
    """
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)  # a second one would break off the tidying up
        raise SystemExit(128 + number)

    before = [(number, signal.signal(number, leave)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
