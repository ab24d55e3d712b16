"""`mayday replay`: see on files of your own what Mayday would have done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from bot.cli.common import ConfigOption, console
from bot.cli.rows import one_line

if TYPE_CHECKING:
    from bot.log_files import LogFile, Skipped
    from bot.replay import Summary
    from command_center.incidents.explain import Explanation


MANY_LINES = 10_000  # of which a rate says something


def replay(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Log files (text or JSON lines; .gz, .bz2, .xz and .zst too) or directories"),
    ],
    changes: Annotated[
        Path | None, typer.Option(help="JSON lines with id, service, time, kind, version, note")
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the incidents there as JSON")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page there that shows the day; it needs no network")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="INC-n|all", help="Print why an incident was raised and what was folded into it"
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Run log files through the whole flow, in a temporary state of its own, and list the incidents found."""
    from bot.cli.explain_view import ALL, asked, naming, require, show_explanation, with_explanations
    from bot.config import DEFAULT_FILE, read
    from bot.log_files import find_files
    from bot.outputs import check_apart, check_output
    from bot.replay import Ended, read_changes, write_incidents
    from bot.replay import replay as run
    from bot.report.gather import gather
    from bot.report.page import page
    from bot.report.write import check_place, write_report
    from bot.signals import ended_by_signals
    from models.errors import BadInput
    from stream.receivers.places import raise_limit

    which = None if explain is None else asked(explain)
    raise_limit()
    loaded, folder = read(config)
    given = [*paths, *(each for each in (changes, config or folder / DEFAULT_FILE) if each is not None)]
    check_apart((json_out, "--json"), (report, "--report"))
    if json_out is not None:
        check_output(json_out, "--json", given)
    if report is not None:
        check_place(report, given)
    files, skipped = _without_reports(*find_files(paths))
    drawn: list[str] = []
    told: list[Explanation] = []
    named: list[Callable[[str], str]] = []

    def look(ended: Ended) -> None:
        summary, center = ended.summary, ended.center
        if report is not None:
            drawn.append(page(gather(ended)))
        if which is not None:
            names = [each["incident"] for each in summary.incidents if which in (ALL, each["incident"])]
            told.extend(center.explain(name) for name in names)
            named.append(naming(ended.names))
            summary.incidents = with_explanations(summary.incidents, told)

    known = read_changes(changes)
    columns = (
        TextColumn("replaying"),
        BarColumn(),
        TaskProgressColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with ended_by_signals(), Progress(*columns, console=console(to_stderr=True), transient=True) as bar:
        # The unpacked size of a packed file is not known; eight times the packed size is usual for logs.
        sizes = (file.path.stat().st_size * (8 if file.packed else 1) for file in files)
        task = bar.add_task("", total=sum(sizes))
        summary = run(loaded, files, known, progress=lambda size: bar.advance(task, size), look=look)
    refused: BadInput | None = None
    try:
        if json_out is not None:
            write_incidents(json_out, summary)
        if report is not None:
            write_report(report, drawn[0])
    except BadInput as error:
        refused = error  # said last: what was found is shown first
    out = console()
    for each in told:
        show_explanation(out, each, named[0])
        out.print()
    _show(out, summary, skipped, listing=not told)
    if refused is not None:
        raise refused
    if report is not None:
        out.print(f"the report stands in {report}", soft_wrap=True)
    if which is not None:
        require(which, [each["incident"] for each in summary.incidents])


def _without_reports(
    files: Sequence[LogFile], skipped: Sequence[Skipped]
) -> tuple[list[LogFile], list[Skipped]]:
    """Leave out reports of replays that stand among the logs."""
    from bot.log_files import Skipped
    from bot.report.write import is_report
    from models.errors import BadInput

    reports = {file.path for file in files if is_report(file.path)}
    left = [file for file in files if file.path not in reports]
    if not left:
        raise BadInput("all that is there are reports of earlier replays", hint="Give log files")
    names = (file.name for file in files if file.path in reports)
    return left, [*skipped, *(Skipped(name, "a report of a replay") for name in names)]


def _show(out: Console, summary: Summary, skipped: Sequence[Skipped], *, listing: bool) -> None:
    """Print the incidents, what was left out and why, and the counts."""
    if summary.incidents and listing:
        table = Table(
            "incident",
            "opened (UTC)",
            "severity",
            "service",
            "what",
            box=None,
            pad_edge=False,
            header_style="bold",
        )
        for column in table.columns[:4]:
            column.no_wrap = True
        for each in summary.incidents:
            more = [f"root {each['root_service']}"] if each["root_service"] != each["service"] else []
            if each["suspect_change"]:
                more.append(f"after change {each['suspect_change']}")
            title = f"{each['title']} ({', '.join([each['category'] or 'unknown', *more])})"
            table.add_row(
                each["incident"],
                each["opened_at"][:19].replace("T", " "),
                each["severity"],
                each["service"],
                title,
            )
        out.print(table)
        out.print()
    reasons: dict[str, list[str]] = {}
    for name, reason in skipped:
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        out.print(f"skipped, {reason}: {_some(names)}")
    for file in summary.files:
        if file.trouble:
            out.print(f"{file.name}: {file.trouble}")
    long = [file for file in summary.files if file.cut]
    if long:
        lines = _count(sum(file.cut for file in long), "line")
        out.print(f"{lines} longer than a record may be, cut there: {_some([file.name for file in long])}")
    untimed = [file.name for file in summary.files if file.lines > file.blank and not file.timed]
    if untimed:
        out.print(f"no line has a date, so they stand at the beginning: {_some(untimed)}")
    if summary.unseen:
        unseen = _some([one_line(name) for name in summary.unseen])
        out.print(
            f"no line is of these services of changes, so nothing is laid to them: {unseen}. "
            "A line that names no service is of the one its file is called after: billing.log is billing",
            soft_wrap=True,
        )
    if summary.undecoded:
        out.print(f"{summary.undecoded:,} pieces could not be decoded whole")
    # Of a few lines the time is that of the start.
    rate = f", {summary.lines_per_second:,.0f} lines/s" if summary.lines >= MANY_LINES else ""
    blank = f" ({summary.blank:,} blank)" if summary.blank else ""
    period = ""
    if summary.first is not None and summary.last is not None:
        period = f", {summary.first:%Y-%m-%d %H:%M:%S} to {summary.last:%Y-%m-%d %H:%M:%S} UTC"
    out.print(
        f"{_count(len(summary.files), 'file')}, {_count(summary.lines, 'line')}{blank}, "
        f"{_count(summary.services, 'service')}, {_count(summary.templates, 'template')}, "
        f"{_count(len(summary.incidents), 'incident')}{rate}{period}"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    """Name the first few.

    >>> _some(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
