"""Traces in the flow: one record per line or one record for all, what is learnt and counted is the same."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dataflow_rig import GATE, NOW, RING, Flow, plain

from benchmarks.days.traces import trace
from models.clock import FrozenClock
from models.sanitizer.gate import Gate
from models.sanitizer.safe_text import SafeText
from models.sanitizer.vocabulary import Vocabulary
from storage.facts import BlockFacts, SignalKind
from storage.layout import Layout
from stream.decode import decode
from stream.field_settings import FieldSettings
from stream.fields import FieldRules, columns
from stream.flow_settings import FlowSettings
from stream.grouping import CountedAside, shard_of
from stream.plain import PlainFlow
from stream.spool import Block, Entry, Quarantined, SpoolSettings, SpoolWriter
from stream.testing import block, line, message, seconds, tick

LANGUAGES = ("java", "python", "go", "node", "dotnet")
FIELDS = FieldSettings()
Record = dict[str, object]


def flow(aside: CountedAside | None = None, gate: Gate = GATE, **settings: object) -> PlainFlow:
    return PlainFlow(FlowSettings.model_validate(settings), FIELDS, gate, RING, aside)


def events(rng: random.Random, count: int) -> list[tuple[str, str]]:
    """Return texts and levels: traces of all languages among other lines."""
    out = list[tuple[str, str]]()
    for number in range(count):
        if rng.random() < 0.4:
            language = rng.choice(LANGUAGES)
            headline = rng.choice(("KeyError: 'slot'", "store.GoneError: no ledger"))
            if language == "dotnet":
                headline = "Unhandled exception. System.IO.IOException: closed"
            out.append((trace(language, "billing", "ledger", headline, rng), "ERROR"))
            out.append(("back to work", "INFO"))
        out.append((f"paid bill {number} in {rng.randint(1, 90)}ms", rng.choice(("INFO", "INFO", "WARN"))))
    return out


def whole(texts: Sequence[tuple[str, str]], host: str) -> list[Record]:
    return [
        line("api", text, NOW + n * 0.01, level=level, host=host) for n, (text, level) in enumerate(texts)
    ]


def split(texts: Sequence[tuple[str, str]], host: str) -> list[Record]:
    return [
        line("api", part, NOW + n * 0.01, level=level, host=host)
        for n, (text, level) in enumerate(texts)
        for part in text.split("\n")
    ]


def mixed(queues: Sequence[list[Record]], rng: random.Random) -> list[Record]:
    """Return the records of all queues in some order that keeps each queue's."""
    queues = [list(queue) for queue in queues]
    out = list[Record]()
    while queues:
        out.append(rng.choice(queues).pop(0))
        queues = [queue for queue in queues if queue]
    return out


def played(
    records: Sequence[Record], rng: random.Random, most: int, *, stops: bool = False
) -> list[BlockFacts]:
    """Put records into blocks and entries of some size, let two ticks follow; return the facts."""
    running, found, seq = flow(), list[BlockFacts](), 0
    left = list(records)
    blocks = list[Block]()
    while left:
        entries = []
        for _ in range(rng.randint(1, 3)):
            size = rng.randint(1, most)
            part, left = left[:size], left[size:]
            if part:
                entries.append(message(part, seconds(NOW + 60)))
        blocks.append(block(seq, entries))
        seq += 1
    blocks += [block(seq + n, [tick(seconds(NOW + 60))]) for n in range(3)]
    for each in blocks:
        found += running.step(each)
        if stops and rng.random() < 0.5:
            states, running = running.snapshots(), flow()
            running.restore(states)
    return found


def counts(facts: Sequence[BlockFacts]) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for report in facts:
        for each in report.counts:
            found[each.template_id, int(each.level)] += each.count
    return found


def templates(facts: Sequence[BlockFacts]) -> dict[str, str]:
    return {p.template_id: str(p.template) for report in facts for p in report.patterns}


@pytest.mark.parametrize("seed", range(12))
def test_traces_over_frames_give_the_templates_and_counts_of_traces_in_one_piece(seed: int) -> None:
    rng = random.Random(seed)
    worlds = [(events(rng, 15), f"node-{n}") for n in range(rng.randint(1, 3))]
    # In one piece, in the order in which each event's first line comes.
    alone = played([record for world in worlds for record in whole(*world)], rng, 50)
    apart = played(
        [record for world in worlds for record in split(*world)], rng, rng.choice((1, 3, 50)), stops=True
    )
    assert counts(apart) == counts(alone)
    assert templates(apart) == templates(alone)
    lines = sum(len(split(*world)) for world in worlds)
    assert sum(each.lines for report in apart for each in report.traffic) == lines
    assert sum(e.count for report in apart for e in report.errors) == sum(
        e.count for report in alone for e in report.errors
    )


@pytest.mark.parametrize("seed", range(8))
def test_hosts_that_fail_at_once_do_not_mix(seed: int) -> None:
    rng = random.Random(seed)
    worlds = [(events(rng, 12), f"node-{n}") for n in range(4)]
    queues = [split(*world) for world in worlds]
    found = counts(played(mixed(queues, rng), rng, rng.choice((1, 4, 60)), stops=True))
    alone = counts(played([record for world in worlds for record in whole(*world)], rng, 60))
    assert sum(found.values()) == sum(alone.values()) == sum(len(texts) for texts, _ in worlds)
    assert sorted(found.values()) == sorted(alone.values())


def write_traces(layout: Layout, blocks: int) -> int:
    """Write traces of three hosts into a spool, a few lines a block, so that most blocks end within one; return the lines."""
    rng = random.Random(5)
    clock = FrozenClock(datetime.fromtimestamp(NOW, UTC))
    settings = SpoolSettings(commit_ms=0, quiet_ms=0, segment_bytes=1 << 16)
    records = mixed([split(events(rng, 3 * blocks), f"node-{n}") for n in range(3)], rng)
    lines = 0
    with SpoolWriter.open(layout.spool, RING, settings, clock) as writer:
        for number in range(blocks):
            part = records[number * 7 : number * 7 + 7]
            now = seconds(NOW + number)
            writer.append(message(part, now)).result()
            lines += len(part)
            if number % 5 == 0:
                writer.append(tick(now)).result()
            clock.move(1)
        for _ in range(3):
            writer.append(tick(seconds(NOW + blocks))).result()
    return lines


@pytest.mark.parametrize(("blocks_per_poll", "polls"), [(1, 1), (1, 3), (3, 2), (1000, -1)])
def test_a_kill_in_the_middle_of_a_trace_loses_and_doubles_nothing(
    tmp_path: Path, blocks_per_poll: int, polls: int
) -> None:
    layout = Layout(tmp_path / "state").prepare()
    lines = write_traces(layout, 30)
    running = Flow(layout, tmp_path, blocks_per_poll=blocks_per_poll)
    for _ in range(12 if polls > 0 else 1):
        running.run(polls, timedelta(0))
    running.run()
    reports = running.store.reports()
    assert reports == plain(layout)
    assert sum(each["lines"] for report in reports for each in json.loads(report)["traffic"]) == lines


def test_a_trace_of_which_nothing_follows_is_learnt_after_two_ticks() -> None:
    texts = trace("python", "billing", "ledger", "KeyError: 'slot'", random.Random(1)).split("\n")
    running = flow()
    first = running.step(block(0, [message([line("api", text, NOW) for text in texts], seconds(NOW))]))
    assert [(each.lines, each.errors) for report in first for each in report.traffic] == [(len(texts), 0)]
    assert counts(first) == Counter()
    assert running.step(block(1, [tick(seconds(NOW + 5))])) == []
    later = running.step(block(2, [tick(seconds(NOW + 10))]))
    assert sum(counts(later).values()) == 1
    assert sum(each.lines for report in later for each in report.traffic) == 0
    assert list(templates([*later, *running.step(block(3, [tick(seconds(NOW + 15))]))]).values()) == [
        "Traceback (most recent call last): KeyError: 'slot'"
    ]


def test_what_waits_in_a_service_that_makes_room_is_counted() -> None:
    names = [name for name in (f"svc{i}" for i in range(4000)) if shard_of(name) == 7][:3]
    running = flow(services_per_shard=1)
    facts = [
        report
        for seq, name in enumerate(names)
        for report in running.step(
            block(seq, [message([line(name, "Traceback (most recent call last):", NOW)], seconds(NOW))])
        )
    ]
    assert sum(counts(facts).values()) == 2
    assert sum(each.lines for report in facts for each in report.traffic) == 3


class Kept(CountedAside):
    def __init__(self) -> None:
        self.items: list[Quarantined] = []

    def add(self, items: object) -> int:
        self.items += list(items)  # type: ignore[call-overload]
        return len(self.items)


class Brittle(Gate):
    """A gate with a fault of its own: it fails on the templates of one word."""

    def template(self, raw: str) -> SafeText:
        if "poison" in raw:
            raise ValueError(raw)
        return super().template(raw)


@pytest.mark.parametrize("after", ["line", "ticks"])
def test_what_waited_is_kept_aside_with_the_line_that_our_own_code_failed_on(after: str) -> None:
    kept = Kept()
    running = flow(kept, Brittle(Vocabulary.base()))
    texts = ["Traceback (most recent call last):", '  File "a.py", line 1', "PoisonError: poison"]
    running.step(block(0, [message([line("api", text, NOW) for text in texts], seconds(NOW))]))
    if after == "line":
        running.step(block(1, [message([line("api", "next", NOW)], seconds(NOW))]))
    else:
        for seq in (1, 2):
            running.step(block(seq, [tick(seconds(NOW + 5 * seq))]))
    (item,) = kept.items
    assert item.entry.raw.decode().split("\n") == [*texts, *(["next"] if after == "line" else [])]


def test_personal_data_in_a_line_that_was_joined_is_found() -> None:
    def failing(seq: int, detail: str) -> Entry:
        texts = [("ERROR:  duplicate key value violates unique constraint", "ERROR"), (detail, "ERROR")]
        return message(
            [line("api", text, NOW + seq * 60, level=level) for text, level in texts], seconds(NOW + seq * 60)
        )

    blocks = [block(seq, [failing(seq, "DETAIL:  Key exists already.")]) for seq in range(6)]
    blocks += [
        block(seq, [failing(seq, f"DETAIL:  Failing row has patient=Ann Lee dob=1984-03-{seq}.")])
        for seq in range(6, 12)
    ]
    running = flow()
    found = [signal for each in blocks for report in running.step(each) for signal in report.signals]
    assert SignalKind.PERSONAL_DATA in {signal.kind for signal in found}


def test_lines_of_one_file_have_one_source_and_those_of_another_pod_or_agent_another() -> None:
    def source_of(record: Record, agent: str = "agent-1") -> str:
        entry = message([record], seconds(NOW), agent=agent)
        (found,) = columns(decode(entry, FIELDS.limits).records, entry, FieldRules(FIELDS))
        return found.source[0]

    plain_line = line("api", "m", NOW)
    sources = [
        source_of(plain_line),
        source_of(plain_line, "agent-2"),
        source_of(plain_line | {"filename": "/var/log/a.log"}),
        source_of(plain_line | {"kubernetes": {"pod_name": "api-1"}}),
        source_of(plain_line | {"kubernetes": {"pod_name": "api-2"}}),
    ]
    assert len(set(sources)) == 5
    assert source_of(line("api", "other", NOW + 9, level="ERROR")) == sources[0]
