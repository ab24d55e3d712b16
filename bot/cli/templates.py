"""`mayday templates`: which sentences log files are made of, how often each comes, and when."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.table import Table

from bot.cli.common import ConfigOption, StateOption, console
from models.errors import BadInput

if TYPE_CHECKING:
    from bot.log_files import LogFile
    from models.template_files import FileTemplates

_BARS = "▁▂▃▄▅▆▇█"
_PARTS = 24
OUT = "--out"
_MESSAGES = ("message", "msg", "log", "MESSAGE", "text", "body")


def templates(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Log files (text or JSON lines; .gz, .bz2, .xz and .zst too) or directories"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write LineId,TemplateId,Template there as CSV; lines are counted on over all files"
        ),
    ] = None,
    content: Annotated[
        bool,
        typer.Option("--content", help="Lines are messages alone: look for no header and no stack traces"),
    ] = False,
    top: Annotated[int, typer.Option(min=1, max=10_000, help="How many templates to print")] = 25,
    as_mined: Annotated[
        bool,
        typer.Option(
            "--as-mined",
            help="Show the words as they stand in the file, not only approved ones: the output is log text then",
        ),
    ] = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """List the templates of log files with their counts; the bars show when, from the first line to the last."""
    from bot.cli.common import setting
    from bot.config import DEFAULT_FILE
    from bot.log_files import find_files
    from bot.outputs import check_output
    from bot.processes import make_gate, passing_ring

    known = setting(config, state)
    if out is not None:
        check_output(out, OUT, [*paths, config or DEFAULT_FILE])
    ring = passing_ring(known.layout)
    gate = None if as_mined else make_gate(known.config, known.layout, ring)
    files, skipped = find_files(paths)
    mined = [
        (file, _mine(file, content, known.config.stream.templates, ring.secret("template-id")))
        for file in files
    ]
    shown = {
        template_id: text if gate is None else gate.template(text)
        for _, found in mined
        for template_id, text in found.templates.items()
    }
    if out is not None:
        _write(out, [found for _, found in mined], shown)
    for file, found in mined:
        _print(file.name, found, shown.__getitem__, top)
    for name, reason in skipped:
        console(to_stderr=True).print(f"skipped, {reason}: {name}")


def _mine(file: LogFile, content: bool, settings: Any, key: bytes) -> FileTemplates:
    from models.template_files import mine_lines
    from stream.decode.traces import Trace

    try:
        with file.open() as opened:
            raw = opened.read()
    except OSError as error:
        raise BadInput(f"{file.name} cannot be read to its end", hint="Unpack it, or leave it out") from error
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    messages = None if content else _messages(lines)
    return mine_lines(
        lines if messages is None else messages,
        content=content or messages is not None,
        trace=Trace(),
        settings=settings,
        service=file.name,
        key=key,
    )


def _messages(lines: Sequence[str]) -> list[str] | None:
    """Return the messages of JSON lines; None if the first line is none, or has no message."""
    out = list[str]()
    for line in lines:
        try:
            value = orjson.loads(line) if line.startswith("{") else None
        except ValueError:
            value = None
        text = (
            next((value[name] for name in _MESSAGES if isinstance(value.get(name), str)), None)
            if value
            else None
        )
        if text is None and not out:
            return None
        out.append(line if text is None else text)
    return out


def _write(out: Path, mined: Sequence[FileTemplates], shown: dict[str, str]) -> None:
    from bot.outputs import write_output

    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(("LineId", "TemplateId", "Template"))
    ids = (template_id for found in mined for template_id in found.ids)
    writer.writerows((number, each, shown[each]) for number, each in enumerate(ids, 1))
    write_output(out, OUT, table.getvalue(), errors="surrogateescape")


def _print(name: str, found: FileTemplates, shown: Callable[[str], str], top: int) -> None:
    counts = Counter(found.ids)
    parts: dict[str, list[int]] = {each: [0] * _PARTS for each, _ in counts.most_common(top)}
    for at, template_id in enumerate(found.ids):
        if (row := parts.get(template_id)) is not None:
            row[at * _PARTS // len(found.ids)] += 1
    table = Table("lines", "when", "template", box=None, pad_edge=False, header_style="bold")
    table.columns[0].justify = "right"
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for template_id, count in counts.most_common(top):
        text = shown(template_id).encode("utf-8", "replace").decode()
        table.add_row(f"{count:,}", sparkline(parts[template_id]), text)
    screen = console()
    screen.print(f"{name}: {len(found.ids):,} lines, {len(found.templates):,} templates")
    screen.print(table)
    rest = len(counts) - len(parts)
    if rest > 0:
        screen.print(f"and {rest:,} more; --top shows more of them")


def sparkline(counts: Sequence[int]) -> str:
    """Return one bar per count, the highest as high as it goes; a dot where nothing was.

    >>> sparkline([0, 1, 4, 8])
    '·▁▄█'
    """
    most = max(counts, default=0)
    return "".join(_BARS[(count * len(_BARS) - 1) // most] if count else "·" for count in counts)
