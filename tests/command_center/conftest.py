"""A command center on a real store for each test, and one that a whole module shares."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes center_rig.py importable under --import-mode=importlib

from center_rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """For tests that only add: each of them works on incidents of its own."""
    made = Rig(tmp_path_factory.mktemp("shared") / "state")
    yield made
    made.close()
