"""Time as a value that is passed in: nothing in Mayday asks the system clock except where a process starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the current time in UTC. Only the processes' entry points hand this on."""
    return datetime.now(UTC)


class FrozenClock:
    """A clock for tests that stands still until it is moved.

    >>> clock = FrozenClock(datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
    >>> clock.move(90)
    >>> clock().isoformat()
    '2026-03-02T03:01:30+00:00'
    """

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        """Move forward (or back, as real clocks sometimes do) by `seconds`."""
        self.at += timedelta(seconds=seconds)
