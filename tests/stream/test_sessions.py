"""Sessions that lack a step, from lines to signals: made-up programs whose requests carry ids that nobody has configured."""

from __future__ import annotations

import hashlib
import random

from benchmarks.session_worlds import SCENARIOS, World
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.facts import Signal, SignalKind
from storage.seal import KeyRing
from stream.field_settings import FieldSettings
from stream.flow_settings import FlowSettings
from stream.plain import PlainFlow
from stream.spool import Block
from stream.testing import block, line, message, seconds, tick

NOW = 1_772_420_400  # 2026-03-02 03:00:00 UTC
RING = KeyRing(bytes(range(32)))
GATE = Gate(Vocabulary.base(), names=["portal"])
STEPS = (
    "request accepted",
    "input checked",
    "order stored",
    "stock reserved",
    "payment taken",
    "mail queued",
    "receipt printed",
    "ledger written",
    "parcel packed",
    "request done",
)


def flow() -> PlainFlow:
    return PlainFlow(FlowSettings(), FieldSettings(), GATE, RING)


def name(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:11] + "7"


def lines_of(number: int, events: list[str], begun: float) -> list[tuple[float, str]]:
    return [(begun + 0.4 * step, f"{event} trace={name(number)}") for step, event in enumerate(events)]


def blocks_of(lines: list[tuple[float, str]]) -> list[Block]:
    """A block every five seconds."""
    found: dict[int, list[dict[str, object]]] = {}
    for at, text in sorted(lines):
        found.setdefault(int((at - NOW) // 5), []).append(line("portal", text, at))
    return [
        block(seq, [message(rows, seconds(NOW + 5 * seq + 5)), tick(seconds(NOW + 5 * seq + 5))])
        for seq, rows in sorted(found.items())
    ]


def signals(running: PlainFlow, blocks: list[Block]) -> list[Signal]:
    return [signal for each in blocks for report in running.step(each) for signal in report.signals]


def day(minutes: int, broken_from: int, share: float = 0.6) -> list[Block]:
    """A session a second; from a minute on a share of them lacks four steps."""
    rng = random.Random(7)
    lines = []
    for second in range(minutes * 60):
        events = list(STEPS)
        if rng.random() < 0.3:
            events.insert(3, "stock asked again")
        if second >= broken_from * 60 and rng.random() < share:
            events = events[:4]
        lines += lines_of(second, events, NOW + second)
    return blocks_of(lines)


def test_sessions_that_lack_steps_are_one_signal_a_minute_with_what_is_missing() -> None:
    found = [each for each in signals(flow(), day(26, 20)) if each.kind is SignalKind.SEQUENCE_BREAK]
    assert 3 <= len(found) <= 7
    first = found[0]
    assert NOW + 20 * 60 <= first.at.timestamp() <= NOW + 21 * 60 + 30
    assert "request done" in str(first.evidence["missing"]) or "payment" in str(first.evidence["missing"])
    assert first.evidence["reason"] in ("missing_event", "incomplete")
    assert first.evidence["lacking"] >= 3  # type: ignore[operator]
    assert first.evidence["lines"] == 4


def test_no_signal_holds_an_id() -> None:
    ids = [name(number) for number in range(26 * 60)]
    for each in signals(flow(), day(26, 20)):
        said = each.model_dump_json()
        assert not any(one in said for one in ids)


def test_the_same_signals_come_after_a_restart_at_any_block() -> None:
    blocks = day(24, 20)
    whole = signals(flow(), blocks)
    for cut in (30, 200, 245):
        first, second = flow(), flow()
        head = signals(first, blocks[:cut])
        second.restore(first.snapshots())
        assert head + signals(second, blocks[cut:]) == whole


def test_healthy_hours_of_made_up_programs_signal_no_broken_sessions() -> None:
    for seed in (1, 2):
        world = World(seed)
        sessions, _ = world.sessions(SCENARIOS[0], 2400, 0)
        lines = []
        for number, session in enumerate(sessions):
            events = [f"{WORDS[int(event[1:]) % len(WORDS)]} {event[0]}step" for event in session.events]
            lines += lines_of(number, events, NOW + 1.5 * number)
        kinds = {each.kind for each in signals(flow(), blocks_of(lines))}
        assert SignalKind.SEQUENCE_BREAK not in kinds


WORDS = (
    *("alpha", "bravo", "carrot", "delta", "ember", "fable", "garden", "harbor", "island", "jungle"),
    *("kettle", "lemon", "meadow", "nectar", "orchid", "pepper", "quartz", "ribbon", "saddle", "timber"),
    *("umbrella", "velvet", "willow", "xenon", "yonder", "zephyr", "anchor", "bridge", "canyon", "desert"),
    *("engine", "forest", "glacier", "hammer", "iceberg", "jacket", "kernel", "ladder", "magnet", "needle"),
)
