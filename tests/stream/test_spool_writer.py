"""Promises of the writer: an answer only after the sync, and equal messages stored once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from spool_rig import LONG, RING, contents, read_all

from models.clock import FrozenClock
from stream.spool import (
    Entry,
    Kind,
    SpoolReader,
    SpoolWriter,
    Stored,
)
from stream.spool.testing import FragileDisk, numbered_entry, small_settings


def test_an_answer_comes_only_after_the_sync(writer: SpoolWriter, disk: FragileDisk, directory: Path) -> None:
    disk.waiting.clear()
    disk.gate.clear()
    future = writer.append(numbered_entry(1))
    assert disk.waiting.wait(LONG)
    assert not future.done()
    assert contents(directory) == []
    disk.events.clear()
    disk.gate.set()
    assert future.result(LONG) == Stored(0, duplicate=False)
    assert disk.events[0] == "sync"
    assert contents(directory) == [b"line 1"]


def test_what_was_answered_can_be_read_at_once_by_another_reader(
    writer: SpoolWriter, directory: Path
) -> None:
    reader = SpoolReader(directory, RING)
    for number in range(30):
        stored = writer.append(numbered_entry(number)).result(LONG)
        (block,) = reader.read(10)
        assert (block.seq, block.entries[0].raw) == (stored.seq, b"line %d" % number)
    reader.close()


def test_what_gathers_during_a_sync_becomes_one_block(
    writer: SpoolWriter, disk: FragileDisk, directory: Path
) -> None:
    disk.waiting.clear()
    disk.gate.clear()
    first = writer.append(numbered_entry(0))
    assert disk.waiting.wait(LONG)
    rest = [writer.append(numbered_entry(number)) for number in range(1, 20)]
    disk.gate.set()
    assert first.result(LONG).seq == 0
    assert {future.result(LONG) for future in rest} == {Stored(1, duplicate=False)}
    assert [len(block.entries) for block in read_all(directory)] == [1, 19]


def test_a_group_ends_at_its_size_and_a_large_message_is_a_block_of_its_own(
    directory: Path, clock: FrozenClock, disk: FragileDisk
) -> None:
    with SpoolWriter.open(directory, RING, small_settings(commit_bytes=1024), clock, disk) as writer:
        disk.waiting.clear()
        disk.gate.clear()
        futures = [writer.append(numbered_entry(0))]
        assert disk.waiting.wait(LONG)
        futures += [writer.append(numbered_entry(n, raw=bytes(400))) for n in range(1, 5)]
        futures.append(writer.append(numbered_entry(5, raw=bytes(300_000))))
        disk.gate.set()
        assert [future.result(LONG).seq for future in futures] == [0, 1, 1, 2, 2, 3]
    assert len(read_all(directory)[-1].entries[0].raw) == 300_000


def test_equal_messages_on_their_way_are_stored_once_and_answered_together(
    writer: SpoolWriter, disk: FragileDisk, directory: Path
) -> None:
    disk.waiting.clear()
    disk.gate.clear()
    first = writer.append(numbered_entry(1))
    assert disk.waiting.wait(LONG)
    again = writer.append(numbered_entry(1))
    queued = [writer.append(numbered_entry(2)) for _ in range(3)]
    assert not again.done()
    disk.gate.set()
    assert (first.result(LONG), again.result(LONG)) == (Stored(0, False), Stored(0, True))
    assert [future.result(LONG).duplicate for future in queued] == [False, True, True]
    assert contents(directory) == [b"line 1", b"line 2"]
    assert writer.info().duplicates == 3


def test_a_message_that_is_stored_already_is_answered_at_once(writer: SpoolWriter, disk: FragileDisk) -> None:
    stored = writer.append(numbered_entry(1)).result(LONG)
    disk.gate.clear()
    again = writer.append(numbered_entry(1))
    assert again.done()
    assert again.result() == Stored(stored.seq, duplicate=True)
    disk.gate.set()


def test_messages_without_an_id_stand_as_often_as_they_were_sent(
    writer: SpoolWriter, directory: Path
) -> None:
    plain = numbered_entry(1)._replace(chunk=None)
    control = Entry(Kind.CONTROL, 0, "", "", "", "tick", {}, b'{"control": "tick"}')
    for entry in (plain, plain, control, control):
        assert not writer.append(entry).result(LONG).duplicate
    assert len(contents(directory)) == 4


@pytest.mark.parametrize(
    ("change", "duplicate"),
    [
        ({"received_ns": 5, "peer": "10.9.9.9:1", "headers": {"a": "b"}}, True),
        ({"agent": "agent-2"}, False),
        ({"tag": "app.auth"}, False),
        ({"chunk": "chunk-2"}, False),
    ],
)
def test_a_forward_message_is_the_same_if_agent_tag_and_chunk_are(
    writer: SpoolWriter, change: dict[str, object], duplicate: bool
) -> None:
    entry = numbered_entry(1)
    writer.append(entry).result(LONG)
    assert writer.append(entry._replace(**change)).result(LONG).duplicate is duplicate


@pytest.mark.parametrize("kind", [Kind.HTTP, Kind.OTLP])
def test_a_body_is_the_same_if_agent_and_bytes_are(writer: SpoolWriter, kind: Kind) -> None:
    entry = Entry(kind, 0, "agent-1", "", "", None, {}, b"body")
    assert not writer.append(entry).result(LONG).duplicate
    assert writer.append(entry._replace(peer="elsewhere")).result(LONG).duplicate
    assert not writer.append(entry._replace(agent="agent-2")).result(LONG).duplicate
    assert not writer.append(entry._replace(raw=b"body ")).result(LONG).duplicate


def test_fields_of_a_key_cannot_run_into_each_other(writer: SpoolWriter) -> None:
    entry = numbered_entry(1)
    writer.append(entry._replace(agent="ab", tag="c")).result(LONG)
    assert not writer.append(entry._replace(agent="a", tag="bc")).result(LONG).duplicate


def test_a_client_that_went_away_does_not_disturb_the_others(writer: SpoolWriter) -> None:
    futures = [writer.append(numbered_entry(number)) for number in range(3)]
    assert not futures[1].cancel()
    assert [future.result(LONG).duplicate for future in futures] == [False] * 3


def test_many_producers_get_each_answer_exactly_once(writer: SpoolWriter, directory: Path) -> None:
    def produce(first: int) -> list[Stored]:
        return [writer.append(numbered_entry(first + n)).result(LONG) for n in range(50)]

    with ThreadPoolExecutor(8) as pool:
        answers = [stored for part in pool.map(produce, range(0, 400, 50)) for stored in part]
    assert not any(stored.duplicate for stored in answers)
    assert sorted(contents(directory)) == sorted(b"line %d" % n for n in range(400))
    blocks = read_all(directory)
    assert [block.seq for block in blocks] == list(range(len(blocks)))
