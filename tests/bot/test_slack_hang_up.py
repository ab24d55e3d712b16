"""Hanging up on Slack ends, whatever its client is doing at that moment."""

from __future__ import annotations

import logging
import threading
from random import Random

import pytest
from slack_bolt import App
from slack_rig import settings_for, tokens_for
from slack_sdk.socket_mode.builtin import SocketModeClient

from bot.slack.api import web_client
from bot.slack.socket_mode import SocketMode, hang_up
from bot.workspace.fixture import RunningWorkspace

pytest_plugins = ("bot.workspace.fixture",)


class Halts(logging.Logger):
    """A logger of the client at which its receiving thread halts, between its look at a session and its start."""

    def __init__(self) -> None:
        super().__init__("halts", logging.INFO)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def info(self, msg: object, *args: object, **_: object) -> None:
        if str(msg).startswith("Starting to receive"):
            self.reached.set()
            assert self.go_on.wait(20)


def test_a_client_that_is_just_taking_up_its_session_is_hung_up_on(workspace: RunningWorkspace) -> None:
    logger, tokens, settings = Halts(), tokens_for(workspace), settings_for(workspace)
    assert tokens.app is not None
    key = tokens.app.get_secret_value()
    client = SocketModeClient(key, logger=logger, web_client=web_client(key, settings))
    client.connect()
    assert logger.reached.wait(20)
    closing = threading.Thread(target=hang_up, args=(client,), daemon=True)
    closing.start()
    closing.join(
        0.3
    )  # by now the session is marked as ended, and the receiving thread marks it as running again
    logger.go_on.set()
    closing.join(10)
    assert not closing.is_alive()
    assert not client.is_connected()


@pytest.mark.parametrize("round_", range(5))
def test_a_connection_that_was_just_made_is_ended_at_once(workspace: RunningWorkspace, round_: int) -> None:
    tokens = tokens_for(workspace)
    assert tokens.app is not None
    app = App(client=workspace.web(), token_verification_enabled=False, signing_secret="")
    made = SocketMode(app, tokens.app.get_secret_value(), settings_for(workspace), Random(round_))
    made.start()
    workspace.client.wait_for_connections(1)
    stopping = threading.Thread(target=made.stop, daemon=True)
    stopping.start()
    stopping.join(10)
    assert not stopping.is_alive()
    assert not made.connected
