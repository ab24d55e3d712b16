"""What the command center does by the clock is done as often as `[store]` says, and a change of an incident sooner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bot.processes import Housekeeping
from storage.settings import StorageSettings

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


class Store:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def publish(self) -> bool:
        self.done.append("publish")
        return True

    def anchor(self) -> None:
        self.done.append("anchor")

    def tidy(self, now: datetime) -> None:
        pass


class Center:
    """Tells whoever listens that an incident changed."""

    def __init__(self) -> None:
        self.tell: Callable[[str], None] = print

    def on_change(self, callback: Callable[[str], None]) -> None:
        self.tell = callback

    def tick(self, now: datetime) -> tuple[str, ...]:
        return ()


def test_the_live_copy_and_the_anchors_are_as_frequent_as_configured() -> None:
    store, center = Store(), Center()
    settings = StorageSettings(publish_s=4, publish_soon_s=1, anchor_s=6)
    work = Housekeeping(store, center, lambda: START, settings)
    for second in range(12):
        work.step(START + timedelta(seconds=second))
    assert store.done == ["publish", "anchor", "publish", "anchor", "publish"]


def test_a_change_of_an_incident_is_published_sooner_and_still_not_at_every_look() -> None:
    store, center = Store(), Center()
    work = Housekeeping(store, center, lambda: START, StorageSettings(publish_s=60, publish_soon_s=2))
    work.step(START)
    store.done.clear()
    center.tell("INC-1")
    work.step(START + timedelta(seconds=1))
    assert store.done == []
    work.step(START + timedelta(seconds=2))
    assert store.done == ["publish"]
    work.step(START + timedelta(seconds=10))
    assert store.done == ["publish"]
