"""What tests of the stand-in's strictness share: calls that are refused, views, triggers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot.workspace.fixture import RunningWorkspace
from bot.workspace.model import Json

INCIDENTS = "C0INCIDENTS"


def error_of(call: Callable[[], Any]) -> str:
    with pytest.raises(SlackApiError) as caught:
        call()
    return str(caught.value.response["error"])


def text(words: str, kind: str = "plain_text") -> Json:
    return {"type": kind, "text": words}


MODAL: Json = {"type": "modal", "callback_id": "m", "title": text("A title"), "blocks": []}
HOME: Json = {"type": "home", "blocks": []}
SECTION: Json = {"type": "section", "text": text("fine", "mrkdwn")}
UNREADABLE: Json = {"type": "section"}


def trigger(workspace: RunningWorkspace, user: str = "oncall") -> str:
    """A trigger as a slash command hands it out (nobody has to be connected for that)."""
    workspace.client.command(user, "#incidents", "/incident")
    return str(workspace.client.record(kind="delivery", name="slash_commands")[-1]["request"]["trigger_id"])
