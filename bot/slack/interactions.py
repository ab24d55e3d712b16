"""The four kinds of interaction that Slack delivers to us, validated at the door.

Only what is used is read; everything else in a payload is dropped here and goes no further. Bodies come from the
network, so every field is checked, and what does not fit raises `BadInteraction` without quoting it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.slack.errors import BadInteraction

Id = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,40}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Named(_Part):
    id: Id


class Chosen(_Part):
    value: str = Field(max_length=150)


class Element(_Part):
    """One element that was used: a button has a value, a select what was chosen."""

    action_id: str = Field(max_length=255)
    value: str | None = Field(default=None, max_length=2000)
    selected_option: Chosen | None = None

    @property
    def signed(self) -> str:
        """The value that we signed, or nothing."""
        if self.selected_option is not None:
            return self.selected_option.value
        return self.value or ""


class SlashCommand(_Part):
    """Somebody typed a command; `text` is raw."""

    command: str = Field(pattern=r"^/[a-z0-9_-]{1,31}$")
    text: str = Field(default="", max_length=20_000, repr=False)
    user_id: Id
    channel_id: Id
    trigger_id: str = Field(min_length=1, max_length=200)


class Where(_Part):
    channel_id: Id | None = None
    message_ts: str | None = Field(default=None, pattern=r"^[0-9]{1,12}\.[0-9]{1,9}$")


class Click(_Part):
    """Somebody used buttons or a select of a message or a view."""

    user: Named
    trigger_id: str = Field(min_length=1, max_length=200)
    actions: tuple[Element, ...] = Field(min_length=1)
    channel: Named | None = None
    container: Where = Where()


class Answer(_Part):
    """The value of one input of a form; text is raw."""

    value: str | None = Field(default=None, max_length=20_000, repr=False)
    selected_option: Chosen | None = None
    selected_date_time: int | None = None  # seconds since the epoch


class State(_Part):
    values: dict[str, dict[str, Answer]] = Field(default_factory=dict)


class View(_Part):
    id: str = Field(min_length=1, max_length=80)
    hash: str = Field(default="", max_length=80)
    callback_id: str = Field(default="", max_length=255)
    private_metadata: str = Field(default="", max_length=3000)
    state: State = State()


class Submission(_Part):
    """Somebody sent a form."""

    user: Named
    view: View

    def answer(self, block: str) -> Answer:
        """The answer in `block`; an empty one where there is none."""
        return self.view.state.values.get(block, {}).get("value", Answer())


class HomeOpened(_Part):
    """Somebody opened the app's Home tab."""

    event_id: str = Field(min_length=1, max_length=200)
    user: Id
    tab: str = Field(default="home", max_length=40)


Interaction = SlashCommand | Click | Submission | HomeOpened


def read(body: Mapping[str, Any]) -> Interaction:
    """Return what `body` (a delivery as Bolt hands it over) is; raises `BadInteraction`."""
    try:
        kind = body.get("type")
        if kind == "block_actions":
            return Click.model_validate(body)
        if kind == "view_submission":
            return Submission.model_validate(body)
        if kind == "event_callback":
            event = body.get("event")
            inner = event if isinstance(event, dict) else {}
            if inner.get("type") != "app_home_opened":
                raise BadInteraction("that event is not one we asked for", hint=BadInteraction.remedy)
            return HomeOpened.model_validate(inner | {"event_id": body.get("event_id")})
        return SlashCommand.model_validate(body)
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in fault["loc"][:2]) for fault in error.errors()})
        shown = ", ".join(places[:5])
        raise BadInteraction(f"an interaction lacks or misuses {shown}", hint=BadInteraction.remedy) from None


def who(interaction: Interaction) -> str:
    """Return the Slack user id of the person who did it."""
    if isinstance(interaction, SlashCommand):
        return interaction.user_id
    return interaction.user if isinstance(interaction, HomeOpened) else interaction.user.id


def identity(interaction: Interaction) -> str:
    """Return what makes this interaction one: equal whenever Slack delivers the same one again.

    A form has no id of its own for being sent; the view's id and hash change with every form that is opened, so a
    second submission of the same view is the same interaction. The identity is a hash: a trigger can still be used
    while it is fresh, and what is only compared need not be kept.
    """
    match interaction:
        case HomeOpened():
            parts = ["event", interaction.event_id]
        case Submission():
            parts = ["view", interaction.user.id, interaction.view.id, interaction.view.hash]
        case Click():
            used = [[each.action_id, each.signed] for each in interaction.actions]
            parts = ["click", interaction.trigger_id, json.dumps(used)]
        case SlashCommand():
            parts = ["command", interaction.trigger_id, interaction.command]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
