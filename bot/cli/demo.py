"""`mayday demo`: open the demo for a person, or let it play its story by itself."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.common import JsonOption, console
from bot.demo_switch import switches
from bot.signals import stop_event
from models.clock import system_clock
from storage.layout import Layout

OUT = "The bad release is out. The card should stand in #incidents within seconds."
BACK = "The bad release is rolled back. What is resolved now stays resolved."


def demo(
    headless: Annotated[
        bool,
        typer.Option("--headless", help="Play the story by itself and exit 0 only if every step happened"),
    ] = False,
    as_json: JsonOption = False,
    state: Annotated[
        Path, typer.Option(help="State directory; what an earlier demo left there is removed")
    ] = Path("mayday-state/demo"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the workspace's page; 0 takes a free one")
    ] = 0,
    fault_after: Annotated[
        float,
        typer.Option(min=0, help="Seconds until the bad release goes out by itself; 0 leaves it to you"),
    ] = 30.0,
    card_within: Annotated[
        float,
        typer.Option(min=0, help="With --headless: seconds after the fault in which the card has to come"),
    ] = 30.0,
) -> None:
    """Open the demo: a small clinic, a local workspace, a fault that can be switched on."""
    from bot.demo import Demo, play
    from bot.demo_state import clear

    out = console(to_stderr=headless)
    layout = Layout(state.absolute())
    show = Demo(
        layout,
        system_clock,
        lambda line: out.print(line, soft_wrap=True),
        workspace_port=port,
        make_room=clear,
    )
    stop = stop_event()
    try:
        show.start()
        if headless:
            story = play(show, card_within=card_within)
            print(
                json.dumps(story)
                if as_json
                else "\n".join(f"{name}: {value}" for name, value in story.items())
            )
            return
        out.print(
            "Open that address and choose #incidents. Try `/incident help`, and press Acknowledge when a card comes.",
            soft_wrap=True,
        )
        out.print(
            f"In a second shell, `{typed(sys.argv[0], shutil.which)} status -c {_shown(state / 'mayday.toml')}` "
            "shows what runs; `incident list` and `sql` take the same option.",
            soft_wrap=True,
        )
        if fault_after:
            out.print(f"A bad release of billing goes out in {fault_after:.0f} s. Ctrl-C ends everything.")
        terminal = sys.stdin if sys.stdin is not None and sys.stdin.isatty() else None
        if terminal is not None:
            out.print("Enter sends the bad release out at once; Enter again rolls it back.")
        bad = False
        for _ in switches(stop, fault_after, terminal):
            bad = not bad
            show.fault(on=bad)
            out.print(OUT if bad else BACK)
        out.print("Ending the clinic, the processes and the workspace.")
    finally:
        show.stop()


def typed(program: str, find: Callable[[str], str | None]) -> str:
    """Return what starts Mayday in a second shell, where `make run` has put nothing on the path of programs.

    `program` is what was called. It is shortened to its name where `find` finds that very program by it.

    >>> typed(".venv/bin/mayday", lambda name: f"/opt/bin/{name}"), typed("/opt/bin/mayday", lambda name: f"/opt/bin/{name}")
    ('.venv/bin/mayday', 'mayday')
    """
    is_found = Path(program).name != "mayday" or find("mayday") == program
    return "mayday" if is_found else shlex.quote(program)


def _shown(path: Path) -> str:
    return shlex.quote(str(path))
