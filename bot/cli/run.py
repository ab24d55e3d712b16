"""`mayday up|receive|stream|command`: the three processes, alone or watched together."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.common import ConfigOption, StateOption, console, setting
from bot.signals import stop_event
from models.clock import system_clock


def up(config: ConfigOption = None, state: StateOption = None) -> None:
    """Start the three processes, watch them, restart what dies, stop them cleanly on Ctrl-C or SIGTERM."""
    import os
    from functools import partial

    from bot.readiness import is_ready, listening, slack_state
    from bot.start_checks import refusals
    from bot.supervisor import Supervisor, mayday_commands
    from storage.seal import KeyRing

    known = setting(config, state)
    for refusal in refusals(known.config, known.layout, os.environ):
        raise refusal.error  # the first is enough: starting again and again mends none
    KeyRing.load(known.layout.prepare(), create=True)  # without its key none of the three could start
    out = console(to_stderr=True)
    supervisor = Supervisor(
        known.layout,
        known.config.up,
        mayday_commands(known.arguments),
        partial(out.print, soft_wrap=True),
        is_ready=partial(is_ready, known.layout),
    )

    def tell() -> None:
        pids = ", ".join(f"{name} {pid}" for name, pid in supervisor.pids.items())
        supervisor.report(f"Mayday is up ({pids}). Ctrl-C stops it.")
        supervisor.report(f"Lines are taken: {listening(known.layout)}. Slack: {slack_state(known.layout)}.")

    stop = stop_event()
    supervisor.start()
    supervisor.run(stop.wait, tell)


Listen = Annotated[
    str | None,
    typer.Option(help="HOST:PORT to listen on, or `off` [default: the configuration's]", metavar="HOST:PORT"),
]


def receive(
    config: ConfigOption = None,
    state: StateOption = None,
    forward: Listen = None,
    http: Listen = None,
    otlp: Listen = None,
) -> None:
    """Receive log lines into the spool (process 1), in the foreground."""
    from bot.processes import run_receive_process

    known = setting(config, state)
    listeners: dict[str, Any] = {
        name: value for name, value in (("forward", forward), ("http", http), ("otlp", otlp)) if value
    }
    run_receive_process(known.config, known.layout, system_clock, stop_event(), listeners)


def stream(config: ConfigOption = None, state: StateOption = None) -> None:
    """Turn spooled lines into facts (process 2), in the foreground."""
    from bot.processes import run_stream_process

    known = setting(config, state)
    run_stream_process(known.config, known.layout, system_clock, stop_event())


def command(
    new_database: Annotated[
        bool,
        typer.Option(
            "--new-database",
            help="Make a new, empty database in place of one that is lost or damaged, keep what is left of that one "
            "beside it, record this, and end",
        ),
    ] = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Keep the database, decide, talk to Slack (process 3), in the foreground."""
    from bot.processes import run_command_process, run_new_database

    known = setting(config, state)
    if new_database:
        console().print(run_new_database(known.layout, system_clock), soft_wrap=True)
        return
    run_command_process(known.config, known.layout, system_clock, stop_event())
