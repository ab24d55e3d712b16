"""Makes `slack_rig.py` importable under --import-mode=importlib, and gives a Slack bot on a real store."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from slack_rig import Rig

from bot.workspace.fixture import RunningWorkspace
from models.clock import system_clock
from storage.database import Database
from storage.layout import Layout
from storage.seal import KeyRing


@pytest.fixture(scope="session")
def empty_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with keys and an empty database, to copy: that is quicker than to make one per test."""
    layout = Layout(tmp_path_factory.mktemp("empty") / "state").prepare()
    Database.open(layout, KeyRing.load(layout, create=True, environ={}), system_clock).close()
    return layout.root


@pytest.fixture
def rig(tmp_path: Path, empty_state: Path, workspace: RunningWorkspace) -> Iterator[Rig]:
    """A command center with a Slack bot that talks to the local workspace; the bot is not started yet."""
    made = Rig(shutil.copytree(empty_state, tmp_path / "state"), workspace)
    yield made
    made.close()
