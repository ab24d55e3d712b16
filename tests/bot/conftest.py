"""Makes `slack_rig.py` importable under --import-mode=importlib, and gives a Slack bot on a real store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from slack_rig import Rig

from bot.workspace.fixture import RunningWorkspace


@pytest.fixture
def rig(tmp_path: Path, workspace: RunningWorkspace) -> Iterator[Rig]:
    """A command center with a Slack bot that talks to the local workspace; the bot is not started yet."""
    made = Rig(tmp_path / "state", workspace)
    yield made
    made.close()
