"""Slack's libraries are kept silent, and that silences nothing of ours."""

from __future__ import annotations

import logging

import pytest
from slack_rig import Rig


pytest_plugins = ("bot.workspace.fixture",)


@pytest.mark.parametrize("name", ["mayday", "bot", "bot.slack", "command_center", "storage"])
def test_with_the_bot_running_our_own_loggers_still_speak(rig: Rig, name: str) -> None:
    rig.start()
    rig.declare()
    rig.card("INC-1")
    logger = logging.getLogger(name)
    assert not logger.disabled
    assert logger.isEnabledFor(logging.CRITICAL)
    assert logger.level == logging.NOTSET
