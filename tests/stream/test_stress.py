"""Logs as no service should write them: every line is counted, memory stays within its limits, and what falls out is said."""

from __future__ import annotations

import logging

import pytest

from benchmarks.stress import WORLDS, Played, World, play
from stream.flow_settings import FlowSettings
from stream.grouping import SHARDS

SMALL = FlowSettings.model_validate({"services_per_shard": 2, "templates": {"max_templates": 150}})
COUNTS = {
    "a million distinct templates": 2_000,
    "times from 1970, 2038 and 9999": 2_000,
    "another name each second": 3_000,
    "lines of 1 MB": 6,
    "10,000 services": 2_000,
}


@pytest.mark.parametrize("name", WORLDS)
def test_every_line_is_counted_and_what_is_kept_stays_within_its_limits(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "stream"):
        played = play(WORLDS[name], COUNTS[name], settings=SMALL)
    assert played.counted == played.lines == COUNTS[name]
    assert played.services <= 2 * SHARDS
    assert played.templates <= 150 * played.services
    said = [record.getMessage() for record in caplog.records]
    assert any("too many services" in note for note in said) == (played.services_forgotten > 0)
    assert any("too many templates" in note for note in said) == (played.templates_forgotten > 0)


def test_what_is_forgotten_is_counted_and_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "stream"):
        services = play(WORLDS["10,000 services"], 2_000, settings=SMALL)
        templates = play(WORLDS["a million distinct templates"], 2_000, settings=SMALL)
    assert services.services_forgotten == 2_000 - services.services
    assert templates.templates_forgotten >= 2_000 - 150
    said = [record.getMessage() for record in caplog.records]
    assert [note.split(":")[0] for note in said] == ["stream", "stream"]
    assert "raise stream.services_per_shard" in said[0]
    assert "raise stream.templates.max_templates" in said[1]


def test_with_room_enough_nothing_is_forgotten() -> None:
    played = play(World(WORLDS["10,000 services"].log, 300), 300)
    assert (played.services, played.services_forgotten, played.templates_forgotten) == (300, 0, 0)


def test_growth_or_a_missing_line_is_no_pass() -> None:
    held = Played(10, 10, 1, 1, 0, 0, 100, 119, 1.0)
    assert held.holds
    assert not held._replace(peak=121).holds
    assert not held._replace(counted=9).holds
