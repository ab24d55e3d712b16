"""The bodies of the three processes: what each opens, in which order, and how it ends.

Every process forbids core dumps, logs through the safe formatter to `log/NAME.log`, and stops when its event is set.
"""

from __future__ import annotations

import logging
import os
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.config import Config
from models.clock import Clock
from models.sanitizer.gate import Gate
from models.sanitizer.guard import forbid_core_dumps, log_to
from models.sanitizer.vocabulary import Vocabulary
from storage.layout import Layout
from storage.seal import VARIABLE, KeyRing, new_data_key

if TYPE_CHECKING:
    from command_center.access.operators import Directory
    from command_center.center import CommandCenter
    from command_center.webhook import WebhookServer


LOG = logging.getLogger(__name__)


def make_gate(config: Config, layout: Layout, ring: KeyRing | None = None) -> Gate:
    """Return the gate of this deployment: the base vocabulary, its approved words and the names it configures.

    Without `ring` the key of the state is used, made if there is none.
    """
    ring = KeyRing.load(layout, create=True) if ring is None else ring
    names = {
        *config.services,
        *config.center.critical_services,
        *(operator.id for operator in config.operators),
    }
    for caller, callees in config.center.calls.items():
        names |= {caller, *callees}
    vocabulary = Vocabulary.base().with_words(config.words)
    return Gate(vocabulary, names=names, key=ring.secret("names"))


def passing_ring(layout: Layout) -> KeyRing:
    """Return the keys for a command that only asks: where there are none yet, none are made for it.

    Keys of the moment take their place. Nothing that was made with them is kept, for nobody runs who could.
    """
    there = layout.master_key.exists() or os.environ.get(VARIABLE)
    return KeyRing.load(layout, create=False) if there else KeyRing(new_data_key())


@contextmanager
def telling() -> Iterator[None]:
    """Write down in the process's log why it ends, when that is an error; what ends on purpose passes."""
    try:
        yield
    except Exception as error:
        LOG.critical(
            "ended by an error: %s", error
        )  # the formatter shows of a foreign one only class and place
        raise


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
    with telling():
        run_receiver(settings, config.spool, layout, ring, clock, stop)


def run_stream_process(config: Config, layout: Layout, clock: Clock, stop: threading.Event) -> None:
    """Process 2: blocks of the spool become facts, applied once by the command center."""
    from stream.run import run_stream

    ring = prepare(layout, "stream")
    with telling():
        gate = make_gate(config, layout, ring)
        run_stream(config.stream, config.fields, layout, ring, gate, clock, stop, spool=config.spool)


def run_command_process(config: Config, layout: Layout, clock: Clock, stop: threading.Event) -> None:
    """Process 3: the only owner of the database; decides, publishes, answers on the socket, talks to Slack."""
    ring = prepare(layout, "command")
    with telling():
        ended = _run_command(config, layout, ring, clock, stop)
    if not ended:
        LOG.warning("ended while a query that cannot be stopped still ran; the database is closed")
        logging.shutdown()
        os._exit(0)  # Python would wait for the query's thread for ever


def _run_command(config: Config, layout: Layout, ring: KeyRing, clock: Clock, stop: threading.Event) -> bool:
    """Return whether everything has ended; False if a query's thread goes on."""
    from bot.housekeeping import Housekeeping
    from bot.slack.run import SlackBot
    from bot.start_checks import directory_of
    from command_center.center import CommandCenter
    from command_center.exports import ExportIntake
    from command_center.service import StoreService
    from storage.database import Database

    gate = make_gate(config, layout, ring)
    directory = directory_of(config, layout)
    database = Database.open(layout, ring, clock, settings=config.store)
    try:
        exports = ExportIntake(database, directory, layout, ring)
        exports.take_in()
        center = CommandCenter(database, gate, directory, config.center, clock)
        service = StoreService(center, database, directory, gate, layout)
        work = Housekeeping(database, center, clock, config.store, exports.take_in)
        service.report("trouble", lambda: work.trouble)
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
                work.run(stop)
            finally:
                if bot is not None:
                    bot.stop()
                if webhook is not None:
                    webhook.stop()
        finally:
            ended = service.stop()
    finally:
        database.close()
    return ended


def run_new_database(layout: Layout, clock: Clock) -> str:
    """Begin a new database in place of one that is lost or damaged; returns what is to be said about it."""
    from storage.database import begin_anew

    past = begin_anew(layout, KeyRing.load(layout, create=False), clock)
    anchored = f"; its last anchor is entry {past.last.seq}, of {past.last.ts}" if past.last else ""
    return (
        f"A new, empty database stands. What was left of the one before is in {past.place}{anchored}. "
        "The first entry of the audit chain records this. Start Mayday as always."
    )


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
