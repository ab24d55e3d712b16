"""`mayday status` in words: a line for each process, trouble on lines of its own, incidents that are open, agents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.agents import since, span
from bot.cli.rows import one_line
from bot.flow_troubles import LATE_S, flow_troubles, late_s, moment, silent_s

if TYPE_CHECKING:
    from bot.agents import AgentRow


def show_status(out: Console, found: Mapping[str, Any], heard: Sequence[AgentRow], now: datetime) -> None:
    """Print what `gather` found, with `incidents` beside it (None where this user may not read them)."""
    width = max(map(len, found["processes"]))
    for name, each in found["processes"].items():
        word = "FAILING" if each["failures"] else "up" if each["up"] else "DOWN"
        said = "; ".join(_process(name, found, heard, now)) if each["up"] else ""
        out.print(Text(f"{name:<{width}}  {word}{f' {said}' if said else ''}"), soft_wrap=True)
    for line in troubles(found, now):
        out.print(Text(line, style="bold"), soft_wrap=True)
    if not any(each["up"] or each["failures"] for each in found["processes"].values()):
        out.print(Text(nothing_runs(found["state"])), soft_wrap=True)
    out.print()
    _incidents(out, found["open_incidents"], found["incidents"], now)
    _agents(out, heard)


def nothing_runs(state: str) -> str:
    """Say where nothing runs, and what to do about it.

    >>> print(nothing_runs("/var/lib/mayday").partition(".")[0])
    Nothing runs on the state directory /var/lib/mayday
    """
    return (
        f"Nothing runs on the state directory {one_line(state)}. `mayday up` starts it; if Mayday runs on another one, "
        "give its configuration (`-c FILE`) or that directory (`--state DIRECTORY`)."
    )


def _process(name: str, found: Mapping[str, Any], heard: Sequence[AgentRow], now: datetime) -> Iterator[str]:
    details = found["processes"][name]["details"]
    started = moment(details.get("started_at"))
    if started is not None:
        yield f"for {span(max(0.0, (now - started).total_seconds()))}"
    if name == "receive":
        yield from _receiver(details, heard, now)
    elif name == "stream":
        yield from _stream(details, started, late_s(found, now), now)
    else:
        yield from _command(details)


def _receiver(details: Mapping[str, Any], heard: Sequence[AgentRow], now: datetime) -> Iterator[str]:
    if heard:
        quiet = (now - max(row.last_at for row in heard)).total_seconds()
        yield f"last message {span(max(0.0, quiet))} ago"
    elif "messages" in details:
        yield "no message yet"
    listeners = details.get("listeners") or {}
    if listeners:
        yield ", ".join(f"{listener} on {address}" for listener, address in listeners.items())


def _stream(
    details: Mapping[str, Any], started: datetime | None, late: float, now: datetime
) -> Iterator[str]:
    lines, written = details.get("lines"), moment(details.get("written_at"))
    if lines is not None:
        rate = ""
        if lines and started is not None and written is not None and written > started:
            rate = f" ({lines / (written - started).total_seconds():,.3g} a second)"
        yield f"{lines:,} lines read{rate}"
    lag = (
        details.get("lag_seconds") if silent_s(details, now) < LATE_S else None
    )  # else it told that long ago
    if late >= LATE_S:
        yield f"{span(late)} behind"
    elif lag is not None:
        yield f"{span(lag)} behind" if lag >= 1 else "nothing waits"
    lost = [
        f"{count:,} {what if count > 1 else what[:-1]}"
        for what in ("services", "templates")
        if (count := details.get(f"{what}_forgotten", 0))
    ]
    if lost:
        yield f"forgot {' and '.join(lost)} for want of room (log/stream.log says which limit)"
    if details.get("state") == "waiting":
        yield "waits for the command center"


def _command(details: Mapping[str, Any]) -> Iterator[str]:
    if not details:
        return
    yield f"Slack {details['slack']}" if "slack" in details else "no Slack (`mayday slack setup`)"
    behind = details.get("cards_behind")
    if behind:
        yield f"{behind:,} {'card waits' if behind == 1 else 'cards wait'} to be posted"


def troubles(found: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Say what is wrong, a line each; nothing where all is well and where a process is merely down."""
    for name, each in found["processes"].items():
        if each["trouble"]:
            yield f"{name}: {each['trouble']}"
        details = each["details"] if each["up"] else {}
        if details.get("slack_trouble"):
            yield f"slack: {details['slack_trouble']}"
        if details.get("damage"):
            yield f"{name}: places of the spool that could not be read: {details['damage']:,}; see `mayday doctor`"
    for trouble in flow_troubles(found, now):
        yield f"{trouble.process}: {trouble.sentence}"
    if found["spool_damage"]:
        yield damage_sentence(found["spool_damage"])


def damage_sentence(places: int) -> str:
    """Say that the spool is damaged at so many places.

    >>> damage_sentence(1)
    'spool: DAMAGED at 1 place; `mayday spool info` names it'
    """
    which = (
        "1 place; `mayday spool info` names it"
        if places == 1
        else f"{places} places; `mayday spool info` names them"
    )
    return f"spool: DAMAGED at {which}"


def _incidents(
    out: Console, count: int | None, listed: Sequence[Mapping[str, Any]] | None, now: datetime
) -> None:
    if count is None:
        out.print(
            "Which incidents are open is not known while the command center does not answer.", soft_wrap=True
        )
    elif listed is None:
        out.print(
            f"Open incidents: {count:,}. Which ones, only operators may read: `mayday whoami`.",
            soft_wrap=True,
        )
    elif not listed:
        out.print("No incident is open.")
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("incident", "severity", "age"):
            table.add_column(name, no_wrap=True)
        table.add_column("title", overflow="fold")
        for each in listed:
            age = (now - datetime.fromisoformat(each["detected_at"])).total_seconds()
            table.add_row(each["id"], f"SEV{each['severity']}", span(max(0.0, age)), Text(each["title"]))
        out.print(table)


def _agents(out: Console, heard: Sequence[AgentRow]) -> None:
    """Print the agents that the receiver has heard since its start, and say of each that has gone quiet how unusual that is."""
    if not heard:
        return
    table = Table(
        "agent", "last message", "messages", "bytes", "", box=None, pad_edge=False, header_style="bold"
    )
    for row in heard:
        word = f"GONE QUIET (usually every {span(max(1.0, row.usual_s))})" if row.gone_quiet else ""
        table.add_row(
            Text(row.agent), since(row.last_at, row.quiet_s), f"{row.messages:,}", f"{row.bytes:,}", word
        )
    out.print()
    out.print(table)
