"""An agent that falls silent is missed by its own measure, and never before a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.seal import KeyRing, SealBroken
from stream.agents_seen import agents_seen
from stream.receiver_status import ReceiverStatus, make_status
from stream.receivers.metrics import AgentCounters, Metrics

RING = KeyRing(bytes(32))
START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def status(at: float, **agents: tuple[int, float]) -> ReceiverStatus:
    """The status `at` seconds after the start; agents have (messages, seconds of the last one)."""
    metrics = Metrics()
    for name, (messages, last) in agents.items():
        seen = int((START + timedelta(seconds=last)).timestamp() * 1e9)
        metrics.agents[name] = AgentCounters(messages=messages, bytes=100 * messages, last_seen_ns=seen)
    return make_status(
        metrics, RING, state="receiving", started_at=START, at=START + timedelta(seconds=at), listeners={},
        no_room=None, in_flight=0, most_in_flight=0,
    )  # fmt: skip


def quiet(at: float, messages: int, last: float) -> bool:
    (agent,) = agents_seen(status(at, one=(messages, last)), RING)
    return agent.gone_quiet


def test_one_that_sends_every_second_is_missed_after_a_minute() -> None:
    assert not quiet(659, messages=600, last=600)
    assert quiet(661, messages=600, last=600)


def test_one_that_sends_every_ten_minutes_is_missed_after_twenty_such_pauses() -> None:
    assert not quiet(3600 + 11_000, messages=6, last=3600)
    assert quiet(3600 + 13_000, messages=6, last=3600)


def test_the_quietest_comes_first_and_keeps_its_counters() -> None:
    found = agents_seen(status(100, web=(50, 99), queue=(7, 20)), RING)
    assert [(agent.name, agent.counters.messages, agent.quiet.total_seconds()) for agent in found] == [
        ("queue", 7, 80),
        ("web", 50, 1),
    ]
    assert found[0].last_at == START + timedelta(seconds=20)


def test_a_clock_that_was_set_back_makes_nobody_quiet() -> None:
    (agent,) = agents_seen(status(10, web=(3, 500)), RING)
    assert (agent.quiet, agent.gone_quiet) == (timedelta(), False)


def test_names_are_read_with_their_own_key_alone() -> None:
    with pytest.raises(SealBroken):
        agents_seen(status(10, web=(3, 5)), KeyRing(bytes(31) + b"x"))
