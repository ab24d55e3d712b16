"""`mayday doctor`: look at everything that commonly goes wrong, and say how to mend it.

Each check is a function from `Circumstances` to findings; it never raises and never shows a secret. The one of Slack is
in `bot/doctor_slack.py`.
"""

from __future__ import annotations

import os
import resource
import socket
import sqlite3
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from bot.doctor_slack import check_slack
from bot.finding import Circumstances, Finding, State
from models.errors import MaydayError
from stream.receivers.address import parse_address
from stream.receivers.settings import LISTENERS

__all__ = ["CHECKS", "Circumstances", "Finding", "State", "examine"]

LOW_DISK = 2 << 30  # bytes
MOST_PLACES = 10  # of damage that are named
EXACT = {"duckdb": "1.5.5", "duckdb-extension-httpfs": "1.5.5", "bytewax": "0.21.1"}


def check_keys(at: Circumstances) -> Iterator[Finding]:
    """The master key is there and nobody else can read it; so is every other secret and the state itself."""
    from storage.seal import KeyRing

    if not at.layout.root.exists():
        yield Finding("keys", State.GOOD, "there is no state yet; the first start makes it and its key")
        return
    try:
        KeyRing.load(at.layout, create=False, environ=at.environment)
        yield Finding("keys", State.GOOD, "the master key can be read by its owner alone")
    except MaydayError as error:
        yield Finding("keys", State.WRONG, error.detail, error.hint or type(error).remedy)
    for path in (at.layout.root, at.layout.tokens):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding("keys", State.WRONG, f"{path.name} can be read by others", f"chmod go-rwx {path}")


def check_store(at: Circumstances) -> Iterator[Finding]:
    """The database is there if there ever was one, and the key that signs the audit chain can be read."""
    from storage import audit_key
    from storage.predecessor import missing, set_aside

    if (loss := missing(at.layout)) is not None:
        yield Finding("store", State.WRONG, loss.detail, loss.hint)
    elif at.layout.database.exists():
        yield Finding("store", State.GOOD, "the database is there")
    try:
        audit_key.check(at.layout)
    except MaydayError as error:
        yield Finding("store", State.WRONG, error.detail, error.hint)
    for place in set_aside(at.layout):
        yield Finding(
            "store",
            State.LOOK,
            f"a new database took the place of one that was lost; what was left of it is in {place.name}",
            f"`mayday audit verify` tells more; when nobody needs it any more: rm -r {place}",
        )


def check_spool(at: Circumstances) -> Iterator[Finding]:
    """Nothing of the spool was found damaged, and its segments are all there and as long as they were."""
    from stream.spool import noted

    if not at.layout.spool.exists():
        return
    damage = noted(at.layout.spool, (), ())
    if not damage:
        yield Finding(
            "spool", State.GOOD, "no damage is known; `mayday spool info --verify` reads every block"
        )
    hours = at.config.spool.dedupe_hours
    for place in damage[:MOST_PLACES]:
        yield Finding(
            "spool",
            State.WRONG,
            f"segment {place.segment}, byte {place.offset}, {place.length} bytes: {place.reason}",
            "Look at the disk. Lost messages that nobody had counted are stored when their senders send them again. "
            f"Named for {hours:g} h or a few more",
        )
    if len(damage) > MOST_PLACES:
        yield Finding(
            "spool",
            State.WRONG,
            f"{len(damage) - MOST_PLACES} more places are damaged",
            "`mayday spool info`",
        )


def check_intake(at: Circumstances) -> Iterator[Finding]:
    """Nothing was kept aside because it did not decode, and the stream could read and handle all that it met."""
    from storage.seal import KeyRing
    from stream.flow_status import read_flow_status
    from stream.spool.quarantine import count_quarantined

    try:
        aside = count_quarantined(
            at.layout.spool, KeyRing.load(at.layout, create=False, environ=at.environment)
        )
    except MaydayError:
        aside = {}  # the key's own check tells why it cannot be counted
    if aside:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in aside.items())
        yield Finding(
            "quarantine",
            State.LOOK,
            f"{messages(sum(aside.values()))} did not decode; kept aside, sealed ({reasons})",
            'docs/operations.md, "Messages kept aside", says what the reasons mean and what to do at the sender',
        )
    stream = read_flow_status(at.layout)
    if stream is None:
        return
    if stream.damage:
        yield Finding(
            "stream",
            State.WRONG,
            f"places of the spool that the stream could not read since its start: {stream.damage:,}",
            "`mayday spool info --verify` names them; look at the disk",
        )
    if stream.faults:
        yield Finding(
            "stream",
            State.LOOK,
            f"{messages(stream.faults)} met an error of Mayday's own since the stream's start; nothing else was held up",
            "See log/stream.log, and report what stands there",
        )


def messages(count: int) -> str:
    """Say how many messages.

    >>> messages(1), messages(2500)
    ('1 message', '2,500 messages')
    """
    return f"{count:,} message{'' if count == 1 else 's'}"


def check_processes(at: Circumstances) -> Iterator[Finding]:
    """What runs is well, and where something runs everything does."""
    from bot.cli.status import PROCESSES, gather
    from bot.flow_troubles import flow_troubles

    everything = gather(at.layout, at.config)
    found = everything["processes"]
    up = [name for name in PROCESSES if found[name]["up"]]
    if not up and not any(found[name]["trouble"] for name in PROCESSES):
        if any(at.layout.run.glob("*.json")):
            yield Finding("processes", State.WRONG, "nothing of Mayday runs", "Start it with `mayday up`")
        return
    for name in PROCESSES:
        trouble = found[name]["trouble"]
        if trouble:
            yield Finding(
                "processes", State.WRONG, f"{name}: {trouble}", f"See log/{name}.log and log/{name}.out"
            )
        elif name not in up:
            yield Finding(
                "processes", State.WRONG, f"{name} is down", f"Start it with `mayday up` or `mayday {name}`"
            )
        else:
            yield Finding("processes", State.GOOD, f"{name} is up")
    for process, sentence, remedy in flow_troubles(everything, at.clock()):
        yield Finding("processes", State.WRONG, f"{process}: {sentence}", remedy)


def check_start(at: Circumstances) -> Iterator[Finding]:
    """Every process can use what it is given; what runs already was given something else, or elsewhere."""
    from bot.cli.status import gather
    from bot.start_checks import refusals

    found = tuple(refusals(at.config, at.layout, at.environment))
    up = gather(at.layout)["processes"] if found else {}
    for process, error in found:
        runs = up[process]["up"]
        yield Finding(
            "start",
            State.LOOK if runs else State.WRONG,
            f"{process} {'could not be started again from here' if runs else 'cannot start'}: {error.detail}",
            error.hint or type(error).remedy,
        )
    if not found:
        yield Finding("start", State.GOOD, "every process can use its configuration, keys and certificates")


def check_people(at: Circumstances) -> Iterator[Finding]:
    """Somebody may act, at the terminal and in Slack."""
    people = at.config.operators
    if not people:
        yield Finding(
            "people",
            State.WRONG,
            "no operator is configured, so nobody may do anything",
            "Add [[operators]] to mayday.toml",
        )
    elif all(each.uid is None for each in people):
        yield Finding(
            "people",
            State.LOOK,
            "no operator has a Unix user id, so nobody may act at the terminal",
            "Add `uid` to the operators who should",
        )
    elif at.config.slack.enabled and (unknown := _not_in_slack(at)):
        yield Finding(
            "people",
            State.LOOK,
            f"of {', '.join(unknown[:MOST_PLACES])}{' and others' if len(unknown) > MOST_PLACES else ''} neither e-mail "
            "address nor Slack id is known, so they can do nothing in Slack",
            "Add `email` under their [[operators]] in mayday.toml; `mayday slack setup` finds them by it",
        )
    else:
        yield Finding(
            "people", State.GOOD, f"{len(people)} operator{' is' if len(people) == 1 else 's are'} configured"
        )


def _not_in_slack(at: Circumstances) -> list[str]:
    """Ids of the people that the set-up of Slack could not find. A pipeline needs no Slack."""
    from bot.slack.people import read_people
    from command_center.access.operators import Role

    try:
        found = read_people(at.layout.root)
    except MaydayError:  # that file's own error is told by who needs it
        found = {}
    return [
        each.id
        for each in at.config.operators
        if each.slack is None
        and each.email is None
        and each.id not in found
        and each.roles != (Role.AUTOMATION,)
    ]


def check_ports(at: Circumstances) -> Iterator[Finding]:
    """Every configured listener is ours already, or its address is free."""
    from bot.cli.status import gather

    receive = gather(at.layout)["processes"]["receive"]  # however it was started
    details = receive["details"] if receive["up"] else {}
    ours = set((details.get("listeners") or {}).values()) if details.get("state") == "receiving" else set()
    for name in LISTENERS:
        text = getattr(at.config.receive, name)
        if text is None:
            continue
        host, port = parse_address(text)
        if str(parse_address(text)) in ours:
            yield Finding("ports", State.GOOD, f"{name}: the receiver listens on {host}:{port}")
            continue
        try:
            with socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            ):
                yield Finding("ports", State.GOOD, f"{name}: {host}:{port} is free")
        except OSError as error:
            yield Finding("ports", State.WRONG, f"{name}: {host}:{port} cannot be listened on ({os.strerror(error.errno or 0)})",
                          f"Choose another address under receive.{name}, or end what uses it")  # fmt: skip


def check_disk(at: Circumstances) -> Iterator[Finding]:
    """There is room where state is kept."""
    place = at.layout.root
    while not place.exists():
        place = place.parent
    free = at.free(place)
    state = State.GOOD if free > max(LOW_DISK, at.config.spool.min_free_bytes) else State.WRONG
    yield Finding("disk", state, f"{free / 1e9:.1f} GB are free where state is kept",
                  "" if state is State.GOOD else "Make room: below spool.min_free_bytes nothing is read from clients")  # fmt: skip


def check_clock(at: Circumstances) -> Iterator[Finding]:
    """The clock is not behind what has been written already."""
    written = at.layout.spool
    newest = (
        max((path.stat().st_mtime for path in written.glob("*")), default=0.0) if written.exists() else 0.0
    )
    behind = newest - at.clock().timestamp()
    if behind > 2:
        yield Finding(
            "clock",
            State.WRONG,
            f"the clock is {behind:.0f} s behind what the spool holds",
            "Set it right (systemctl status systemd-timesyncd)",
        )
    elif at.clock() < datetime(2025, 1, 1, tzinfo=UTC):
        yield Finding(
            "clock",
            State.WRONG,
            "the clock is years behind",
            "Set it right (systemctl status systemd-timesyncd)",
        )
    else:
        yield Finding("clock", State.GOOD, "the clock is not behind what was written")


def check_packages(at: Circumstances) -> Iterator[Finding]:
    """The packages whose exact version matters are installed in it."""
    for package, wanted in EXACT.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            found = "missing"
        if found != wanted:
            yield Finding(
                "packages",
                State.WRONG,
                f"{package} {wanted} is needed and this is {found}",
                f"pip install -c constraints.txt {package}=={wanted}",
            )
    if at.environment.get("BYTEWAX_DATAFLOW_API_ENABLED") is not None:
        yield Finding(
            "packages",
            State.WRONG,
            "BYTEWAX_DATAFLOW_API_ENABLED opens an unauthenticated port, whatever its value",
            "Unset it",
        )
    yield Finding("packages", State.GOOD, f"DuckDB {version('duckdb')}, SQLite {sqlite3.sqlite_version}")


def check_files(at: Circumstances) -> Iterator[Finding]:
    """As many connections as are configured may be open; the receiver takes the limit that it may give itself."""
    from bot.supervisor import running
    from stream.receivers.places import KEPT_BACK, most_connections

    pid = running(at.layout).get("receive", os.getpid())
    try:
        _, limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    except (ProcessLookupError, PermissionError):
        _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = at.config.receive.max_connections
    most = most_connections(wanted, limit)
    if most < wanted:
        yield Finding(
            "open files",
            State.LOOK,
            f"{most} connections can be open at once, not the {wanted} of receive.max_connections: the hard limit of open "
            f"files is {limit}",
            f"Raise it to {wanted + KEPT_BACK} (`ulimit -Hn`, LimitNOFILE of the service), or lower receive.max_connections",
        )
    else:
        yield Finding("open files", State.GOOD, f"{wanted} connections can be open at once")


def check_dumps(_at: Circumstances) -> Iterator[Finding]:
    """A crash writes no memory to disk: processes forbid it themselves, and can."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    yield Finding(
        "core dumps",
        State.GOOD,
        "every process forbids them at its start" if soft or hard else "they are off here",
    )


CHECKS: tuple[Callable[[Circumstances], Iterator[Finding]], ...] = (
    check_keys, check_store, check_spool, check_intake,
    check_start, check_processes, check_people, check_ports, check_slack, check_disk, check_clock, check_packages, check_files, check_dumps,
)  # fmt: skip


def examine(at: Circumstances) -> list[Finding]:
    """Run every check, in the order of the table."""
    return [finding for check in CHECKS for finding in check(at)]
