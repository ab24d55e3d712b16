"""What the flow makes of blocks, seen without Bytewax: it is the same code in either."""

from __future__ import annotations

import logging
import random
from collections import Counter
from datetime import UTC, datetime

import msgpack
import pytest

from models.levels import Level
from models.sample_lines import sample_lines
from models.sanitizer.gate import Gate
from models.sanitizer.safe_text import SafeText
from models.sanitizer.vocabulary import Vocabulary
from storage.facts import BlockFacts, Signal, SignalKind
from storage.seal import KeyRing, SealBroken
from stream.field_settings import FieldSettings
from stream.fields import Lines
from stream.flow_errors import StateUnreadable, TooManyFaults
from stream.flow_settings import FlowSettings
from stream.grouping import SHARDS, UNKNOWN_CONTROL, CountedAside, key_of, shard_of
from stream.plain import PlainFlow, run_plain
from stream.spool import Block, Entry, Kind, Quarantined
from stream.testing import block, garbage, line, message, seconds, tick

NOW = 1_772_420_400  # 2026-03-02 03:00:00 UTC, a full minute
RING = KeyRing(bytes(range(32)))
GATE = Gate(Vocabulary.base(), names=["api", "auth", "billing", "cron"])
FIELDS = FieldSettings()


class Kept(CountedAside):
    def __init__(self) -> None:
        self.items: list[Quarantined] = []

    def add(self, items: object) -> int:
        self.items += list(items)  # type: ignore[call-overload]
        return len(self.items)


def flow(gate: Gate = GATE, aside: Kept | None = None, **settings: object) -> PlainFlow:
    return PlainFlow(FlowSettings.model_validate(settings), FIELDS, gate, RING, aside)


def traffic(count: int, per_block: int = 40, seed: int = 1) -> list[Block]:
    """Blocks of three services, one a second, with errors here and there and ticks between."""
    rng = random.Random(seed)
    out = []
    for seq in range(count):
        at = NOW + seq
        texts = sample_lines(per_block, seed=seed * 10_000 + seq, wild=0.05)
        records = [
            line(
                rng.choice(("api", "auth", "billing")),
                text,
                at + rng.uniform(-2, 0),
                level=rng.choice(("INFO", "INFO", "INFO", "WARN", "ERROR")),
                host=f"node-{rng.randrange(3)}",
            )
            for text in texts
        ]
        half = len(records) // 2
        entries = [message(records[:half], seconds(at)), message(records[half:], seconds(at))]
        if seq % 5 == 0:
            entries.append(tick(seconds(at)))
        out.append(block(seq, entries))
    return out


def collected(blocks: list[Block], **settings: object) -> list[BlockFacts]:
    found: list[BlockFacts] = []
    run_plain(blocks, found.extend, FlowSettings.model_validate(settings), FIELDS, GATE, RING)
    return found


def signals(facts: list[BlockFacts], kind: SignalKind | None = None) -> list[Signal]:
    return [s for report in facts for s in report.signals if kind is None or s.kind is kind]


# -- counting ---------------------------------------------------------------------------------------------------


def test_equal_blocks_give_facts_that_are_equal_to_the_byte() -> None:
    blocks = traffic(60)
    one = [facts.model_dump_json() for facts in collected(blocks)]
    other = [facts.model_dump_json() for facts in collected(blocks)]
    assert one == other
    assert len(one) > 60


def test_every_line_is_counted_once_by_service_minute_and_level() -> None:
    blocks = traffic(90)
    expected: Counter[tuple[str, int, int]] = Counter()
    lines = PlainFlow(FlowSettings(), FIELDS, GATE, RING).grouping
    for each in blocks:
        for item in lines.split(each):
            for group in item.lines:
                for at, level in zip(group.ts, group.level, strict=True):
                    expected[group.service, at // seconds(60), level] += 1
    counted: Counter[tuple[str, int, int]] = Counter()
    for report in collected(blocks):
        for count in report.counts:
            minute = int(count.minute.timestamp()) // 60
            counted[str(count.service), minute, int(count.level)] += count.count
    assert counted == expected
    assert sum(t.lines for report in collected(blocks) for t in report.traffic) == 90 * 40


def test_error_lines_are_told_by_host_with_their_first_and_last_time() -> None:
    records = [
        line("api", f"cannot reach peer {i}", NOW + i, level="ERROR", host="node-1" if i < 3 else "node-2")
        for i in range(5)
    ]
    (facts,) = collected([block(0, [message(records, seconds(NOW + 9))])])
    assert [
        (str(e.host), e.count, int(e.ts.timestamp()) - NOW, int(e.last_ts.timestamp()) - NOW)
        for e in facts.errors
    ] == [
        ("node-1", 3, 0, 2),
        ("node-2", 2, 3, 4),
    ]
    assert facts.traffic[0].errors == 5
    assert {e.level for e in facts.errors} == {Level.ERROR}


def test_late_lines_are_counted_in_their_minute_and_reported_as_late() -> None:
    blocks = [
        block(0, [message([line("api", "begin", NOW)], seconds(NOW))]),
        block(1, [message([line("api", "go on", NOW + 300)], seconds(NOW + 300))]),
        block(
            2, [message([line("api", "late", NOW + 1), line("api", "now", NOW + 301)], seconds(NOW + 301))]
        ),
    ]
    facts = collected(blocks)
    assert [report.late for report in facts] == [0, 0, 1]
    assert sorted(int(c.minute.timestamp()) - NOW for c in facts[2].counts) == [0, 300]


def test_a_host_with_a_fast_clock_closes_no_window_over_the_others() -> None:
    fast = [line("api", "from the future", NOW + 250, host="node-9")]
    blocks = [
        block(0, [message(fast, seconds(NOW))]),
        block(1, [message([line("api", "on time", NOW + 1)], seconds(NOW + 1))]),
    ]
    assert [report.late for report in collected(blocks)] == [0, 0]


def test_every_template_is_told_with_its_samples_past_the_gate() -> None:
    records = [line("api", f"user quuxly{i} logged in from 10.0.0.{i}", NOW) for i in range(3)]
    (facts,) = collected([block(0, [message(records, seconds(NOW))])])
    (pattern,) = facts.patterns
    assert "quuxly" not in pattern.template
    assert "<IP>" in pattern.template
    assert pattern.distinct_parameters == 3
    assert len(pattern.samples) == 3
    assert not any("quuxly" in sample or "10.0.0." in sample for sample in pattern.samples)
    assert {count.template_id for count in facts.counts} == {pattern.template_id}


def test_many_new_templates_at_once_are_told_over_several_blocks_and_ticks() -> None:
    words = [f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrst"]
    records = [line("api", f"{word} {word}{word} {word}x", NOW) for word in words]
    again = [line("api", f"{words[-1]} {words[-1] * 2} {words[-1]}x", NOW + 5, level="ERROR")]
    blocks = [
        block(0, [message(records, seconds(NOW))]),
        block(1, [message(again, seconds(NOW + 5))]),
        *(block(2 + i, [tick(seconds(NOW + 6 + i))]) for i in range(4)),
    ]
    facts = collected(blocks, patterns_per_block=20, patterns_per_tick=30)
    assert [len(report.patterns) for report in facts] == [20, 20, 30, 30]
    assert facts[1].patterns[0].level is Level.ERROR  # errors do not wait
    patterns = {pattern.template_id: pattern for report in facts for pattern in report.patterns}
    assert patterns.keys() == {count.template_id for report in facts for count in report.counts}
    last = patterns[facts[1].counts[0].template_id]
    assert (last.level, last.first_seen.timestamp(), last.last_seen.timestamp()) == (
        Level.ERROR,
        NOW,
        NOW + 5,
    )


def test_a_template_is_told_when_it_is_new_and_when_it_is_known_and_between_only_with_the_ticks() -> None:
    said = [[line("api", f"bed {n} of ward {n} is free", NOW + n)] for n in range(7)]
    blocks = [block(n, [message(records, seconds(NOW + n))]) for n, records in enumerate(said)]
    blocks.insert(3, block(10, [tick(seconds(NOW + 2))]))
    told = [[p.distinct_parameters for p in report.patterns] for report in collected(blocks)]
    # one block for each of three lines, the tick, and four more lines: the fifth makes it known
    assert told == [[1], [], [], [3], [], [5], [], []]


def test_templates_that_fell_out_before_their_turn_do_not_pile_up() -> None:
    letters = "abcdefghijklmnopqrst"
    texts = [f"{a}{b}{c} {b}{a}x {c}{a}{b}y" for a in letters for b in letters for c in letters[:10]]
    running = flow(
        templates={"max_templates": 10},
        detectors={"known_templates": 10, "forecast": {"enabled": False}},
        patterns_per_block=1,
    )
    sizes = []
    for number in range(40):
        some = [line("api", text, NOW) for text in texts[number * 100 : number * 100 + 100]]
        for item in running.grouping.split(block(number, [message(some, seconds(NOW))])):
            running.shard(item.shard).take(item)
        sizes.append(len(running.shard(shard_of("api")).snapshot()))
    assert sizes[-1] < 1.2 * sizes[10]


# -- shards -----------------------------------------------------------------------------------------------------


def test_a_block_touches_only_the_shards_of_its_services_and_a_tick_all_of_them() -> None:
    grouping = flow().grouping
    lines = message([line("api", "x", NOW), line("auth", "y", NOW)], seconds(NOW))
    assert [item.shard for item in grouping.split(block(0, [lines]))] == sorted(
        {shard_of("api"), shard_of("auth")}
    )
    assert [item.shard for item in grouping.split(block(1, [tick(seconds(NOW))]))] == list(range(SHARDS))


def test_a_tick_alone_is_no_news() -> None:
    assert collected([block(0, [tick(seconds(NOW))])]) == []


def test_services_are_bounded_and_the_quietest_is_forgotten() -> None:
    names = [f"svc{i}" for i in range(4000) if shard_of(f"svc{i}") == 7]
    blocks = [
        block(seq, [message([line(name, "hello", NOW + seq)], seconds(NOW + seq))])
        for seq, name in enumerate(names)
    ]
    small = flow(services_per_shard=5)
    for each in blocks:
        small.step(each)
    assert len(names) > 20
    assert small.seen().services == 5


# -- state ------------------------------------------------------------------------------------------------------


def test_stopping_at_any_block_and_going_on_changes_nothing() -> None:
    blocks = traffic(80)
    straight = [facts.model_dump_json() for facts in collected(blocks)]
    at, found = flow(), []
    for number, each in enumerate(blocks):
        found += [facts.model_dump_json() for facts in at.step(each)]
        if number % 7 == 3:
            states = at.snapshots()
            at = flow()
            at.restore(states)
    assert found == straight


def test_stored_state_holds_no_word_of_a_line_and_no_name() -> None:
    at = flow()
    mark = "zorblax"
    at.step(block(0, [message([line(f"svc-{mark}", f"{mark} {mark}42", NOW, host=mark)], seconds(NOW))]))
    (state,) = at.snapshots().values()
    assert mark.encode() not in state
    with pytest.raises(SealBroken):
        PlainFlow(FlowSettings(), FIELDS, GATE, KeyRing(bytes(32))).restore(at.snapshots())


def test_a_state_belongs_to_its_shard() -> None:
    at = flow()
    at.step(block(0, [message([line("api", "x", NOW)], seconds(NOW))]))
    ((number, state),) = at.snapshots().items()
    with pytest.raises(SealBroken):
        flow().restore({(number + 1) % SHARDS: state})


def with_another_schema(packed: bytes) -> bytes:
    state = msgpack.unpackb(packed, unicode_errors="surrogatepass") | {"schema": 10**6}
    return bytes(msgpack.packb(state, unicode_errors="surrogatepass"))


def test_a_state_of_another_version_is_refused_with_the_way_out() -> None:
    at = flow()
    at.step(block(0, [message([line("api", "x", NOW)], seconds(NOW))]))
    ((number, state),) = at.snapshots().items()
    seal, context = RING.seal("state"), b"shard " + key_of(number).encode()
    plain = seal.open(state, context)
    services = msgpack.unpackb(plain)["services"]
    older_services = msgpack.packb(
        msgpack.unpackb(plain) | {"services": [with_another_schema(each) for each in services]}
    )
    for older in (with_another_schema(plain), older_services):
        with pytest.raises(StateUnreadable, match="another version") as refused:
            flow().restore({number: seal.seal(older, context)})
        assert refused.value.hint == StateUnreadable.remedy


# -- detectors in the flow --------------------------------------------------------------------------------------


def quiet_service(name: str, first: int, count: int) -> list[Block]:
    """A service that says five harmless lines a second."""
    return [
        block(
            seq,
            [
                message([line(name, f"served bed {i}", NOW + seq) for i in range(5)], seconds(NOW + seq)),
                *([tick(seconds(NOW + seq))] if seq % 5 == 0 else []),
            ],
        )
        for seq in range(first, first + count)
    ]


def failing_service(name: str, first: int, count: int, errors: int = 4) -> list[Block]:
    return [
        block(
            seq,
            [
                message(
                    [
                        line(name, f"pool exhausted after {i}ms", NOW + seq, level="ERROR")
                        for i in range(errors)
                    ],
                    seconds(NOW + seq),
                )
            ],
        )
        for seq in range(first, first + count)
    ]


def test_a_failing_service_raises_both_signals_within_seconds() -> None:
    facts = collected([*quiet_service("api", 0, 300), *failing_service("api", 300, 30)])
    assert all(report.block >= 300 for report in facts if report.signals)
    (new,) = signals(facts, SignalKind.NEW_ERROR_TEMPLATE)
    first = signals(facts, SignalKind.ERROR_BURST)[0]
    assert int(new.at.timestamp()) == NOW + 300
    assert int(first.seen_at.timestamp()) <= NOW + 302
    assert new.template_id == first.template_id
    assert new.template == "pool exhausted after <DURATION>"
    assert float(first.evidence["count"]) >= 5
    assert first.score >= first.threshold
    assert len({signal.id for signal in signals(facts)}) == len(signals(facts))


def test_a_fault_half_a_minute_after_the_first_line_is_found_within_ten_seconds() -> None:
    facts = collected([*quiet_service("api", 0, 40), *failing_service("api", 40, 20)])
    assert signals(facts)
    assert min(int(signal.seen_at.timestamp()) for signal in signals(facts)) <= NOW + 50


def test_harmless_errors_from_the_first_line_on_raise_nothing() -> None:
    rng = random.Random(5)
    blocks = [
        block(
            seq,
            [
                message(
                    [
                        line("api", "cache miss", NOW + seq, level="ERROR" if rng.random() < 0.2 else "INFO")
                        for _ in range(5)
                    ],
                    seconds(NOW + seq),
                )
            ],
        )
        for seq in range(900)
    ]
    assert signals(collected(blocks)) == []


def test_ticks_make_a_silence_known_once() -> None:
    ticks = [block(600 + i, [tick(seconds(NOW + 600 + 5 * i))]) for i in range(60)]
    facts = collected([*quiet_service("api", 0, 600), *ticks])
    (signal,) = signals(facts)
    assert signal.kind is SignalKind.SILENCE
    assert signal.at == datetime.fromtimestamp(NOW + 599, UTC)
    assert 55 <= (signal.seen_at - signal.at).total_seconds() <= 70
    assert float(signal.evidence["quiet_s"]) >= 60


# -- what cannot be used ----------------------------------------------------------------------------------------


def test_a_message_that_does_not_decode_is_kept_aside_and_the_rest_of_its_block_goes_on() -> None:
    kept = Kept()
    good = message([line("api", "fine", NOW)], seconds(NOW))
    facts = flow(aside=kept).step(block(4, [good, garbage(seconds(NOW)), good]))
    assert [(item.seq, item.part, item.reason) for item in kept.items] == [(4, 1, "bad_msgpack")]
    assert sum(report.quarantined for report in facts) == 1
    assert sum(count.count for report in facts for count in report.counts) == 2


def test_an_unknown_control_entry_is_kept_aside() -> None:
    kept = Kept()
    entry = Entry(Kind.CONTROL, seconds(NOW), "", "", "", None, {}, b'{"control": "dance"}')
    flow(aside=kept).step(block(0, [entry]))
    assert [item.reason for item in kept.items] == [UNKNOWN_CONTROL]


class Brittle(Gate):
    """A gate with a fault of its own: it fails on the templates of one word."""

    def template(self, raw: str) -> SafeText:
        if "poison" in raw:
            raise ValueError(raw)
        return super().template(raw)


def test_a_fault_of_ours_is_contained_kept_aside_and_logged_without_a_word_of_the_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = Kept()
    names = [name for name in (f"svc{i}" for i in range(2000)) if shard_of(name) == 3][:2]
    at = flow(Brittle(Vocabulary.base()), kept)
    both = [line(names[0], "poison of patient quuxly", NOW), line(names[1], "fine", NOW)]
    with caplog.at_level(logging.ERROR):
        (facts,) = at.step(block(0, [message(both, seconds(NOW))]))
    assert [sum(count.count for count in facts.counts), facts.quarantined] == [1, 1]
    (item,) = kept.items
    assert item.entry.raw == b"poison of patient quuxly"
    assert item.part > 1 << 20
    assert "ValueError" in caplog.text
    assert "quuxly" not in caplog.text
    (after,) = at.step(block(1, [message([line(names[0], "fine again", NOW + 1)], seconds(NOW + 1))]))
    assert sum(count.count for count in after.counts) == 1


def test_too_many_faults_of_ours_within_a_minute_stop_the_flow() -> None:
    at = flow(Brittle(Vocabulary.base()), Kept(), faults_per_minute=3)
    poison = [block(i, [message([line("api", f"poison {'x' * i}", NOW)], seconds(NOW))]) for i in range(4)]
    for each in poison[:3]:
        at.step(each)
    with pytest.raises(TooManyFaults):
        at.step(poison[3])


def test_lines_with_lone_surrogates_go_through_and_can_be_kept_aside() -> None:
    kept = Kept()
    at = flow(Brittle(Vocabulary.base()), kept)
    for text in ("bad \udcff byte", "poison \ud800 \udcff"):
        lines = Lines("api", [seconds(NOW)], ["\udcff"], [17], [text])
        shard = at._make(shard_of("api"), None)
        item = at.grouping._items(block(0, [message([], seconds(NOW))]), {"api": lines}, False, 0)[0]
        assert shard.take(item) is not None
        assert shard.snapshot()
    assert len(kept.items) == 1
