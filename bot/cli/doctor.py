"""`mayday doctor`: what is not right yet, and how to mend it. Exit code 1 if anything is wrong."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import typer
from rich.table import Table

from bot.cli.common import ConfigOption, JsonOption, StateOption, console, setting
from bot.doctor import Circumstances, State, examine
from models.clock import system_clock

_SIGNS = {State.GOOD: "✓", State.LOOK: "?", State.WRONG: "✗"}


def doctor(as_json: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """Check configuration, keys, ports, Slack tokens, disk, clock and packages."""
    known = setting(config, state)
    findings = examine(Circumstances(known.config, known.layout, system_clock, os.environ))
    if as_json:
        print(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        table = Table(
            "", "about", "what was found", "what to do", box=None, pad_edge=False, header_style="bold"
        )
        for each in findings:
            table.add_row(_SIGNS[each.state], each.subject, each.sentence, each.remedy)
        console().print(table)
    if any(each.state is State.WRONG for each in findings):
        raise typer.Exit(1)
