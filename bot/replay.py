"""`mayday replay`: log files through the whole flow as fast as it goes, by the time that stands in the lines.

Files are read in slices of at most two seconds of log time (or 2,000 lines), merged over all files by time (`bot/log_files.py`),
and become blocks as the receiver would have written them; a tick stands every five seconds of log time, so that silence is
noticed.
The clock of the command center is the time of the newest line so far: an incident is opened when the log says it would
have been. State is a temporary directory that goes with the run, sealed under a key that stands on no disk.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bot.config import Config
from bot.log_files import LogFile, Slice, merged
from bot.outputs import write_output
from bot.replay_place import own_place
from bot.small_files import read_small
from models.clock import FrozenClock
from models.errors import BadInput
from models.sanitizer.gate import Gate
from models.sanitizer.vocabulary import Vocabulary
from storage.layout import Layout
from storage.records import ChangeMarkerKind, Incident
from stream.decode.times import LATEST
from stream.spool import Block, Entry, Kind, Position

if TYPE_CHECKING:
    from command_center.center import CommandCenter
    from storage.database import Database

EARLIEST = datetime.fromtimestamp(0, UTC)
TICK_NS = 5 * 10**9
MOST_CHANGES = 64 << 20  # bytes of the file of changes
MOST_TICKS = 720  # an hour without a line: what is silent by then is known to be
LIVELY = timedelta(minutes=30)  # after a signal the incident is looked at as often as in the running system
SOON, LATER = timedelta(seconds=10), timedelta(minutes=5)  # of log time, between two transactions
MOST_HELD = 512
_TICKET = re.compile(
    r"(?:build|change|chg|cm|cr|dep|deploy|job|mr|mrk|pr|rel|release|rev|rfc|run)[-_.:]?\d{1,10}",
    re.IGNORECASE,
)  # a number behind a word for a change says nothing about anybody
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,119}")  # nothing in it that a terminal would obey


class ReplayedChange(BaseModel):
    """One line of the file given with `--changes`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")
    service: str = Field(min_length=1, max_length=200)
    time: AwareDatetime = Field(gt=EARLIEST, lt=datetime.fromtimestamp(LATEST, UTC))
    kind: ChangeMarkerKind = ChangeMarkerKind.DEPLOY
    version: str = Field(default="unknown", max_length=200)
    note: str = Field(default="", max_length=2000)


@dataclass
class Summary:
    """What one run saw; `seconds` is wall time. `undecoded` counts slices of which a part could not be decoded.

    `unseen` are the services of changes that no line is of.
    """

    files: Sequence[LogFile] = ()
    templates: int = 0
    services: int = 0
    undecoded: int = 0
    seconds: float = 0.0
    first: datetime | None = None
    last: datetime | None = None
    incidents: list[dict[str, Any]] = field(default_factory=list)
    unseen: Sequence[str] = ()

    @property
    def lines(self) -> int:
        """All lines read, blank ones included."""
        return sum(file.lines for file in self.files)

    @property
    def blank(self) -> int:
        return sum(file.blank for file in self.files)

    @property
    def lines_per_second(self) -> float:
        return self.lines / self.seconds if self.seconds else 0.0


class Ended(NamedTuple):
    """What stands at the end of a run, for a look at it. `names` has what the files call the tokens of the gate."""

    center: CommandCenter
    database: Database
    gate: Gate
    summary: Summary
    names: Mapping[str, str]


def read_changes(path: Path | None) -> list[ReplayedChange]:
    """Return the changes of a JSON-lines file in order of time; raises `BadInput` with the line at fault."""
    if path is None:
        return []
    try:
        lines = read_small(path, MOST_CHANGES).decode("utf-8").splitlines()
    except FileNotFoundError:
        raise BadInput(f"there is no file {path.name}", hint="--changes takes a file of JSON lines") from None
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{path.name} cannot be read as text", hint="--changes takes JSON lines") from None
    changes = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            changes.append(ReplayedChange.model_validate_json(line))
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"])) or "the line"
            raise BadInput(
                f"{path.name}, line {number}: {where}: {fault['msg'].lower()}",
                hint="Each line is one JSON object",
            ) from None
    return sorted(changes, key=lambda change: change.time)


def blocks(parts: Iterable[Slice], ticks_after: int = 0) -> Iterator[Block]:
    """Turn slices in order of time into blocks, with ticks between and `ticks_after` the last, for what waits to be over."""
    seq = 0
    last_tick: int | None = None
    newest = 0
    for part in parts:
        if last_tick is None:
            last_tick = part.at_ns
        missed = min((part.at_ns - last_tick) // TICK_NS, MOST_TICKS)
        for _ in range(missed):
            last_tick += TICK_NS
            yield _tick(seq, last_tick)
            seq += 1
        if missed == MOST_TICKS:
            last_tick = part.at_ns
        yield _block(seq, Entry(Kind.TEXT, part.at_ns, "replay", "", part.source, None, {}, part.raw))
        seq += 1
        newest = part.at_ns
    for number in range(ticks_after if last_tick is not None else 0):
        yield _tick(seq + number, newest)  # no time goes by: the log ends with its last line


def _tick(seq: int, at_ns: int) -> Block:
    return _block(seq, Entry(Kind.CONTROL, at_ns, "", "", "", None, {}, b'{"control": "tick"}'))


def _block(seq: int, entry: Entry) -> Block:
    return Block(seq, entry.received_ns, (entry,), Position(0, 0, seq + 1))


def replay(
    config: Config,
    files: Sequence[LogFile],
    changes: Sequence[ReplayedChange],
    *,
    progress: Callable[[int], None] = lambda _bytes: None,
    look: Callable[[Ended], None] = lambda _ended: None,
) -> Summary:
    """Run `files` through the flow and return what it saw; `progress` is told the bytes read.

    `look` is called at the end, before the database goes with everything else.

    Services are named after the files where their lines do not say; whoever gave the files may read their names.
    """
    from bot.processes import make_gate
    from command_center.access.operators import Directory, Operator, Role
    from command_center.actions import RecordChange
    from command_center.center import CommandCenter
    from storage.database import Database
    from storage.facts import BlockFacts
    from storage.seal import KEY_BYTES, KeyRing
    from stream.plain import run_plain

    pipeline = Operator(id="replay", name="Replayed changes", roles=(Role.AUTOMATION,))
    summary = Summary(files=files)
    began = time.monotonic()
    with own_place() as place:
        layout = Layout(place).prepare()
        ring = KeyRing(os.urandom(KEY_BYTES))
        tickets = (change.id for change in changes if _TICKET.fullmatch(change.id))
        services = (*config.services, *shown_names(files), *tickets)
        gate = make_gate(config.model_copy(update={"services": services}), layout, ring)
        clock = FrozenClock(EARLIEST)
        database = Database.open(layout, ring, clock, settings=config.store)
        try:
            center = CommandCenter(
                database, gate, Directory([*config.operators, pipeline]), config.center, clock
            )
            waiting = list(changes)
            given = {str(gate.name(change.id, "tag")): change.id for change in changes}
            held: list[BlockFacts] = []
            applied = [clock()]
            lively_until = [clock()]

            def timed(source: Iterator[Block]) -> Iterator[Block]:
                for block in source:
                    now = datetime.fromtimestamp(block.received_ns / 1e9, UTC)
                    while waiting and waiting[0].time <= now:
                        change = waiting.pop(0)
                        clock.at = change.time
                        action = RecordChange(
                            change_id=gate.name(change.id, "tag"),
                            service=gate.name(change.service),
                            kind=change.kind,
                            version=gate.text(change.version),
                            at=change.time,
                            note=gate.text(change.note) if change.note else None,
                        )
                        center.perform(action, pipeline, cause="replay")
                    clock.at = max(clock.at, now)
                    summary.first = summary.first or now
                    summary.last = clock.at
                    yield block

            def apply(facts: Sequence[BlockFacts]) -> None:
                # Counts may wait, for long while nothing happens; a signal must be judged at its own time.
                held.extend(facts)
                now, signals = clock(), any(each.signals for each in facts)
                if signals:
                    lively_until[0] = now + LIVELY
                wait = SOON if now < lively_until[0] else LATER
                if signals or len(held) >= MOST_HELD or now - applied[0] >= wait:
                    applied[0] = now
                    center.apply(tuple(held))
                    held.clear()
                    center.tick(clock())

            source = timed(blocks(merged(files, progress), config.stream.trace_ticks))
            seen = run_plain(source, apply, config.stream, config.fields, gate, ring)
            summary.services, summary.undecoded = seen.services, seen.quarantined
            summary.unseen = tuple(dict.fromkeys(c.service for c in changes if c.service not in seen.names))
            if held:
                center.apply(tuple(held))
            names = {str(gate.name(name)): name for name in seen.names if _PLAIN.fullmatch(name)}
            summary.incidents = [row(each, given, names) for each in reversed(center.incidents("all", None))]
            summary.templates = database.read(
                lambda reader: int(reader.execute("SELECT count(*) FROM error_pattern")[0][0])
            )
            look(Ended(center, database, gate, summary, {**given, **names}))
        finally:
            database.close()
    summary.seconds = time.monotonic() - began
    return summary


def shown_names(files: Sequence[LogFile]) -> list[str]:
    """Return the names of services that come from file names, without those that are people's names too."""
    base = Vocabulary.base()
    names = dict.fromkeys(file.service for file in files)
    return [name for name in names if not any(base.doubts(word) for word in re.split(r"[^A-Za-z]+", name))]


def row(incident: Incident, given: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    """Return one incident as the scoring of a log day reads it.

    `given` has the changes' ids as the file gave them, `names` those of services that the gate shows as tokens: whoever gave
    the files may read what stands in them.
    """
    title = str(incident.title)
    for token, name in names.items():
        title = title.replace(token, name) if token != name else title
    root = str(incident.root_service or incident.service)
    return {
        "opened_at": incident.detected_at.isoformat(),
        "service": names.get(str(incident.service), str(incident.service)),
        "severity": f"SEV{incident.severity.value}",
        "root_service": names.get(root, root),
        "category": incident.category,
        "suspect_change": given.get(incident.suspect_change or "", incident.suspect_change),
        "incident": incident.id,
        "title": title,
    }


def write_incidents(path: Path, summary: Summary) -> None:
    """Write the incidents as a JSON list. Raises `BadInput`."""
    write_output(path, "--json", json.dumps(summary.incidents, indent=1) + "\n")
