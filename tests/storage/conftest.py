"""A store of its own for every test, and facts and incidents to put into it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.clock import FrozenClock
from models.levels import Level
from models.sanitizer import SafeText
from models.sanitizer.safe_text import stored
from storage.database import Database
from storage.facts import BlockFacts, MinuteCount, ServiceTraffic
from storage.layout import Layout
from storage.records import ErrorEvent, ErrorPattern, Incident, Severity
from storage.seal import KeyRing
from storage.transaction import Transaction

NOW = datetime(2026, 3, 2, 3, 0, 20, tzinfo=UTC)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "state")


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing(random.Random(7).randbytes(32))


@pytest.fixture
def database(layout: Layout, ring: KeyRing, clock: FrozenClock) -> Iterator[Database]:
    database = Database.open(layout, ring, clock)
    yield database
    database.close()


@pytest.fixture
def safe() -> Callable[[str], SafeText]:
    """Text as the store had taken it."""
    return stored


@pytest.fixture
def declare() -> Callable[..., Incident]:
    """Open an incident inside a transaction and return it."""

    def declare(
        tx: Transaction, title: str = "Errors in billing", service: str = "billing", **fields: object
    ) -> Incident:
        values: dict[str, object] = {
            "id": tx.next_id("INC"),
            "title": stored(title),
            "severity": Severity.SEV2,
            "service": stored(service),
            "detected_at": tx.now,
            "updated_at": tx.now,
        }
        incident = Incident.model_validate(values | fields)
        tx.insert(incident)
        tx.audit("incident.open", "stream", incident=incident.id, severity=int(incident.severity))
        return incident

    return declare


@pytest.fixture
def report() -> Callable[..., BlockFacts]:
    """Facts of one (shard, block): `count` lines of one template, one error among them."""

    def report(
        shard: int, block: int, *, count: int = 3, at: datetime = NOW, late: int = 0, quarantined: int = 0
    ) -> BlockFacts:
        service, minute = stored(f"service-{shard}"), at.replace(second=0, microsecond=0)
        return BlockFacts(
            shard=shard,
            block=block,
            received_at=at - timedelta(seconds=2),
            counts=(
                MinuteCount(service=service, template_id="t1", minute=minute, level=Level.ERROR, count=1),
                MinuteCount(service=service, template_id="t2", minute=minute, level=Level.INFO, count=count),
            ),
            traffic=(ServiceTraffic(service=service, lines=count + 1, errors=1, last_ts=at),),
            patterns=(
                ErrorPattern(
                    template_id=f"t1-{shard}",
                    service=service,
                    template=stored("cannot reach <IP>"),
                    level=Level.ERROR,
                    first_seen=at,
                    last_seen=at,
                    distinct_parameters=2,
                    samples=(stored("cannot reach <IP> today"),),
                ),
            ),
            errors=(
                ErrorEvent(
                    ts=at,
                    last_ts=at,
                    service=service,
                    host=stored("host-1"),
                    level=Level.ERROR,
                    template_id="t1",
                    count=1,
                    shard=shard,
                    block=block,
                ),
            ),
            late=late,
            quarantined=quarantined,
        )

    return report
