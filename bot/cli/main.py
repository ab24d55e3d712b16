"""Entry point of `mayday`: the table of commands, and the one place where errors become exit codes.

`docs/README.md` says what each exit code means. Modules of commands are imported when their command runs, so that
`mayday --help` stays quick.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

# typer carries a click of its own; its contexts, commands and errors are of that one.
from typer._click import core as click
from typer._click import exceptions, formatting
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from bot.cli.common import MARKUP
from models.errors import BadInput, MaydayError

# Name → (module below bot.cli that holds `app` or a function of that name, one line of help).
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Open the demo: a small clinic, a local workspace, a fault that can be switched on"),
    "up": ("run", "Start the three processes, watch them and restart what dies"),
    "receive": ("run", "Receive log lines into the spool (process 1)"),
    "stream": ("run", "Turn spooled lines into facts (process 2)"),
    "command": ("run", "Keep the database, decide, talk to Slack (process 3)"),
    "status": ("status", "Say what runs, how far behind it is, and which incidents are open"),
    "doctor": (
        "doctor",
        "Check configuration, keys, ports, tokens, disk and clock, and say how to mend what is wrong",
    ),
    "incident": ("incident", "Declare, acknowledge, follow and resolve incidents"),
    "change": ("change", "Record that a service was changed"),
    "maintenance": ("maintenance", "Plan work on services, so that what fails meanwhile wakes nobody"),
    "sql": ("sql", "Ask the database"),
    "replay": ("replay", "Run log files through the whole flow and list the incidents found"),
    "templates": ("templates", "List the sentences that log files are made of, with counts"),
    "spool": ("spool", "Look into the spool"),
    "audit": ("audit", "Verify the audit chain"),
    "slack": ("slack", "Connect a Slack workspace, or check the connection"),
    "workspace": ("workspace", "Run the local workspace alone"),
    "config": ("config", "Show, explain or write the configuration"),
    "whoami": ("status", "Say which operator you are at this terminal, and why"),
}

LISTING = "mayday.listing"
# What a path or a disk may have that no code of ours can mend.
NOT_OURS = frozenset(
    {
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EIO,
    }
)


class LazyGroup(TyperGroup):
    """Lists every command from `COMMANDS` and imports the module of the one that is called."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a name that is none, say which one is near."""
        if not self.commands:
            self.commands = {
                name: TyperCommand(name) for name in COMMANDS
            }  # where the parent looks for near names
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_help(self, ctx: click.Context, formatter: formatting.HelpFormatter) -> None:
        ctx.meta[LISTING] = True  # only names and their lines are shown: nothing has to be imported
        super().format_help(ctx, formatter)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, line = COMMANDS[cmd_name]
        if ctx.meta.get(LISTING):
            return TyperCommand(cmd_name, help=line, short_help=line)
        loaded = importlib.import_module(f"bot.cli.{module}")
        target = getattr(loaded, cmd_name, None)
        if isinstance(target, typer.Typer):
            command = get_command(target)
        elif target is not None:
            single = typer.Typer(add_completion=False, rich_markup_mode=MARKUP)
            single.command(cmd_name)(target)
            command = get_command(single)
        else:
            command = get_command(loaded.app)
        command.name = cmd_name
        command.short_help = line
        return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    pretty_exceptions_enable=False,
    help="Mayday reads every log line, opens the incident in Slack, and drives the people who end it.",
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"mayday {version('mayday')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", help="Print the version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Mayday reads every log line, opens the incident in Slack, and drives the people who end it."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; never raises for anything a person can cause."""
    try:
        command = get_command(app)
        result = command.main(
            args=list(sys.argv[1:] if arguments is None else arguments),
            prog_name="mayday",
            standalone_mode=False,
        )
        return result if isinstance(result, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except exceptions.NoArgsIsHelpError:
        return 2  # making the error has printed the help
    except exceptions.UsageError as error:
        command_path = error.ctx.command_path if error.ctx else "mayday"
        said = error.format_message().replace("Value error, ", "", 1)  # pydantic's, of no use to a person
        ended = said if said.endswith("?") else f"{said.rstrip('.')}."
        return _say(f"{ended} See `{command_path} --help`", 2)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BadInput as error:
        return _say(str(error), 2)
    except MaydayError as error:
        return _say(str(error), 1 if error.code != "internal" else 3)
    except PermissionError:
        return _say(
            "this user may not read or write a file that is needed here. Run as the user that owns the state directory",
            2,
        )
    except BrokenPipeError:  # `mayday sql ... | head` is no fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NOT_OURS:
            return _say(
                f"a file or directory that is needed here cannot be used ({os.strerror(error.errno)}). "
                "Look at the paths that were given and at the state directory",
                2,
            )
        if os.environ.get("MAYDAY_DEBUG") == "tracebacks":
            raise
        return _say(
            f"an internal error ({type(error).__name__}); its text is withheld because it may quote log data. "
            "Set MAYDAY_DEBUG=tracebacks where no real data is at hand to see it",
            3,
        )


def _say(sentence: str, code: int) -> int:
    print(f"mayday: {' '.join(sentence.split())}", file=sys.stderr)
    return code


def main() -> NoReturn:
    """Entry point of the `mayday` command."""
    raise SystemExit(run())
