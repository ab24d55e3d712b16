"""The three secrets of a Slack app: from the environment, else from a file that its owner alone may read.

They never stand in `mayday.toml`, are never logged, and show up in no `repr`.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bot.slack.errors import NoTokens, UnsafeTokenFile

BOT, APP, SIGNING = "MAYDAY_SLACK_BOT_TOKEN", "MAYDAY_SLACK_APP_TOKEN", "MAYDAY_SLACK_SIGNING_SECRET"


class Tokens(BaseModel):
    """Bot token (xoxb-) for the Web API, app-level token (xapp-) for Socket Mode, signing secret for HTTP."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    bot: SecretStr = Field(min_length=1)
    app: SecretStr | None = None
    signing: SecretStr | None = None


def read_tokens(path: Path, environment: Mapping[str, str]) -> Tokens:
    """Return the tokens; the environment wins over the file `path` (mode 0600), one by one.

    Raises `NoTokens` if there is no bot token, `UnsafeTokenFile` if the file cannot be trusted.
    """
    kept = _kept(path).get("slack", {})
    named = {"bot": environment.get(BOT), "app": environment.get(APP), "signing": environment.get(SIGNING)}
    values = (kept if isinstance(kept, dict) else {}) | {key: value for key, value in named.items() if value}
    if not values.get("bot"):
        raise NoTokens("there is no Slack bot token", hint=NoTokens.remedy)
    try:
        return Tokens.model_validate(values)
    except ValidationError:
        raise UnsafeTokenFile(
            f"{path.name} does not hold Slack tokens", hint=UnsafeTokenFile.remedy
        ) from None


def keep_tokens(path: Path, tokens: Tokens) -> None:
    """Write the tokens to `path` with mode 0600, in one step; other secrets in the file stay."""
    held = _kept(path)
    held["slack"] = {
        key: secret.get_secret_value()
        for key, secret in (("bot", tokens.bot), ("app", tokens.app), ("signing", tokens.signing))
        if secret is not None
    }
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(held, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _kept(path: Path) -> dict[str, object]:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise UnsafeTokenFile(f"{path.name} can be read by others", hint=f"chmod 600 {path.name}")
        held = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise UnsafeTokenFile(
            f"{path.name} cannot be read ({reason})", hint="Run this as the user that owns it"
        ) from None
    except ValueError:
        held = None
    if not isinstance(held, dict):
        raise UnsafeTokenFile(
            f"{path.name} is damaged: it is not what Mayday writes",
            hint=f"Move {path} away and run `mayday slack setup`, or set {BOT} and {APP}",
        )
    return held
