"""Writes `docs/reference/` and `manifest.yaml` from the code, or checks that they are up to date (`--check`).

Commands, configuration keys, figures, tables and errors each come from the one table in the code that already defines them;
nothing is written twice by hand.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_jsonable_python
from typer._click import core as click
from typer.core import TyperGroup

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
PACKAGES = ("models", "storage", "stream", "knowledge_base", "command_center", "bot")
HEAD = "<!-- Made by `make docs` from the code; edit the code instead. -->\n\n"


def modules() -> Iterator[str]:
    """Import every module of ours, so that every subclass of `MaydayError` is known, and yield their names."""
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not found.name.endswith(("__main__", "build_vocabulary")):
                importlib.import_module(found.name)
                yield found.name


def errors() -> str:
    """Return the page of error codes."""
    from models.errors import MaydayError

    list(modules())
    rows: dict[str, tuple[str, str]] = {}
    todo: list[type[MaydayError]] = [MaydayError]
    while todo:
        kind = todo.pop()
        rows.setdefault(kind.code, (kind.meaning, kind.remedy))
        todo += kind.__subclasses__()
    lines = ["# Errors\n", "| code | what it means | what to do |", "|---|---|---|"]
    return (
        HEAD
        + "\n".join(
            lines + [f"| `{code}` | {cell(m)} | {cell(r)} |" for code, (m, r) in sorted(rows.items())]
        )
        + "\n"
    )


def configuration() -> str:
    """Return the page of configuration keys."""
    from bot.config import keys

    lines = [
        "# Configuration: `mayday.toml`\n",
        "Each key may also be set as `MAYDAY__SECTION__KEY` in the environment.\n",
    ]
    lines += ["| key | default | meaning |", "|---|---|---|"]
    for path, field in keys():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            lines.append(f"| **[{path}]** | | {cell(field.description or '')} |")
            continue
        default = field.get_default(call_default_factory=True)
        shown = "required" if default is PydanticUndefined else f"`{json.dumps(to_jsonable_python(default))}`"
        lines.append(f"| `{path}` | {cell(shown)} | {cell(field.description or '')} |")
    return HEAD + "\n".join(lines) + "\n"


def commands() -> str:
    """Return the page of commands: the terminal's, and what `/incident` knows."""
    from typer.main import get_command

    from bot.cli.main import COMMANDS, app
    from bot.grammar import COMMANDS as SLACK

    root = get_command(app)
    lines = ["# Commands\n", "## At the terminal\n"]
    context = click.Context(root, info_name="mayday")
    for name, (_, line) in COMMANDS.items():
        command = root.get_command(context, name) if isinstance(root, TyperGroup) else None
        lines += [f"### `mayday {name}`\n", line + ".\n"]
        inner = command.commands if isinstance(command, TyperGroup) else {}
        if inner:
            for sub, each in inner.items():
                lines += [
                    f"- `mayday {name} {sub}`: {(each.help or '').strip().splitlines()[0]}",
                    *options(each),
                ]
            lines.append("")
        elif command is not None:
            lines += [*options(command), ""]
    lines += ["## In Slack\n"]
    for spoken in SLACK:
        lines += [f"### `/{spoken.name}`\n", "| usage | meaning |", "|---|---|"]
        lines += [
            f"| `/{spoken.name} {cell(verb.usage)}` | {cell(verb.summary)} |" for verb in spoken.verbs
        ] + [""]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def options(command: click.Command) -> list[str]:
    """Return one list item per option or argument of `command`."""
    found = []
    for each in command.params:
        names = " ".join(each.opts) if each.param_type_name == "option" else (each.name or "").upper()
        if names and "--help" not in names:
            found.append(f"  - `{names}`: {getattr(each, 'help', '') or ''}".rstrip(": "))
    return found


def tables() -> str:
    """Return the page of tables and views, from the comments in the database itself."""
    from storage.reference import describe

    lines = ["# Tables and views\n", "Times are UTC. Views of the live copy carry the same names.\n"]
    for table in describe():
        lines += [
            f"## `{table.name}`\n",
            table.comment + "\n",
            "| column | type | meaning |",
            "|---|---|---|",
        ]
        lines += [f"| `{c.name}` | {c.type} | {cell(c.comment)} |" for c in table.columns] + [""]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def metrics() -> str:
    """Return the page of the figures that Mayday keeps about itself, from the records that hold them."""
    from command_center.status import CommandStatus
    from models.metrics import figures
    from stream.flow_status import FlowStatus
    from stream.receiver_status import ReceiverStatus
    from stream.receivers.metrics import AgentCounters
    from stream.spool import SpoolInfo

    sources: list[tuple[str, str, type]] = [
        (
            "The receiver",
            "`run/receiver.json`, written at every tick (`receive.tick_seconds`); `mayday status --json`, process `receive`.",
            ReceiverStatus,
        ),
        (
            "Each agent",
            "Sealed in `run/receiver.json`; `mayday status --json`, `agents`. Beyond 10,000 agents the others are counted together.",
            AgentCounters,
        ),
        ("The spool", "`mayday spool info --json`.", SpoolInfo),
        (
            "The stream",
            "`run/stream.json`, written about every second; `mayday status --json`, process `stream`.",
            FlowStatus,
        ),
        (
            "The command center",
            "`GET /status` on its Unix socket; `mayday status --json`, process `command`.",
            CommandStatus,
        ),
    ]
    lines = [
        "# Figures that Mayday keeps about itself\n",
        "A counter grows from the start of its process on and begins at 0 with the next one; a gauge goes both ways; a state is a",
        "word, a number or an address that says how things are; a time is in UTC. None of them holds log text.\n",
    ]
    for title, where, kind in sources:
        lines += [f"## {title}\n", where + "\n", "| figure | kind | unit | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{f.name}` | {f.kind} | {cell(f.unit)} | {cell(f.meaning)} |" for f in figures(kind)
        ] + [""]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def manifest() -> str:
    """Return Slack's app manifest."""
    from bot.slack.manifest import manifest_yaml

    return manifest_yaml()


def cell(text: str) -> str:
    """Return `text` fit for a cell of a Markdown table.

    >>> cell("a | b")
    'a \\\\| b'
    """
    return " ".join(text.split()).replace("|", "\\|")


PAGES: dict[Path, Callable[[], str]] = {
    REFERENCE / "commands.md": commands,
    REFERENCE / "configuration.md": configuration,
    REFERENCE / "errors.md": errors,
    REFERENCE / "metrics.md": metrics,
    REFERENCE / "tables.md": tables,
    ROOT / "manifest.yaml": manifest,
}


def main() -> int:
    """Write every page, or with `--check` name those that differ and return 1."""
    stale = []
    for path, make in PAGES.items():
        text = make()
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text("utf-8") != text:
                stale.append(str(path.relative_to(ROOT)))
        else:
            path.write_text(text, "utf-8")
    if stale:
        print(f"out of date: {', '.join(stale)}. Run `make docs` and commit", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
