"""The few Web API calls that the bot makes, with typed errors: refused, limited, away, or of unknown outcome."""

from __future__ import annotations

from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.errors import OutcomeUnknown, RateLimited, SlackAway, refusal
from bot.slack.settings import SlackSettings

EVENT_TYPE = "mayday_card"


def web_client(token: str, settings: SlackSettings) -> WebClient:
    """Return a client that never retries by itself: who calls knows whether a call may be repeated."""
    return WebClient(
        token=token, base_url=settings.base_url, timeout=int(settings.request_timeout), retry_handlers=[]
    )


def call(client: WebClient, method: str, **arguments: Any) -> dict[str, Any]:
    """Call one method; raises `RateLimited`, a `SlackRefused`, or `OutcomeUnknown` when no answer came."""
    try:
        data = client.api_call(method, json=arguments).data
    except SlackApiError as error:
        answer = error.response
        if answer.status_code == 429:
            raise RateLimited(method, float(answer.headers.get("Retry-After", "1"))) from None
        if answer.status_code >= 500 or not isinstance(answer.data, dict):
            raise OutcomeUnknown("Slack did not say whether it did what was asked") from None
        raise refusal(
            method,
            str(answer.get("error")),
            needed=str(answer.get("needed") or ""),
            granted=str(answer.get("provided") or ""),
        ) from None
    except ConnectionRefusedError:
        raise SlackAway("nothing listens at Slack's address") from None
    except (OSError, ValueError):
        raise OutcomeUnknown("the connection to Slack broke before it answered") from None
    return data if isinstance(data, dict) else {}


def find_channel(client: WebClient, name: str) -> str | None:
    """Return the id of the channel `name` (with or without #), an id as it is, or None."""
    wanted = name.removeprefix("#")
    cursor = ""
    while True:
        page = call(client, "conversations.list", limit=200, cursor=cursor, exclude_archived=True)
        for channel in page.get("channels", []):
            if wanted in (channel.get("name"), channel.get("id")):
                return str(channel["id"])
        cursor = page.get("response_metadata", {}).get("next_cursor", "")
        if not cursor:
            return None


def find_card(client: WebClient, channel: str, outbox_id: str) -> str | None:
    """Return the timestamp of the message that carries `outbox_id` in its metadata, looked for in the newest ones."""
    page = call(client, "conversations.history", channel=channel, limit=100, include_all_metadata=True)
    for message in page.get("messages", []):
        metadata = message.get("metadata") or {}
        if (
            metadata.get("event_type") == EVENT_TYPE
            and metadata.get("event_payload", {}).get("outbox_id") == outbox_id
        ):
            return str(message["ts"])
    return None
