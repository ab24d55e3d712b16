"""What Slack says no with: a class per error code that we meet, so that each can be caught and explained.

Three kinds matter to whoever sends: `SlackAway` (nothing was sent, try again), `OutcomeUnknown` (it may have
been carried out, look before trying again) and `SlackRefused` (it was not, and the code says why).
"""

from __future__ import annotations

from typing import ClassVar

from models.errors import BadInput, MaydayError


class SlackFailure(MaydayError):
    code: ClassVar[str] = "slack"
    meaning: ClassVar[str] = "A call to Slack did not succeed."
    remedy: ClassVar[str] = (
        "`mayday slack check` looks at tokens, scopes and channels and names what is wrong."
    )


class SlackAway(SlackFailure):
    code = "slack_away"
    meaning = "Slack could not be reached; the call was not sent."
    remedy = "Nothing to do: the call is repeated. Check the network or the address if it lasts."


class OutcomeUnknown(SlackFailure):
    code = "slack_outcome_unknown"
    meaning = "The connection broke, or Slack failed, during a call; it may have been carried out."
    remedy = "Nothing to do: the history of the channel is read before a message is sent again."

    def __init__(self, detail: str, *, hint: str = "", in_flight: bool = True) -> None:
        super().__init__(detail, hint=hint)
        self.in_flight = in_flight


class RateLimited(SlackFailure):
    code = "slack_rate_limited"
    meaning = "Slack asks for slower calls."
    remedy = "Nothing to do: the call is repeated when Slack allows it."

    def __init__(self, method: str, retry_after: float) -> None:
        super().__init__(f"Slack asks to wait {retry_after:g} s before the next {method}")
        self.retry_after = retry_after


class SlackRefused(SlackFailure):
    """Slack understood and said no; `error` is Slack's own code, or `unknown` for one outside our table."""

    code = "slack_refused"
    meaning = "Slack refused a call with an error code that has no class of its own here."
    remedy = "Look up the code in Slack's documentation of the method."
    error: ClassVar[str] = "unknown"

    def __init__(self, method: str, error: str, *, needed: str = "", granted: str = "") -> None:
        super().__init__(f"Slack refused {method}: {error}", hint=type(self).remedy)
        self.method, self.refusal, self.needed, self.granted = method, error, needed, granted


class BadToken(SlackRefused):
    code = "slack_token"
    meaning = "Slack does not accept the token: revoked, mistyped, or of a removed app."
    remedy = "Run `mayday slack setup` and paste the tokens again."
    error = "invalid_auth"


class WrongTokenKind(SlackRefused):
    code = "slack_token_kind"
    meaning = "A token of one kind was given where another is needed."
    remedy = "The bot token begins with xoxb-, the app-level token with xapp-; run `mayday slack setup`."
    error = "not_allowed_token_type"


class MissingScope(SlackRefused):
    code = "slack_scope"
    meaning = "The app was not granted a scope that the call needs."
    remedy = "Paste the current manifest into the app's settings and install the app again."
    error = "missing_scope"


class ChannelNotFound(SlackRefused):
    code = "slack_channel"
    meaning = "The channel does not exist, or it is private and the bot was not invited."
    remedy = "Invite the bot with /invite in the channel, or correct `slack.channel`."
    error = "channel_not_found"


class NotInChannel(SlackRefused):
    code = "slack_not_in_channel"
    meaning = "The bot is not a member of the channel."
    remedy = "Invite the bot with /invite in the channel."
    error = "not_in_channel"


class ChannelArchived(SlackRefused):
    code = "slack_channel_archived"
    meaning = "The channel is archived."
    remedy = "Unarchive it, or choose another with `slack.channel`."
    error = "is_archived"


class MessageNotFound(SlackRefused):
    code = "slack_message_gone"
    meaning = "The message was deleted in Slack."
    remedy = "Nothing to do: the card is posted anew once."
    error = "message_not_found"


class CannotUpdate(SlackRefused):
    code = "slack_cannot_update"
    meaning = "Slack does not let the message be changed (somebody else's, or the workspace forbids editing)."
    remedy = "Allow apps to edit their messages, and use one app per workspace."
    error = "cant_update_message"


class InvalidBlocks(SlackRefused):
    code = "slack_blocks"
    meaning = "Slack does not accept the layout of a message."
    remedy = "This is a fault in Mayday; report the version and the kind of card."
    error = "invalid_blocks"


class TriggerExpired(SlackRefused):
    code = "slack_trigger"
    meaning = "A form must be opened within three seconds of the click, and that time was over."
    remedy = "Try the command again."
    error = "expired_trigger_id"


class NameTaken(SlackRefused):
    code = "slack_name_taken"
    meaning = "A channel of that name exists, perhaps a private or archived one."
    remedy = "Invite the bot to it, or choose another name with `slack.channel`."
    error = "name_taken"


class UserNotFound(SlackRefused):
    code = "slack_user"
    meaning = "Nobody in the workspace has that e-mail address or id."
    remedy = "Correct the operator's `email`, or set `slack` to the member id from their profile."
    error = "users_not_found"


class HashConflict(SlackRefused):
    code = "slack_view_changed"
    meaning = "A form was changed by somebody else in the meantime."
    remedy = "Open it again."
    error = "hash_conflict"


_ALSO: dict[str, type[SlackRefused]] = {
    "not_authed": BadToken,
    "account_inactive": BadToken,
    "token_revoked": BadToken,
    "token_expired": BadToken,
    "app_not_installed": BadToken,
    "no_permission": MissingScope,
    "edit_window_closed": CannotUpdate,
    "msg_too_long": InvalidBlocks,
    "msg_blocks_too_long": InvalidBlocks,
    "invalid_blocks_format": InvalidBlocks,
    "exchanged_trigger_id": TriggerExpired,
    "invalid_trigger_id": TriggerExpired,
    "trigger_expired": TriggerExpired,
    "trigger_exchanged": TriggerExpired,
    "user_not_found": UserNotFound,
}
_CLASSES: tuple[type[SlackRefused], ...] = (
    BadToken, WrongTokenKind, MissingScope, ChannelNotFound, NotInChannel, ChannelArchived, MessageNotFound,
    CannotUpdate, InvalidBlocks, TriggerExpired, NameTaken, UserNotFound, HashConflict,
)  # fmt: skip
BY_ERROR: dict[str, type[SlackRefused]] = {kind.error: kind for kind in _CLASSES} | _ALSO


def refusal(method: str, error: str, *, needed: str = "", granted: str = "") -> SlackRefused:
    """Return the error for Slack's code `error`; a code that is not a plain word is not repeated.

    >>> type(refusal("chat.update", "message_not_found")).__name__
    'MessageNotFound'
    >>> refusal("chat.update", "<html>").refusal
    'unreadable answer'
    """
    plain = (
        error
        if error.replace("_", "").isalnum() and error.isascii() and len(error) <= 60
        else "unreadable answer"
    )
    return BY_ERROR.get(plain, SlackRefused)(method, plain, needed=needed, granted=granted)


class NoTokens(BadInput):
    code = "slack_no_tokens"
    meaning = "There are no Slack tokens yet."
    remedy = "Run `mayday slack setup`, or set MAYDAY_SLACK_BOT_TOKEN and MAYDAY_SLACK_APP_TOKEN."


class UnsafeTokenFile(BadInput):
    code = "slack_token_file"
    meaning = "The file with the Slack tokens is readable by others, or is not what we wrote."
    remedy = "chmod 600 the file, or run `mayday slack setup` again."


class ButtonRefused(BadInput):
    code = "slack_button"
    meaning = "A button's value was forged, altered or has expired."
    remedy = "Use the newest card of the incident, or the command."


class BadInteraction(BadInput):
    code = "slack_interaction"
    meaning = "What arrived as an interaction does not have Slack's shape."
    remedy = "Nothing was done. Check that requests come from Slack itself."


class BadSignature(BadInput):
    """`reason` is a code for the audit entry."""

    code = "slack_signature"
    meaning = "A request that claims to come from Slack is not signed by it, is too old, or was seen before."
    remedy = "Check the signing secret and this machine's clock."

    def __init__(self, detail: str, *, hint: str = "", reason: str = "replayed") -> None:
        super().__init__(detail, hint=hint)
        self.reason = reason


class CannotListen(BadInput):
    code = "slack_listen"
    meaning = "The address for signed HTTP from Slack cannot be listened on."
    remedy = "Choose another port with `slack.http_port`, or end what uses it."
