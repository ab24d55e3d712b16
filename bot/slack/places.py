"""Where a person finds what the set-up asks for: on Slack's pages, or on the page of the local workspace."""

from __future__ import annotations

from typing import NamedTuple

from bot.slack.settings import SlackSettings


class Places(NamedTuple):
    """Sentences without their full stop: how to get at both tokens, and how to bring the app up to date."""

    bot: str
    app: str
    signing: str
    reinstall: str
    switches: str


SLACK = Places(
    bot="Copy the Bot User OAuth Token from OAuth & Permissions of the app; it begins with xoxb-",
    app="Make an app-level token with the scope connections:write under Basic Information; it begins with xapp-",
    signing="Copy it from Basic Information",
    reinstall="Open the app at api.slack.com/apps, paste the current manifest (`mayday slack manifest` prints it) "
    "under App Manifest, then press Install App again",
    switches="Switch on Socket Mode and Interactivity in the app's settings",
)


def places(settings: SlackSettings) -> Places:
    """Return where to look, given which Slack is spoken to."""
    if not settings.is_local:
        return SLACK
    page = f"{settings.origin}/#A0MAYDAY/settings"
    return Places(
        bot=f"Copy the bot token from App settings ({page}); it begins with xoxb-",
        app=f"Copy the app-level token from App settings ({page}), where it needs the scope connections:write; "
        "it begins with xapp-",
        signing=f"Copy it from App settings ({page})",
        reinstall=f"Under App settings ({page}) paste the current manifest (`mayday slack manifest` prints it), "
        "then press Save and install again",
        switches=f"Look under App settings ({page}) whether the app is installed",
    )
