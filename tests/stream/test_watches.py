"""What the flow signals beside errors, from lines to signals."""

from __future__ import annotations

import random

from models.levels import Level
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


def flow() -> PlainFlow:
    return PlainFlow(FlowSettings(), FieldSettings(), GATE, RING)


def day(minutes: int, seed: int = 1) -> list[Block]:
    """A block every five seconds; from the twentieth minute on the portal is slow, and says whom it was asked for."""
    rng = random.Random(seed)
    blocks = []
    for step in range(minutes * 12):
        at = NOW + 5 * step
        late = step >= 20 * 12
        lines = []
        for _ in range(6):
            took = rng.lognormvariate(3, 0.3) * (30 if late else 1)
            lines.append(line("portal", f"answered order {rng.randrange(9999)} in {took:.0f} ms", at))
        if late:  # made-up people
            born = f"19{rng.randrange(30, 99)}-0{rng.randrange(1, 9)}-1{rng.randrange(9)}"
            lines.append(line("portal", f"search last=Example born={born} done", at))
            lines.append(line("portal", f"upstream timed out, attempt {rng.randrange(3)}", at))
        blocks.append(block(step, [message(lines, seconds(at)), tick(seconds(at))]))
    return blocks


def signals(running: PlainFlow, blocks: list[Block]) -> list[Signal]:
    return [signal for each in blocks for report in running.step(each) for signal in report.signals]


def test_slow_answers_personal_data_and_failure_at_a_harmless_level_are_signalled() -> None:
    found = signals(flow(), day(26))
    kinds = {signal.kind for signal in found}
    assert kinds >= {SignalKind.FIGURE_SHIFT, SignalKind.PERSONAL_DATA, SignalKind.NEW_WARNING_TEMPLATE}
    assert SignalKind.ERROR_BURST not in kinds
    assert min(signal.at.timestamp() for signal in found) >= NOW + 20 * 60
    new = next(signal for signal in found if signal.kind is SignalKind.NEW_WARNING_TEMPLATE)
    assert (new.level, "timed out" in str(new.template)) == (Level.INFO, True)


def test_nobody_misses_a_sentence_of_trouble() -> None:
    blocks = []
    for step in range(20 * 12):
        at = NOW + 5 * step
        lines = [line("portal", f"answered order {step}", at)]
        if step < 13 * 12:
            lines += [line("portal", f"upstream timed out, attempt {step}", at), line("portal", "beat", at)]
        blocks.append(block(step, [message(lines, seconds(at)), tick(seconds(at))]))
    quiet = [each for each in signals(flow(), blocks) if each.kind is SignalKind.TEMPLATE_SILENCE]
    assert [str(each.template) for each in quiet] == ["beat"]


def test_no_signal_holds_what_a_person_was_asked_by() -> None:
    for signal in signals(flow(), day(24)):
        said = signal.model_dump_json()
        assert "Example" not in said
        assert "born=19" not in said


def test_the_same_signals_come_after_a_restart_at_any_block() -> None:
    blocks = day(24)
    whole = signals(flow(), blocks)
    for cut in (100, 241, 250):
        first, second = flow(), flow()
        head = signals(first, blocks[:cut])
        second.restore(first.snapshots())
        assert head + signals(second, blocks[cut:]) == whole


def test_a_healthy_hour_signals_nothing() -> None:
    blocks = []
    rng = random.Random(3)
    for step in range(720):
        at = NOW + 5 * step
        lines = [
            line("portal", f"answered order {rng.randrange(9999)} in {rng.lognormvariate(3, 0.3):.0f} ms", at)
            for _ in range(rng.randrange(3, 10))
        ]
        blocks.append(block(step, [message(lines, seconds(at)), tick(seconds(at))]))
    assert signals(flow(), blocks) == []
