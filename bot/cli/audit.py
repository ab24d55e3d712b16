"""`mayday audit verify`: check that no row of the audit chain was edited, moved or removed."""

from __future__ import annotations

import json

import typer

from bot.cli.common import MARKUP, ConfigOption, JsonOption, StateOption, console, state_layout
from storage.client import StoreClient
from storage.errors import StoreUnavailable
from storage.predecessor import missing

app = typer.Typer(
    add_completion=False, rich_markup_mode=MARKUP, no_args_is_help=True, help="Verify the audit chain."
)


@app.callback()
def _audit() -> None:
    """Verify the audit chain."""


@app.command()
def verify(as_json: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """Check the chain and its anchors; exit code 1 if anything does not fit."""
    layout = state_layout(config, state)
    try:
        report = StoreClient(layout.socket).verify_audit()
    except StoreUnavailable:
        if (loss := missing(layout)) is not None:  # then nobody answers because nobody can
            raise loss from None
        raise
    if as_json:
        print(json.dumps(report))
    else:
        console().print(report["sentence"])
    if not report["ok"]:
        raise typer.Exit(1)
