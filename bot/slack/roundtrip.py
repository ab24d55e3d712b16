"""Proves the way back: a test card whose button must return, and a command that must reach us.

The set-up listens on a Socket Mode connection of its own. Where Mayday is running, Slack may give the click to that
one instead: whichever gets it changes the card, and the change is what is waited for. A command that does not arrive
although the button did belongs to another app.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.slack.answers import TEST, trial_card
from bot.slack.api import call, silent_logger, web_client
from bot.slack.buttons import Button, seal, unseal
from bot.slack.errors import ButtonRefused, SlackAway, SlackFailure
from bot.slack.gateway import TEST_VERB
from bot.slack.settings import SlackSettings
from bot.slack.socket_mode import PING, hang_up
from bot.slack.tokens import Tokens
from bot.slack.worker import mark_came_back

LOOK_EVERY = 0.5  # seconds between two looks at the card
VALID = 3600  # seconds for which the test card's button works


class RoundTrip:
    """A connection for the length of a `with` block. Raises `SlackAway` on entering where none can be made."""

    def __init__(
        self,
        tokens: Tokens,
        settings: SlackSettings,
        key: bytes,
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = web_client(tokens.bot.get_secret_value(), settings)
        app_token = tokens.app.get_secret_value() if tokens.app else ""
        self._key, self._now, self._monotonic = key, now, monotonic
        self._socket = SocketModeClient(
            app_token,
            logger=silent_logger(),
            web_client=web_client(app_token, settings),
            ping_interval=PING,
            concurrency=2,
        )
        self._socket.socket_mode_request_listeners.append(self._take)
        self._arrived = threading.Condition()
        self._commands: set[str] = set()
        self._pressed = False
        self._expected: tuple[str, str] | None = None

    def __enter__(self) -> RoundTrip:
        try:
            self._socket.connect()
        except (SlackClientError, OSError) as error:
            hang_up(self._socket)
            raise SlackAway(f"Socket Mode cannot be opened ({type(error).__name__})") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        hang_up(self._socket)

    @property
    def was_pressed_here(self) -> bool:
        """Whether the click came to this connection, and not to one of a running Mayday."""
        return self._pressed

    def post(self, channel: str) -> str:
        """Post the test card; returns its `ts`. Raises `SlackFailure`."""
        expires = int(self._now()) + VALID
        blocks = trial_card(seal(self._key, Button(TEST_VERB, "-", 0, expires)))
        text = "Mayday is being set up: press the button."
        ts = str(call(self._client, "chat.postMessage", channel=channel, text=text, blocks=blocks)["ts"])
        self._expected = (channel, ts)
        return ts

    def withdraw(self, channel: str, ts: str) -> None:
        """Take the test card away again, so that tries do not pile up."""
        with contextlib.suppress(SlackFailure):  # then it stays: its button works for an hour at most
            call(self._client, "chat.delete", channel=channel, ts=ts)

    def came_back(self, channel: str, ts: str, seconds: float) -> bool:
        """Wait until the card's button has come back; False when it has not after `seconds`."""
        return self._wait(lambda: self._is_marked(channel, ts), seconds)

    def heard(self, command: str, seconds: float) -> bool:
        """Wait until somebody has typed `command` and it reached us; False when it has not after `seconds`."""
        return self._wait(lambda: command in self._commands, seconds)

    def _wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        deadline = self._monotonic() + seconds
        while not holds():
            left = deadline - self._monotonic()
            if left <= 0:
                return False
            with self._arrived:
                self._arrived.wait(min(left, LOOK_EVERY))
        return True

    def _is_marked(self, channel: str, ts: str) -> bool:
        found = call(
            self._client,
            "conversations.history",
            channel=channel,
            latest=ts,
            oldest=ts,
            inclusive=True,
            limit=1,
            include_all_metadata=True,
        )
        return any(_came_back(message) for message in found.get("messages", []) if message.get("ts") == ts)

    def _take(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """Acknowledge what is ours. The rest is left alone: Slack gives it to another connection or says so."""
        body: dict[str, Any] = request.payload or {}
        if request.type == "slash_commands":
            words = {"text": "Mayday hears you. This was only the set-up: start it with `mayday up`."}
            client.send_socket_mode_response(SocketModeResponse(request.envelope_id, words))
            self._commands.add(str(body.get("command")))
        elif request.type == "interactive" and self._is_our_button(body):
            client.send_socket_mode_response(SocketModeResponse(request.envelope_id))
            assert self._expected is not None
            channel, ts = self._expected
            self._pressed = True
            try:
                mark_came_back(self._client, channel, ts)
            except SlackFailure:
                return  # the button can be pressed again
        with self._arrived:
            self._arrived.notify_all()

    def _is_our_button(self, body: dict[str, Any]) -> bool:
        pressed = (body.get("actions") or [{}])[0]
        if self._expected is None or pressed.get("action_id") != TEST:
            return False
        try:
            return unseal(self._key, str(pressed.get("value")), self._now()).verb == TEST_VERB
        except ButtonRefused:
            return False


def _came_back(message: dict[str, Any]) -> bool:
    metadata = message.get("metadata") or {}
    return metadata.get("event_type") == "mayday_test" and bool(
        metadata.get("event_payload", {}).get("came_back")
    )


def post_only(client: WebClient, channel: str) -> str:
    """Post a card without a button, where there is no Socket Mode to bring one back; returns its `ts`."""
    text = "Mayday can post here. With the http transport its buttons come back once it is running."
    return str(call(client, "chat.postMessage", channel=channel, text=text)["ts"])
