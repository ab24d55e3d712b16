"""Who waits long is told so once; who is answered in time hears nothing."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from bot.slack.progress import Progress


@pytest.fixture
def told() -> queue.SimpleQueue[str]:
    return queue.SimpleQueue()


@pytest.fixture
def progress(told: queue.SimpleQueue[str]) -> Iterator[Progress[str]]:
    made = Progress[str](0.1, told.put)
    made.start()
    yield made
    made.stop()


def test_a_job_without_an_answer_is_told_of_once(
    progress: Progress[str], told: queue.SimpleQueue[str]
) -> None:
    progress.expect("one", "first")
    progress.expect("two", "second")
    assert [told.get(timeout=10), told.get(timeout=10)] == ["first", "second"]
    progress.expect("three", "third")
    assert told.get(timeout=10) == "third"
    assert told.empty()


def test_a_job_that_is_answered_in_time_is_not_told_of(
    progress: Progress[str], told: queue.SimpleQueue[str]
) -> None:
    progress.expect("quick", "answered")
    progress.settle("quick")
    progress.expect("slow", "waits")
    assert told.get(timeout=10) == "waits"
    assert told.empty()


def test_stopping_tells_nobody_and_waits_for_nothing(told: queue.SimpleQueue[str]) -> None:
    progress = Progress[str](3600, told.put)
    progress.start()
    progress.expect("one", "first")
    progress.stop()
    assert told.empty()


def test_what_was_never_started_can_be_stopped(told: queue.SimpleQueue[str]) -> None:
    Progress[str](1, told.put).stop()
