"""`mayday replay`: see on files of your own what Mayday would have done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from bot.cli.common import ConfigOption, console


def replay(
    paths: Annotated[
        list[Path], typer.Argument(help="Log files (text or JSON lines, .gz too) or directories")
    ],
    changes: Annotated[
        Path | None, typer.Option(help="JSON lines with id, service, time, kind, version, note")
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the incidents there as JSON")] = None,
    config: ConfigOption = None,
) -> None:
    """Run log files through the whole flow, in a temporary state of its own, and list the incidents found."""
    from bot.config import read
    from bot.replay import find_files, read_changes, write_incidents
    from bot.replay import replay as run

    loaded, _ = read(config)
    files = find_files(paths)
    known = read_changes(changes)
    columns = (TextColumn("replaying"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(to_stderr=True), transient=True) as bar:
        # The unpacked size of a .gz file is not known; eight times the packed size is usual for logs.
        task = bar.add_task("", total=sum(f.stat().st_size * (8 if f.suffix == ".gz" else 1) for f in files))
        summary = run(loaded, files, known, progress=lambda size: bar.advance(task, size))
    if json_out is not None:
        write_incidents(json_out, summary)
    out = console()
    if summary.incidents:
        table = Table(
            "opened", "severity", "service", "root", "category", "change", "title", header_style="bold"
        )
        for each in summary.incidents:
            table.add_row(
                each["opened_at"],
                each["severity"],
                each["service"],
                each["root_service"],
                each["category"],
                each["suspect_change"] or "",
                each["title"],
            )
        out.print(table)
    out.print(
        f"{summary.files} files, {summary.lines:,} lines, {summary.templates:,} templates, "
        f"{len(summary.incidents)} incidents, {summary.lines_per_second:,.0f} lines/s"
    )
