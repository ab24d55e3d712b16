"""`mayday slack setup|check`: from nothing to a first card in a real workspace, and the same checks again later."""

from __future__ import annotations

import typer

from bot.cli.common import ConfigOption, StateOption, console, setting

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Connect a Slack workspace, or check the connection."
)


@app.command()
def setup(config: ConfigOption = None, state: StateOption = None) -> None:
    """Walk through making the app, the tokens, the channels and the people, and post a test card."""
    from bot.slack.setup import run_setup

    known = setting(config, state)
    known.layout.prepare()
    raise typer.Exit(
        run_setup(
            console=console(),
            ask=lambda question, secret: str(typer.prompt(question, hide_input=secret)),
            layout=known.layout,
            settings=known.config.slack,
            operators=known.config.operators,
        )
    )


@app.command()
def check(config: ConfigOption = None, state: StateOption = None) -> None:
    """Repeat every check of the set-up with the tokens that are kept."""
    from bot.slack.setup import run_check

    known = setting(config, state)
    raise typer.Exit(
        run_check(
            console=console(),
            layout=known.layout,
            settings=known.config.slack,
            operators=known.config.operators,
        )
    )
