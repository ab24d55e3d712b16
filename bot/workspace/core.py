"""One workspace, assembled: its memory, what listens to it, and what runs in the background."""

from __future__ import annotations

import asyncio
from random import Random

from bot.workspace import defaults, manifest
from bot.workspace.deliveries import Deliveries
from bot.workspace.events import Events
from bot.workspace.faults import Faults
from bot.workspace.interactions import Interactions
from bot.workspace.live import Live
from bot.workspace.methods.chat import post_due
from bot.workspace.model import App, Json
from bot.workspace.ratelimits import RateLimits
from bot.workspace.recorder import Recorder
from bot.workspace.settings import WorkspaceSettings
from bot.workspace.sockets import Sockets
from bot.workspace.state import State
from bot.workspace.webapi import WebApi
from models.clock import Clock
from models.errors import BadInput

DUE_SECONDS = 0.5  # how often scheduled messages are looked at


class Workspace:
    """Everything behind the server. Made and used on one event loop."""

    def __init__(
        self,
        settings: WorkspaceSettings,
        clock: Clock,
        rng: Random,
        base_url: str,
        keys: defaults.Credentials | None = None,
        app_manifest: Json | None = None,
    ) -> None:
        self.base_url = base_url
        self.state = State(settings, clock, rng)
        self.app: App = defaults.furnish(self.state, keys)
        if app_manifest is not None:
            if found := manifest.faults(app_manifest, self.state.command_owner, self.app.id):
                raise BadInput(
                    "the manifest would be refused: " + "; ".join(manifest.as_messages(found)),
                    hint="Correct it first",
                )
            manifest.install(self.app, app_manifest)
        self.faults = Faults()
        self.recorder = Recorder(settings.record_limit)
        self.sockets = Sockets(self.state)
        self.deliveries = Deliveries(self.state, self.sockets, self.faults, self.recorder)
        self.events = Events(self.state, self.deliveries)
        self.live = Live(self.state)
        self.interactions = Interactions(self.state, self.deliveries, self.events, base_url)
        self.webapi = WebApi(
            self.state, self.sockets, self.faults, self.recorder, RateLimits(), base_url, settings.rate_limits
        )
        self.state.listeners += [self.live.on_change, self.events.on_change]
        self.recorder.on_entry = self.live.on_entry

    async def open(self) -> None:
        await self.deliveries.open()
        self.deliveries.run(self._post_scheduled())

    async def close(self) -> None:
        self.live.close()
        for app_id in self.state.apps:
            await self.sockets.drop(app_id)
        await self.deliveries.close()

    async def _post_scheduled(self) -> None:
        while True:
            await asyncio.sleep(DUE_SECONDS)
            post_due(self.state)
