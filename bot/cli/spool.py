"""`mayday spool`: offsets and health of the spool, and its records as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer
from pydantic_core import to_jsonable_python
from rich.table import Table
from rich.text import Text

from bot.cli.common import (
    MARKUP,
    ConfigOption,
    JsonOption,
    StateOption,
    console,
    local_time,
    setting,
    state_layout,
)
from models.errors import BadInput, MaydayError

if TYPE_CHECKING:
    from stream.spool import Damage, SpoolInfo

app = typer.Typer(
    add_completion=False, rich_markup_mode=MARKUP, no_args_is_help=True, help="Look into the spool."
)


@app.command()
def info(
    as_json: JsonOption = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read every frame and say what is damaged; exit code 1 if anything is"),
    ] = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Show segments, offsets, duplicates, damage and quarantine; exit code 1 where damage is known."""
    from storage.seal import KeyRing
    from stream.spool import spool_info

    layout = state_layout(config, state)
    seen = spool_info(layout.spool, KeyRing.load(layout, create=False), verify=verify)
    if as_json:
        print(json.dumps(to_jsonable_python(seen)))
    else:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in _told(seen):
            table.add_row(name, Text(value))
        out = console()
        out.print(table)
        if verify and not seen.damage:
            out.print(f"Every frame was read: {seen.blocks:,} blocks, nothing is damaged.", soft_wrap=True)
        for each in seen.damage or ():
            out.print(_sentence(each), soft_wrap=True)
    if seen.damage:
        raise typer.Exit(1)


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write [default: standard output]")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why, for the audit chain; passes the sanitizer")
    ] = None,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Print the stored records as JSON lines. They are raw: who exports which blocks is entered in the audit chain
    before the first line, and a file is made with mode 0600. Exit code 1, and a line on the standard error for each
    place, where the spool is damaged and lines are missing."""
    import os

    from bot.exports import record_export
    from bot.processes import make_gate
    from models.clock import system_clock
    from storage.seal import KeyRing
    from stream.export import export_records

    known = setting(config, state)
    ring = KeyRing.load(known.layout, create=False)
    why = make_gate(known.config, known.layout, ring).text(reason, 500) if reason else None
    damage: list[Damage] = []
    with _target(out) as file:
        note = record_export(known.config, known.layout, ring, system_clock, os.getuid(), why)
        for row in export_records(
            known.layout.spool,
            ring,
            known.config.fields.limits,
            until=note.end_block,
            on_damage=damage.append,
        ):
            file.write(json.dumps(row, ensure_ascii=True) + "\n")
    for place in damage:
        print(_sentence(place), file=sys.stderr)
    if damage:
        print("What stood there is not in this export.", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def reread(config: ConfigOption = None, state: StateOption = None) -> None:
    """Have the stream read all of the spool again at its next start.

    The remedy for a stored state that is damaged, or newer than the database. Lines are counted once whatever is read
    twice; what detectors had learnt is learnt anew. Stop `mayday stream` first.
    """
    from stream.spool import spool_info
    from stream.stored_state import reread as reread_spool

    layout = state_layout(config, state)
    kept = reread_spool(layout)
    found = spool_info(layout.spool)
    out = console()
    out.print("The stored state was set aside." if kept else "There was no stored state.")
    if found.oldest_ns is None:
        out.print("The spool holds no block; the stream begins with the next one.")
        return
    oldest = datetime.fromtimestamp(found.oldest_ns // 10**9, UTC)
    out.print(
        f"The stream reads {found.blocks} blocks again, from block {found.first_seq} on, which was received at "
        f"{oldest:%Y-%m-%d %H:%M:%S} UTC. What the database has counted before, it does not count again."
    )


def _told(seen: SpoolInfo) -> Iterator[tuple[str, str]]:
    """Say what a person asks of a spool; what nobody knows is left out."""
    yield "Files", f"{seen.segments:,}, {size(seen.bytes)}"
    if seen.blocks:
        yield "Blocks", f"{seen.blocks:,}, number {seen.first_seq:,} to {seen.next_seq - 1:,}"
    else:
        yield "Blocks", "none"
    for name, moment in (("Oldest received", seen.oldest_ns), ("Newest received", seen.newest_ns)):
        if moment is not None:
            yield name, local_time(datetime.fromtimestamp(moment // 10**9, UTC))
    if seen.consumed is None:
        yield "Read by the stream", "nothing yet"
    else:
        yield "Read by the stream", f"up to block {seen.consumed.seq:,}"
    yield "Waiting for it", f"{seen.waiting_blocks:,} blocks" if seen.waiting_blocks else "nothing"
    yield "Duplicates", f"{seen.duplicates:,} (came again, not stored again)"
    if seen.quarantined is not None:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in seen.quarantined.items())
        aside = sum(seen.quarantined.values())
        yield "Kept aside", f"{aside:,} that did not decode: {reasons}" if aside else "nothing"
    if seen.damage is None:
        yield "Damage", "none is known; --verify reads every block"
    else:
        yield "Damage", f"{len(seen.damage):,} places" if seen.damage else "none"


def size(count: int) -> str:
    """Return a number of bytes as people say it.

    >>> size(812), size(48_230_000), size(3_100_000_000)
    ('812 bytes', '48.2 MB', '3.1 GB')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count} bytes"


def _sentence(place: Damage) -> str:
    return f"Segment {place.segment}, byte {place.offset:,}: {place.length:,} bytes: {place.reason}."


@contextmanager
def _target(out: Path | None) -> Iterator[TextIO]:
    """Open what is written to. A new file that gets no line because of an error is taken away again."""
    if out is None:
        yield sys.stdout
        return
    import os

    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadInput("that file is already there", hint="Give --out another name") from None
    except OSError as error:
        raise BadInput(
            f"that file cannot be made ({type(error).__name__})", hint="Give --out another place"
        ) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        try:
            yield file
        except MaydayError:
            if file.tell() == 0:
                out.unlink()
            raise
