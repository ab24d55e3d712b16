"""The bodies of the three processes: what each opens, in which order, and how it ends.

Every process forbids core dumps, logs through the safe formatter to `log/NAME.log`, and stops when its event is set.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.config import Config
from models.clock import Clock
from models.sanitizer.gate import Gate
from models.sanitizer.guard import forbid_core_dumps, log_to
from models.sanitizer.vocabulary import Vocabulary
from storage.layout import Layout
from storage.seal import KeyRing
from storage.settings import StorageSettings

if TYPE_CHECKING:
    from command_center.access.operators import Directory
    from command_center.center import CommandCenter
    from command_center.webhook import WebhookServer


def make_gate(config: Config, layout: Layout) -> Gate:
    """Return the gate of this deployment: the base vocabulary, its approved words and the names it configures."""
    ring = KeyRing.load(layout, create=True)
    names = {
        *config.services,
        *config.center.critical_services,
        *(operator.id for operator in config.operators),
    }
    for caller, callees in config.center.calls.items():
        names |= {caller, *callees}
    vocabulary = Vocabulary.base().with_words(config.words)
    return Gate(vocabulary, names=names, key=ring.secret("names"))


def prepare(layout: Layout, name: str) -> KeyRing:
    """Do what every process does first, and return its keys."""
    forbid_core_dumps()
    layout.prepare()
    log_to(layout.logs / f"{name}.log")
    return KeyRing.load(layout, create=True)


def run_receive_process(
    config: Config, layout: Layout, clock: Clock, stop: threading.Event, listeners: Mapping[str, str]
) -> None:
    """Process 1: listen, seal, sync, acknowledge. `listeners` (name → HOST:PORT or `off`) win over the configuration."""
    from stream.receive import check_exposure, run_receiver

    settings = config.receive.listening(listeners)
    check_exposure(settings)  # a wrong address is said before anything is made
    ring = prepare(layout, "receive")
    run_receiver(settings, config.spool, layout, ring, clock, stop)


def run_stream_process(config: Config, layout: Layout, clock: Clock, stop: threading.Event) -> None:
    """Process 2: blocks of the spool become facts, applied once by the command center."""
    from stream.run import run_stream

    ring = prepare(layout, "stream")
    run_stream(
        config.stream, config.fields, layout, ring, make_gate(config, layout), clock, stop, spool=config.spool
    )


def run_command_process(config: Config, layout: Layout, clock: Clock, stop: threading.Event) -> None:
    """Process 3: the only owner of the database; decides, publishes, answers on the socket, talks to Slack."""
    from bot.slack.people import read_people, with_people
    from bot.slack.run import SlackBot
    from command_center.access.operators import Directory
    from command_center.center import CommandCenter
    from command_center.exports import take_in
    from command_center.service import StoreService
    from storage.database import Database

    ring = prepare(layout, "command")
    gate = make_gate(config, layout)
    directory = Directory(with_people(config.operators, read_people(layout.root)))
    database = Database.open(layout, ring, clock, settings=config.store)
    try:
        take_in(database, directory, layout, ring)
        center = CommandCenter(database, gate, directory, config.center, clock)
        service = StoreService(center, database, directory, gate, layout)
        service.start()
        try:
            bot = SlackBot.from_environment(
                center,
                database,
                gate,
                directory,
                config.slack,
                layout,
                ring,
                clock,
                random.Random(),
                os.environ,
            )
            webhook = start_webhook(config, center, gate, directory, clock)
            if bot is not None:
                service.report("slack", lambda: bot.state)
                service.report("slack_trouble", lambda: bot.trouble)
                service.report("cards_behind", lambda: bot.behind)
                bot.start()
            try:
                Housekeeping(
                    database, center, clock, config.store, lambda: take_in(database, directory, layout, ring)
                ).run(stop)
            finally:
                if bot is not None:
                    bot.stop()
                if webhook is not None:
                    webhook.stop()
        finally:
            service.stop()
    finally:
        database.close()


def start_webhook(
    config: Config, center: CommandCenter, gate: Gate, directory: Directory, clock: Clock
) -> WebhookServer | None:
    """Listen for change markers from pipelines where an address is configured."""
    from command_center.webhook import ChangeWebhook, WebhookServer

    settings = config.center.webhook
    if settings.listen is None:
        return None
    server = WebhookServer(ChangeWebhook(center, gate, directory, settings, clock), settings.listen)
    server.start()
    return server


class Housekeeping:
    """What the command center does by the clock: publish the live copy, anchor the audit
    chain, take in exports that happened while it was away, see what is due."""

    LOOK_EVERY = 1.0

    def __init__(
        self,
        database: Any,
        center: Any,
        clock: Clock,
        settings: StorageSettings,
        take_in: Callable[[], int] = lambda: 0,
    ) -> None:
        self._database, self._center, self._clock, self._settings = database, center, clock, settings
        self._take_in = take_in
        self._changed = threading.Event()
        self._published = self._anchored = datetime.min.replace(tzinfo=UTC)
        center.on_change(lambda _incident: self._changed.set())

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; one last publication leaves the live copy as fresh as the database."""
        while not stop.wait(self.LOOK_EVERY):
            self.step(self._clock())
        self._database.publish()

    def step(self, now: datetime) -> None:
        """Do what is due at `now`. A change of an incident is published sooner than anything else."""
        self._take_in()
        self._center.tick(now)
        self._database.tidy(now)
        settings = self._settings
        pause = settings.publish_soon_s if self._changed.is_set() else settings.publish_s
        if (now - self._published).total_seconds() >= pause:
            self._changed.clear()
            self._database.publish()
            self._published = now
        if (now - self._anchored).total_seconds() >= settings.anchor_s:
            self._database.anchor()
            self._anchored = now
