"""The Bolt app, for both transports: every interaction goes to the gateway, and what it replies is acknowledged.

Nothing is done after an `ack`, because an exception there would take the acknowledgement back. There are no lazy
listeners, because their exceptions reach nobody. Commands and buttons that we do not know are caught as well, or
Slack would show a time-out. Bolt's own logger is silent: it quotes payloads.
"""

from __future__ import annotations

import logging
import re
from concurrent.futures import Executor
from typing import Any

from slack_bolt import Ack, App, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.slack.api import silent_logger
from bot.slack.gateway import Gateway
from models.sanitizer.guard import described

LOG = logging.getLogger(__name__)
SORRY = "Something failed inside Mayday, and nothing was done. Try again; the log has the details."
_ANYTHING = re.compile(r".*", re.DOTALL)


def build_app(gateway: Gateway, client: WebClient, executor: Executor, bot_user: str | None = None) -> App:
    """Return the app. Signatures are checked before it (see `http.py`); Socket Mode has none."""
    authorised = AuthorizeResult(
        enterprise_id=None, team_id=None, bot_token=client.token, bot_user_id=bot_user or None
    )
    app = App(
        name="slack-app",  # Bolt sets the level of the logger of this name: never that of one of ours
        client=client,
        signing_secret="checked-before",  # noqa: S106 - no secret: Bolt wants one and verifies nothing here
        request_verification_enabled=False,
        authorize=lambda **_: authorised,
        listener_executor=executor,
        logger=silent_logger(),
    )

    def listener(ack: Ack, body: dict[str, Any]) -> None:
        reply = gateway.receive(body)
        if reply.errors:
            ack(response_action="errors", errors=reply.errors)
        elif reply.blocks:
            ack(text=reply.text, blocks=reply.blocks, response_type="ephemeral")
        elif reply.text:
            ack(text=reply.text, response_type="ephemeral")
        else:
            ack()

    @app.error
    def failed(error: Exception, body: dict[str, Any]) -> BoltResponse:
        LOG.error("an interaction could not be taken: %s", described(error))
        is_command = "command" in body
        return BoltResponse(status=200, body=SORRY if is_command else "")

    def ignored(ack: Ack) -> None:
        ack()

    app.command(_ANYTHING)(listener)
    app.action(_ANYTHING)(listener)
    app.view(_ANYTHING)(listener)
    app.event("app_home_opened")(listener)
    app.view_closed(_ANYTHING)(ignored)
    app.event(_ANYTHING)(ignored)
    return app
