"""`mayday up|receive|stream|command`: the three processes, alone or watched together."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.common import ConfigOption, StateOption, console, setting
from bot.signals import stop_event
from models.clock import system_clock


def up(config: ConfigOption = None, state: StateOption = None) -> None:
    """Start the three processes, watch them, restart what dies, stop them cleanly on Ctrl-C or SIGTERM."""
    from bot.supervisor import Supervisor, mayday_commands

    known = setting(config, state)
    out = console(to_stderr=True)
    supervisor = Supervisor(known.layout, known.config.up, mayday_commands(known.arguments), out.print)
    stop = stop_event()
    supervisor.start()
    out.print(
        f"Mayday is up ({', '.join(f'{name} {pid}' for name, pid in supervisor.pids.items())}). Ctrl-C stops it."
    )
    supervisor.run(stop.wait)


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


def command(config: ConfigOption = None, state: StateOption = None) -> None:
    """Keep the database, decide, talk to Slack (process 3), in the foreground."""
    from bot.processes import run_command_process

    known = setting(config, state)
    run_command_process(known.config, known.layout, system_clock, stop_event())
