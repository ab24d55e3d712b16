"""What keeps lines from getting through is seen by mayday status and mayday doctor, also where a process hangs and says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.cli.status import gather
from bot.cli.status_view import troubles
from bot.config import Config, parse
from bot.doctor import Circumstances, Finding, State, check_disk, check_processes
from models.clock import FrozenClock
from storage.layout import Layout
from storage.seal import KeyRing
from stream.flow_status import Progress, status_path
from stream.receiver_status import make_status, write_status
from stream.receivers.metrics import Metrics
from stream.spool import SpoolReader, SpoolSettings, SpoolWriter, mark_consumed
from stream.spool.testing import numbered_entry

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(START)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path).prepare()


@pytest.fixture
def ring(layout: Layout) -> KeyRing:
    return KeyRing.load(layout, create=True, environ={})


@pytest.fixture
def writer(layout: Layout, ring: KeyRing, clock: FrozenClock) -> Iterator[SpoolWriter]:
    with SpoolWriter.open(layout.spool, ring, SpoolSettings(min_free_bytes=0), clock) as writer:
        yield writer


def received(layout: Layout, ring: KeyRing, at: datetime, **said: Any) -> None:
    """The receiver writes its status."""
    figures: dict[str, Any] = {"no_room": None, "in_flight": 0, "most_in_flight": 0} | said
    listeners = {"forward": "127.0.0.1:24224"}
    write_status(
        layout,
        make_status(
            Metrics(), ring, state="receiving", started_at=START, at=at, listeners=listeners, **figures
        ),
    )


def store(writer: SpoolWriter, clock: FrozenClock, count: int) -> None:
    """Store so many blocks, one a minute."""
    for number in range(count):
        writer.append(numbered_entry(number)).result(10)
        clock.move(60)


def told(layout: Layout, clock: FrozenClock, config: Config | None = None) -> list[str]:
    return list(troubles(gather(layout, config or Config()), clock()))


def doctor(layout: Layout, clock: FrozenClock, config: Config | None = None) -> list[Finding]:
    at = Circumstances(config or Config(), layout, clock, {})
    return [finding for finding in check_processes(at) if finding.state is State.WRONG]


def test_a_stream_that_hangs_is_told_by_what_waits_in_the_spool(
    layout: Layout, ring: KeyRing, clock: FrozenClock, writer: SpoolWriter
) -> None:
    progress = Progress(status_path(layout), clock)
    progress.write()  # all is read, it says, and then it hangs
    assert told(layout, clock) == []
    store(writer, clock, 3)
    with SpoolReader(layout.spool, ring, None) as reader:
        (first,) = reader.read(1)
    mark_consumed(layout.spool, first.after)
    lines = told(layout, clock)
    assert lines[0] == "stream: 2 blocks of messages wait, the oldest for 2 min"
    assert "stream: has written no status for 3 min" in lines[1]
    sentences = [finding.sentence for finding in doctor(layout, clock)]
    assert set(lines) <= set(sentences)
    mark_consumed(layout.spool, first.after._replace(seq=first.seq + 3))
    progress.write()
    assert told(layout, clock) == []


def test_the_oldest_block_is_found_in_the_next_segment_too(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    for number in range(2):  # each opening begins a segment
        with SpoolWriter.open(layout.spool, ring, SpoolSettings(min_free_bytes=0), clock) as writer:
            writer.append(numbered_entry(number)).result(10)
        clock.move(90)
        with SpoolReader(layout.spool, ring, None) as reader:
            if not number:
                (first,) = reader.read(1)
    assert told(layout, clock) == ["stream: 2 blocks of messages wait, the oldest for 3 min"]
    mark_consumed(layout.spool, first.after)
    assert told(layout, clock) == ["stream: 1 block of messages waits for 90 s"]


def test_a_receiver_whose_status_no_longer_fits_on_the_disk_is_seen(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    received(layout, ring, clock())
    assert told(layout, clock) == []
    clock.move(300)
    full = parse({"spool": {"min_free_bytes": 1 << 60}})
    silence, no_room = told(layout, clock, full)
    assert silence.startswith("receive: has written no status for 5 min")
    assert no_room == "receive: takes nothing in (the disk has less free space than min_free_bytes)"
    assert {silence, no_room} <= {finding.sentence for finding in doctor(layout, clock, full)}
    assert len(told(layout, clock)) == 1
    rare = parse({"receive": {"tick_seconds": 3600}})
    assert told(layout, clock, rare) == []


def test_why_a_receiver_takes_nothing_in_is_told_by_the_doctor_too(
    layout: Layout, ring: KeyRing, clock: FrozenClock
) -> None:
    received(layout, ring, clock(), no_room="the disk refuses writes")
    (finding,) = [each for each in doctor(layout, clock) if each.sentence.startswith("receive")]
    assert finding.sentence == "receive: takes nothing in (the disk refuses writes)"
    assert finding.remedy
    received(layout, ring, clock(), paused_since=clock() - timedelta(seconds=3), in_flight=2_000_000)
    (finding,) = [each for each in doctor(layout, clock) if each.sentence.startswith("receive")]
    assert "reads from no client now: 2.0 MB" in finding.sentence


def test_a_disk_with_less_than_the_spool_asks_for_is_wrong(layout: Layout, clock: FrozenClock) -> None:
    config = parse({"spool": {"min_free_bytes": 5 << 30}})
    (finding,) = check_disk(Circumstances(config, layout, clock, {}, lambda _place: 4 << 30))
    assert finding.state is State.WRONG
