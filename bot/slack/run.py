"""`SlackBot`: everything of the Slack side that process 3 starts and stops."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Mapping

from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackClientError

from bot.slack.api import web_client
from bot.slack.app import build_app
from bot.slack.errors import NoTokens
from bot.slack.gateway import Gateway
from bot.slack.http import SignedHttp
from bot.slack.outbox import Outbox
from bot.slack.settings import SlackSettings
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
    """Gateway, worker, outbox and transport. Without tokens it stays off and says so; the rest of Mayday runs on."""

    def __init__(
        self,
        center: CommandCenter,
        database: Database,
        gate: Gate,
        directory: Directory,
        settings: SlackSettings,
        tokens: Tokens,
        secret: bytes,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        client = web_client(tokens.bot.get_secret_value(), settings)
        self._settings, self._rng = settings, rng
        self._worker = Worker(database, center, gate, directory, client, settings)
        self._outbox = Outbox(database, center, directory, client, settings, secret, clock, rng)
        gateway = Gateway(database, center, gate, directory, settings, secret, clock, self._worker.wake)
        signing = tokens.signing.get_secret_value() if tokens.signing else ""
        by_http = settings.transport == "http"
        if by_http and not signing:
            raise NoTokens("the http transport needs the signing secret", hint=NoTokens.remedy)
        self._app = build_app(gateway, client, settings, signing_secret=signing if by_http else "")
        self._http = SignedHttp(self._app, database, center, settings, signing, clock) if by_http else None
        self._app_token = tokens.app.get_secret_value() if tokens.app else ""
        if not by_http and not self._app_token:
            raise NoTokens("Socket Mode needs the app-level token", hint=NoTokens.remedy)
        self._stopping = threading.Event()
        self._socket: SocketModeHandler | None = None
        self._connecting = threading.Thread(target=self._connect, name="slack-connect", daemon=True)
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
        """`connected`, or `connecting` while Slack cannot be reached."""
        if self._http is not None:
            return "connected"
        return (
            "connected" if self._socket is not None and self._socket.client.is_connected() else "connecting"
        )

    def start(self) -> None:
        """Start everything; returns at once, whether or not Slack can be reached."""
        self._worker.start()
        self._outbox.start()
        if self._http is not None:
            self._http.start()
        else:
            self._connecting.start()

    def stop(self) -> None:
        """Stop taking interactions, finish those at hand."""
        self._stopping.set()
        if self._http is not None:
            self._http.stop()
        else:
            self._connecting.join()
        if self._socket is not None:
            self._socket.close()  # type: ignore[no-untyped-call]
        self._worker.stop()
        self._outbox.stop()

    def _connect(self) -> None:
        """Open Socket Mode, again and again until it works; the client itself keeps it open after that."""
        wait = self._settings.retry_first
        while not self._stopping.is_set():
            client = web_client(self._app_token, self._settings)
            handler = SocketModeHandler(
                self._app, self._app_token, web_client=client, concurrency=self._settings.listeners
            )
            try:
                handler.connect()  # type: ignore[no-untyped-call]
            except (SlackClientError, OSError) as error:
                LOG.warning("Slack cannot be reached: %s", type(error).__name__)
                handler.close()  # type: ignore[no-untyped-call]
                self._stopping.wait(wait * (0.5 + self._rng.random() / 2))
                wait = min(wait * 2, self._settings.retry_most)
            else:
                self._socket = handler
                return
