"""Makes the rigs importable under --import-mode=importlib; gives a Slack bot on a real store, and Chromium."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from slack_rig import Rig

from bot.workspace.fixture import RunningWorkspace
from models.clock import system_clock
from storage.database import Database
from storage.layout import Layout
from storage.seal import KeyRing

CHROMIUM = [
    "--no-sandbox",  # Chromium refuses root otherwise
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; its absence is a failure, because the page is a promise."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.fail(
            "the page is tested in Chromium, which is missing: apt-get install --no-install-recommends chromium"
        )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM)
        yield chromium
        chromium.close()


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
