"""A workspace with a clock that stands still and that answers late deliveries at once, for all tests of strictness."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bot.workspace.fixture import RunningWorkspace
from bot.workspace.server import WorkspaceServer
from bot.workspace.settings import WorkspaceSettings
from models.clock import Clock, FrozenClock, system_clock

sys.path.insert(0, str(Path(__file__).parent))  # for strict_rig


@pytest.fixture
def workspace_settings() -> WorkspaceSettings:
    return WorkspaceSettings(port=0, ack_seconds=0.2, retry_seconds=())


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(system_clock())


@pytest.fixture
def workspace_clock(clock: FrozenClock) -> Clock:
    return clock


@pytest.fixture(scope="module")
def untouched() -> Iterator[RunningWorkspace]:
    """One workspace for all calls that are refused and so change nothing."""
    with WorkspaceServer(WorkspaceSettings(port=0), system_clock, Random(7)) as server:
        yield RunningWorkspace(server)
