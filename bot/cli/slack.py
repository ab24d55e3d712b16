"""`mayday slack setup|check|manifest`: to a first card in a real workspace, the same checks again, the manifest."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from bot.cli.common import MARKUP, ConfigOption, StateOption, console, setting
from models.clock import system_clock
from models.errors import BadInput

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=MARKUP,
    no_args_is_help=True,
    help="Connect a Slack workspace, or check the connection.",
)


@app.command()
def setup(config: ConfigOption = None, state: StateOption = None) -> None:
    """Walk through making the app, the tokens, the channels and the people, and post a test card."""
    from bot.slack.setup import run_setup
    from storage.seal import KeyRing

    known = setting(config, state)
    if sys.stdin is None or not sys.stdin.isatty():
        raise BadInput(
            "the set-up asks questions, and there is no terminal to answer at",
            hint="Run it in a terminal; or set MAYDAY_SLACK_BOT_TOKEN and "
            f"{'MAYDAY_SLACK_APP_TOKEN' if known.config.slack.transport == 'socket' else 'MAYDAY_SLACK_SIGNING_SECRET'}, "
            "and run `mayday slack check`",
        )
    known.layout.prepare()
    ring = KeyRing.load(known.layout, create=True)
    raise typer.Exit(
        run_setup(
            console(),
            _ask,
            known.layout,
            known.config.slack,
            known.config.operators,
            ring.secret("buttons"),
            system_clock,
        )
    )


@app.command()
def check(
    card: Annotated[
        bool, typer.Option(help="Post the test card whose button has to come back; --no-card posts nothing")
    ] = True,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Repeat every check of the set-up with the tokens that are kept."""
    from bot.processes import passing_ring
    from bot.slack.setup import run_check

    known = setting(config, state)
    ring = passing_ring(known.layout)
    raise typer.Exit(
        run_check(
            console(),
            known.layout,
            known.config.slack,
            known.config.operators,
            ring.secret("buttons"),
            system_clock,
            os.environ,
            card=card,
        )
    )


@app.command()
def manifest(
    url: Annotated[
        str | None, typer.Option(help="Public address of /slack/events, for the http transport")
    ] = None,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Print the app manifest for this configuration, to paste at api.slack.com/apps."""
    from bot.slack.manifest import manifest_yaml

    print(manifest_yaml(setting(config, state).config.slack.command_prefix, url), end="")


def _ask(question: str, *, secret: bool) -> str:
    """Ask the person; a secret is not shown while it is typed."""
    return str(typer.prompt(question, hide_input=secret))
