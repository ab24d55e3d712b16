"""Slack's libraries are kept silent, and that silences nothing of ours."""

from __future__ import annotations

import logging

import pytest
from slack_rig import CHANNEL, Rig

pytest_plugins = ("bot.workspace.fixture",)


@pytest.mark.parametrize("name", ["mayday", "bot", "bot.slack", "command_center", "storage"])
def test_after_a_command_and_a_form_our_own_loggers_still_speak(rig: Rig, name: str) -> None:
    logger = logging.getLogger(name)
    before = logger.level, logger.disabled, tuple(logger.handlers)
    rig.start()
    rig.see.command(
        "oncall", CHANNEL, "/incident declare"
    )  # Bolt sets loggers up when something is delivered
    rig.see.wait_for_view("oncall")
    assert rig.see.submit("oncall", {"title": "database down", "severity": "2"})["ok"]
    rig.card("INC-1")
    assert (logger.level, logger.disabled, tuple(logger.handlers)) == before
