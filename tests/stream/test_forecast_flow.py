"""A limit that is foreseen leaves the flow as a signal that a person can check."""

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

NOW = 1_772_420_400
RING = KeyRing(bytes(range(32)))
GATE = Gate(Vocabulary.base(), names=["billing", "db"])


def day(minutes: int, full_at: int) -> list[Block]:
    """A service that says every minute how full its disks are: one fills from minute 60 on, the other does not."""
    rng = random.Random(4)
    out = []
    for minute in range(minutes):
        at = NOW + 60 * minute
        share = min(100.0, 40 + max(0, minute - 60) * 60 / (full_at - 60) + rng.gauss(0, 0.4))
        records = [
            line("db", "checkpoint written", at + 1),
            line("db", f"disk /mnt/zorblax is {share:.1f}% full", at + 2, host="db-7"),
            line("db", f"disk /mnt/quux is {60 + rng.gauss(0, 0.4):.1f}% full", at + 3, host="db-7"),
        ]
        out.append(block(minute, [message(records, seconds(at + 60)), tick(seconds(at + 60))]))
    return out


def forecasts(blocks: list[Block], restart_every: int = 0, **detectors: object) -> list[Signal]:
    settings = FlowSettings.model_validate({"detectors": detectors})
    found, flow = list[Signal](), PlainFlow(settings, FieldSettings(), GATE, RING)
    for each in blocks:
        if restart_every and each.seq and each.seq % restart_every == 0:
            states = flow.snapshots()
            flow = PlainFlow(settings, FieldSettings(), GATE, RING)
            flow.restore(states)
        found += [
            signal
            for facts in flow.step(each)
            for signal in facts.signals
            if signal.kind is SignalKind.FORECAST
        ]
    return found


def test_a_filling_disk_is_announced_once_with_its_numbers_and_without_raw_words() -> None:
    (signal,) = forecasts(day(160, full_at=160))
    left = 160 - (signal.seen_at.timestamp() - NOW) / 60
    assert 15 <= left <= 60
    assert (signal.service, signal.level) == ("db", Level.WARN)
    assert signal.host is not None
    assert signal.template_id is not None
    assert signal.score >= signal.threshold
    evidence = signal.evidence
    assert evidence["figure"] == "disk"
    assert float(evidence["earliest_min"]) <= left + 5
    assert float(evidence["latest_min"]) + 30 >= left
    assert 40 < float(evidence["full_percent"]) < 100
    assert float(evidence["percent_per_minute"]) > 0.3
    assert "zorblax" not in signal.model_dump_json()


def test_restarts_change_no_forecast() -> None:
    assert forecasts(day(150, full_at=150), restart_every=7) == forecasts(day(150, full_at=150))


def test_a_disk_that_stands_still_and_a_switch_that_is_off_announce_nothing() -> None:
    assert forecasts(day(200, full_at=100_000)) == []
    assert forecasts(day(160, full_at=160), forecast={"enabled": False}) == []


def test_errors_that_grow_are_announced_before_they_are_a_burst() -> None:
    blocks, rng = [], random.Random(3)
    for minute in range(330):
        at = NOW + 60 * minute
        errors = 30 + max(0, minute - 240) + rng.randint(-2, 2)
        records = [line("billing", "served", at + n) for n in range(50)]
        records += [
            line("billing", "retry later", at + 60 * n / errors, level="ERROR") for n in range(errors)
        ]
        blocks.append(block(minute, [message(records, seconds(at + 60)), tick(seconds(at + 60))]))
    found = forecasts(blocks)
    assert [(each.evidence["figure"], each.template_id) for each in found] == [
        ("error lines per minute", None)
    ]
    assert found[0].evidence["ends"] == 0
