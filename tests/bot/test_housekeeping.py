"""What the command center does by the clock is done as often as `[store]` says, and a change of an incident sooner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.housekeeping import Housekeeping
from storage.errors import DatabaseStopped, DiskFull
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


class Full(Store):
    """Has no room as long as `error` is set."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    def _write(self, what: str) -> None:
        if self.error is not None:
            raise self.error
        self.done.append(what)

    def publish(self) -> bool:
        self._write("publish")
        return True

    def anchor(self) -> None:
        self._write("anchor")

    def tidy(self, now: datetime) -> None:
        self._write("tidy")


@pytest.mark.parametrize("error", [DiskFull("there is no room to write"), OSError(28, "words of the system")])
def test_without_room_the_process_goes_on_says_so_and_tries_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    store = Full(error)
    work = Housekeeping(store, Center(), lambda: START, StorageSettings())
    for second in range(5):
        work.step(START + timedelta(seconds=second))
    trouble = work.trouble or ""
    for task in ("moving rows to segments", "publishing the live copy", "anchoring the audit chain"):
        assert task in trouble
    assert "this fails, because" in trouble
    assert "words of the system" not in trouble
    assert sum("fails and is tried again" in record.message for record in caplog.records) == 3
    store.error = None
    work.step(START + timedelta(seconds=20))
    assert work.trouble is None
    assert set(store.done) == {"publish", "anchor", "tidy"}


def test_a_database_that_stopped_itself_ends_the_process() -> None:
    work = Housekeeping(
        Full(DatabaseStopped("the database stopped itself")), Center(), lambda: START, StorageSettings()
    )
    with pytest.raises(DatabaseStopped):
        work.step(START)
