"""The few Web API calls that the bot makes, with typed errors: refused, limited, away, or of unknown outcome.

Nothing is retried here: whoever calls knows whether a call may be made twice. Reading methods take their arguments
as a query, because Slack reads JSON bodies for writing methods only.
"""

from __future__ import annotations

import http.client
import logging
import socket
from collections.abc import Iterator
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from bot.slack.errors import OutcomeUnknown, RateLimited, SlackAway, refusal
from bot.slack.settings import SlackSettings

EVENT_TYPE = "mayday_card"
PAGES = 20  # of 200 entries each: where a look through a list ends
_READS = frozenset({"auth.test", "conversations.history", "conversations.list", "users.lookupByEmail"})


def silent_logger() -> logging.Logger:
    """Return a logger that swallows what Slack's libraries say: they quote payloads, and so what people typed."""
    logger = logging.Logger("slack", level=logging.CRITICAL + 1)  # not registered: no handler above it
    logger.addHandler(logging.NullHandler())
    return logger


def web_client(token: str, settings: SlackSettings) -> WebClient:
    """Return a client that never retries by itself."""
    return WebClient(
        token=token,
        base_url=settings.base_url,
        timeout=settings.request_timeout,
        retry_handlers=[],
        logger=silent_logger(),
    )


def call(client: WebClient, method: str, **arguments: Any) -> dict[str, Any]:
    """Call one method and return its answer.

    Raises `SlackAway` (not sent), `RateLimited`, a `SlackRefused` (not done), or `OutcomeUnknown`.
    """
    data = answer(client, method, **arguments).data
    return data if isinstance(data, dict) else {}


def answer(client: WebClient, method: str, **arguments: Any) -> SlackResponse:
    """Like `call`, with the headers of the answer."""
    reads = method in _READS
    shape: dict[str, Any] = {"http_verb": "GET", "params": arguments} if reads else {"json": arguments}
    try:
        return client.api_call(method, **shape)
    except SlackApiError as error:
        raise _failure(method, error.response) from None
    except (URLError, SlackClientError, http.client.HTTPException, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ConnectionRefusedError | socket.gaierror):
            raise SlackAway("nothing answers at Slack's address") from None
        raise OutcomeUnknown("the connection to Slack broke before it answered") from None


def _failure(method: str, got: SlackResponse) -> Exception:
    if got.status_code == 429:
        wait = str(got.headers.get("Retry-After", "1"))
        return RateLimited(method, min(float(wait), 3600.0) if wait.isdecimal() else 1.0)
    if got.status_code >= 500 or not isinstance(got.data, dict) or got.get("error") in _INSIDE:
        return OutcomeUnknown("Slack failed and did not say whether it did what was asked", in_flight=False)
    needed, granted = str(got.get("needed") or ""), str(got.get("provided") or "")
    return refusal(method, str(got.get("error")), needed=needed, granted=granted)


_INSIDE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


def pages(client: WebClient, method: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Yield the entries of a paged list, at most `PAGES` pages of 200."""
    cursor = ""
    for _ in range(PAGES):
        page = call(client, method, limit=200, **arguments, **({"cursor": cursor} if cursor else {}))
        yield from page.get(key) or []
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return


def find_channel(client: WebClient, name: str) -> dict[str, Any] | None:
    """Return the channel called `name` (with or without #, or by its id) as Slack describes it, or None."""
    wanted = name.removeprefix("#")
    types = "public_channel,private_channel"
    for channel in pages(client, "conversations.list", "channels", types=types, exclude_archived=False):
        if wanted in (channel.get("name"), channel.get("id")):
            return channel
    return None


def find_card(client: WebClient, channel: str, outbox_id: str, oldest: float) -> str | None:
    """Return the `ts` of the message that carries `outbox_id`, looked for in everything since `oldest`.

    The earliest one if there should be several.
    """
    found: list[str] = []
    since = f"{oldest:.6f}"
    for message in pages(
        client, "conversations.history", "messages", channel=channel, oldest=since, include_all_metadata=True
    ):
        metadata = message.get("metadata") or {}
        payload = metadata.get("event_payload") or {}
        if metadata.get("event_type") == EVENT_TYPE and payload.get("outbox_id") == outbox_id:
            found.append(str(message["ts"]))
    return min(found, key=float, default=None)
