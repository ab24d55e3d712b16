"""Pytest fixtures: a running workspace per test, and a Bolt app connected to it.

In a `conftest.py` or a test module of yours:

    pytest_plugins = ("bot.workspace.fixture",)

    def test_it(workspace):
        workspace.client.command("oncall", "#incidents", "/incident list")

`workspace` is a `RunningWorkspace`. `workspace_settings` and `workspace_manifest` may be overridden to start it
differently; `transport` runs a test over Socket Mode and over HTTP. (PYTEST_DONT_REWRITE: the module may be imported
for its types before pytest takes it as a plugin.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from random import Random

import pytest
from slack_bolt import App
from slack_sdk import WebClient

from bot.workspace import bolt
from bot.workspace.client import WorkspaceClient
from bot.workspace.defaults import Credentials
from bot.workspace.model import Json, Transport
from bot.workspace.server import WorkspaceServer
from bot.workspace.settings import WorkspaceSettings
from models.clock import Clock, system_clock


class RunningWorkspace:
    """A workspace with what a test needs at hand."""

    def __init__(self, server: WorkspaceServer) -> None:
        self.server = server
        self.client = WorkspaceClient(server.url)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def api_url(self) -> str:
        return self.server.api_url

    @property
    def keys(self) -> Credentials:
        """Bot token, app token and signing secret."""
        return self.server.credentials

    def web(self, token: str = "") -> WebClient:
        """A Web API client as the bot, or with another token."""
        return WebClient(token or self.keys.bot_token, base_url=self.api_url)

    def bolt(self, configure: Callable[[App], None] = lambda _: None) -> App:
        """A Bolt app with this workspace's keys."""
        return bolt.make_bolt(self.server, configure)

    def connected(
        self, app: App, transport: Transport = "socket", *, connections: int = 1
    ) -> contextlib.AbstractContextManager[None]:
        """Connect a Bolt app for the length of a `with` block."""
        return bolt.connected(self.server, app, transport, connections=connections)


@pytest.fixture
def workspace_settings() -> WorkspaceSettings:
    """Slack's own times, on a free port. Override for shorter ones."""
    return WorkspaceSettings(port=0)


@pytest.fixture
def workspace_manifest() -> Json | None:
    """The app's manifest; None for an app that answers every command. Override to be strict."""
    return None


@pytest.fixture
def workspace_clock() -> Clock:
    return system_clock


@pytest.fixture
def workspace(
    workspace_settings: WorkspaceSettings, workspace_manifest: Json | None, workspace_clock: Clock
) -> Iterator[RunningWorkspace]:
    """A running local workspace, ended after the test."""
    with WorkspaceServer(
        workspace_settings, workspace_clock, Random(7), manifest=workspace_manifest
    ) as server:
        yield RunningWorkspace(server)


@pytest.fixture(params=["socket", "http"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """Both ways in which deliveries reach an app, one after the other."""
    found: Transport = request.param
    return found
