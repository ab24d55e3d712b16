"""`mayday doctor`: what is not right yet, and how to mend it. Exit code 1 if anything is wrong."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import typer

from bot.cli.common import ConfigOption, JsonOption, StateOption, console, setting
from bot.doctor import Circumstances, State, examine
from models.clock import system_clock

_SIGNS = {State.GOOD: "✓", State.LOOK: "?", State.WRONG: "✗"}
_SUBJECT = 10  # columns of the longest subject


def doctor(as_json: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """Check configuration, keys, ports, Slack tokens, disk, clock and packages."""
    known = setting(config, state)
    findings = examine(Circumstances(known.config, known.layout, system_clock, os.environ))
    if as_json:
        print(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        out = console()
        for each in findings:  # lines of their own, unbroken: a remedy is there to be copied
            out.print(f"{_SIGNS[each.state]} {each.subject:<{_SUBJECT}} {each.sentence}", soft_wrap=True)
            if each.remedy:
                out.print(f"  {'':<{_SUBJECT}} {each.remedy}", soft_wrap=True)
    if any(each.state is State.WRONG for each in findings):
        raise typer.Exit(1)
