"""`SlackBot`: everything of the Slack side that process 3 starts and stops."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from bot.slack.api import web_client
from bot.slack.app import build_app
from bot.slack.errors import NoTokens
from bot.slack.gateway import Gateway
from bot.slack.http import SignedHttp
from bot.slack.inbox import Inbox
from bot.slack.outbox import Outbox
from bot.slack.settings import SlackSettings
from bot.slack.socket_mode import SocketMode
from bot.slack.tokens import Tokens, read_tokens
from bot.slack.worker import Worker
from command_center.access.operators import Directory
from command_center.center import CommandCenter
from models.clock import Clock
from models.sanitizer.gate import Gate
from storage.database import Database
from storage.layout import Layout
from storage.seal import KeyRing

LOG = logging.getLogger(__name__)


class SlackBot:
    """Gateway, worker, outbox and transport. `key` signs buttons.

    Raises `NoTokens` when a secret that the transport needs is missing. Slack may be away when it starts: what is to
    be shown waits in the database until Slack can be reached.
    """

    def __init__(
        self,
        center: CommandCenter,
        database: Database,
        gate: Gate,
        directory: Directory,
        settings: SlackSettings,
        tokens: Tokens,
        key: bytes,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        client = web_client(tokens.bot.get_secret_value(), settings)
        inbox = Inbox(database, gate)
        self._worker = Worker(inbox, database, center, directory, client, settings, key)
        self._outbox = Outbox(database, center, directory, client, settings, key, clock, rng)
        gateway = Gateway(inbox, center, gate, directory, settings, key, clock, self._worker.take)
        self._listeners = ThreadPoolExecutor(settings.listeners, thread_name_prefix="slack-listener")
        app = build_app(gateway, client, self._listeners)
        self._http: SignedHttp | None = None
        self._socket: SocketMode | None = None
        if settings.transport == "http":
            if tokens.signing is None:
                raise NoTokens("the http transport needs the signing secret", hint=NoTokens.remedy)
            secret = tokens.signing.get_secret_value()
            self._http = SignedHttp(app, database, center, settings, secret, clock)
        else:
            if tokens.app is None:
                raise NoTokens("Socket Mode needs the app-level token", hint=NoTokens.remedy)
            self._socket = SocketMode(app, tokens.app.get_secret_value(), settings, rng)
        center.on_change(lambda _incident: self._outbox.wake())

    @classmethod
    def from_environment(
        cls,
        center: CommandCenter,
        database: Database,
        gate: Gate,
        directory: Directory,
        settings: SlackSettings,
        layout: Layout,
        ring: KeyRing,
        clock: Clock,
        rng: random.Random,
        environment: Mapping[str, str],
    ) -> SlackBot | None:
        """Return the bot with the tokens that are kept, or None where Slack is switched off or has no tokens."""
        if not settings.enabled:
            return None
        try:
            tokens = read_tokens(layout.tokens, environment)
            return cls(
                center, database, gate, directory, settings, tokens, ring.secret("buttons"), clock, rng
            )
        except NoTokens as error:
            LOG.warning("Slack is off: %s", error)
            return None

    @property
    def state(self) -> str:
        """`connected` (or `listening` for HTTP), or `connecting` while Slack cannot be reached."""
        if self._socket is None:
            return "listening"
        return "connected" if self._socket.connected else "connecting"

    @property
    def trouble(self) -> str:
        """What is wrong at present, in a sentence; empty when nothing is."""
        return (self._socket.trouble if self._socket else "") or self._outbox.trouble

    @property
    def behind(self) -> int:
        """How many cards do not show the newest state of their incident."""
        return self._outbox.behind

    @property
    def url(self) -> str | None:
        """Where signed requests are taken, with the http transport."""
        return self._http.url if self._http else None

    def start(self) -> None:
        """Start everything; returns at once, whether or not Slack can be reached."""
        left = self._worker.start()
        if left:
            LOG.info("%d requests from before are taken up again", left)
        self._outbox.start()
        transport = self._socket or self._http
        assert transport is not None
        transport.start()

    def stop(self) -> None:
        """Stop taking interactions, finish those at hand; what is left waits in the database."""
        transport = self._socket or self._http
        assert transport is not None
        transport.stop()
        self._listeners.shutdown()
        self._worker.stop()
        self._outbox.stop()
