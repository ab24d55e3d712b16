"""Keeps a Socket Mode connection open: tries until Slack can be reached, and says how it stands.

Slack's client reconnects by itself once it has been connected; only the first connection is ours to repeat.
"""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import threading

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.builtin import SocketModeClient

from bot.slack.api import silent_logger, web_client
from bot.slack.errors import refusal
from bot.slack.settings import SlackSettings

LOG = logging.getLogger(__name__)
PING = 5.0  # seconds: a connection that died is noticed after at most about four of these
RECEIVER_ENDS = 0.05  # seconds, after which the receiving thread is told again that its session has ended


class SocketMode:
    """From `start` until `stop`."""

    def __init__(
        self, app: App, token: str, settings: SlackSettings, rng: random.Random, ping: float = PING
    ) -> None:
        self._app, self._token, self._settings, self._rng, self._ping = app, token, settings, rng, ping
        self._stopping = threading.Event()
        self._handler: SocketModeHandler | None = None
        self._thread = threading.Thread(target=self._connect, name="slack-connect", daemon=True)
        self.trouble = ""

    @property
    def connected(self) -> bool:
        return self._handler is not None and self._handler.client.is_connected()

    def start(self) -> None:
        """Return at once, whether or not Slack can be reached."""
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        if self._handler is not None:
            hang_up(self._handler.client)

    def _connect(self) -> None:
        wait = self._settings.retry_first
        while not self._stopping.is_set():
            handler = SocketModeHandler(
                self._app,
                self._token,
                logger=silent_logger(),
                web_client=web_client(self._token, self._settings),
                concurrency=self._settings.listeners,
                ping_interval=self._ping,
            )
            try:
                handler.connect()  # type: ignore[no-untyped-call]
            except SlackApiError as error:
                self.trouble = str(refusal("apps.connections.open", str(error.response.get("error"))))
            except (SlackClientError, OSError, ValueError) as error:
                self.trouble = f"Slack cannot be reached ({type(error).__name__})"
            else:
                self._handler, self.trouble = handler, ""
                LOG.info("connected to Slack by Socket Mode")
                return
            LOG.warning("not connected to Slack: %s", self.trouble)
            hang_up(handler.client)
            self._stopping.wait(wait * (0.5 + self._rng.random() / 2))
            wait = min(wait * 2, self._settings.retry_most)


def hang_up(client: SocketModeClient) -> None:
    """Close a client at once; by itself it would first wait for its next receive and its next message in vain.

    Its receiving thread may be just about to take up a session: it then marks that session as running although it was
    ended, and would wait on it for ever. So the session is ended until that thread is gone.
    """
    client.auto_reconnect_enabled = client.default_auto_reconnect_enabled = False
    client.closed = True
    client.message_queue.put(None)
    receiver = client.current_session_runner
    receiver.event.set()
    while receiver.is_alive():
        client.current_session_state.terminated = True
        under = client.current_session.sock if client.current_session is not None else None
        if under is not None:
            with contextlib.suppress(OSError):  # already gone
                under.shutdown(socket.SHUT_RDWR)
        receiver.thread.join(RECEIVER_ENDS)
    try:
        client.close()
    except (
        AttributeError
    ):  # its own thread closed the socket at the same moment, and it looks before it locks
        client.close()
