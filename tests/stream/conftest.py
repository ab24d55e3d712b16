"""Makes the rigs importable under --import-mode=importlib; gives a spool's clock, directory, disk and writer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from spool_rig import BEGIN, RING

from models.clock import FrozenClock
from stream.spool import SpoolWriter
from stream.spool.testing import FragileDisk, small_settings

settings.register_profile(
    "full", max_examples=2000
)  # for `make prove`: a promise that takes seconds asks for a tenth


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(BEGIN)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def disk() -> FragileDisk:
    return FragileDisk()


@pytest.fixture
def writer(directory: Path, clock: FrozenClock, disk: FragileDisk) -> Iterator[SpoolWriter]:
    with SpoolWriter.open(directory, RING, small_settings(), clock, disk) as writer:
        yield writer
