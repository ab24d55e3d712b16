"""What a new workspace holds: four people on duty and a stranger, two channels, one app."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from bot.workspace.model import App, Person
from bot.workspace.state import State

PERSONAS = (
    Person("U0ONCALL", "oncall", "On-call engineer", "Engineering", "oncall@clinic.example"),
    Person("U0LEAD", "lead", "Technical lead", "Engineering", "lead@clinic.example", "Europe/Berlin"),
    Person("U0CTO", "cto", "CTO", "Management", "cto@clinic.example", "America/New_York"),
    Person("U0COMPLIANCE", "compliance", "Compliance officer", "Compliance", "compliance@clinic.example"),
    Person("U0GUEST", "guest", "Guest", "Visitor, not an operator", "guest@partner.example", "Asia/Tokyo"),
)
CHANNELS = (
    ("C0INCIDENTS", "incidents", "Open incidents"),
    ("C0GENERAL", "general", "For everybody"),
)
APP_ID, BOT_USER = "A0MAYDAY", "U0MAYDAY"
APP_SCOPES = frozenset({"connections:write"})

BOT_SCOPES = frozenset(
    {
        "app_mentions:read",
        "bookmarks:read",
        "bookmarks:write",
        "channels:history",
        "channels:join",
        "channels:manage",
        "channels:read",
        "chat:write",
        "chat:write.customize",
        "chat:write.public",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "groups:write",
        "im:history",
        "im:read",
        "im:write",
        "links:read",
        "links:write",
        "pins:read",
        "pins:write",
        "reactions:read",
        "reactions:write",
        "team:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)


class Credentials(BaseModel):
    """Keys of the app. Made anew at every start unless they are passed in."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    bot_token: str = Field(pattern=r"^xoxb-[A-Za-z0-9-]+$", repr=False)
    app_token: str = Field(pattern=r"^xapp-[A-Za-z0-9-]+$", repr=False)
    signing_secret: str = Field(min_length=8, repr=False)


def new_app(state: State, app_id: str, name: str, bot_user: str = "", keys: Credentials | None = None) -> App:
    """Install an app with its bot user and keys of its own."""
    keys = keys or Credentials(
        bot_token=f"xoxb-{state.rng.randrange(10**11, 10**12)}-{state.mint_key(24)}",
        app_token=f"xapp-1-{app_id}-{state.rng.randrange(10**11, 10**12)}-{state.mint_key(48)}",
        signing_secret=state.mint_key(),
    )
    app = App(
        id=app_id,
        name=name,
        bot_user=bot_user or state.mint_id("U0"),
        bot_token=keys.bot_token,
        app_token=keys.app_token,
        signing_secret=keys.signing_secret,
        verification_token=state.mint_key(24),
        scopes=set(BOT_SCOPES),
        app_scopes=set(APP_SCOPES),
        events={"app_home_opened"},
    )
    state.apps[app.id] = app
    state.people[app.bot_user] = Person(
        app.bot_user, name.lower().replace(" ", "-"), name, "App", "", app_id=app.id
    )
    return app


def furnish(state: State, keys: Credentials | None) -> App:
    """Fill an empty workspace; returns the app."""
    for persona in PERSONAS:
        state.people[persona.id] = replace(persona)
    app = new_app(state, APP_ID, "Mayday", BOT_USER, keys)
    members = [persona.id for persona in PERSONAS]
    for channel_id, name, purpose in CHANNELS:
        invited = [*members, app.bot_user] if state.settings.bot_invited else members
        channel = state.add_channel(name, "public", "U0LEAD", invited, channel_id)
        channel.purpose = purpose
    state.usergroups.append(
        {
            "id": "S0ONCALL",
            "team_id": "T0CLINIC",
            "name": "On call",
            "handle": "on-call",
            "users": ["U0ONCALL"],
            "is_usergroup": True,
            "user_count": 1,
        }
    )
    state.config_token = f"xoxe.xoxp-1-{state.mint_key(48)}"
    return app
