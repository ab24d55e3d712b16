"""What can go wrong with the local workspace itself, and how a Slack method says no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.errors import BadInput, MaydayError


class WorkspaceAddressRefused(BadInput):
    """The address is one that others could reach, or one where something else already listens."""

    code = "workspace_address"
    meaning = "The local workspace cannot listen on the address it was given."
    remedy = "Use a loopback address and a free port, or port 0 for any free one."


class WorkspaceUnreachable(MaydayError):
    """A script spoke to the workspace and nobody answered, or what answered was no workspace."""

    code = "workspace_unreachable"
    meaning = "The local workspace did not answer."
    remedy = "Start it with `mayday workspace` and check the address."


class WorkspaceTimeout(MaydayError):
    """A script waited for something that did not appear in time."""

    code = "workspace_timeout"
    meaning = "What a script waited for did not appear in the local workspace in time."
    remedy = "Open the page's inspector: it lists every call and delivery in order."


class WorkspaceRefused(BadInput):
    """A script asked for something that is not there: no such person, channel, message or button."""

    code = "workspace_refused"
    meaning = "The local workspace cannot do what the script asked."
    remedy = "The sentence names what is missing; look the ids up on the page."


class SlackError(MaydayError):
    """A Web API method says no: `error` is Slack's own code, `fields` goes into the answer beside it."""

    code = "slack_method_refused"
    meaning = (
        "A method of the stand-in for Slack refused its arguments; its answer carries Slack's error code."
    )
    remedy = "Look up Slack's error code; the stand-in answers as Slack does."

    def __init__(
        self,
        error: str,
        *,
        messages: tuple[str, ...] = (),
        fields: Mapping[str, Any] | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.error, self.messages, self.status = error, messages, status
        self.fields, self.headers = dict(fields or {}), dict(headers or {})

    def answer(self) -> dict[str, Any]:
        """The JSON that goes back, in Slack's shape."""
        body: dict[str, Any] = {"ok": False, "error": self.error, **self.fields}
        if self.messages:
            body["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return body
