"""The Bolt app: which interaction goes to which method of the gateway. Nothing may raise after an `ack`."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slack_bolt import Ack, App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.slack.cards import ACK, CLOSE, RESOLVE, STATUS
from bot.slack.gateway import Gateway
from bot.slack.modals import DECLARE_FORM
from bot.slack.settings import SlackSettings
from models.errors import MaydayError

ACTIONS = (ACK, STATUS, RESOLVE, CLOSE)
Body = dict[str, Any]
_ANYTHING = re.compile(r".*")


def build_app(
    gateway: Gateway, client: WebClient, settings: SlackSettings, *, signing_secret: str = ""
) -> App:
    """Return the app for both transports; `signing_secret` is needed for signed HTTP alone."""
    token = str(client.token)
    app = App(
        client=client,
        signing_secret=signing_secret or "socket-mode-needs-none",
        request_verification_enabled=bool(signing_secret),
        authorize=lambda **_: AuthorizeResult(enterprise_id=None, team_id=None, bot_token=token),
        listener_executor=ThreadPoolExecutor(settings.listeners, thread_name_prefix="slack-listener"),
    )

    def command(ack: Ack, body: Body) -> None:
        try:
            words = gateway.command(body)
        except MaydayError as error:
            words = f"That could not be taken: {error}"
        if words:
            ack(words)
        else:
            ack()

    def clicked(ack: Ack, body: Body) -> None:
        gateway.click(body)
        ack()

    def submitted(ack: Ack, body: Body) -> None:
        try:
            wrong = gateway.submission(body)
        except MaydayError as error:
            wrong = {"title": f"That could not be taken: {error}"}
        if wrong:
            ack(response_action="errors", errors=wrong)
        else:
            ack()

    def ignored(ack: Ack) -> None:
        ack()

    app.command(_ANYTHING)(command)
    for name in ACTIONS:
        app.action(name)(clicked)
    app.action(_ANYTHING)(ignored)
    app.view(DECLARE_FORM)(submitted)
    app.event("message")(ignored)
    return app
