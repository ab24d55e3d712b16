"""What keeps lines from getting through, told from outside too: a process that hangs does not say that it does.

`bot/cli/status.py` gathers what is judged here; `mayday status` shows the sentences, `mayday doctor` the remedies as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from bot.agents import span

_MOMENT: Final = TypeAdapter(AwareDatetime)
LATE_S: Final = 60  # lag of the stream, and silence of a process, that is worth a line of trouble


class Trouble(NamedTuple):
    """What is wrong with which process, and what to do about it."""

    process: str
    sentence: str
    remedy: str


def flow_troubles(found: Mapping[str, Any], now: datetime) -> Iterator[Trouble]:
    """Say what keeps lines from getting through; nothing where they do."""
    yield from _receiver(found, now)
    yield from _stream(found, now)


def late_s(found: Mapping[str, Any], now: datetime) -> float:
    """Return how many seconds the oldest block has waited for the stream, 0 where none does."""
    at = moment(found.get("oldest_waiting_at"))
    return 0.0 if at is None else max(0.0, (now - at).total_seconds())


def _receiver(found: Mapping[str, Any], now: datetime) -> Iterator[Trouble]:
    receive = found["processes"]["receive"]
    if not receive["up"]:
        return
    details = receive["details"]
    silent = silent_s(details, now)
    no_room = details.get("no_room")
    if silent >= max(LATE_S, found.get("status_due_s", 0)):
        yield Trouble(
            "receive",
            f"has written no status for {span(silent)}: it hangs, or the disk takes nothing",
            "Look at the disk that holds the state (df -h), then at log/receive.log; `mayday up` starts again what it ends",
        )
        no_room = no_room or found.get("short_of_disk")
    if no_room:
        yield Trouble(
            "receive",
            f"takes nothing in ({no_room})",
            "Make room, or set another limit under [spool]; agents keep what was not acknowledged and send it again",
        )
    elif details.get("paused_since"):
        yield Trouble(
            "receive",
            paused_sentence(details),
            "Connections that stand still are closed by themselves (receive.stalled_seconds); if it comes again, look for "
            "the client, or raise receive.max_in_flight_bytes",
        )


def _stream(found: Mapping[str, Any], now: datetime) -> Iterator[Trouble]:
    stream = found["processes"]["stream"]
    waits, late = found.get("waiting_blocks", 0), late_s(found, now)
    if waits and late >= LATE_S:
        blocks = (
            "1 block of messages waits" if waits == 1 else f"{waits:,} blocks of messages wait, the oldest"
        )
        yield Trouble(
            "stream",
            f"{blocks} for {span(late)}",
            "See log/stream.log, and whether it waits for the command center; if it does nothing at all, end it "
            "(`mayday up` starts it again): nothing is lost",
        )
    if not stream["up"]:
        return
    silent, behind = silent_s(stream["details"], now), stream["details"].get("lag_seconds", 0.0)
    if silent >= LATE_S:
        yield Trouble(
            "stream",
            f"has written no status for {span(silent)}: it hangs, or the disk takes nothing",
            "Look at the disk that holds the state (df -h), then at log/stream.log and log/stream.out",
        )
    elif behind >= LATE_S and late < LATE_S:
        yield Trouble("stream", f"{span(behind)} behind what was received", "See log/stream.log")


def silent_s(details: Mapping[str, Any], now: datetime) -> float:
    """Return for how many seconds a process has written no status, 0 where it cannot be told."""
    written = moment(details.get("written_at"))
    return 0.0 if written is None else max(0.0, (now - written).total_seconds())


def paused_sentence(details: Mapping[str, Any]) -> str:
    """Say that clients are not read from, and what is waited for.

    >>> paused_sentence({"in_flight_bytes": 70_000_000, "partial_bytes": 69_000_000})
    'reads from no client now: 70.0 MB are received and not yet durable, 69.0 MB of them in messages whose rest has not come'
    """
    held, parts = (details.get(name, 0) / 1e6 for name in ("in_flight_bytes", "partial_bytes"))
    return (
        f"reads from no client now: {held:.1f} MB are received and not yet durable, {parts:.1f} MB of them in messages "
        "whose rest has not come"
    )


def moment(value: object) -> datetime | None:
    """Return a time as it stands in a status, None where none does."""
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        return None
